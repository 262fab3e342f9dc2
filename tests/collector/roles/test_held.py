"""What agents are told of verdicts, by processes that decide nothing."""

import pytest

from rabta_collector.roles.held import read_held, write_held
from support.country import make_snapshot


def test_agents_are_told_the_same_by_whoever_takes_them() -> None:
    snapshot = make_snapshot()
    read = read_held(write_held(snapshot))
    assert snapshot.at == read.at
    assert [(v.platform, v.isp, v.state, v.mechanism, v.since) for v in snapshot.verdicts] == [
        (v.platform, v.isp, v.state, v.mechanism, v.since) for v in read.verdicts
    ]


@pytest.mark.parametrize("text", [b"", b"nothing"])
def test_what_is_no_such_text_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_held(text)
