"""What agents are told of verdicts, by processes that decide nothing."""

from dataclasses import replace

import pytest

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.held import HELD_S, Held, read_held, write_held
from support.country import make_snapshot


def test_agents_are_told_the_same_by_whoever_takes_them() -> None:
    snapshot = make_snapshot()
    share, read = read_held(write_held(snapshot, IspShare(2, 3)))
    assert IspShare(2, 3) == share
    assert snapshot.at == read.at
    assert [(v.platform, v.isp, v.state, v.mechanism, v.since) for v in snapshot.verdicts] == [
        (v.platform, v.isp, v.state, v.mechanism, v.since) for v in read.verdicts
    ]


def test_what_shares_hold_is_put_together_and_forgotten_by_share() -> None:
    one, other = make_snapshot(), replace(make_snapshot(), at=make_snapshot().at + 1)
    held = Held()
    assert () == held.snapshot(0.0).verdicts
    held.hear(write_held(one, IspShare(1, 2)), 0.0)
    held.hear(write_held(replace(one, verdicts=()), IspShare(1, 2)), 1.0)
    assert () == held.snapshot(1.0).verdicts
    held.hear(write_held(one, IspShare(1, 2)), 2.0)
    held.hear(write_held(other, IspShare(2, 2)), HELD_S)
    both = held.snapshot(HELD_S + 1)
    assert 2 * len(one.verdicts) == len(both.verdicts)
    assert other.at == both.at
    assert len(one.verdicts) == len(held.snapshot(HELD_S + 3).verdicts)


@pytest.mark.parametrize("text", [b"", b"nothing"])
def test_what_is_no_such_text_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_held(text)
