"""Why a verdict is what it is: the newest measurements of agents and controls, and what the rules make of each."""

from collections.abc import Iterable

from lab.accuracy.journal import JournalReader
from lab.accuracy.looks import CONTROLS
from lab.accuracy.score import Run
from rabta_agent.cli.probe import to_text
from rabta_collector.verdict.classify import classify
from rabta_proto.model import Measurement


def tell(run: Run, journal: JournalReader) -> str:
    """For a person who looks for the fault."""
    scenario = run.scenario
    controls = list(_newest(journal, scenario.id, CONTROLS))
    lines = [
        f"{scenario.id} ({run.lab}, repeat {run.repeat}): {scenario.title}",
        f"expected  {', '.join(scenario.states)}  {', '.join(scenario.mechanisms)}",
        f"seen      {run.state}  {run.seen_mechanism}  by {run.rule or 'no rule'}; {run.note or 'no note'}",
    ]
    for measurement in _newest(journal, scenario.id, scenario.vantage):
        finding = classify(measurement, controls)
        lines += ["", "agent, judged by the controls below:", to_text(measurement)]
        lines += [
            f"  {finding.judgement}  {finding.mechanism or '-'}  {finding.rule}",
            *map("  {}".format, finding.reasons),
        ]
    for measurement in controls:
        lines += ["", f"control, {measurement.started_at:%H:%M:%S}:", to_text(measurement)]
    return "\n".join([*lines, ""])


def _newest(journal: JournalReader, platform: str, isp: str) -> Iterable[Measurement]:
    for (measured, where, _), measurements in sorted(journal.measured.items()):
        if (measured, where) == (platform, isp):
            yield measurements[-1]
