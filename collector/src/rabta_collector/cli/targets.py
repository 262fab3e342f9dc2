"""`targets check`: reads a targets file as `serve` would, and says what it comes to."""

import argparse
import sys
import time
from collections.abc import Mapping
from math import ceil
from pathlib import Path

from rabta_collector.authority import MARGIN_S, ends_at
from rabta_collector.catalogue import Catalogue
from rabta_collector.locators import parse_locator
from rabta_collector.plan import LIFETIME_S
from rabta_collector.share import DAY_S, TRANSFER_PART, Terms, day_bytes, reading_bytes, share
from rabta_collector.special import is_special
from rabta_collector.targets import load_catalogue

CATEGORIES = (
    *(
        "ALDR",
        "ANON",
        "COMM",
        "COMT",
        "CTRL",
        "CULTR",
        "DATE",
        "ECON",
        "ENV",
        "FILE",
        "GAME",
        "GMB",
        "GOVT",
        "GRP",
        "HACK",
    ),
    *("HATE", "HOST", "HUMR", "IGO", "LGBT", "MILX", "MMED", "NEWS", "POLR", "PORN", "PROV", "PUBH", "REL", "SOCIAL"),
    *("SRCH", "XED"),
)
"""The Citizen Lab's codes, and SOCIAL. By these volunteers choose what they leave out."""
FLOOR_S = 60.0
"""Seconds between two measurements of one target by one agent, at least."""
AGENT_BYTES = 15_000_000.0
"""What an agent gives a day unless its volunteer chose otherwise."""
MOST_AGENTS = 1000
SOON_S = 365 * DAY_S
"""An authority that ends within so long is warned of."""
PLANNED_S = LIFETIME_S + MARGIN_S


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("targets", help="look after targets files")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read a targets file and say what is wrong with it")
    check.add_argument("file", metavar="FILE", type=Path)
    check.add_argument("--data", metavar="DIR", help="as with every command; nothing is read from it")
    check.set_defaults(run=run)


def run(options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    catalogue = load_catalogue(options.file)
    for warning in find_warnings(catalogue, time.time()):
        sys.stderr.write(f"rabta-collector: warning: {warning}\n")
    sys.stdout.write(f"{options.file}: good\n{describe(catalogue)}\n")
    return 0


def find_warnings(catalogue: Catalogue, now: float) -> list[str]:
    """What may be meant in a lab and is of no use elsewhere, and what will be of none, a line each."""
    urls = [target.url for target in catalogue.targets] + [catalogue.portal_check] * bool(catalogue.portal_check)
    strange = [platform for platform in catalogue.platforms if platform.category not in ("", *CATEGORIES)]
    return (
        [
            f"platform {platform.id}: no volunteer knows the category {platform.category!r}; expected one of "
            + ", ".join(CATEGORIES)
            for platform in strange
        ]
        + [
            f"{url}: no address of the public Internet; agents refuse to dial it outside of the lab"
            for url in urls
            if is_special(parse_locator(url).host)
        ]
        + _incomparable(catalogue)
        + _ending(catalogue, now)
    )


def _incomparable(catalogue: Catalogue) -> list[str]:
    """Objects of which timed reads can say nothing, for there is nothing to hold them against."""
    return [
        f"{target.url}: its transfer has no control_name, and no reference has a transfer: there is nothing to compare"
        for target in catalogue.targets
        if target.platform and target.transfer is not None and not target.transfer.control_name
        if not catalogue.reference_object
    ]


def _ending(catalogue: Catalogue, now: float) -> list[str]:
    """Authorities of targets that have ended, or will soon."""
    ends = {target.url: ends_at(target.authority) for target in catalogue.targets if target.authority}
    return [
        f"{url}: its authority's certificate ends on {time.strftime('%Y-%m-%d', time.gmtime(end))}, and for "
        f"{PLANNED_S / DAY_S:.0f} days before that nothing is measured there: put the next one in"
        for url, end in ends.items()
        if end < now + SOON_S
    ]


def describe(catalogue: Catalogue) -> str:
    """What a catalogue comes to, for its operator."""
    targets = [target for platform in catalogue.platforms for target in platform.targets]
    optional = sum(not target.required for target in targets)
    megabytes = day_bytes(catalogue.targets, Terms(floor_s=0.0, bytes_per_day=None)) / 1e6
    lines = [
        f"{len(catalogue.platforms)} platforms with {len(targets)} targets"
        + (f", {optional} of them not required" if optional else "")
        + f", {len(catalogue.references)} references; "
        f"about {megabytes:.0f} MB a day for each ISP, shared among its agents",
        *_describe_reads(catalogue),
        f"within {AGENT_BYTES / 1e6:.0f} MB a day each, {_crew(catalogue)} can keep every interval",
    ]
    if not catalogue.resolvers.doh:
        lines.append("no DoH resolver: a lie of DNS shows by the controls alone")
    if not catalogue.portal_check:
        lines.append("no portal_check: a captive portal shows by its page alone")
    return "\n".join(lines)


def _describe_reads(catalogue: Catalogue) -> list[str]:
    """What timed reads come to; nothing where there are none."""
    objects = sum(target.transfer is not None and bool(target.platform) for target in catalogue.targets)
    if not objects:
        return []
    wanted = reading_bytes(catalogue.targets)
    agents = ceil(wanted / (TRANSFER_PART * AGENT_BYTES))
    return [
        f"timed reads of {objects} objects: {wanted / 1e6:.0f} MB a day more for each ISP, at most "
        f"{TRANSFER_PART * AGENT_BYTES / 1e6:.0f} MB of one agent's {AGENT_BYTES / 1e6:.0f}: "
        f"fewer than {agents} agents read more seldom"
    ]


def _crew(catalogue: Catalogue) -> str:
    """How many agents of an ISP the whole plan takes."""
    for count in range(1, MOST_AGENTS + 1):
        terms = Terms(floor_s=FLOOR_S, bytes_per_day=AGENT_BYTES)
        (parts, *_) = share(catalogue.targets, {f"{number:04}": set[str]() for number in range(count)}, terms).values()
        if all(part.interval_s <= 1.001 * max(FLOOR_S, part.target.interval_s * count) for part in parts):
            return f"{count} agent{'' if count == 1 else 's'}"
    return f"not even {MOST_AGENTS} agents"
