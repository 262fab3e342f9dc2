"""Measurements that came too late to vote correct history: one voice for each agent and hour, and nobody is paged."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.backfill import KEPT_S, Backfill, to_spans
from rabta_collector.catalogue import Need
from rabta_collector.verdict.classify import Finding
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_proto.vocabulary import Judgement, Mechanism, State
from support.factories import NOON, RESET, URL, tls_trouble, works
from support.feeds import Feed, make_engine, measured, play, verdict

HOUR = 3600.0
PLACE = ("ptcl", "x")
NEEDS = {"x": Need.ALL}


def finding(rule: str, mechanism: Mechanism | None = None) -> Finding:
    row = RULES_BY_ID[rule]
    return Finding(
        rule=rule, judgement=row.judgement, step=row.step, mechanism=mechanism, server_side=False, reasons=()
    )


OK = finding("ok.https")
BLOCKED = finding("tls.reset.sni.isolated", Mechanism.TLS_RESET_SNI)
OFFLINE = finding("vantage.offline")


def test_late_findings_become_spans_that_say_they_are_revised() -> None:
    backfill = Backfill()
    for agent in ("a", "b", "c"):
        for hour, what in enumerate((OK, BLOCKED, BLOCKED, OK)):
            backfill.hear(PLACE, agent, URL, what, NOON + hour * HOUR, NOON + 9 * HOUR)
    spans = to_spans(backfill.voices(isp=None, platform=None), NEEDS)
    assert [("reachable", 0.0), ("blocked", 1.0), ("reachable", 3.0)] == [
        (span.state, (span.since - NOON) / HOUR) for span in spans
    ]
    assert all(span.revised for span in spans)
    assert Mechanism.TLS_RESET_SNI is spans[1].mechanism


def test_an_agent_has_one_voice_in_an_hour_however_much_it_sends() -> None:
    backfill = Backfill()
    for second in range(500):
        backfill.hear(PLACE, "liar", URL, BLOCKED, NOON + second, NOON + 9 * HOUR)
    for agent in ("a", "b"):
        backfill.hear(PLACE, agent, URL, OK, NOON, NOON + 9 * HOUR)
    voices = backfill.voices(isp="ptcl", platform="x")
    assert 3 == len(voices[PLACE])
    assert ["reachable"] == [span.state for span in to_spans(voices, NEEDS)]


def test_what_says_nothing_of_the_network_or_is_too_old_is_left_out() -> None:
    backfill = Backfill()
    backfill.hear(PLACE, "a", URL, OFFLINE, NOON, NOON + HOUR)
    backfill.hear(PLACE, "a", URL, OK, NOON, NOON + KEPT_S)
    assert {} == backfill.voices(isp=None, platform=None)


def test_room_is_bounded_and_what_finds_none_is_counted() -> None:
    backfill = Backfill(most=2)
    for agent in ("a", "b", "c"):
        backfill.hear(PLACE, agent, URL, OK, NOON, NOON + HOUR)
    assert 1 == backfill.dropped
    backfill.hear(PLACE, "a", URL, BLOCKED, NOON + 1, NOON + HOUR)  # a newer word of one who has a voice
    assert (1, 2) == (backfill.dropped, len(backfill.voices(isp=None, platform=None)[PLACE]))
    backfill.hear(PLACE, "d", URL, OK, NOON + KEPT_S, NOON + KEPT_S + HOUR)  # the others are too old by now
    assert 1 == len(backfill.voices(isp=None, platform=None)[PLACE])


@given(st.permutations([(agent, hour) for agent in "abc" for hour in range(4)]))
def test_the_order_of_arrival_is_of_no_account(order: list[tuple[str, int]]) -> None:
    backfill = Backfill()
    for agent, hour in order:
        what = BLOCKED if hour in (1, 2) else OK
        backfill.hear(PLACE, agent, URL, what, NOON + hour * HOUR + ord(agent), NOON + 9 * HOUR)
    spans = to_spans(backfill.voices(isp=None, platform=None), NEEDS)
    assert ["reachable", "blocked", "reachable"] == [span.state for span in spans]


def test_what_agents_send_after_an_outage_fills_history_and_moves_no_verdict() -> None:
    feed = Feed()
    engine = make_engine()
    play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 120)], until=NOON + 120)
    before = verdict(engine, "ptcl")
    late = [
        measured(f"ptcl-{n}", "ptcl", tls_trouble(RESET).measurement(at=NOON - 5 * HOUR), delay_s=5 * HOUR + 121 + n)
        for n in range(3)
    ]
    late.append(measured("ptcl-0", "ptcl", works().measurement(at=NOON - 2 * HOUR), delay_s=2 * HOUR + 130))
    events = play(engine, late, until=NOON + 140)
    assert [] == events
    assert (State.REACHABLE, before.since) == (verdict(engine, "ptcl").state, before.since)
    spans = to_spans(engine.backfill.voices(isp="ptcl", platform=None), NEEDS)
    assert "blocked" == spans[0].state
    assert Judgement.BLOCKED is engine.backfill.voices(isp="ptcl", platform=None)[PLACE][0].judgement


def hear_block(backfill: Backfill, begin: float, hours: int = 4) -> None:
    """Three agents that found a block in the second hour of some."""
    for agent in ("a", "b", "c"):
        for hour in range(hours):
            what = BLOCKED if hour == 1 else OK
            backfill.hear(PLACE, agent, URL, what, begin + hour * HOUR, begin + 9 * HOUR)


def test_what_can_be_corrected_no_more_is_given_out_once_and_makes_the_spans_that_it_made() -> None:
    backfill = Backfill()
    hear_block(backfill, NOON)
    before = to_spans(backfill.voices(isp=None, platform=None), NEEDS)
    assert {} == backfill.settle(NOON + KEPT_S)
    settled = backfill.settle(NOON + KEPT_S + 4 * HOUR)
    assert {PLACE} == set(settled)
    assert before == to_spans(settled, NEEDS)
    assert {} == backfill.voices(isp=None, platform=None)
    assert {} == backfill.settle(NOON + KEPT_S + 9 * HOUR)


def test_a_run_of_voices_stays_until_nothing_younger_is_near() -> None:
    """Else what stood at its end would be another state than was made of the whole."""
    backfill = Backfill()
    hear_block(backfill, NOON)
    hear_block(backfill, NOON + 30 * HOUR)
    hear_block(backfill, NOON + 99 * HOUR)
    assert {} == backfill.settle(NOON + KEPT_S + 20 * HOUR)
    (gone,) = backfill.settle(NOON + KEPT_S + 40 * HOUR).values()
    assert (24, 12) == (len(gone), len(backfill.voices(isp=None, platform=None)[PLACE]))


def test_what_goes_to_make_room_is_given_out_too() -> None:
    backfill = Backfill(most=1)
    backfill.hear(PLACE, "a", URL, BLOCKED, NOON, NOON + HOUR)
    backfill.hear(PLACE, "b", URL, OK, NOON + KEPT_S, NOON + KEPT_S + HOUR)
    (gone,) = backfill.settle(NOON + KEPT_S + HOUR).values()
    assert [NOON] == [found.started for found in gone]
    assert 0 == backfill.dropped
