"""What so many agents need, from what one measurement, one message and one session were measured to cost. Pure.

An agent is taken to spend all the bytes that a volunteer gives a day, on the default catalogue: more targets or shorter
intervals make it so; with few ISPs and many agents it is far less, because an ISP's agents share the work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import ceil
from statistics import median
from typing import Any

DAY_S = 86_400.0
PROCESSES = 2
"""That decide on each share of the ISPs; and as few take agents: one may be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Units, as measured: microseconds of CPU, bytes. `sparse`: how many times dearer what comes now and then is.

    `pass_us`: for a measurement that somebody else decides on.
    """

    take_us: float
    message_us: float
    sparse: float
    decide_us: float
    pass_us: float
    nats_us: float
    stored_bytes: float
    archived_bytes: float
    seal_us: float
    wire_bytes: float
    session_bytes: float
    roll_bytes: float
    roll_write_us: float
    roll_hear_us: float
    roll_keep_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is not measured but chosen. `measurements`: of an agent a day. `busy`: of a core that is planned with.

    `whole_s`: after so long a process tells all of its sessions again. `session_s`: for which a session lasts: a line
    that breaks each hour is a bad one. `isps`: how many there are, and `largest`: which part of all agents the largest
    has; one ISP is decided on by one process.
    """

    measurements: float
    heartbeat_s: float
    journal_days: float
    sessions: int
    series: int
    own_series: int
    whole_s: float
    isps: int
    largest: float = 0.3
    session_s: float = 3600.0
    busy: float = 0.6
    nats_cores: float = 4.0
    nats_disk_bytes: float = 8e12
    replicas: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Of so many agents, on so many streams; `fullest`: what would be full first, and how full it is."""

    agents: int
    streams: int
    rate: float
    ingests: int
    decides: int
    nodes: int
    ingest_bytes: float
    days: float
    disk_bytes: float
    archive_bytes_a_day: float
    agents_bits: float
    servers_bits: float
    series: int
    fullest: str
    full: float


class MissingPartError(ValueError):
    """Part of the benchmarks that was not run yet, one line."""


def costs_of(found: Mapping[str, Any]) -> Costs:
    """From what `build/bench.json` holds. Raises `MissingPartError`."""
    if missing := [name for name in ("scale", "ingest", "fleet", "sizes") if name not in found]:
        raise MissingPartError(f'not measured yet: make bench PART="{" ".join(missing)}"')
    points = [one for one in found["scale"]["points"] if one["journal"] == "R3"]
    ten, fifty = (median(found["ingest"][f"collector {size}"]["server_us"]) for size in (10, 50))
    held, roll = found["fleet"]["collector"], found["scale"]["roll"]
    return Costs(
        take_us=median(one["ingest_us"] for one in points),
        message_us=max(0.0, (ten - fifty) / (1 / 10 - 1 / 50)),
        sparse=max(1.0, held["cores"] / held["rate"] * 1e6 / ten),
        decide_us=median(one["decide_us"] for one in points),
        pass_us=median(one["pass_us"] for one in points),
        nats_us=median(one["nats_us"] for one in points),
        stored_bytes=median(one["stored_bytes"] for one in points),
        archived_bytes=found["sizes"]["sealed"]["archive_bytes"],
        seal_us=1e6 / found["sizes"]["sealed"]["sealed_per_cpu_s"],
        wire_bytes=median(one["wire_bytes"] for one in points),
        session_bytes=held["kb_each"] * 1e3,
        roll_bytes=roll["bytes"],
        roll_write_us=roll["write_us"],
        roll_hear_us=roll["hear_us"],
        roll_keep_us=roll["keep_us"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """One stream's part of all agents."""

    agents: float
    costs: Costs
    habits: Habits

    @property
    def rate(self) -> float:
        return self.agents * self.habits.measurements / DAY_S

    @property
    def told(self) -> float:
        """Sessions a second that others are told of: those that begin and end, and all of them now and then."""
        return self.agents * (2 / self.habits.session_s + 1 / self.habits.whole_s)

    @property
    def hear_cores(self) -> float:
        """What each process takes for hearing who has a session anywhere."""
        return self.told * self.costs.roll_hear_us / 1e6

    @property
    def pass_cores(self) -> float:
        """What each process that decides takes for rows, however small its share is."""
        return self.rate * self.costs.pass_us / 1e6

    @property
    def _room(self) -> float:
        """Of its core for its share; with less than half of it what all of them take is what is full."""
        return max(self.habits.busy - self.pass_cores - self.hear_cores, self.habits.busy / 2)

    @property
    def decides(self) -> int:
        shares = ceil(self.rate * self.costs.decide_us / 1e6 / self._room)
        return PROCESSES * min(self.habits.isps, max(1, shares))

    @property
    def ingests(self) -> int:
        costs, habits = self.costs, self.habits
        beats = self.agents / habits.heartbeat_s
        us = self.rate * costs.take_us * costs.sparse + beats * costs.message_us * costs.sparse
        us += self.told * costs.roll_write_us + self.agents * costs.roll_keep_us
        room = max(habits.busy - self.hear_cores, habits.busy / 2)  # with less the roll is what is full
        return max(PROCESSES, ceil(us / 1e6 / room), ceil(self.agents / habits.sessions))

    @property
    def nats_cores(self) -> float:
        """Of the node that leads, with its share of all that the three do."""
        return self.rate * self.costs.nats_us / 1e6 / self.habits.replicas

    @property
    def servers_bits(self) -> float:
        """That leave the node that leads, a second: to the others, to those that decide, and the roll to everybody."""
        copies = (self.habits.replicas - 1 + self.decides) * self.costs.stored_bytes * self.rate
        return 8 * (copies + self.told * self.costs.roll_bytes * (self.ingests + self.decides))

    def full(self) -> dict[str, float]:
        """How full is what more processes cannot help: 1 is full."""
        busy, largest = self.habits.busy, self.habits.largest
        return {
            "one core that decides on the largest ISP": self.rate * largest * self.costs.decide_us / 1e6 / self._room,
            "the rows that every process reads that decides": self.pass_cores / (busy / 2),
            "the process that makes the archive": self.rate * self.costs.seal_us / 1e6 / busy,
            "the roll of sessions, which every process hears": self.hear_cores / (busy / 2),
            "the NATS node that leads": self.nats_cores / (self.habits.nats_cores * busy),
            "the network of the NATS node that leads": self.servers_bits / 1e9 / busy,
        }


def needs(agents: int, costs: Costs, habits: Habits) -> Needs:
    """On as few streams as bear it, each with processes of its own."""
    streams = 1
    while max(_Stream(agents=agents / streams, costs=costs, habits=habits).full().values()) > 1:
        streams += 1
    whole = _Stream(agents=agents, costs=costs, habits=habits).full()
    each = _Stream(agents=agents / streams, costs=costs, habits=habits)
    fullest = max(whole, key=lambda name: whole[name])
    ingests, decides = streams * each.ingests, streams * each.decides
    day = each.rate * DAY_S * costs.stored_bytes
    days = min(habits.journal_days, habits.nats_disk_bytes / day)
    full_disks = days < habits.journal_days
    sessions = agents / ingests
    return Needs(
        agents=agents,
        streams=streams,
        rate=streams * each.rate,
        ingests=ingests,
        decides=decides,
        nodes=habits.replicas * max(_threes(streams * each.nats_cores, habits), streams if full_disks else 1),
        ingest_bytes=sessions * costs.session_bytes,
        days=days,
        disk_bytes=streams * day * days,
        archive_bytes_a_day=streams * each.rate * DAY_S * costs.archived_bytes,
        agents_bits=8 * streams * each.rate * costs.wire_bytes,
        servers_bits=streams * each.servers_bits,
        series=streams * habits.series + (ingests + decides) * habits.own_series,
        fullest=fullest,
        full=whole[fullest],
    )


def _threes(cores: float, habits: Habits) -> int:
    """How many times three NATS servers, by their cores. A stream lies whole on each of three, whatever others have."""
    return max(1, ceil(cores / (habits.nats_cores * habits.busy)))


HEAD = ("", "measurements/s", "streams", "take", "decide", "NATS nodes", "memory of one that takes")
HEAD_MORE = (
    "days in the stream",
    "disk of one copy, of three",
    "archive a day",
    "from agents",
    "between servers",
    "series",
    "full first",
)


def table(every: Sequence[Needs]) -> str:
    """As Markdown: a row for each number of agents."""
    rows = [_row(one) for one in every]
    head = [*HEAD, *HEAD_MORE]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


def _row(one: Needs) -> list[str]:
    return [
        f"{one.agents:,} agents",
        f"{one.rate:,.0f}",
        str(one.streams),
        str(one.ingests),
        str(one.decides),
        str(one.nodes),
        f"{one.ingest_bytes / 1e6:,.0f} MB",
        f"{one.days:,.0f}",
        f"{one.disk_bytes / 1e9:,.0f} GB",
        f"{one.archive_bytes_a_day / 1e9:,.1f} GB",
        f"{one.agents_bits / 1e6:,.1f} Mbit/s",
        f"{one.servers_bits / 1e6:,.1f} Mbit/s",
        f"{one.series:,}",
        f"{one.fullest} ({one.full:.0%})",
    ]


def to_json(costs: Costs) -> dict[str, float]:
    """To three digits, which is more than was measured."""
    return {one.name: float(f"{getattr(costs, one.name):.3g}") for one in fields(Costs)}
