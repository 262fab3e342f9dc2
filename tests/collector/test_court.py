"""Findings are judged anew when more is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.scenario import load_scenarios
from rabta_collector.catalogue import Need, Target
from rabta_collector.cells import Cell, unknown
from rabta_collector.controls import Look
from rabta_collector.court import REFERENCES, Court, went_smoothly
from rabta_collector.verdict.classify import classify
from rabta_collector.windows import Case
from rabta_proto.vocabulary import AddressSource, Judgement
from support.factories import (
    FORGED,
    NEAR,
    NOON,
    QUIC,
    SILENCE,
    URL,
    Story,
    bad_certificate,
    dead,
    dns_trouble,
    offline,
    quic_trouble,
    story,
    tcp_trouble,
    works,
    works_again,
    works_over_quic,
)
from support.imagined import play as imagine

V6 = "2606:4700::1"

TARGET = Target(url=URL, platform="x")
REFERENCE = Target(url="https://reference.example/")
OTHER = Target(url="https://other.example/", platform="other")
OVER_QUIC = Target(url=QUIC, platform="x", required=False)
QUIC_REFERENCE = Target(url="quic://reference.example/", required=False)
DNS_REFERENCE = Target(url="dns:reference.example")


class Trial:
    """A court with two platforms and one reference at one ISP."""

    def __init__(self, target: Target = TARGET, asn_of: Callable[[str], int | None] | None = None) -> None:
        self.target = target
        self.changed: list[str] = []
        self.court = Court(max_age_s=600, changed=lambda cell: self.changed.append(cell.platform), asn_of=asn_of)
        targets = {
            "x": (self.target, OVER_QUIC),
            "other": (OTHER,),
            REFERENCES: (REFERENCE, QUIC_REFERENCE, DNS_REFERENCE),
        }
        for platform, some in targets.items():
            self.court.open(
                Cell(
                    platform=platform,
                    isp="ptcl",
                    targets={target.url: target for target in some},
                    need=Need.ALL,
                    verdict=unknown(platform, "ptcl", NOON),
                )
            )

    def measure(self, target: Target, told: Story, at: float, agent: str = "a", *, stands_s: float = 900) -> None:
        measurement = replace(told.measurement(at=NOON + at, platform=target.platform), target=target.url)
        case = Case(agent=agent, measurement=measurement, started=NOON + at, expires=NOON + at + stands_s)
        self.court.hear_agent(self.court.cells["ptcl", target.platform], target, case, NOON + at + 1)

    def control(self, told: Story, at: float, agent: str = "c", target: Target | None = None) -> None:
        self.court.hear_control(target or self.target, agent, Look(NOON + at, told.measurement(at=NOON + at)))

    def judgement(self, url: str = URL) -> Judgement | None:
        """What the vote of agent `a` says now."""
        votes = self.court.cells["ptcl", "x"].window(url).votes(NOON)
        return votes["a"].judgement if "a" in votes else None


def test_an_anomaly_waits_for_a_control() -> None:
    trial = Trial()
    trial.measure(TARGET, tcp_trouble(SILENCE), 0)
    assert trial.judgement() is None
    trial.control(works(), 5)
    assert Judgement.BLOCKED is trial.judgement()
    assert ["x", "x"] == trial.changed


def test_another_control_may_take_it_back() -> None:
    trial = Trial()
    trial.measure(TARGET, dead(), 0)
    trial.control(works(), 5)
    trial.control(dead(), 6, "d")
    assert trial.judgement() is None


LITERAL = Target(url="tcp://192.0.2.7:443", platform="x")


def silent() -> Story:
    """What an address that answers nobody looks like; no name had to be looked up for it."""
    told = story(LITERAL.url, "192.0.2.7")
    for _ in range(3):
        told.fails_tcp("192.0.2.7", SILENCE, AddressSource.LITERAL).again()
    return told


@pytest.mark.parametrize(("answered", "judgement"), [(True, Judgement.DOWN), (False, None)])
def test_an_address_that_is_silent_to_all_is_down_once_it_is_known_that_the_controls_lines_work(
    answered: bool, judgement: Judgement | None
) -> None:
    """Else one dead data centre of five would be unknown for ever, and hide a block of the other four."""
    trial = Trial(LITERAL)
    trial.measure(LITERAL, silent(), 0)
    for agent in ("c", "d"):
        if answered:
            trial.control(works(), 6, agent, OTHER)
        trial.control(silent(), 5, agent)
    assert judgement is trial.judgement(LITERAL.url)


def test_a_control_of_a_later_moment_changes_nothing_more() -> None:
    trial = Trial()
    trial.measure(TARGET, tcp_trouble(SILENCE), 0)
    trial.control(works(), 5)
    trial.control(dead(), 65)
    assert Judgement.BLOCKED is trial.judgement()
    assert 2 == len(trial.changed)


def test_a_spooled_control_that_comes_late_is_heard() -> None:
    trial = Trial()
    trial.measure(TARGET, tcp_trouble(SILENCE), 0)
    trial.control(works(), 50)
    trial.control(dead(), -5)
    assert trial.judgement() is None


def test_a_target_that_is_seldom_measured_waits_longer_for_its_control() -> None:
    for interval_s, judgement in ((300.0, None), (3600.0, Judgement.BLOCKED)):
        trial = Trial(replace(TARGET, interval_s=interval_s))
        trial.measure(trial.target, tcp_trouble(SILENCE), 0)
        trial.control(works(), 3000)
        assert judgement is trial.judgement()


def test_references_that_fail_too_take_a_block_back_and_references_that_work_restore_it() -> None:
    trial = Trial()
    trial.measure(TARGET, dns_trouble(SILENCE), 0)
    assert Judgement.BLOCKED is trial.judgement()
    trial.measure(REFERENCE, dns_trouble(SILENCE), 1)
    assert trial.judgement() is None
    trial.measure(REFERENCE, works(), 2)
    assert Judgement.BLOCKED is trial.judgement()


def test_references_of_another_agent_say_nothing() -> None:
    trial = Trial()
    trial.measure(TARGET, dns_trouble(SILENCE), 0)
    trial.measure(REFERENCE, dns_trouble(SILENCE), 1, agent="b")
    assert Judgement.BLOCKED is trial.judgement()


def test_references_of_another_time_say_nothing() -> None:
    trial = Trial()
    trial.measure(REFERENCE, dns_trouble(SILENCE), -700)
    trial.measure(TARGET, dns_trouble(SILENCE), 0)
    assert Judgement.BLOCKED is trial.judgement()


def test_references_that_failed_before_something_else_worked_say_nothing() -> None:
    trial = Trial()
    trial.measure(REFERENCE, dns_trouble(SILENCE), 0)
    trial.measure(OTHER, works(), 60)
    trial.measure(TARGET, dns_trouble(SILENCE), 120)
    assert Judgement.BLOCKED is trial.judgement()


@pytest.mark.parametrize("reference", [QUIC_REFERENCE, DNS_REFERENCE])
def test_a_reference_without_tcp_takes_nothing_back(reference: Target) -> None:
    """Many a network lets no QUIC out, and everything else works there."""
    trial = Trial()
    trial.measure(TARGET, dns_trouble(SILENCE), 0)
    trial.measure(reference, offline(), 1)
    assert Judgement.BLOCKED is trial.judgement()
    trial.measure(REFERENCE, dns_trouble(SILENCE), 2)
    assert trial.judgement() is None


def test_silence_over_quic_counts_once_something_else_was_reached_over_quic() -> None:
    trial = Trial()
    trial.measure(OVER_QUIC, quic_trouble(SILENCE), 0)
    trial.control(works_over_quic(), 5, target=OVER_QUIC)
    assert trial.judgement(QUIC) is None
    trial.measure(QUIC_REFERENCE, works_over_quic(), 10)
    assert Judgement.BLOCKED is trial.judgement(QUIC)


def test_what_another_agent_reaches_over_quic_says_nothing() -> None:
    trial = Trial()
    trial.measure(OVER_QUIC, quic_trouble(SILENCE), 0)
    trial.control(works_over_quic(), 5, target=OVER_QUIC)
    trial.measure(QUIC_REFERENCE, works_over_quic(), 10, agent="b")
    assert trial.judgement(QUIC) is None


@pytest.mark.parametrize(("at", "judgement"), [(-900, None), (-601, None), (-600, Judgement.BLOCKED)])
def test_quic_of_long_ago_says_nothing(at: float, judgement: Judgement | None) -> None:
    trial = Trial()
    trial.measure(QUIC_REFERENCE, works_over_quic(), at)
    trial.measure(OVER_QUIC, quic_trouble(SILENCE), 0)
    trial.control(works_over_quic(), 5, target=OVER_QUIC)
    assert judgement is trial.judgement(QUIC)


def test_but_of_half_the_time_that_a_vote_stands() -> None:
    """QUIC is measured seldom; an hour is nothing to a target that an agent measures every two."""
    trial = Trial()
    trial.measure(QUIC_REFERENCE, works_over_quic(), -3600)
    trial.measure(OVER_QUIC, quic_trouble(SILENCE), 0, stands_s=7200)
    trial.control(works_over_quic(), 5, target=OVER_QUIC)
    assert Judgement.BLOCKED is trial.judgement(QUIC)


def test_silence_over_ipv6_counts_while_something_else_is_reached_over_ipv6() -> None:
    trial = Trial()
    trial.measure(TARGET, tcp_trouble(SILENCE, address=V6), 0)
    trial.control(works(address=V6), 5)
    assert trial.judgement() is None
    trial.measure(OTHER, works(address=V6), 6)
    assert Judgement.BLOCKED is trial.judgement()
    falls_back = story().names(V6, NEAR).fails_tcp(V6, SILENCE).connects(NEAR).handshakes(NEAR).answers(NEAR)
    trial.measure(OTHER, falls_back, 7)
    trial.measure(REFERENCE, falls_back, 8)
    assert trial.judgement() is None


def test_what_is_known_of_networks_reaches_the_judgement() -> None:
    asked: list[str] = []

    def asn_of(address: str) -> int | None:
        asked.append(address)
        return 13414

    trial = Trial(asn_of=asn_of)
    trial.measure(TARGET, bad_certificate(FORGED), 0)
    trial.control(works(), 5)
    assert FORGED in asked


def test_cells_are_found_by_isp() -> None:
    trial = Trial()
    assert ["x", "other", REFERENCES] == [cell.platform for cell in trial.court.of("ptcl")]
    assert [] == trial.court.of("jazz")
    assert {("ptcl", platform) for platform in ("x", "other", REFERENCES)} == trial.court.clear().keys()
    assert [] == trial.court.of("ptcl")


def test_one_control_does_not_speak_for_another_that_has_yet_to_look() -> None:
    trial = Trial()
    for name in "cd":
        trial.court.meet_control(name, NOON - 5, connected=True)
    trial.measure(TARGET, tcp_trouble(SILENCE), at=0)
    trial.control(works(), at=10)
    assert trial.judgement() is None
    trial.control(dead(), at=11, agent="d")
    assert trial.judgement() is None  # now they do not agree


@pytest.mark.parametrize("gone", [False, True])
def test_a_control_that_left_or_never_looks_is_not_waited_for(gone: bool) -> None:
    trial = Trial()
    trial.court.meet_control("d", NOON - (5 if gone else 601), connected=True)
    if gone:
        trial.court.meet_control("d", NOON - 1, connected=False)
    trial.measure(TARGET, tcp_trouble(SILENCE), at=0)
    trial.control(works(), at=10)
    assert Judgement.BLOCKED is trial.judgement()


def test_silence_is_no_sign_where_it_meets_what_is_reached_too() -> None:
    trial = Trial()
    trial.measure(TARGET, tcp_trouble(SILENCE), 0)
    trial.control(works(), 5)
    assert Judgement.BLOCKED is trial.judgement()
    for number in range(3):
        other = replace(works().measurement(at=NOON + 6), target=f"https://other-{number}.example/")
        trial.court.vantages.hear_reached("a", other, NOON + 6)
    trial.measure(OTHER, works_again(), 7)  # the fourth that it reached, and a quarter of them not at once
    assert trial.judgement() is None


def test_a_control_s_look_that_went_smoothly_is_told_without_the_table_and_as_the_table_would() -> None:
    shows = [imagine(scenario) for scenario in load_scenarios()]
    looks = [one for show in shows for one in (*show.agents, *show.controls)]
    smooth = [one for one in looks if went_smoothly(one)]
    assert 20 < len(smooth) < len(looks)
    assert {Judgement.OK} == {classify(one).judgement for one in smooth}
