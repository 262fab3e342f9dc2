"""Shares of an ISP's work: together the agents keep each target's interval, each within its bytes."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.catalogue import Target, Transfer
from rabta_collector.share import (
    DAY_S,
    TRANSFER_PART,
    Share,
    Terms,
    day_bytes,
    estimate_bytes,
    mirror,
    reading_bytes,
    share,
)
from rabta_collector.targets import default_catalogue
from rabta_proto.vocabulary import Depth

FREE = Terms(floor_s=0, bytes_per_day=None)


def target(number: int, interval_s: float = 60.0, priority: int = 1) -> Target:
    return Target(url=f"https://{number}.example/", platform="x", interval_s=interval_s, priority=priority)


def taking_all(*agents: str) -> dict[str, frozenset[str]]:
    """Agents that leave nothing out."""
    return dict.fromkeys(agents, frozenset())


def cost(shares: tuple[Share, ...]) -> float:
    """Bytes a day."""
    total = 0.0
    for part in shares:
        full, light = (estimate_bytes(part.target.url, depth) for depth in (Depth.FULL, Depth.LIGHT))
        total += DAY_S / part.interval_s * (full + (part.full_every - 1) * light) / part.full_every
    return total


def test_two_agents_take_turns() -> None:
    shares = share([target(0)], taking_all("b", "a"), FREE)
    assert (120.0, 120.0) == (shares["a"][0].interval_s, shares["b"][0].interval_s)
    assert 60.0 == abs(shares["a"][0].phase_s - shares["b"][0].phase_s)


@given(st.integers(1, 40), st.floats(0.5, 600))
def test_together_they_keep_the_interval(agents: int, interval_s: float) -> None:
    shares = share([target(0, interval_s)], taking_all(*map(str, range(agents))), FREE)
    turns = sorted(parts[0].phase_s for parts in shares.values())
    gaps = [after - before for before, after in pairwise(turns)]
    assert all(gap == pytest.approx(interval_s) for gap in gaps)
    assert turns[-1] - turns[0] == pytest.approx(interval_s * (agents - 1))


def test_targets_do_not_come_due_all_at_once() -> None:
    (shares,) = share([target(number) for number in range(20)], taking_all("a"), FREE).values()
    turns = sorted(part.phase_s for part in shares)
    assert min(after - before for before, after in pairwise(turns)) > 1.0


def test_no_agent_measures_a_target_below_the_floor() -> None:
    (shares,) = share([target(0, 5)], taking_all("a"), Terms(floor_s=60, bytes_per_day=None)).values()
    assert 60.0 == shares[0].interval_s


TARGETS = st.lists(st.tuples(st.floats(10, 3600), st.integers(1, 3)), min_size=1, max_size=60)


@given(TARGETS, st.integers(1, 30), st.floats(10_000, 1e9))
def test_an_agents_bytes_are_never_exceeded(parts: list[tuple[float, int]], agents: int, bytes_per_day: float) -> None:
    targets = [target(number, *part) for number, part in enumerate(parts)]
    terms = Terms(floor_s=60, bytes_per_day=bytes_per_day)
    for shares in share(targets, taking_all(*map(str, range(agents))), terms).values():
        assert cost(shares) <= bytes_per_day * 1.001
        assert len(targets) == len(shares)
        assert all(0 <= part.phase_s < part.interval_s for part in shares)


def test_bytes_are_saved_by_light_measurements_first() -> None:
    targets = [target(0, 60)]
    full = day_bytes(targets, FREE)
    enough = share(targets, taking_all("a"), Terms(floor_s=0, bytes_per_day=full))["a"][0]
    scarce = share(targets, taking_all("a"), Terms(floor_s=0, bytes_per_day=full * 0.8))["a"][0]
    assert (1, 60.0) == (enough.full_every, enough.interval_s)
    assert (2, 60.0) == (scarce.full_every, scarce.interval_s)


def test_what_matters_least_is_stretched_first() -> None:
    targets = [target(0, 60, 1), target(1, 60, 2), target(2, 60, 3)]
    shares = share(targets, taking_all("a"), Terms(floor_s=0, bytes_per_day=day_bytes(targets, FREE) * 0.4))["a"]
    first, second, third = (part.interval_s for part in shares)
    assert 60.0 == first
    assert first < second < third


def test_nothing_starves() -> None:
    """A first priority that asks for everything leaves the others a part."""
    targets = [target(0, 1, 1), target(1, 60, 3)]
    shares = share(targets, taking_all("a"), Terms(floor_s=0, bytes_per_day=1_000_000))["a"]
    assert shares[1].interval_s < 6000


def test_measured_costs_take_the_place_of_estimates() -> None:
    targets = [target(0, 60)]
    terms = Terms(floor_s=0, bytes_per_day=15_000_000, cost=lambda _url, _depth: 90_000.0)
    assert share(targets, taking_all("a"), terms)["a"][0].interval_s > 400


@pytest.mark.parametrize("url", ["tcp://x.com:5222", "dns:x.com"])
def test_what_asks_for_no_page_is_reckoned_with_fewer_bytes(url: str) -> None:
    assert 3 * day_bytes([Target(url=url, interval_s=60)], FREE) < day_bytes([target(0, 60)], FREE)
    assert estimate_bytes(url, Depth.LIGHT) == estimate_bytes(url, Depth.FULL) < 3_000


def test_a_quic_handshake_is_reckoned_with_as_a_whole_measurement() -> None:
    assert 9_000 == estimate_bytes("quic://x.com/", Depth.LIGHT) == estimate_bytes("https://x.com/", Depth.FULL)


def test_what_has_no_known_scheme_is_reckoned_with_as_https() -> None:
    assert 9_000 == estimate_bytes("odd", Depth.FULL)


@pytest.mark.parametrize(
    ("agents", "stretches"),
    [(1, {1: 3.0, 2: 9.5, 3: 18.8}), (2, {1: 1.5, 2: 4.7, 3: 9.4}), (4, {1: 1, 2: 1, 3: 3.7}), (6, {1: 1, 2: 1, 3: 1})],
)
def test_the_default_catalogue_stretches_no_more_than_its_readme_says(agents: int, stretches: dict[int, float]) -> None:
    targets = default_catalogue().targets
    names = [str(agent) for agent in range(agents)]
    (shares, *_) = share(targets, taking_all(*names), Terms(floor_s=60, bytes_per_day=15_000_000)).values()
    stretched: dict[int, float] = {}
    for part in shares:
        stretched[part.target.priority] = part.interval_s / max(60, part.target.interval_s * agents)
    assert stretched == pytest.approx(stretches, abs=0.05)
    assert cost(shares) <= 15_000_000 * (1 + 1e-9)


def test_every_control_measures_everything_at_its_own_interval() -> None:
    shares = mirror([target(0, 30), target(1, 300)], taking_all("a", "b"), Terms(floor_s=60, bytes_per_day=1.0))
    assert [60.0, 300.0] == [part.interval_s for part in shares["a"]]
    assert 30.0 == abs(shares["a"][0].phase_s - shares["b"][0].phase_s)


def test_shares_do_not_hang_on_the_order_of_agents() -> None:
    targets = [target(0), target(1)]
    assert share(targets, taking_all("a", "b", "c"), FREE) == share(targets, taking_all("c", "a", "b"), FREE)


def test_nobody_gets_nothing() -> None:
    assert {} == share([target(0)], {}, FREE)


def timed(number: int, interval_s: float = 3600.0) -> Target:
    transfer = Transfer(url=f"https://{number}.example/object", bytes=98_304, interval_s=interval_s)
    return replace(target(number), transfer=transfer)


def test_agents_share_the_timed_reads_of_an_object() -> None:
    shares = share([timed(0)], taking_all("a", "b", "c"), FREE)
    each_s = [parts[0].interval_s * parts[0].transfer_every for parts in shares.values()]
    assert [3 * 3600.0] * 3 == each_s


def test_a_fifth_of_an_agent_s_bytes_at_most_goes_to_timed_reads() -> None:
    (parts,) = share(
        [timed(n) for n in range(8)], taking_all("a"), Terms(floor_s=60, bytes_per_day=15_000_000)
    ).values()
    each = reading_bytes([timed(0, DAY_S)])
    reading = sum(DAY_S / (part.interval_s * part.transfer_every) * each for part in parts)
    assert reading <= 1.1 * TRANSFER_PART * 15_000_000
    assert cost(parts) + reading <= 1.1 * 15_000_000


def test_nothing_is_timed_where_no_object_is_named_nor_of_references() -> None:
    reference = replace(timed(1), platform="")
    (parts,) = share([target(0), reference], taking_all("a"), FREE).values()
    assert [0, 0] == [part.transfer_every for part in parts]


def test_controls_time_every_object_at_its_own_interval() -> None:
    (parts,) = mirror([timed(0)], taking_all("a"), FREE).values()
    assert 3600.0 == parts[0].interval_s * parts[0].transfer_every


def of(platform: str, number: int, **more: object) -> Target:
    return replace(target(number), platform=platform, **more)  # type: ignore[arg-type] # fields of a target


SHY = {"a": frozenset({"risky"}), "b": frozenset(), "c": frozenset({"risky"}), "d": frozenset({"risky", "x"})}


def test_what_an_agent_leaves_out_falls_to_the_others() -> None:
    shares = share([of("x", 0), of("risky", 1)], SHY, FREE)
    named = {agent: [part.target.platform for part in parts] for agent, parts in shares.items()}
    assert {"a": ["x"], "b": ["x", "risky"], "c": ["x"], "d": []} == named
    assert 60.0 == shares["b"][1].interval_s
    assert [180.0] * 3 == [shares[agent][0].interval_s for agent in "abc"]
    first, second, third = sorted(shares[agent][0].phase_s for agent in "abc")
    assert (60.0, 60.0) == (pytest.approx(second - first), pytest.approx(third - second))


@given(
    TARGETS,
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.sets(st.sampled_from("xyz")), min_size=1, max_size=12),
    st.floats(50_000, 1e9),
)
def test_whoever_leaves_out_what_nobody_pays_more_than_the_day_allows_and_nothing_is_lost(
    parts: list[tuple[float, int]], left_out: dict[str, set[str]], bytes_per_day: float
) -> None:
    targets = [replace(target(number, *part), platform="xyz"[number % 3]) for number, part in enumerate(parts)]
    free, bound = (share(targets, left_out, Terms(floor_s=0, bytes_per_day=most)) for most in (None, bytes_per_day))
    assert all(cost(shares) <= bytes_per_day * 1.001 for shares in bound.values())
    for one in targets:
        takers = {agent for agent, platforms in left_out.items() if one.platform not in platforms}
        given_to = {agent: part for agent, shares in free.items() for part in shares if part.target == one}
        assert takers == given_to.keys()
        if takers:
            assert sum(1 / part.interval_s for part in given_to.values()) == pytest.approx(1 / one.interval_s)


def test_what_one_agent_alone_takes_in_makes_nobody_else_s_intervals_longer() -> None:
    targets = [of("x", 0), *(of("risky", number) for number in range(1, 40))]
    terms = Terms(floor_s=0, bytes_per_day=3_000_000)
    shares = share(targets, SHY, terms)
    assert 180.0 == shares["a"][0].interval_s < shares["b"][0].interval_s


def test_a_control_is_not_asked_for_what_it_leaves_out() -> None:
    shares = mirror([of("x", 0), of("risky", 1)], SHY, FREE)
    assert [1, 2, 1, 0] == [len(shares[agent]) for agent in "abcd"]
    assert [60.0] * 4 == [part.interval_s for parts in shares.values() for part in parts]
