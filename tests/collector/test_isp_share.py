"""Several processes that decide, each on a share of the ISPs, come to what one of them alone would."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rabta_collector.cli import run
from rabta_collector.decider import Decider
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_collector.isp_share import WHOLE, IspShare, parse_share
from rabta_collector.outliers import fact_of, read_scores
from rabta_collector.replay import entry_of
from rabta_collector.state import Event, Snapshot
from rabta_proto.vocabulary import State
from support.factories import NOON, RESET, SILENCE, Story, tcp_trouble, tls_trouble, works
from support.feeds import CATALOGUE, ISPS, SETTINGS, Feed
from support.written import row_of

IDS = [isp.id for isp in ISPS]
STORIES: Sequence[Story] = (works(), works(), works(), tls_trouble(RESET), tcp_trouble(SILENCE))


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_isp_has_one_share(of: int) -> None:
    names = [f"isp{number}" for number in range(20)]
    dealt = [isp for number in range(of) for isp in IspShare(number + 1, of).owned(names)]
    assert sorted(names) == sorted(dealt)
    sizes = [len(IspShare(number + 1, of).owned(names)) for number in range(of)]
    assert max(sizes) - min(sizes) <= 1


def test_a_share_is_written_as_it_is_read() -> None:
    assert IspShare(2, 3) == parse_share("2/3")
    assert "2/3" == str(parse_share("2/3"))
    assert (IspShare(1, 3), IspShare(3, 3)) == IspShare(2, 3).others()
    assert WHOLE.whole
    assert not IspShare(1, 2).whole


@pytest.mark.parametrize("text", ["", "1", "0/1", "3/2", "1/100", "-1/2", "1/2/3", "a/b", "١/٢", " 1/2"])
def test_what_is_no_share_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no share; expected N/M"):
        parse_share(text)


def told(share: IspShare, entries: Sequence[Entry], until: float) -> tuple[list[Event], Snapshot]:
    """What an engine that has a share decides, of rows as whoever has that share reads them."""
    found: list[Event] = []
    engine = Engine(CATALOGUE, ISPS, SETTINGS, share=share)
    decider = Decider(engine, on_events=found.extend)
    owned = None if share.whole else frozenset(share.owned(IDS))
    for number, entry in enumerate(entries, 1):
        read = entry_of(row_of(entry, number), owned)
        assert not isinstance(read, type(None))
        decider.take(read)  # type: ignore[arg-type] # no fence is among them
    decider.advance(until)
    assert 0 == decider.failures
    return found, engine.snapshot()


def journal(seed: int) -> list[Entry]:
    """Blocks that come and go, sites that are down, agents that come, go, fall silent."""
    dice, feed = Random(seed), Feed(controls=2)
    moods = {(isp, turn): dice.choice(STORIES) for isp in IDS for turn in range(6)}
    entries: list[Entry] = []
    for turn in range(6):
        begin = NOON + turn * 60
        entries += feed.tell(begin, begin + 60, lambda isp, _agent, turn=turn: moods.get((isp, turn), works()))
        entries += feed.presence(begin, bool(turn % 3), only=dice.sample(IDS, 2))
    return sorted(entries, key=lambda entry: entry.at)


@pytest.mark.parametrize("of", [2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shares_put_together_are_the_whole(of: int, seed: int) -> None:
    entries, until = journal(seed), NOON + 600
    events, whole = told(WHOLE, entries, until)
    parts = [told(IspShare(number, of), entries, until) for number in range(1, of + 1)]
    numbers = [event.id for found, _ in parts for event in found]
    assert len(events) == len(numbers) == len(set(numbers))
    assert len(events) > 10
    assert {State.BLOCKED, State.REACHABLE} <= {event.to_state for event in events}

    def bare(found: Sequence[Event]) -> list[Event]:
        return sorted(
            (replace(event, id=0) for event in found), key=lambda e: (e.at, e.isp, e.platform or "", e.to_state)
        )

    assert bare(events) == bare([event for found, _ in parts for event in found])
    in_order = sorted((event for found, _ in parts for event in found), key=lambda event: event.id)
    assert [event.at for event in in_order] == sorted(event.at for event in events)
    assert sorted(whole.verdicts, key=lambda v: (v.isp, v.platform)) == sorted(
        (verdict for _, part in parts for verdict in part.verdicts), key=lambda v: (v.isp, v.platform)
    )
    assert {status.isp: status for status in whole.isps} == {one.isp: one for _, part in parts for one in part.isps}
    assert len(whole.isps) == sum(len(part.isps) for _, part in parts)
    assert {whole.controls_connected} == {part.controls_connected for _, part in parts}
    attempts = [count for _, part in parts for count in part.tallies.attempts.items()]
    assert sorted(whole.tallies.attempts.items()) == sorted(attempts)


@pytest.mark.parametrize("command", ["serve", "ingest"])
def test_who_decides_on_all_or_nothing_takes_no_share(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [f"--data={tmp_path}", "--journal=nats://127.0.0.1:1/none"]
    assert 1 == run([command, *where], {"RABTA_SHARE": "1/2"})
    assert "share: 1/2 is for `decide` alone; leave it out here" in capsys.readouterr().err


def test_a_share_that_is_none_ends_with_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["decide", f"--data={tmp_path}", "--share=3/2"], {})
    assert '--share: "3/2" is no share; expected N/M' in capsys.readouterr().err


def test_scores_of_all_shares_are_read_and_the_first_one_s_hold() -> None:
    names = [fact_of(IspShare(number, 12)) for number in (1, 2, 12)]
    assert 3 == len(set(names))
    facts = dict(zip(names, ('{"a": 0.1}', '{"b": 0.2}', '{"a": 0.9, "c": 0.3}'), strict=True)) | {"other": "1"}
    assert {"a": 0.1, "b": 0.2, "c": 0.3} == read_scores(facts)
    assert {} == read_scores({})
