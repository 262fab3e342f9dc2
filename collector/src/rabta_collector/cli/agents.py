"""`agents` lists who has joined; `revoke` takes a credential away, from a running collector too."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

from rabta_collector.cli.options import add_config, config_of
from rabta_collector.config import InvalidConfigError
from rabta_collector.outliers import read_scores
from rabta_collector.registries import open_registry
from rabta_collector.registry import Agent


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = commands.add_parser("agents", help="list the agents that have joined")
    add_config(listing, ("data", "journal"))
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    listing.set_defaults(run=run)
    revocation = commands.add_parser("revoke", help="take an agent's credential away")
    add_config(revocation, ("data", "journal"))
    revocation.add_argument("agent", metavar="ID", help="its pseudonym, as `agents` shows it")
    revocation.set_defaults(run=revoke)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    with closing(open_registry(config_of(options, environment))) as registry:
        scores = read_scores(registry.facts())
        rows = [_row(agent, scores.get(agent.id)) for agent in registry.agents()]
    if options.json:
        json.dump({"agents": rows}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    names = ("agent", "role", "isp", "version", "enrolled", "last_seen", "outlier", "revoked")
    table = [names, *(tuple(str("-" if row[name] is None else row[name]) for name in names) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")
    return 0


def revoke(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    with closing(open_registry(config_of(options, environment))) as registry:
        if not registry.revoke(options.agent, now=time.time()):
            raise InvalidConfigError(f'no agent has the id "{options.agent}"; `rabta-collector agents` lists them')
    sys.stdout.write(f"revoked {options.agent}\n")
    return 0


def _row(agent: Agent, outlier: float | None) -> dict[str, str | float | None]:
    return {
        "agent": agent.id,
        "role": str(agent.role),
        "isp": agent.isp or None,
        "province": agent.province or None,
        "version": agent.version or None,
        "enrolled": _time(agent.enrolled_at),
        "last_seen": _time(agent.last_seen),
        "outlier": outlier,
        "revoked": _time(agent.revoked_at),
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
