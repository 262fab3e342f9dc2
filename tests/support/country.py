"""A country in mixed states, made by hand: what the views are shown in tests and screenshots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rabta_collector.backfill import Voices
from rabta_collector.catalogue import Catalogue, Isp, Need, Platform, Target
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.newsroom import Newsroom
from rabta_collector.parts import Look, Wanted
from rabta_collector.query import By, Query
from rabta_collector.record.counts import Counted
from rabta_collector.record.rollup import JUDGEMENTS
from rabta_collector.rfc3339 import format_minute
from rabta_collector.seals import Checkpoint, Mark, Seals
from rabta_collector.state import (
    DURATION_BUCKETS_S,
    Event,
    Histogram,
    IngestStats,
    IspStatus,
    PartVerdict,
    Snapshot,
    Tallies,
    Verdict,
    Witness,
)
from rabta_collector.taking import take
from rabta_collector.testimony import Testimony
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import Failure, IspKind, IspState, Judgement, Mechanism, State, Step

NOW = 1_708_192_800.5  # 2024-02-17 18:00:00.5 UTC, an hour after X went

ISPS = (
    ("ptcl", "PTCL", IspKind.FIXED),
    ("nayatel", "Nayatel", IspKind.FIXED),
    ("stormfiber", "StormFiber (Cybernet)", IspKind.FIXED),
    ("transworld", "Transworld (TES)", IspKind.FIXED),
    ("optix", "Optix", IspKind.FIXED),
    ("jazz", "Jazz", IspKind.MOBILE),
    ("zong", "Zong", IspKind.MOBILE),
    ("telenor", "Telenor", IspKind.MOBILE),
    ("ufone", "Ufone", IspKind.MOBILE),
)
PLATFORMS = (
    ("x", "X (Twitter)", "SOCIAL"),
    ("whatsapp", "WhatsApp", "COMT"),
    ("youtube", "YouTube", "MMED"),
    ("facebook", "Facebook", "SOCIAL"),
    ("instagram", "Instagram", "SOCIAL"),
    ("tiktok", "TikTok", "MMED"),
    ("telegram", "Telegram", "COMT"),
    ("signal", "Signal", "COMT"),
    ("wikipedia", "Wikipedia", "CULTR"),
    ("bluesky", "Bluesky", "SOCIAL"),
    ("dw", "Deutsche Welle", "NEWS"),
    ("voa-urdu", "VOA Urdu", "NEWS"),
)

Cell = tuple[str, str]
TROUBLE: Mapping[Cell, tuple[State, Mechanism | None, float, str | None]] = {
    ("x", "ptcl"): (State.BLOCKED, Mechanism.TLS_RESET_SNI, 3600, None),
    ("x", "nayatel"): (State.BLOCKED, Mechanism.DNS_NXDOMAIN, 3240, None),
    ("x", "stormfiber"): (State.BLOCKED, Mechanism.TLS_RESET_SNI, 3500, None),
    ("x", "transworld"): (State.DISRUPTED, None, 95, "4 of 9 agents reach it"),
    ("x", "jazz"): (State.BLOCKED, Mechanism.TLS_TIMEOUT_SNI, 3000, None),
    ("x", "zong"): (State.THROTTLED, Mechanism.THROTTLE_SNI, 2700, None),
    ("whatsapp", "zong"): (State.THROTTLED, Mechanism.THROTTLE_SNI, 172_800, None),
    ("dw", "ptcl"): (State.BLOCKED, Mechanism.DNS_BLOCKPAGE, 35_000_000, "a block page of the ISP"),
    ("dw", "optix"): (State.INCONCLUSIVE, None, 600, "few agents"),
    ("wikipedia", "optix"): (State.INCONCLUSIVE, None, 600, "few agents"),
} | {("voa-urdu", isp): (State.DOWN, None, 420, "fails for the controls too") for isp, _, _ in ISPS}


def make_catalogue() -> Catalogue:
    """Twelve platforms, the first of them with two targets."""
    platforms = []
    for id_, name, category in PLATFORMS:
        hosts = [id_, f"www.{id_}"] if id_ == "x" else [id_]
        targets = tuple(Target(url=f"https://{host}.example/", platform=id_) for host in hosts)
        need = Need.ANY if id_ == "telegram" else Need.ALL
        platforms.append(Platform(id=id_, name=name, category=category, targets=targets, need=need))
    return Catalogue(platforms=tuple(platforms), references=(Target(url="https://example.com/"),))


def make_verdict(platform: str, isp: str) -> Verdict:
    """As `TROUBLE` has it; at Telenor, which is down, nothing is known."""
    state, mechanism, age, note = TROUBLE.get((platform, isp), (State.REACHABLE, None, 86_400, None))
    if isp == "telenor":
        state, mechanism, age, note = State.INCONCLUSIVE, None, 180, "the ISP is down"
    unknown = state is State.INCONCLUSIVE
    return Verdict(
        platform=platform,
        isp=isp,
        state=state,
        mechanism=mechanism,
        since=NOW - age,
        updated=NOW - 2,
        confidence=0.2 if unknown else 0.98,
        agents=2 if unknown else 9,
        measurements=4 if unknown else 83,
        agreement=0.5 if unknown else 0.96,
        witness=(Witness(rule="tls.sni.isolated", count=41),) if mechanism else (),
        note=note,
        reached=None if unknown else float(state is State.REACHABLE),
        parts=make_parts(state, mechanism) if platform == "whatsapp" and isp != "telenor" else (),
    )


def make_parts(state: State, mechanism: Mechanism | None) -> tuple[PartVerdict, ...]:
    """Of WhatsApp: text works, and what is wrong is wrong with its media."""
    return (
        PartVerdict(id="messages", name="messages", state=State.REACHABLE),
        PartVerdict(id="media", name="media", state=state, mechanism=mechanism),
    )


def make_isp(id_: str, name: str, kind: IspKind) -> IspStatus:
    """Telenor is down, Ufone is degraded."""
    state, age = {"telenor": (IspState.DOWN, 180.0), "ufone": (IspState.DEGRADED, 60.0)}.get(
        id_, (IspState.UP, 86_400.0)
    )
    connected = 0 if state is IspState.DOWN else 9
    return IspStatus(
        isp=id_,
        name=name,
        kind=kind,
        state=state,
        since=NOW - age,
        agents_connected=connected,
        agents_expected=9,
        agents_reporting=connected,
    )


def make_tallies() -> Tallies:
    """One hundred attempts of each step in each cell, some of them failed."""
    cells = [(platform, isp) for platform, _, _ in PLATFORMS for isp, _, _ in ISPS]
    steps = (Step.DNS, Step.TCP, Step.TLS, Step.HTTP)
    counts = (10, 20, 30, 20, 10, 5, 3, 2)
    assert len(counts) == len(DURATION_BUCKETS_S) + 1
    return Tallies(
        attempts={(*cell, str(step)): 100 for cell in cells for step in steps},
        failures={
            ("x", "ptcl", "tls", Failure.CONNECTION_RESET): 41,
            ("x", "nayatel", "dns", Failure.DNS_NXDOMAIN): 40,
            ("x", "jazz", "tls", Failure.GENERIC_TIMEOUT): 33,
        },
        durations={(isp, str(step)): Histogram(counts=counts, sum_s=61.25) for isp, _, _ in ISPS for step in steps},
        last_measurement=dict.fromkeys(cells, NOW - 2.25),
    )


def make_snapshot() -> Snapshot:
    """Nine ISPs, twelve platforms, every state."""
    return Snapshot(
        at=NOW,
        verdicts=tuple(make_verdict(platform, isp) for platform, _, _ in PLATFORMS for isp, _, _ in ISPS),
        isps=tuple(make_isp(*isp) for isp in ISPS),
        controls_connected=2,
        tallies=make_tallies(),
    )


def make_event(id_: int, age: float, cell: tuple[str | None, str], change: tuple[str, str, Mechanism | None]) -> Event:
    """`age` in seconds before `NOW`; `change` is from, to and how."""
    return Event(
        id=id_,
        at=NOW - age,
        platform=cell[0],
        isp=cell[1],
        from_state=change[0],
        to_state=change[1],
        mechanism=change[2],
        detected_after_seconds=2.5,
    )


def make_events() -> tuple[Event, ...]:
    """What led to the snapshot, oldest first."""
    story: tuple[tuple[float, tuple[str | None, str], tuple[str, str, Mechanism | None]], ...] = (
        (86_400, ("x", "ptcl"), ("inconclusive", "reachable", None)),
        (3600, ("x", "ptcl"), ("reachable", "blocked", Mechanism.TLS_RESET_SNI)),
        (3500, ("x", "stormfiber"), ("reachable", "blocked", Mechanism.TLS_RESET_SNI)),
        (3240, ("x", "nayatel"), ("reachable", "blocked", Mechanism.DNS_NXDOMAIN)),
        (3000, ("x", "jazz"), ("reachable", "blocked", Mechanism.TLS_TIMEOUT_SNI)),
        (2700, ("x", "zong"), ("reachable", "throttled", Mechanism.THROTTLE_SNI)),
        (600, ("wikipedia", "optix"), ("reachable", "inconclusive", None)),
        (420, ("voa-urdu", "ptcl"), ("reachable", "down", None)),
        (180, (None, "telenor"), ("up", "down", None)),
        (95, ("x", "transworld"), ("reachable", "disrupted", None)),
        (60, (None, "ufone"), ("up", "degraded", None)),
    )
    return tuple(make_event(number, *row) for number, row in enumerate(story, start=1))


def make_evidence(platform: str, isp: str) -> dict[str, object]:
    """Of a verdict, with one example; the rules are those of its witness."""
    verdict = make_verdict(platform, isp)
    return {
        "platform": platform,
        "isp": isp,
        "state": str(verdict.state),
        "mechanism": None if verdict.mechanism is None else str(verdict.mechanism),
        "since": format_minute(verdict.since),
        "decided": format_minute(NOW),
        "confidence": verdict.confidence,
        "agents": verdict.agents,
        "measurements": verdict.measurements,
        "agreement": verdict.agreement,
        "note": verdict.note,
        "rules_version": 1,
        "rules": [
            {"rule": one.rule, "count": one.count, "finding": "blocked", "because": "reset after a ClientHello"}
            for one in verdict.witness
        ],
        "targets": [
            {
                "target": f"https://{platform}.example/",
                "decides": True,
                "state": str(verdict.state),
                "mechanism": None if verdict.mechanism is None else str(verdict.mechanism),
                "votes": [{"finding": "blocked", "agents": 8}, {"finding": "ok", "agents": 1}],
            }
        ],
        "provinces": [{"province": "Punjab", "agents": 5}],
        "examples": [
            {
                "rule": "tls.reset.sni.isolated",
                "finding": "blocked",
                "mechanism": "tls.reset.sni",
                "reasons": ["TCP worked; ClientHello got RST"],
                "measurement": {"target": f"https://{platform}.example/", "startedAt": "2024-02-17T18:00:00Z"},
                "controls": [],
            }
        ],
    }


def make_path(platform: str, *, doubt: str | None = None) -> dict[str, object]:
    """A trace of a reset five hops away, or one that leaves a doubt."""
    known = doubt is None
    return {
        "target": f"https://{platform}.example/",
        "at": format_minute(NOW),
        "cut": "reset",
        "after": 4 if known else None,
        "begins": 5 if known else None,
        "server": 9,
        "at_server": False,
        "by_name": True if known else None,
        "doubt": doubt,
        "resets": 2,
        "reset_ttls": [61, 61],
        "reset_ip_ids": [7, 8],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Evidence of every cell, and of the events in memory; none of an ISP's own."""

    events: tuple[Event, ...]
    recorded: tuple[Event, ...] = ()

    def of_now(self, *, isp: str, platform: str, at: float) -> dict[str, object] | None:
        return make_evidence(platform, isp)

    async def of_event(self, number: int) -> dict[str, object] | None:
        found = next((event for event in self.events if event.id == number and event.platform), None)
        return None if found is None else make_evidence(found.platform or "", found.isp)

    def paths_now(self, *, isp: str, platform: str) -> list[dict[str, object]]:
        blocked = make_verdict(platform, isp).state is State.BLOCKED
        return [make_path(platform), make_path(platform, doubt="once")] if blocked else []

    def paths_after(self, event: Event) -> list[dict[str, object]]:
        return [make_path(event.platform)] if event.platform and event.to_state == State.BLOCKED else []

    async def event(self, number: int) -> Event | None:
        return next((event for event in (*self.recorded, *self.events) if event.id == number), None)

    def older(self, *, platform: str | None, isp: str | None, since: float | None) -> tuple[Event, ...]:
        return tuple(
            event
            for event in self.recorded
            if platform in (None, event.platform) and isp in (None, event.isp) and event.at >= (since or 0.0)
        )

    def seals(self, events: Iterable[int]) -> Seals:
        return Seals(
            marks={number: Mark(record=number, sha256=f"{number:064x}") for number in events},
            checkpoint=Checkpoint(day="2024-02-16", sha256="c0ffee" + "0" * 58),
        )


@dataclass(slots=True, kw_only=True)
class Country:
    """A collector as the views see it; its parts may be exchanged."""

    catalogue: Catalogue = field(default_factory=make_catalogue)
    stats: IngestStats = field(default_factory=IngestStats)
    current: Snapshot = field(default_factory=make_snapshot)
    events: tuple[Event, ...] = field(default_factory=make_events)
    recorded: tuple[Event, ...] = ()
    """Events that are no longer in memory."""

    past: tuple[Span, ...] = ()
    late: Voices = field(default_factory=dict)
    is_ready: bool = True
    newsroom: Newsroom = field(default_factory=Newsroom)
    share: IspShare = WHOLE
    elsewhere: list[Event] = field(default_factory=list)
    """What was decided of ISPs of other shares, as it was heard."""

    def hear_elsewhere(self, events: Sequence[Event]) -> None:
        self.elsewhere += events

    @property
    def testimony(self) -> Testimony:
        return Told(events=self.events, recorded=self.recorded)

    def snapshot(self) -> Snapshot:
        return self.current

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        return tuple(
            event
            for event in self.events
            if (since is None or event.at >= since)
            and (until is None or event.at < until)
            and platform in (None, event.platform)
            and isp in (None, event.isp)
        )

    def find_late(self, query: Query) -> Voices:
        return {
            (isp, platform): heard
            for (isp, platform), heard in self.late.items()
            if query.platform in (None, platform) and query.isp in (None, isp)
        }

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        """Ten measurements of each platform at each ISP, in the hour before; by day, of three days."""
        whole = 86_400 if query.by is By.DAY else 3600
        ats = [round(NOW // whole * whole) - ago * whole for ago in ((3, 1, 0) if query.by is By.DAY else (0,))]
        cells = [(isp, platform) for isp, _, _ in ISPS for platform, _, _ in PLATFORMS]
        found = {str(word): 10 if word is Judgement.OK else 0 for word in JUDGEMENTS}
        return tuple(
            Counted(at=at, isp=isp, platform=platform, found=found, agents=3)
            for isp, platform in sorted(cells)
            for at in ats
            if isp in (query.isp, query.isp or isp) and platform == (query.platform or platform)
        )

    def find_past(self, query: Query) -> tuple[Span, ...]:
        return tuple(s for s in self.past if query.platform in (None, s.platform) and query.isp in (None, s.isp))

    async def gather(self, wanted: Wanted) -> Look:
        return take(self, wanted)

    def newsroom_of(self, isp: str | None) -> Newsroom:
        return self.newsroom

    @property
    def isps(self) -> tuple[Isp, ...]:
        return tuple(Isp(id=id_, name=name, kind=kind) for id_, name, kind in ISPS)

    def mark(self) -> object:
        return self.events[-1].id if self.events else 0

    def ready(self) -> bool:
        return self.is_ready

    @property
    def rules(self) -> bool:
        return True

    def why_not_ready(self) -> str:
        return "the journal is being replayed: 2000 of 5000 entries, about 30 s left; verdicts come when that is done"
