"""`targets check`: reads a targets file as `serve` would, and says what it comes to."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from rabta_collector.catalogue import Catalogue
from rabta_collector.locators import parse_locator
from rabta_collector.share import Terms, day_bytes
from rabta_collector.special import is_special
from rabta_collector.targets import load_catalogue


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("targets", help="look after targets files")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read a targets file and say what is wrong with it")
    check.add_argument("file", metavar="FILE", type=Path)
    check.add_argument("--data", metavar="DIR", help="as with every command; nothing is read from it")
    check.set_defaults(run=run)


def run(options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    catalogue = load_catalogue(options.file)
    for warning in find_warnings(catalogue):
        sys.stderr.write(f"rabta-collector: warning: {warning}\n")
    sys.stdout.write(f"{options.file}: good\n{describe(catalogue)}\n")
    return 0


def find_warnings(catalogue: Catalogue) -> list[str]:
    """What may be meant in a lab and is of no use elsewhere, a line each."""
    urls = [target.url for target in catalogue.targets] + [catalogue.portal_check] * bool(catalogue.portal_check)
    return [
        f"{url}: no address of the public Internet; agents refuse to dial it outside of the lab"
        for url in urls
        if is_special(parse_locator(url).host)
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
        f"about {megabytes:.0f} MB a day for each ISP, shared among its agents"
    ]
    if not catalogue.resolvers.doh:
        lines.append("no DoH resolver: a lie of DNS shows by the controls alone")
    if not catalogue.portal_check:
        lines.append("no portal_check: a captive portal shows by its page alone")
    return "\n".join(lines)
