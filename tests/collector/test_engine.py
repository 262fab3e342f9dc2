"""Stories told to the whole engine: what becomes of them in verdicts, ISP states and events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.catalogue import Need, Platform, Target
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.settings import Settings
from rabta_collector.state import Event
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import Depth, Failure, IspState, Mechanism, Role, State
from support.cutoffs import traced
from support.factories import (
    FORGED,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    bad_certificate,
    dead,
    dns_trouble,
    http_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_light,
)
from support.feeds import (
    ABROAD,
    CATALOGUE,
    INTERVAL_S,
    ISPS,
    SETTINGS,
    Feed,
    isp_state,
    make_engine,
    measured,
    play,
    verdict,
)

RESET_BY_NAME = tls_trouble(RESET)
FEED = Feed()
CALM = [*FEED.presence(NOON, True), *FEED.rounds(NOON, NOON + 120)]
THEN = NOON + 120


def changes(events: list[Event], isp: str) -> list[tuple[str, str]]:
    return [(event.from_state, event.to_state) for event in events if event.isp == isp and event.platform]


def after(entries: Sequence[Entry], *, until: float) -> tuple[Engine, list[Event]]:
    """The engine after calm times and then these entries, and the events since the calm."""
    engine = make_engine()
    play(engine, CALM, until=THEN)
    return engine, play(engine, entries, until=until)


def test_a_calm_country_is_reachable() -> None:
    engine = make_engine()
    events = play(engine, CALM, until=THEN)
    assert [State.REACHABLE] * 3 == [one.state for one in engine.snapshot().verdicts]
    assert ["up"] * 3 == [status.state for status in engine.snapshot().isps]
    assert [("inconclusive", "reachable")] == changes(events, "ptcl")
    assert 2 == engine.snapshot().controls_connected


def test_before_anybody_measured_a_verdict_is_inconclusive() -> None:
    engine = make_engine()
    play(engine, FEED.presence(NOON, True, only=["ptcl"]), until=NOON + 1)
    assert [("ptcl", State.INCONCLUSIVE)] == [(one.isp, one.state) for one in engine.snapshot().verdicts]


@pytest.mark.parametrize(
    ("told", "mechanism"),
    [
        (RESET_BY_NAME, Mechanism.TLS_RESET_SNI),
        (tls_trouble(SILENCE), Mechanism.TLS_TIMEOUT_SNI),
        (dns_trouble(Failure.DNS_NXDOMAIN), Mechanism.DNS_NXDOMAIN),
        (tcp_trouble(SILENCE), Mechanism.TCP_TIMEOUT),
    ],
    ids=["reset", "silence", "nxdomain", "tcp"],
)
def test_a_block_at_one_isp_is_seen_there_and_nowhere_else(told: Story, mechanism: Mechanism) -> None:
    engine, events = after(FEED.rounds(THEN, THEN + 120, {"ptcl": told}), until=THEN + 120)
    assert (State.BLOCKED, mechanism) == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").mechanism)
    assert [("reachable", "blocked")] == changes(events, "ptcl")
    assert State.REACHABLE is verdict(engine, "nayatel").state
    assert [] == changes(events, "nayatel")


def test_the_verdict_changes_at_the_next_point_once_two_of_three_changed() -> None:
    anomalies = [e for e in FEED.rounds(THEN, THEN + 60, {"ptcl": RESET_BY_NAME}) if e.isp == "ptcl"]
    first, second, _ = anomalies
    engine, events = after([first], until=second.at)
    assert [] == changes(events, "ptcl")
    (event,) = play(engine, [second], until=second.at + 0.5)
    assert second.at < event.at <= second.at + 0.5
    assert isinstance(first, Measured)
    assert event.at - first.measurements[0].started_at.timestamp() == pytest.approx(event.detected_after_seconds)
    assert event.at == verdict(engine, "ptcl").since


def test_a_short_return_shows_as_such() -> None:
    scenes = [{"ptcl": RESET_BY_NAME}, {}, {"ptcl": RESET_BY_NAME}]
    entries = [e for n, scene in enumerate(scenes) for e in FEED.rounds(THEN + 120 * n, THEN + 120 * (n + 1), scene)]
    _, events = after(entries, until=THEN + 360)
    assert [("reachable", "blocked"), ("blocked", "reachable"), ("reachable", "blocked")] == changes(events, "ptcl")


def test_another_mechanism_is_an_event_and_no_new_state() -> None:
    entries = FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME})
    entries += FEED.rounds(THEN + 120, THEN + 240, {"ptcl": tls_trouble(SILENCE)})
    engine, events = after(entries, until=THEN + 240)
    assert [("reachable", "blocked"), ("blocked", "blocked")] == changes(events, "ptcl")
    assert events[0].at == verdict(engine, "ptcl").since
    assert Mechanism.TLS_TIMEOUT_SNI is verdict(engine, "ptcl").mechanism


def test_a_site_that_goes_down_is_never_called_blocked() -> None:
    scene = dict.fromkeys(["ptcl", "nayatel", "jazz", ABROAD], dead())
    engine, events = after(FEED.rounds(THEN, THEN + 120, scene), until=THEN + 120)
    assert [("reachable", "down")] == changes(events, "ptcl")
    assert State.DOWN is verdict(engine, "ptcl").state


@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_a_site_that_comes_and_goes_is_never_called_blocked(shift: int) -> None:
    scene = dict.fromkeys(["ptcl", "nayatel", "jazz", ABROAD], dead())
    entries: list[Entry] = []
    for n in range(4):
        edge = THEN + 120 * n + shift
        entries += FEED.rounds(edge, edge + 60 + shift, scene) + FEED.rounds(edge + 60 + shift, edge + 120)
    _, events = after(sorted(entries, key=lambda e: e.at), until=THEN + 600)
    assert not [event for event in events if event.to_state == State.BLOCKED]


def test_a_block_that_needs_a_control_waits_for_one() -> None:
    entries = [e for e in FEED.rounds(THEN, THEN + 60, {"ptcl": tcp_trouble(SILENCE)}) if e.isp != ABROAD]
    engine, events = after(entries, until=THEN + 60)
    assert [] == changes(events, "ptcl")
    one, other = (measured(f"abroad-{n}", ABROAD, works().measurement(at=THEN + 60 + 2 * n)) for n in range(2))
    assert [] == play(engine, [one], until=THEN + 62)  # the other looked before, and has not looked since
    events = play(engine, [other], until=THEN + 63)
    assert [("reachable", "blocked")] == changes(events, "ptcl")


def test_without_controls_silence_becomes_inconclusive_and_says_why() -> None:
    feed = Feed(controls=0)
    engine = make_engine()
    entries = [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 600, {"ptcl": tcp_trouble(SILENCE)})]
    play(engine, entries, until=NOON + 600)
    assert (State.INCONCLUSIVE, "no control") == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").note)


def test_a_vpn_is_no_vote() -> None:
    through = [replace(m, network=NetworkContext(vpn=True)) for m in [works().measurement(at=THEN + 5)]]
    blocked = FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME})
    engine, _ = after(blocked, until=THEN + 120)
    entries = [measured(f"vpn-{n}", "ptcl", replace(through[0], started_at=through[0].started_at)) for n in range(9)]
    late = [replace(entry, at=THEN + 121) for entry in entries]
    play(engine, late, until=THEN + 125)
    assert (State.BLOCKED, 3) == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").agents)


def test_one_agent_alone_never_carries_a_verdict() -> None:
    def told(isp: str, agent: str) -> Story:
        return RESET_BY_NAME if agent == "ptcl-1" else works()

    engine, events = after(FEED.tell(THEN, THEN + 600, told), until=THEN + 600)
    assert [] == changes(events, "ptcl")
    assert 2 / 3 == pytest.approx(verdict(engine, "ptcl").reached)


def test_an_agent_that_floods_has_one_vote() -> None:
    flood = [measured("ptcl-1", "ptcl", RESET_BY_NAME.measurement(at=THEN + n)) for n in range(200)]
    entries = sorted([*flood, *FEED.rounds(THEN, THEN + 200)], key=lambda e: e.at)
    _, events = after(entries, until=THEN + 200)
    assert [] == changes(events, "ptcl")


def test_half_of_the_agents_blocked_is_disrupted() -> None:
    feed = Feed(agents={"ptcl": 6, "nayatel": 3})

    def told(isp: str, agent: str) -> Story:
        return RESET_BY_NAME if isp == "ptcl" and int(agent[-1]) % 2 else works()

    engine = make_engine()
    play(engine, [*feed.presence(NOON, True), *feed.tell(NOON, NOON + 600, told)], until=NOON + 600)
    assert (State.DISRUPTED, "3 of 6 agents reach it") == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").note)


def test_loss_is_never_a_block() -> None:
    rng = Random(11)

    def told(isp: str, agent: str) -> Story:
        told = story()
        for _ in range(3):
            if rng.random() >= 0.05:
                return told.names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)
            told.names(NEAR).connects(NEAR).fails_tls(NEAR, SILENCE).isolates(NEAR).again()
        return told

    engine = make_engine()
    events = play(engine, [*FEED.presence(NOON, True), *FEED.tell(NOON, NOON + 7200, told)], until=NOON + 7200)
    assert [("inconclusive", "reachable")] == changes(events, "ptcl")


def test_bytes_held_down_are_no_block() -> None:
    slow = http_trouble(SILENCE, target="https://x.com/")
    begun = tls_trouble(SILENCE, answered=True)
    _, events = after(FEED.rounds(THEN, THEN + 600, {"ptcl": slow, "nayatel": begun}), until=THEN + 600)
    assert not [event for event in events if event.to_state == State.BLOCKED]


def test_late_measurements_change_no_verdict() -> None:
    old: Sequence[Entry] = [
        measured(f"ptcl-{n}", "ptcl", RESET_BY_NAME.measurement(at=THEN - 100 + n), delay_s=130) for n in range(3)
    ] + [measured(f"new-{n}", "ptcl", RESET_BY_NAME.measurement(at=THEN - 300), delay_s=350) for n in range(9)]
    _, events = after(sorted([*old, *FEED.rounds(THEN, THEN + 120)], key=lambda e: e.at), until=THEN + 120)
    assert [] == changes(events, "ptcl")


def test_late_measurements_are_counted() -> None:
    before, _ = after([], until=THEN + 10)
    engine, _ = after([measured("ptcl-1", "ptcl", works().measurement(at=NOON), delay_s=130)], until=THEN + 11)
    count = ("x", "ptcl", "tls")
    assert 1 == engine.snapshot().tallies.attempts[count] - before.snapshot().tallies.attempts[count]


def test_a_clock_that_is_ahead_gains_nothing() -> None:
    ahead = [
        replace(measured("ptcl-1", "ptcl", RESET_BY_NAME.measurement(at=THEN + 3600)), at=THEN + 1),
        measured("ptcl-1", "ptcl", works().measurement(at=THEN + 5)),
    ]
    engine, _ = after(ahead, until=THEN + 10)
    assert 1.0 == verdict(engine, "ptcl").reached
    last = engine.snapshot().tallies.last_measurement["x", "ptcl"]
    assert last <= THEN + 6


def test_votes_expire() -> None:
    engine, events = after(FEED.rounds(THEN, THEN + 600, silent=["ptcl"]), until=THEN + 600)
    assert [("reachable", "inconclusive")] == changes(events, "ptcl")
    assert (0, 0) == (verdict(engine, "ptcl").agents, verdict(engine, "ptcl").measurements)


def test_a_restart_moves_no_verdict() -> None:
    blocked = FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME})
    restart = [*FEED.presence(THEN + 120, False), *FEED.presence(THEN + 150, True)]
    more = FEED.rounds(THEN + 150, THEN + 300, {"ptcl": RESET_BY_NAME})
    engine, events = after(blocked, until=THEN + 120)
    assert [] == play(engine, [*restart, *more], until=THEN + 300)
    assert [("reachable", "blocked")] == changes(events, "ptcl")


def test_one_mobile_isp_falls_silent() -> None:
    silence = [*FEED.presence(THEN, False, only=["jazz"]), *FEED.rounds(THEN, THEN + 120, silent=["jazz"])]
    engine, events = after(silence, until=THEN + 120)
    assert IspState.DOWN == isp_state(engine, "jazz")
    assert (State.INCONCLUSIVE, "the ISP is down") == (verdict(engine, "jazz").state, verdict(engine, "jazz").note)
    assert {"jazz"} == {event.isp for event in events}
    turn = next(event for event in events if event.platform is None)
    assert ("up", "down", 86.0) == (turn.from_state, turn.to_state, turn.detected_after_seconds)


def test_and_comes_back() -> None:
    silence = [*FEED.presence(THEN, False, only=["jazz"]), *FEED.rounds(THEN, THEN + 120, silent=["jazz"])]
    engine, _ = after(silence, until=THEN + 120)
    spooled = [measured(f"jazz-{n}", "jazz", offline().measurement(at=THEN + 20 + n), delay_s=115) for n in range(3)]
    back = [*FEED.presence(THEN + 120, True, only=["jazz"]), *spooled, *FEED.rounds(THEN + 121, THEN + 240)]
    play(engine, sorted(back, key=lambda e: e.at), until=THEN + 240)
    assert (IspState.UP, State.REACHABLE) == (isp_state(engine, "jazz"), verdict(engine, "jazz").state)


def test_everybody_silent_is_our_own_fault() -> None:
    engine, events = after(FEED.presence(THEN, False), until=THEN + 3600)
    assert ["unknown"] * 3 == [status.state for status in engine.snapshot().isps]
    assert not [event for event in events if event.to_state == IspState.DOWN]


def test_our_own_outage_leaves_nobody_down_on_the_way_back() -> None:
    engine, _ = after(FEED.presence(THEN, False), until=THEN + 3600)
    back = [*FEED.presence(THEN + 3600, True, only=["ptcl"]), *FEED.presence(THEN + 3650, True, only=["jazz", ABROAD])]
    events = play(engine, back, until=THEN + 3680)
    assert not [event for event in events if event.to_state == IspState.DOWN]


def test_agents_that_leave_one_by_one_are_no_outage() -> None:
    left: list[Entry] = [
        Presence(at=THEN + 1200 * n, agent=f"jazz-{n}", isp="jazz", role=Role.PROBE, connected=False) for n in range(3)
    ]
    others = FEED.rounds(THEN, THEN + 6000, silent=["jazz"])
    engine, events = after(sorted([*left, *others], key=lambda e: e.at), until=THEN + 6000)
    assert not [event for event in events if event.to_state == IspState.DOWN]
    assert IspState.UNKNOWN == isp_state(engine, "jazz")


# References

REFERENCE = "https://reference.example/"
WITH_REFERENCES = replace(
    CATALOGUE,
    references=tuple(Target(url=f"{REFERENCE}{n}", interval_s=INTERVAL_S) for n in range(2)),
)


def references(
    told: Story, start: float, end: float, *, only: str, of: Sequence[Target] = WITH_REFERENCES.references
) -> list[Entry]:
    entries: list[Entry] = []
    for number, target in enumerate(of):
        for isp, agents in FEED.groups.items():
            for turn, agent in enumerate(agents):
                seen = told if isp == only else works()
                for lap in range(int((end - start) // 60)):
                    began = start + lap * 60 + turn * 20 + number
                    measurement = replace(seen.measurement(at=began, platform=""), target=target.url)
                    entries.append(measured(agent, isp, measurement))
    return entries


def test_a_dead_resolver_is_the_isp_s_trouble_and_no_block() -> None:
    deaf = dns_trouble(SILENCE)
    entries = [
        *FEED.presence(NOON, True),
        *references(deaf, NOON, NOON + 300, only="ptcl"),
        *FEED.rounds(NOON + 5, NOON + 300, {"ptcl": deaf}),
    ]
    engine = make_engine(WITH_REFERENCES)
    events = play(engine, sorted(entries, key=lambda e: e.at), until=NOON + 300)
    assert not [event for event in events if event.to_state == State.BLOCKED]
    assert IspState.DOWN == isp_state(engine, "ptcl")
    assert IspState.UP == isp_state(engine, "nayatel")


def test_references_that_work_leave_a_block_a_block() -> None:
    entries = [
        *FEED.presence(NOON, True),
        *references(works(), NOON, NOON + 300, only="ptcl"),
        *FEED.rounds(NOON + 5, NOON + 300, {"ptcl": dns_trouble(SILENCE)}),
    ]
    engine = make_engine(WITH_REFERENCES)
    play(engine, sorted(entries, key=lambda e: e.at), until=NOON + 300)
    assert (State.BLOCKED, Mechanism.DNS_TIMEOUT) == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").mechanism)
    assert IspState.UP == isp_state(engine, "ptcl")


def test_references_that_are_not_required_say_nothing_of_the_isp() -> None:
    """Such as one over QUIC, which an office, and no ISP, cuts."""
    extra = tuple(Target(url=f"{REFERENCE}{n}", interval_s=INTERVAL_S, required=False) for n in range(2, 6))
    catalogue = replace(WITH_REFERENCES, references=(*WITH_REFERENCES.references, *extra))
    entries = [
        *FEED.presence(NOON, True),
        *references(works(), NOON, NOON + 300, only="ptcl"),
        *references(tls_trouble(RESET), NOON + 10, NOON + 310, only="ptcl", of=extra),
        *FEED.rounds(NOON + 5, NOON + 300),
    ]
    engine = make_engine(catalogue)
    play(engine, sorted(entries, key=lambda e: e.at), until=NOON + 300)
    assert IspState.UP == isp_state(engine, "ptcl")


CUT = NOON + 300


def back_from_silence(told: Story, *, late_s: float = 0.0) -> tuple[Engine, list[Event]]:
    """Jazz's lines carry nothing for a minute.

    What its agents measured of references meanwhile comes with the first session after it, and their next turn is
    minutes away. `late_s`: that they measured them so much later.
    """
    failed = references(told, CUT + 10 + late_s, CUT + 70 + late_s, only="jazz")
    spooled = [replace(e, at=max(e.at, CUT + 62)) for e in failed if e.isp == "jazz" and e.at < CUT + 59 + late_s]
    entries = [
        *FEED.presence(NOON, True),
        *references(works(), NOON, CUT, only="jazz"),
        *FEED.rounds(NOON + 5, CUT),
        *FEED.presence(CUT + 5, False, only=["jazz"]),
        *FEED.rounds(CUT, CUT + 60, silent=["jazz"]),
        *FEED.presence(CUT + 60, True, only=["jazz"]),
        *spooled,
        *FEED.rounds(CUT + 61, CUT + 300),
    ]
    engine = make_engine(WITH_REFERENCES)
    return engine, play(engine, sorted(entries, key=lambda e: e.at), until=CUT + 150)


@pytest.mark.parametrize("told", [dns_trouble(SILENCE), tcp_trouble(SILENCE), offline()])
def test_references_that_failed_while_the_line_was_dead_do_not_outlive_its_return(told: Story) -> None:
    engine, events = back_from_silence(told)
    assert not [event for event in events if event.to_state == IspState.DEGRADED]
    assert (IspState.UP, State.REACHABLE) == (isp_state(engine, "jazz"), verdict(engine, "jazz").state)


def test_references_that_fail_after_the_return_count() -> None:
    engine, _ = back_from_silence(dns_trouble(SILENCE), late_s=60)
    assert IspState.DEGRADED == isp_state(engine, "jazz")


def test_the_engine_asks_which_network_an_address_is_of() -> None:
    asked: set[str] = set()

    def asn_of(address: str) -> None:
        asked.add(address)

    engine = Engine(CATALOGUE, ISPS, asn_of=asn_of)
    play(engine, [*CALM, *FEED.rounds(THEN, THEN + 60, {"ptcl": bad_certificate(FORGED)})], until=THEN + 60)
    assert FORGED in asked


# Targets and platforms

TWO_TARGETS = replace(
    CATALOGUE,
    platforms=(
        replace(
            CATALOGUE.platforms[0],
            targets=(*CATALOGUE.platforms[0].targets, Target(url=PLAIN, platform="x", interval_s=INTERVAL_S)),
        ),
    ),
)


def both(url_story: Story, plain_story: Story) -> list[Entry]:
    first = FEED.rounds(NOON, NOON + 120, {"ptcl": url_story})
    second = FEED.tell(NOON + 1, NOON + 120, lambda isp, _: plain_story if isp == "ptcl" else works(PLAIN))
    return sorted([*FEED.presence(NOON, True), *first, *second], key=lambda e: e.at)


def test_a_target_that_is_not_required_is_told_in_the_note_and_moves_nothing() -> None:
    (platform,) = TWO_TARGETS.platforms
    targets = (platform.targets[0], replace(platform.targets[1], required=False))
    engine = make_engine(replace(TWO_TARGETS, platforms=(replace(platform, targets=targets),)))
    events = play(engine, both(works(), http_trouble(RESET)), until=NOON + 120)
    known = verdict(engine, "ptcl")
    assert (State.REACHABLE, f"{PLAIN}: blocked (http.reset.host)") == (known.state, known.note)
    assert [("inconclusive", "reachable")] == changes(events, "ptcl")


@pytest.mark.parametrize(("need", "state"), [(Need.ALL, State.BLOCKED), (Need.ANY, State.REACHABLE)])
def test_what_a_platform_needs_decides(need: Need, state: State) -> None:
    platform = replace(TWO_TARGETS.platforms[0], need=need)
    engine = make_engine(replace(TWO_TARGETS, platforms=(platform,)))
    play(engine, both(works(), http_trouble(RESET)), until=NOON + 120)
    assert state is verdict(engine, "ptcl").state
    assert 3 == verdict(engine, "ptcl").agents


def test_a_light_success_says_nothing_against_a_block_of_pages() -> None:
    pages = http_trouble(RESET, target="https://x.com/")
    blocked = FEED.rounds(THEN, THEN + 120, {"ptcl": pages})
    light = [
        measured(f"ptcl-{n}", "ptcl", works_light().measurement(at=THEN + 121 + n, depth=Depth.LIGHT)) for n in range(3)
    ]
    _, events = after([*blocked, *light], until=THEN + 130)
    assert [("reachable", "blocked")] == changes(events, "ptcl")


def test_unknown_targets_and_isps_are_left_out() -> None:
    strange = replace(works().measurement(at=NOON + 1), target="https://other.example/")
    unknown = replace(works().measurement(at=NOON + 1), platform="y")
    entries = [
        measured("a", "ptcl", strange),
        measured("b", "ptcl", unknown),
        measured("c", "nowhere", works().measurement(at=NOON + 1)),
    ]
    engine = make_engine()
    play(engine, entries, until=NOON + 5)
    assert {} == engine.snapshot().tallies.attempts
    assert [("ptcl", 0)] == [(one.isp, one.measurements) for one in engine.snapshot().verdicts]


def test_a_new_catalogue_keeps_what_is_known() -> None:
    engine, _ = after(FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME}), until=THEN + 120)
    since = verdict(engine, "ptcl").since
    target = Target(url="https://y.com/", platform="y", interval_s=20)
    added = Platform(id="y", name="Y", category="SOCIAL", targets=(target,))
    engine.set_catalogue(replace(CATALOGUE, platforms=(*CATALOGUE.platforms, added)))
    assert () == engine.advance(THEN + 121)
    assert (State.BLOCKED, since) == (verdict(engine, "ptcl").state, verdict(engine, "ptcl").since)
    assert State.INCONCLUSIVE is verdict(engine, "ptcl", "y").state
    engine.set_catalogue(replace(CATALOGUE, platforms=(added,)))
    engine.advance(THEN + 122)
    assert {"y"} == {one.platform for one in engine.snapshot().verdicts}


# What the page and the API read


def test_a_verdict_shows_its_witnesses() -> None:
    engine, _ = after(FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME}), until=THEN + 120)
    blocked = verdict(engine, "ptcl")
    assert ["tls.reset.sni.isolated"] == [witness.rule for witness in blocked.witness]
    assert blocked.witness[0].count <= blocked.measurements
    assert (3, 1.0, 0.0) == (blocked.agents, blocked.agreement, blocked.reached)


def test_events_are_found_by_time_platform_and_isp() -> None:
    engine, events = after(FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME}), until=THEN + 120)
    (event,) = events

    def find(
        since: float | None = None, until: float | None = None, platform: str | None = None, isp: str | None = None
    ) -> tuple[Event, ...]:
        return engine.find_events(since=since, until=until, platform=platform, isp=isp)

    assert event == find()[-1]
    assert (event,) == find(since=event.at)
    assert event not in find(until=event.at)
    assert () == find(platform="y")
    assert {"ptcl"} == {found.isp for found in find(isp="ptcl")}
    assert {"x"} == {found.platform for found in find(platform="x")}


def test_a_snapshot_is_made_once_and_never_changed() -> None:
    engine, _ = after([], until=THEN + 1)
    snapshot = engine.snapshot()
    assert snapshot is engine.snapshot()
    before = dict(snapshot.tallies.attempts)
    play(engine, FEED.rounds(THEN + 1, THEN + 60), until=THEN + 60)
    assert before == snapshot.tallies.attempts
    assert THEN + 60 == engine.snapshot().at


# Replay


def story_of_a_day() -> list[Entry]:
    entries: list[Entry] = list(CALM)
    entries += FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME, "nayatel": tcp_trouble(SILENCE)})
    entries += FEED.presence(THEN + 120, False, only=["jazz"])
    entries += FEED.rounds(THEN + 120, THEN + 300, {"ptcl": RESET_BY_NAME}, silent=["jazz"])
    entries += [*FEED.presence(THEN + 300, False), *FEED.presence(THEN + 330, True)]
    entries += FEED.rounds(THEN + 330, THEN + 450, {"nayatel": dns_trouble(Failure.DNS_NXDOMAIN), ABROAD: dead()})
    return entries


DAY = story_of_a_day()
END = THEN + 800.0


def lived(steps: list[float]) -> tuple[object, ...]:
    """The day lived with `advance` called at these moments besides, as a timer does."""
    engine = make_engine()
    events: list[Event] = []
    moments = sorted(steps)
    for entry in DAY:
        while moments and moments[0] < entry.at:
            events.extend(engine.advance(moments.pop(0)))
        engine.apply(entry)
    events.extend(engine.advance(END))
    return events, engine.snapshot()


AT_ONCE = lived([])


@settings(max_examples=25)
@given(st.lists(st.floats(NOON, END), max_size=60))
def test_a_replay_equals_what_was_live(steps: list[float]) -> None:
    assert AT_ONCE == lived(steps)


def test_a_replay_point_by_point_equals_what_was_live() -> None:
    assert AT_ONCE == lived([NOON + n / 4 for n in range(int((END - NOON) * 4))])


def test_the_day_had_events_to_compare() -> None:
    events, _ = AT_ONCE
    assert isinstance(events, list)
    assert len(events) > 12
    assert [event.id for event in events] == sorted({event.id for event in events})


def test_empty_years_cost_nothing() -> None:
    engine = make_engine()
    play(engine, [*CALM, *FEED.presence(THEN, False)])
    engine.advance(THEN + 10 * 365 * 86_400)
    assert ["unknown"] * 3 == [status.state for status in engine.snapshot().isps]


def test_what_is_kept_is_bounded() -> None:
    engine = Engine(CATALOGUE, ISPS, Settings(events_kept=5))
    scenes = [{"ptcl": RESET_BY_NAME}, {}]
    entries = [e for n in range(10) for e in FEED.rounds(NOON + 120 * n, NOON + 120 * n + 120, scenes[n % 2])]
    play(engine, entries, until=NOON + 1200)
    kept = engine.find_events(since=None, until=None, platform=None, isp=None)
    assert 5 == len(kept)
    assert kept[-1].id > 9


def test_the_settings_are_plain_numbers() -> None:
    assert all(isinstance(getattr(SETTINGS, name), int | float) for name in Settings.__slots__)


def test_a_control_out_of_step_with_the_others_is_left_out_and_counted() -> None:
    """Its network is censored, too: were it listened to, the site would seem to fail for half of the controls."""
    feed = Feed(controls=3)
    broken = f"{ABROAD}-0"
    calm = feed.tell(NOON, NOON + 600, lambda _, agent: RESET_BY_NAME if agent == broken else works())
    engine = make_engine()
    play(engine, [*feed.presence(NOON, True), *calm], until=NOON + 600)
    assert 1 == engine.snapshot().controls_out_of_step
    assert State.REACHABLE is verdict(engine, "ptcl").state


def sent_late(*, hours: float, wrong_h: float = 0.0, offset: bool = True, jumped: bool = False) -> list[Entry]:
    """What all agents of ptcl saw so many hours ago, a block, by clocks that are ahead by so much; it comes now."""
    found: list[Entry] = []
    for number, agent in enumerate(FEED.groups["ptcl"]):
        for turn in range(3):
            seen = RESET_BY_NAME.measurement(at=THEN - hours * 3600 + 20 * turn + number + wrong_h * 3600)
            told = replace(
                seen,
                clock_offset_us=int(-wrong_h * 3.6e9) if offset and not jumped else None,
                clock_jumped=jumped,
            )
            found.append(
                Measured(at=THEN + number + turn, agent=agent, isp="ptcl", role=Role.PROBE, measurements=(told,))
            )
    return sorted(found, key=lambda entry: entry.at)


@pytest.mark.parametrize(
    ("hours", "wrong_h", "offset", "jumped"),
    [
        (5, 0, True, False),
        (5, 0, False, False),
        (5, 4.999, True, False),  # a clock that is ahead makes them look like those of now
        (5, 23, True, False),
        (5, 0, False, True),
        (0.001, 0, False, True),  # of now, perhaps; nobody knows
    ],
)
def test_what_comes_late_moves_no_verdict_and_makes_no_event(
    hours: float, wrong_h: float, offset: bool, jumped: bool
) -> None:
    engine, events = after(sent_late(hours=hours, wrong_h=wrong_h, offset=offset, jumped=jumped), until=THEN + 5)
    undisturbed, expected = after([], until=THEN + 5)
    assert [State.REACHABLE] * 2 == [verdict(each, "ptcl").state for each in (engine, undisturbed)]
    assert changes(expected, "ptcl") == changes(events, "ptcl")


def test_what_is_of_now_by_a_wrong_clock_votes_where_the_clock_is_known() -> None:
    slow = [
        Measured(
            at=entry.at,
            agent=entry.agent,
            isp=entry.isp,
            role=entry.role,
            measurements=tuple(
                replace(
                    one,
                    started_at=datetime.fromtimestamp(one.started_at.timestamp() - 7200, UTC),
                    clock_offset_us=7_200_000_000,
                    clock_jumped=False,
                )
                for one in entry.measurements
            ),
        )
        if isinstance(entry, Measured) and entry.isp == "ptcl"
        else entry
        for entry in FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME})
    ]
    engine, _ = after(slow, until=THEN + 125)
    assert State.BLOCKED is verdict(engine, "ptcl").state


def trace_at(moment: float, agent: str = "ptcl-0", isp: str = "ptcl", *, begins: int = 5) -> Measured:
    measurement = replace(traced(begins=begins, at=datetime.fromtimestamp(moment, UTC)), target="https://x.com/")
    return measured(agent, isp, measurement)


def test_a_trace_is_evidence_and_decides_nothing() -> None:
    """Before, at the beginning of, within and after a block; by agents there, elsewhere, and abroad."""
    block = FEED.rounds(THEN, THEN + 120, {"ptcl": RESET_BY_NAME})
    traces = [trace_at(moment, agent) for moment in (THEN + 5, THEN + 31, THEN + 95) for agent in ("ptcl-0", "ptcl-1")]
    traces += [trace_at(THEN + 33, "nayatel-0", "nayatel"), trace_at(THEN + 34, f"{ABROAD}-0", ABROAD)]
    plain, plain_events = after(block, until=THEN + 150)
    engine, events = after(sorted([*block, *traces], key=lambda entry: entry.at), until=THEN + 150)
    assert plain_events == events
    assert plain.snapshot() == engine.snapshot()
    since = verdict(engine, "ptcl").since
    found = engine.briefing.paths_of("ptcl", "x", since=since)
    assert 2 == len(found)
    assert {(4, 5, 9)} == {(one.location.after, one.location.begins, one.location.server) for one in found}


def test_a_trace_alone_makes_no_verdict() -> None:
    engine = make_engine()
    entries = [*FEED.presence(NOON, True), *(trace_at(NOON + 10 * n, f"ptcl-{n}") for n in range(3))]
    assert [] == [event for event in play(engine, entries, until=NOON + 60) if event.platform]
    assert {State.INCONCLUSIVE} == {one.state for one in engine.snapshot().verdicts}


def test_a_trace_that_comes_late_is_evidence_of_its_own_time() -> None:
    late = measured("ptcl-0", "ptcl", trace_at(NOON + 60).measurements[0], delay_s=7200)
    engine = make_engine()
    play(engine, [*CALM, late], until=late.at + 1)
    assert 1 == len(engine.briefing.paths_of("ptcl", "x", since=NOON, until=NOON + 120))
    assert [] == engine.briefing.paths_of("ptcl", "x", since=late.at)
