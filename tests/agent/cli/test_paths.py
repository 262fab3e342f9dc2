"""A trace in plain words: from how far away a name is cut off, or why that is not known."""

from dataclasses import replace
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.cli.paths import DOUBTS, tell_came, tell_location, tell_trace
from rabta_agent.cli.plain import conclude
from rabta_agent.diary import Diary
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from rabta_proto.locating import Doubt, find_traces
from rabta_proto.model import Measurement, Observation, PathTrace
from rabta_proto.trace import TraceStep
from support.agents import credential
from support.cutoffs import ADDRESS, SYSTEM, cut_off, traced


def told(own: list[TraceStep], other: list[TraceStep]) -> str:
    traces = [
        PathTrace(address=ADDRESS, port=443, server_name=name, source=SYSTEM, isolation=isolation, steps=tuple(steps))
        for name, isolation, steps in (("o.example", True, other), ("a.example", False, own))
    ]
    seen = tuple(Observation(detail=trace, offset_us=0, duration_us=1) for trace in traces)
    return tell_location(replace(traced(), observations=seen))


def expired(*ttls: int) -> list[TraceStep]:
    return [TraceStep(ttl=ttl, sent=2, expired=True) for ttl in ttls]


def silent(*ttls: int) -> list[TraceStep]:
    return [TraceStep(ttl=ttl, sent=2) for ttl in ttls]


def reset(*ttls: int) -> list[TraceStep]:
    return [TraceStep(ttl=ttl, sent=1, resets=1) for ttl in ttls]


ANSWER = TraceStep(ttl=4, sent=1, answered=True)
OTHER = [*expired(1, 2, 3), ANSWER]


def test_a_reset_is_told_with_both_distances() -> None:
    assert "The reset comes from 5 hops away. The server is 9 hops away." == tell_location(traced())
    assert tell_location(traced()) == conclude(traced())


def test_silence_is_told_with_both_distances() -> None:
    said = told([*expired(1), *silent(2, 3, 2)], OTHER)
    assert "The silence begins 2 hops away. The server is 4 hops away." == said


def test_silence_between_two_distances_is_told_as_that() -> None:
    said = told([*expired(1), *silent(2, 3, 4, 3)], [*expired(1), *silent(2), *expired(3), ANSWER])
    assert said.startswith("The silence begins more than 1 and at most 3 hops away.")


def test_what_the_server_may_do_itself_is_told() -> None:
    said = told([*expired(1, 2, 3), *reset(4, 4)], OTHER)
    assert said.endswith("The server is 4 hops away, too: it may do that itself.")


def test_another_name_s_fate_is_told() -> None:
    said = told([*expired(1), *reset(2, 2)], [*expired(1), *reset(2)])
    assert said.endswith("How far away the server is, is not known. Another name is cut off there, too.")


def test_of_every_doubt_it_is_told_what_it_is() -> None:
    assert set(Doubt) == set(DOUBTS)
    assert told([*expired(1), *reset(2)], OTHER).endswith("is not known: it showed only once.")
    assert told([], OTHER).endswith("is not known: too few connections stood.")
    assert "not looked for" in tell_location(replace(traced(), observations=()))


def test_each_name_s_sweep_is_told() -> None:
    own, other = find_traces(traced().observations)
    assert own is not None
    assert other is not None
    assert f"Looked how far away {ADDRESS} is, under a harmless name, www.example.com" == tell_trace(other)
    assert f"Looked where on the way to {ADDRESS} the name a.example is cut off" == tell_trace(own)
    assert "an answer came from 9 hops away" == tell_came(other)
    assert "a reset came from 5 hops away (2 in all)" == tell_came(own)
    nobody = replace(own, steps=tuple(expired(1, 2) + silent(3)))
    assert "routers answered from up to 2 hops away, and nobody beyond" == tell_came(nobody)
    assert "no connection stood" == tell_came(replace(own, steps=(TraceStep(ttl=1, connected=False),)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RABTA_HOME", str(tmp_path))
    made = Home(path=tmp_path)
    made.save_credential(credential("https://c.example:443"))
    return made


def explained(home: Home, capsys: pytest.CaptureFixture[str], *measurements: Measurement, lang: str = "en") -> str:
    diary = Diary(home.diary_file)
    for measurement in measurements:
        diary.keep(measurement)
    diary.flush()
    assert ExitCode.GOOD == main(["explain", "x", "--lang", lang])
    main(["version", "--lang", "en"])
    return capsys.readouterr().out


def test_explain_shows_it_after_the_measurement(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(home, capsys, cut_off(), traced())
    assert said.index("the connection was reset") < said.index("The reset comes from 5 hops away.")


def test_explain_shows_it_in_urdu(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(home, capsys, traced(), lang="ur")
    assert "5 پڑاؤ دور سے آتا ہے" in said
    assert "سرور 9 پڑاؤ دور ہے" in said
