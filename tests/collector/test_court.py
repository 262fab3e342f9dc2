"""Findings are judged anew when more is known."""

from dataclasses import replace

from rabta_collector.catalogue import Need, Target
from rabta_collector.cells import Cell, unknown
from rabta_collector.controls import Look
from rabta_collector.court import REFERENCES, Court
from rabta_collector.windows import Case
from rabta_proto.vocabulary import Judgement
from support.factories import NOON, SILENCE, URL, Story, dead, dns_trouble, tcp_trouble, works

TARGET = Target(url=URL, platform="x")
REFERENCE = Target(url="https://reference.example/")
OTHER = Target(url="https://other.example/", platform="other")


class Trial:
    """A court with two platforms and one reference at one ISP."""

    def __init__(self, target: Target = TARGET) -> None:
        self.target = target
        self.changed: list[str] = []
        self.court = Court(max_age_s=600, changed=lambda cell: self.changed.append(cell.platform))
        for target in (self.target, OTHER, REFERENCE):
            platform = target.platform
            self.court.cells["ptcl", platform] = Cell(
                platform=platform,
                isp="ptcl",
                targets={target.url: target},
                need=Need.ALL,
                verdict=unknown(platform, "ptcl", NOON),
            )

    def measure(self, target: Target, told: Story, at: float, agent: str = "a") -> None:
        measurement = replace(told.measurement(at=NOON + at, platform=target.platform), target=target.url)
        case = Case(agent=agent, measurement=measurement, started=NOON + at, expires=NOON + at + 900)
        self.court.hear_agent(self.court.cells["ptcl", target.platform], target, case, NOON + at + 1)

    def control(self, told: Story, at: float, agent: str = "c") -> None:
        self.court.hear_control(self.target, agent, Look(NOON + at, told.measurement(at=NOON + at)))

    def judgement(self) -> Judgement | None:
        """What the vote of agent `a` says now."""
        votes = self.court.cells["ptcl", "x"].window(URL).votes(NOON)
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


def test_cells_are_found_by_isp() -> None:
    trial = Trial()
    assert ["x", "other", REFERENCES] == [cell.platform for cell in trial.court.of("ptcl")]
    assert [] == trial.court.of("jazz")
