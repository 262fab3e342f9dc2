"""`make capacity`: what 10,000, 100,000 and 1,000,000 agents need, from the unit costs in build/bench.json.

With `--write` unit costs and table go into deploy/, where operators read them; `--kept` reckons with those there.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.capacity import Costs, Habits, MissingPartError, Needs, costs_of, needs, table, to_json
from rabta_collector.archive.keeping import Keeping
from rabta_collector.config import Config
from rabta_collector.isp_share import WHOLE
from rabta_collector.isps import load_isps
from rabta_collector.limits import Limits
from rabta_collector.roles.rolls import BEAT_S, WHOLE_BEATS
from rabta_collector.series import Telling, count_series, of_collector
from rabta_collector.share import DAY_S, Terms, share
from rabta_collector.state import IngestStats
from rabta_collector.targets import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "build" / "bench.json"
KEPT, PAGE = ROOT / "deploy" / "capacity.json", ROOT / "deploy" / "capacity.md"
AGENTS = (10_000, 100_000, 1_000_000)
FLOOR_S = 60.0
PROCESS_SERIES = 7
"""That the standard library of Prometheus adds for each process."""


def habits() -> Habits:
    """What the collector's own defaults make of an agent that is alone at its ISP."""
    config = Config()
    terms = Terms(floor_s=FLOOR_S, bytes_per_day=float(config.bytes_per_day))
    shares = share(load_catalogue(None).targets, {"agent": frozenset()}, terms)["agent"]
    telling = Telling(share=WHOLE, tells=True)
    own = count_series(of_collector(IngestStats(), telling, decided=0.0, ready=True, versions=("", "")))
    return Habits(
        measurements=sum(DAY_S / one.interval_s for one in shares),
        heartbeat_s=config.heartbeat_s,
        journal_days=Keeping().journal_days,
        sessions=Limits().sessions,
        series=most_series(),
        own_series=own + PROCESS_SERIES,
        whole_s=WHOLE_BEATS * BEAT_S,
        isps=len(load_isps(None)),
    )


def most_series() -> int:
    """Of a country of 30 ISPs x 50 platforms, whatever agents send: as the collector's README has it."""
    text = (ROOT / "collector" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"30 ISPs x 50 platforms make at most ([\d,]+) series", text)
    assert found
    return int(found[1].replace(",", ""))


def reckon(costs: Costs) -> list[Needs]:
    """For each number of agents."""
    chosen = habits()
    return [needs(agents, costs, chosen) for agents in AGENTS]


def kept() -> Costs:
    """The unit costs that operators read."""
    said: Mapping[str, float] = json.loads(KEPT.read_text(encoding="utf-8"))
    return Costs(**said)


MARK = "<!-- capacity -->\n"


def on_page(text: str) -> str:
    """The table that stands in a page."""
    return text.split(MARK)[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make capacity", description="What so many agents need.")
    parser.add_argument("--write", action="store_true", help="into deploy/capacity.json and deploy/capacity.md")
    parser.add_argument("--kept", action="store_true", help="from deploy/capacity.json")
    options = parser.parse_args()
    try:
        costs = kept() if options.kept else costs_of(json.loads(FOUND.read_text(encoding="utf-8")))
    except FileNotFoundError:
        sys.stderr.write('nothing is measured yet: make bench PART="scale ingest fleet sizes"\n')
        return 1
    except MissingPartError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    rounded = Costs(**to_json(costs))
    shown = table(reckon(rounded))
    sys.stdout.write(json.dumps(to_json(costs), indent=1) + "\n" + shown)
    if options.write:
        KEPT.write_text(json.dumps(to_json(costs), indent=1) + "\n", encoding="utf-8")
        text = PAGE.read_text(encoding="utf-8")
        before, _, after = text.split(MARK)
        PAGE.write_text(MARK.join((before, shown, after)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
