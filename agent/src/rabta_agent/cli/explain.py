"""`rabta-agent explain`: the last measurement of an address or a platform, step by step in plain words."""

import argparse
from datetime import datetime

from rabta_agent.cli.lines import hang, terminal_width
from rabta_agent.cli.paint import BOLD, GREEN, RED, paint, paints
from rabta_agent.cli.plain import conclude, tell_disturbances, tell_outcome, tell_step
from rabta_agent.cli.setting import setting
from rabta_agent.diary import read_last, read_targets
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Home
from rabta_agent.words import listed, tr
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.v1.measurement_pb2 import Measurement as Message


def explain(options: argparse.Namespace) -> ExitCode:
    """Of a platform, the last measurement of each of its addresses."""
    home, _config = setting(options)
    home.joined()
    found = _find(home, options.what.strip())
    if not found:
        raise CommandError(_nothing(home, options.what))
    on = paints()
    for number, (at, payload) in enumerate(found):
        measurement = from_message(Message.FromString(payload))
        print(("\n" if number else "") + to_words(measurement, at, colour=on, most=terminal_width()))
    return ExitCode.GOOD


def _find(home: Home, what: str) -> list[tuple[datetime, bytes]]:
    """What a volunteer may call it: an address, a platform, or a host."""
    for wanted in (what, what.lower(), f"https://{what}/", f"{what}/", f"dns:{what}", f"http://{what}/"):
        if found := read_last(home.diary_file, wanted):
            return found
    return []


def _nothing(home: Home, what: str) -> str:
    known = read_targets(home.diary_file)
    if not known:
        return tr("nothing was measured yet that could be explained")
    shown = listed(known[:8]) + (" …" if len(known) > 8 else "")
    return tr(
        "nothing is written down of {what} (a running agent writes once a minute); there is something of: {known}",
        what=what,
        known=shown,
    )


def to_words(measurement: Measurement, at: datetime, *, colour: bool, most: int | None = None) -> str:
    """A measurement as a list of sentences, under what it was of and when, in so many columns."""
    when = f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
    lines = [paint(tr("{target}, measured at {when}", target=measurement.target, when=when), BOLD, on=colour)]
    passes = max((one.attempt for one in measurement.observations), default=1)
    for number, one in enumerate(measurement.observations, 1):
        again = tr(" (try {attempt})", attempt=one.attempt) if passes > 1 else ""
        took = f"{one.duration_us / 1000:.0f}"
        told = tr(
            "{step}{again}: {outcome} ({took} ms)",
            step=tell_step(one),
            again=again,
            outcome=tell_outcome(one),
            took=took,
        )
        lines.append(hang(f"{number:3}. ", told, most, (RED if one.failure else GREEN) if colour else None))
    lines += [hang("", tr("Note: {cause}.", cause=cause), most) for cause in tell_disturbances(measurement.network)]
    lines.append(hang("", conclude(measurement), most, BOLD if colour else None))
    verdict = tr("Whether that is a block, the collector says, from many agents and controls abroad.")
    return "\n".join([*lines, hang("", verdict, most)])
