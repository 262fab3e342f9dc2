"""A country whose ISPs are shared out among machines, as the page has it, and one that has them in one piece again."""

import json
import re
from collections.abc import Sequence

from lab.desk import Desk, blocks, section, wait
from lab.overseer import Overseer

HEADING = "When one core no longer decides"
TOLD = "max by (share) (rabta_collector_share_told)"
EVENTS = "curl -s 'http://127.0.0.1:8081/api/v1/events?limit=1000'"


class Shares:
    """On machines that decide on all; `targets`: what Prometheus watches then."""

    def __init__(self, desk: Desk, overseer: Overseer, targets: str, machines: Sequence[int]) -> None:
        self._desk, self._overseer, self._targets, self._machines = desk, overseer, targets, machines
        self._events: set[int] = set()
        (block,) = blocks("scale", HEADING)
        self._first, self._stop, self._rest = re.split(r"(systemctl disable --now rabta-decide) .*\n", block)
        rows = re.findall(r"^\| n(\d) \| (\d)/3, (\d)/3 \|", section("scale", HEADING), re.MULTILINE)
        self._by_machine = {int(number): [f"{one}-3" for one in its] for number, *its in rows}

    def part(self) -> None:
        """Returns when each share is told of once, and readers find what was decided before."""
        wait("something is decided", self._told)
        self._events = self._told()
        for number in self._machines:
            self._desk.type(number, self._renamed(self._first, number))
        for number in self._machines:
            self._desk.type(number, self._stop)
        for number in self._machines:
            self._desk.type(number, self._renamed(self._rest, number))
        seconds = [line.replace("9152", "9154") for line in self._targets.splitlines() if "9152" in line]
        self._overseer.watch("\n".join([self._targets, *seconds]))
        wait("each share is told of", lambda: self._overseer.values(TOLD) == [1.0] * 3)
        wait("by one process", lambda: self._overseer.values("count(rabta_collector_share_told == 1)") == [3.0])
        wait("all ten are up", lambda: self._overseer.all_up(10))
        wait("what was decided before is there", lambda: self._events <= self._told())

    def join(self) -> None:
        """Back to one share."""
        for number in self._machines:
            self._desk.type(
                number, " ".join([self._stop, *(f"rabta-decide@{one}" for one in self._by_machine[number])])
            )
        for number in self._machines:
            self._desk.type(number, "systemctl enable --now rabta-decide")
        self._overseer.watch(self._targets)
        wait("what was decided is there again", lambda: self._events <= self._told())

    def _renamed(self, block: str, number: int) -> str:
        """What the page has for the first machine, for another one."""
        first, second = self._by_machine[number]
        names = {"n1": f"n{number}", "1-3": first, "2-3": second}
        return re.sub(r"\b(n1|1-3|2-3)\b", lambda found: names[found[0]], block)

    def _told(self) -> set[int]:
        """Numbers of all events that readers find at an `ingest`, which hands on what they ask."""
        said = self._desk.look(1, EVENTS)
        return {int(one["id"]) for one in json.loads(said).get("events", ())} if said.startswith('{"') else set()
