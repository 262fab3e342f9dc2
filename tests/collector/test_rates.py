"""Token buckets."""

from rabta_collector.rates import Buckets, Rate

RATE = Rate(per_s=10.0, burst=100.0)


def test_a_burst_costs_no_wait_and_what_is_beyond_it_does() -> None:
    buckets: Buckets[str] = Buckets(RATE)
    assert 0.0 == buckets.draw("a", 100, 0.0)
    assert 5.0 == buckets.draw("a", 50, 0.0)
    assert 4.0 == buckets.draw("a", 0, 1.0)
    assert 0.0 == buckets.draw("b", 100, 1.0)


def test_a_bucket_fills_at_its_rate_and_no_further_than_its_burst() -> None:
    buckets: Buckets[str] = Buckets(RATE)
    buckets.draw("a", 100, 0.0)
    assert 0.5 == buckets.share("a", 5.0)
    assert 1.0 == buckets.share("a", 1e6)


def test_a_debt_is_at_most_a_burst() -> None:
    buckets: Buckets[str] = Buckets(RATE)
    assert 10.0 == buckets.draw("a", 1e9, 0.0)
    assert -1.0 == buckets.share("a", 0.0)


def test_what_is_not_there_is_not_drawn_on_trial() -> None:
    buckets: Buckets[str] = Buckets(RATE)
    assert buckets.try_draw("a", 100, 0.0)
    assert not buckets.try_draw("a", 1, 0.0)
    assert 0.0 == buckets.share("a", 0.0)
    assert buckets.try_draw("a", 1, 0.1)


def test_memory_is_bounded_and_the_longest_unheard_is_forgotten() -> None:
    buckets: Buckets[int] = Buckets(RATE, most=3)
    for key in (1, 2, 3, 1, 4):
        buckets.draw(key, 50, 0.0)
    assert 3 == len(buckets)
    assert [0.0, 1.0, 0.5, 0.5] == [buckets.share(key, 0.0) for key in (1, 2, 3, 4)]
