"""What a real collector journaled is read, again and again while it goes on."""

from pathlib import Path

from lab.accuracy.evidence import tell
from lab.accuracy.journal import JournalReader
from lab.accuracy.looks import CONTROLS
from lab.accuracy.score import Run
from lab.scenario import load_scenarios
from rabta_proto.vocabulary import Role
from support.collector_server import Server, batch

# The measurements of the support server are of platform "x".
SCENARIO = next(scenario for scenario in load_scenarios() if scenario.id == "sni-reset")


async def test_measurements_are_read_once_each_by_isp_and_agent(tmp_path: Path) -> None:
    async with Server(tmp_path).running() as server:
        reader = JournalReader(path=tmp_path / "journal.sqlite")
        reader.read()
        assert not reader.measured
        probe = await server.join(isp="ptcl")
        async with probe.session() as link:
            await link.acknowledged(batch(1, 2))
            reader.read()
            await link.acknowledged(batch(3))
        control = await server.join(isp="", role=Role.CONTROL)
        async with control.session() as link:
            await link.acknowledged(batch(1))
        reader.read()
    kept = {key: [one.sequence for one in measured] for key, measured in reader.measured.items()}
    assert {("x", "ptcl", probe.id): [1, 2, 3], ("x", CONTROLS, control.id): [1]} == kept


def test_a_journal_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    reader = JournalReader(path=tmp_path / "journal.sqlite")
    reader.read()
    assert not reader.measured


async def test_evidence_names_what_was_expected_seen_and_measured(tmp_path: Path) -> None:
    async with Server(tmp_path).running() as server:
        probe = await server.join(isp="ptcl")
        async with probe.session() as link:
            await link.acknowledged(batch(1, 2))
    reader = JournalReader(path=tmp_path / "journal.sqlite")
    reader.read()
    reader.measured[SCENARIO.id, SCENARIO.vantage, probe.id] = reader.measured["x", "ptcl", probe.id]
    run = Run(lab="loopback", repeat=3, scenario=SCENARIO, state="inconclusive", mechanism=None, rule="control.none")
    lines = tell(run, reader).splitlines()
    assert "sni-reset (loopback, repeat 3)" in lines[0]
    assert "expected  blocked  tls.reset.sni" == lines[1]
    assert "seen      inconclusive  -  by control.none; no note" == lines[2]
    assert 1 == lines.count("https://x.com/")
    assert any("192.0.2.1" in line for line in lines)
