"""Timed reads told to the whole engine: who is throttled, by how much, and who is asked to look."""

from collections.abc import Sequence
from dataclasses import replace

from rabta_collector.catalogue import Catalogue, Platform, Target, Transfer
from rabta_collector.closedloop import ClosedLoop
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_collector.glances import SPACING_S
from rabta_collector.journal import Member
from rabta_collector.series import Kept, of_country
from rabta_collector.state import Event, IngestStats, Verdict
from rabta_proto.v1.collector_pb2 import MeasureNow
from rabta_proto.v1.measurement_pb2 import DEPTH_TRANSFER
from rabta_proto.vocabulary import Depth, Mechanism, Role, State
from support.factories import NOON, RESET, URL, Story, tls_trouble, works
from support.feeds import ABROAD, Feed, make_engine, measured, play, verdict
from support.timed import HELD, A, B, R, read, slowed, timed

TARGET = Target(
    url=URL,
    platform="x",
    interval_s=20.0,
    priority=1,
    transfer=Transfer(url="https://x.com/object", bytes=98_304, control_name="www.example.com", interval_s=60.0),
)
CATALOGUE = Catalogue(platforms=(Platform(id="x", name="X", category="SOCIAL", targets=(TARGET,)),))
FEED = Feed(agents={"ptcl": 3, "nayatel": 3})
THEN = NOON + 120
FREE = timed("ABBA")
SLOW = slowed()


def reads(agent: str, isp: str, story: Story, at: float) -> Entry:
    return measured(agent, isp, story.measurement(at=at, depth=Depth.TRANSFER))


def abroad(at: float, story: Story = FREE) -> list[Entry]:
    return [reads(f"{ABROAD}-{number}", ABROAD, story, at + number / 10) for number in range(2)]


def calm() -> Engine:
    engine = make_engine(CATALOGUE)
    play(engine, [*FEED.presence(NOON, True), *FEED.rounds(NOON, THEN - 5)], until=THEN)
    return engine


def tell(engine: Engine, entries: Sequence[Entry], until: float) -> list[Event]:
    return play(engine, sorted(entries, key=lambda entry: entry.at), until=until)


def throttled_at_ptcl(agents: int = 3, story: Story = SLOW, controls: Story = FREE) -> tuple[Engine, list[Event]]:
    """Controls read before and after; so many agents of three are slowed, the others not."""
    engine = calm()
    entries = [*abroad(THEN + 1, controls), *abroad(THEN + 20, controls)]
    for number in range(3):
        told = story if number < agents else FREE
        entries.append(reads(f"ptcl-{number}", "ptcl", told, THEN + 5 + number))
    return engine, tell(engine, entries, THEN + 24)


def at_ptcl(engine: Engine) -> Verdict:
    return verdict(engine, "ptcl")


def test_a_platform_that_agents_read_slower_under_its_name_is_throttled() -> None:
    engine, _ = throttled_at_ptcl()
    told = at_ptcl(engine)
    assert 1.0 == told.reached
    assert (State.THROTTLED, Mechanism.THROTTLE_SNI) == (told.state, told.mechanism)
    assert ["throttle.sni.isolated"] == [witness.rule for witness in told.witness]
    assert told.note is not None
    assert told.note.startswith("held to 16 kB/s (16 kB/s to 16 kB/s), 0.8 % of the 1.9 MB/s")
    assert State.REACHABLE is verdict(engine, "nayatel").state


def test_the_event_tells_how_long_it_took() -> None:
    _, events = throttled_at_ptcl()
    (event,) = [event for event in events if event.to_state == "throttled"]
    assert event.detected_after_seconds is not None
    assert 1 < event.detected_after_seconds < 20


def test_what_reaches_it_afterwards_without_timed_reads_says_nothing_against_it() -> None:
    engine, _ = throttled_at_ptcl()
    tell(engine, FEED.rounds(THEN + 25, THEN + 85), THEN + 90)
    assert State.THROTTLED is at_ptcl(engine).state


def test_reads_that_are_fast_again_end_it() -> None:
    engine, _ = throttled_at_ptcl()
    tell(engine, [reads(f"ptcl-{n}", "ptcl", FREE, THEN + 60 + n) for n in range(3)], THEN + 70)
    assert State.REACHABLE is at_ptcl(engine).state


def test_reads_count_though_something_that_began_later_came_before_them() -> None:
    engine = calm()
    slow = [reads(f"ptcl-{n}", "ptcl", SLOW, THEN + 5 + n) for n in range(3)]
    late = [replace(entry, at=THEN + 20) for entry in slow]
    quick = [measured(f"ptcl-{n}", "ptcl", works().measurement(at=THEN + 10 + n)) for n in range(3)]
    tell(engine, [*abroad(THEN + 1), *quick, *late], THEN + 24)
    assert State.THROTTLED is at_ptcl(engine).state


def test_it_lapses_where_nobody_reads_any_more() -> None:
    engine, _ = throttled_at_ptcl()
    tell(engine, FEED.rounds(THEN + 25, THEN + 700), THEN + 700)
    assert State.REACHABLE is at_ptcl(engine).state


def test_one_agent_of_three_carries_no_verdict() -> None:
    engine, _ = throttled_at_ptcl(agents=1)
    assert State.REACHABLE is at_ptcl(engine).state


def test_a_server_that_is_slow_for_everybody_throttles_nobody() -> None:
    engine, _ = throttled_at_ptcl(controls=SLOW)
    assert State.REACHABLE is at_ptcl(engine).state


def test_a_slow_line_throttles_nobody() -> None:
    slow_line = timed("ABBARR", A=read(A, HELD), B=read(B, HELD), R=read(R, HELD))
    engine, _ = throttled_at_ptcl(story=slow_line)
    assert State.REACHABLE is at_ptcl(engine).state


def test_without_a_control_nobody_is_throttled_and_with_its_word_they_are() -> None:
    engine = calm()
    tell(engine, [reads(f"ptcl-{n}", "ptcl", SLOW, THEN + 5 + n) for n in range(3)], THEN + 20)
    assert State.REACHABLE is at_ptcl(engine).state
    tell(engine, abroad(THEN + 21), THEN + 24)
    assert State.THROTTLED is at_ptcl(engine).state


def test_a_block_goes_before_it() -> None:
    engine, _ = throttled_at_ptcl()
    tell(engine, FEED.rounds(THEN + 25, THEN + 85, {"ptcl": tls_trouble(RESET)}), THEN + 90)
    assert State.BLOCKED is at_ptcl(engine).state


def test_the_same_entries_give_the_same_events() -> None:
    assert throttled_at_ptcl()[1] == throttled_at_ptcl()[1]


def test_goodput_is_shown_as_medians_of_agents() -> None:
    engine, _ = throttled_at_ptcl()
    shown = {series.metric.name: dict(series.samples) for series in of_country(engine.snapshot(), CATALOGUE, Kept())}
    (own,) = shown["rabta_goodput_bytes_per_second"].items()
    (other,) = shown["rabta_goodput_control_bytes_per_second"].items()
    assert (("x", "ptcl"), ("x", "ptcl")) == (own[0], other[0])
    assert 16_000 < own[1] < 18_000
    assert other[1] > 1_500_000


# The closed loop


class Line:
    """A session that only takes requests."""

    def __init__(self, agent: str, isp: str) -> None:
        role = Role.CONTROL if isp == ABROAD else Role.PROBE
        self.member = Member(agent=agent, isp="" if isp == ABROAD else isp, role=role)
        self.asked: list[int] = []
        self.glances = 0
        self.left_out: frozenset[str] = frozenset()

    def ask(self, request: MeasureNow) -> bool:
        self.asked.append(request.depth)
        self.glances += request.reads == 1
        return True


def looped(engine: Engine) -> tuple[ClosedLoop, dict[str, Line]]:
    lines = {agent: Line(agent, isp) for isp, agents in FEED.groups.items() for agent in agents}
    loop = ClosedLoop(engine, lines, IngestStats())
    loop.start()
    return loop, lines


def asked_to_read(lines: dict[str, Line], isp: str) -> int:
    return sum(line.asked.count(DEPTH_TRANSFER) for agent, line in lines.items() if agent.startswith(f"{isp}-"))


def test_pages_that_slow_down_have_a_few_agents_and_the_controls_read() -> None:
    engine = calm()
    used_to_it = THEN + 300
    tell(engine, FEED.rounds(THEN + 1, used_to_it), used_to_it)
    loop, lines = looped(engine)
    slow = works()
    slow.observations[:] = [replace(o, duration_us=o.duration_us + 900_000) for o in slow.observations]
    tell(engine, FEED.rounds(used_to_it + 1, used_to_it + 60, {"ptcl": slow}), used_to_it + 61)
    loop.turn(used_to_it + 150)
    assert (3, 0, 2) == tuple(asked_to_read(lines, isp) for isp in ("ptcl", "nayatel", ABROAD))


def test_while_nothing_slows_down_nobody_reads() -> None:
    engine = calm()
    loop, lines = looped(engine)
    tell(engine, FEED.rounds(THEN + 1, THEN + 60), THEN + 61)
    loop.turn(THEN + 61)
    assert 0 == asked_to_read(lines, "ptcl")


def test_one_agent_s_slow_reads_have_the_others_read() -> None:
    engine = calm()
    loop, lines = looped(engine)
    tell(engine, [*abroad(THEN + 1), reads("ptcl-0", "ptcl", SLOW, THEN + 5)], THEN + 20)
    loop.turn(THEN + 21)
    assert 2 == asked_to_read(lines, "ptcl")


def test_a_verdict_has_the_other_isps_read() -> None:
    engine = calm()
    loop, lines = looped(engine)
    entries = [reads(f"ptcl-{n}", "ptcl", SLOW, THEN + 5 + n) for n in range(3)]
    events = tell(engine, [*abroad(THEN + 1), *entries, *abroad(THEN + 15)], THEN + 20)
    loop.hear(events, THEN + 21)
    loop.turn(THEN + 21)
    assert 3 == asked_to_read(lines, "nayatel")


# Glances


HELD_DOWN = timed("A", A=read(A, HELD))
LATE_HANDSHAKE = timed("A", A=read(A, handshake_s=2.0))
NO_MORE = timed("A")
BY_HANDSHAKE = slowed(rate=2_000_000.0, handshake_s=2.0)
LAPSED = THEN + 700  # when reads of a minute's interval by three agents have long expired


def watched(story: Story = SLOW) -> tuple[Engine, ClosedLoop, dict[str, Line]]:
    """Throttled at PTCL, and a loop that knows of it."""
    engine, _ = throttled_at_ptcl(story=story)
    loop, lines = looped(engine)
    loop.turn(THEN + 25)
    return engine, loop, lines


def glances(lines: dict[str, Line], isp: str = "ptcl") -> int:
    return sum(line.glances for agent, line in lines.items() if agent.startswith(f"{isp}-"))


def test_what_is_throttled_is_glanced_at_by_one_agent_after_a_while() -> None:
    _, loop, lines = watched()
    loop.turn(THEN + 300)  # it was looked at as a whole when the loop began
    loop.turn(THEN + 303)
    assert 0 == glances(lines)
    loop.turn(THEN + 303 + 3 * SPACING_S)
    assert (1, 0) == (glances(lines), glances(lines, "nayatel"))


def test_two_glances_that_are_free_have_rounds_made_and_end_nothing_by_themselves() -> None:
    engine, loop, lines = watched()
    at = THEN + 60
    for number in range(2):
        before = asked_to_read(lines, "ptcl") - glances(lines)
        tell(engine, [reads(f"ptcl-{number}", "ptcl", NO_MORE, at + number)], at + number + 5)
        loop.turn(at + number + 5)
        assert before == asked_to_read(lines, "ptcl") - glances(lines) or number
    loop.turn(THEN + 150)
    assert State.THROTTLED is at_ptcl(engine).state
    assert 3 == asked_to_read(lines, "ptcl") - glances(lines)


def test_glances_that_stay_slow_have_the_verdict_stand_on_and_without_them_it_lapses() -> None:
    engine, _ = throttled_at_ptcl()
    rounds = FEED.rounds(THEN + 25, LAPSED)
    slow = [reads(f"ptcl-{n}", "ptcl", HELD_DOWN, THEN + 300 + n) for n in range(3)]
    tell(engine, [*rounds, *slow], LAPSED)
    assert State.THROTTLED is at_ptcl(engine).state


def test_a_free_glance_renews_nothing() -> None:
    engine, _ = throttled_at_ptcl()
    free = [reads(f"ptcl-{n}", "ptcl", NO_MORE, THEN + 300 + n) for n in range(3)]
    tell(engine, [*FEED.rounds(THEN + 25, LAPSED), *free], LAPSED)
    assert State.REACHABLE is at_ptcl(engine).state


def test_where_the_handshake_is_held_up_a_glance_is_free_only_where_that_is_quick() -> None:
    engine, _, _ = watched(BY_HANDSHAKE)
    assert State.THROTTLED is at_ptcl(engine).state
    timing = engine.briefing.court.timing
    tell(engine, [reads("ptcl-0", "ptcl", LATE_HANDSHAKE, THEN + 60)], THEN + 70)
    assert [False] == [glance.free for glance in timing.take_glances()]
    tell(engine, [reads("ptcl-0", "ptcl", NO_MORE, THEN + 80)], THEN + 90)
    assert [True] == [glance.free for glance in timing.take_glances()]


def test_a_single_read_of_what_is_not_throttled_tells_nothing() -> None:
    engine = calm()
    tell(engine, [reads("ptcl-0", "ptcl", HELD_DOWN, THEN + 5)], THEN + 10)
    assert [] == engine.briefing.court.timing.take_glances()
    assert State.REACHABLE is at_ptcl(engine).state
