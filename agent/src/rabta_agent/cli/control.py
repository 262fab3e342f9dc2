"""`rabta-agent pause`, `resume` and `limits`: what the volunteer says, and what nobody can say."""

import argparse
import re
import time
from collections.abc import Iterable
from datetime import datetime

from rabta_agent import ceilings
from rabta_agent.categories import NAMES
from rabta_agent.cli.lines import say, table, terminal_width
from rabta_agent.cli.setting import setting
from rabta_agent.cli.started import how_to_start
from rabta_agent.config import Config
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.words import listed, tr

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOST_S = 366 * 86_400


def parse_duration(text: str) -> int:
    """Seconds, written as 90s, 30m, 2h, 1d or one after the other (1h30m). Raises `ValueError`."""
    found = re.fullmatch(
        r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", text.strip().lower(), re.ASCII
    )
    parts = zip(found.groups(), (86_400, 3600, 60, 1), strict=True) if found else ()
    seconds = sum(int(count) * unit for count, unit in parts if count)
    if not 0 < seconds <= MOST_S:
        raise ValueError(tr('"{text}" is no duration (such as 30m, 2h or 1d)', text=text))
    return seconds


def pause(options: argparse.Namespace) -> ExitCode:
    """Works beside a running agent, which falls silent within seconds, and without one."""
    home, _config = setting(options)
    home.joined()
    try:
        seconds = parse_duration(options.duration) if options.duration else None
    except ValueError as wrong:
        raise CommandError(str(wrong), ExitCode.USAGE) from None
    until = None if seconds is None else time.time() + seconds
    home.pause(until)
    if until is None:
        say(tr("Paused until `rabta-agent resume`: nothing is measured, and nobody is contacted."))
    else:
        moment = f"{datetime.fromtimestamp(until).astimezone():%Y-%m-%d %H:%M}"
        say(tr("Paused until {moment}: nothing is measured, and nobody is contacted.", moment=moment))
    return ExitCode.GOOD


def resume(options: argparse.Namespace) -> ExitCode:
    """Ends a pause."""
    home, _config = setting(options)
    home.joined()
    paused = home.paused_until() is not None
    home.resume()
    say(tr("The agent goes on.") if paused else tr("There was no pause."))
    if not home.in_use():
        say(tr("It does not run now; start it with: {command}", command=how_to_start()))
    return ExitCode.GOOD


def limits(options: argparse.Namespace) -> ExitCode:
    """What is compiled into this agent, and what the volunteer has set below it."""
    _home, config = setting(options)
    ceiling = ceilings.Ceilings.of(lab=config.lab, left_out=config.left_out)
    rows = [
        (tr("new measurements"), tr("one in {seconds:g} s at most", seconds=ceiling.between_s)),
        (tr("at the same time"), tr("{count} measurements", count=ceilings.AT_ONCE)),
        (tr("one address again"), tr("after {seconds:g} s", seconds=ceiling.same_target_s)),
        (
            tr("  when asked to"),
            tr(
                "after {seconds:g} s; {hour} times an hour, {day} a day",
                seconds=ceiling.errand_target_s,
                hour=ceilings.ERRANDS_HOUR,
                day=ceilings.ERRANDS_DAY,
            ),
        ),
        (tr("one host again"), tr("after {seconds:g} s", seconds=ceiling.same_host_s)),
        (tr("bytes a day"), tr("{size:.1f} MB, the link to the collector included", size=config.day_allowance / 1e6)),
        (tr("one measurement"), tr("{size:.0f} kB at most", size=ceilings.MEASUREMENT_MOST_BYTES / 1e3)),
        (
            tr("  against the clock"),
            tr(
                "{size:.0f} MB at most, one at a time; {share:.0%} of the bytes of a day at most",
                size=ceilings.TRANSFER_MOST_BYTES / 1e6,
                share=ceilings.TRANSFER_SHARE,
            ),
        ),
        (tr("one step"), tr("{seconds:g} s at most", seconds=ceilings.STEP_SECONDS)),
        (tr("looks at the path"), _looks_at_the_path(config)),
        (tr("a plan"), tr("{count} addresses at most", count=ceilings.ASSIGNMENTS)),
        (tr("never dialled"), _never_dialled(any_address=ceiling.any_address)),
        (tr("open ports"), tr("none: nobody can connect to it")),
        (tr("left out"), _named(config.left_out) or tr("nothing")),
    ]
    say(tr("No plan of any collector can make this agent do more than this:"))
    print("\n".join(table(rows, terminal_width())))
    return ExitCode.GOOD


def _named(codes: Iterable[str]) -> str:
    """Categories, by what they are."""
    return listed(f"{tr(NAMES[code])} ({code})" if code in NAMES else code for code in sorted(codes))


def _looks_at_the_path(config: Config) -> str:
    if not config.trace_path:
        return tr("none: trace_path is not set")
    return tr(
        "{day} a day, {one} of a host; each {connections} connections, {packets} packets, {size:.0f} kB, {hops} hops",
        day=ceilings.TRACES_DAY,
        one=ceilings.TRACES_OF_ONE,
        connections=ceilings.TRACE_CONNECTIONS,
        packets=ceilings.TRACE_PACKETS,
        size=ceilings.TRACE_BYTES / 1e3,
        hops=ceilings.TRACE_HOPS,
    )


def _never_dialled(*, any_address: bool) -> str:
    if any_address:
        return tr("nothing: RABTA_LAB lifts this rule, in the environment alone")
    return tr("private and special addresses, and your own network")
