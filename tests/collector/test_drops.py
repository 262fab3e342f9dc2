"""What agents had to drop is a sum by cause, whatever they say."""

from rabta_collector.drops import MOST, Cause, Drops
from rabta_proto.v1 import collector_pb2 as link


def test_sums_are_over_agents_that_are_here() -> None:
    drops = Drops()
    assert {"full": 0, "old": 0, "damaged": 0} == drops.sums()
    drops.hear("a", link.Hello(dropped=10, dropped_old=3, dropped_damaged=2))
    drops.hear("b", link.Hello(dropped=5))  # of before causes were told
    assert {"full": 10, "old": 3, "damaged": 2} == drops.sums()
    drops.hear("a", link.Heartbeat(dropped=11, dropped_old=4, dropped_damaged=2))
    assert {"full": 10, "old": 4, "damaged": 2} == drops.sums()
    drops.forget("b")
    drops.forget("b")
    assert {"full": 5, "old": 4, "damaged": 2} == drops.sums()


def test_what_cannot_be_is_cut_down() -> None:
    drops = Drops()
    drops.hear("liar", link.Hello(dropped=2**64 - 1, dropped_old=2**64 - 1, dropped_damaged=2**64 - 1))
    assert {"full": 0, "old": MOST, "damaged": 0} == drops.sums()
    drops.hear("liar", link.Hello(dropped=1, dropped_damaged=9))
    assert {"full": 0, "old": 0, "damaged": 1} == drops.sums()


def test_every_cause_has_a_sum() -> None:
    assert [str(cause) for cause in Cause] == list(Drops().sums())
