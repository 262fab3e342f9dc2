"""The states of all ISPs together."""

from rabta_collector.agenda import Agenda
from rabta_collector.catalogue import Isp
from rabta_collector.entries import Presence
from rabta_collector.nation import Nation, Turn
from rabta_collector.outage import Patience
from rabta_proto.vocabulary import IspKind, IspState, Role
from support.feeds import ISPS


class Country:
    """A nation with its agenda, kept by hand."""

    def __init__(self, isps: tuple[Isp, ...] = ISPS) -> None:
        self.health = {isp.id: IspState.UP for isp in isps}
        self.agenda = Agenda(grid_s=1)
        self.nation = Nation(isps, Patience(), self.agenda, self.health.__getitem__)

    def presence(self, at: float, isp: str, connected: bool, *agents: str, role: Role = Role.PROBE) -> None:
        for agent in agents:
            self.nation.hear(Presence(at=at, agent=agent, isp=isp, role=role, connected=connected))

    def leave(self, at: float, isp: str, *agents: str) -> None:
        for agent in agents:
            self.nation.hear(Presence(at=at, agent=agent, isp=isp, role=Role.PROBE, connected=False, left=True))

    def until(self, now: int) -> list[Turn]:
        turns = []
        while (point := self.agenda.next) is not None and point <= now:
            turns += self.nation.settle([key for (key,) in self.agenda.take(point)], float(point))
        return turns


def calm() -> Country:
    country = Country()
    for isp in ("ptcl", "jazz"):
        country.presence(1, isp, True, *(f"{isp}-{n}" for n in (1, 2, 3)))
    country.until(10)
    return country


def test_isps_are_unknown_until_somebody_is_there() -> None:
    country = Country()
    country.presence(1, "ptcl", True, "a")
    (turn,) = country.until(10)
    assert ("ptcl", IspState.UNKNOWN, IspState.UP) == (turn.isp, turn.before, turn.after)
    assert [2.0, None, None] == [status.since for status in country.nation.statuses(10)]


def test_an_isp_goes_down_when_its_time_has_come_though_nothing_is_heard() -> None:
    country = calm()
    country.presence(100, "jazz", False, "jazz-1", "jazz-2", "jazz-3")
    assert [] == country.until(185)
    (turn,) = country.until(186)
    assert Turn(isp="jazz", before=IspState.UP, after=IspState.DOWN, detected_after_s=86.0) == turn


def test_a_crowd_that_said_it_goes_is_no_outage_and_is_expected_no_more() -> None:
    country = calm()
    country.leave(100, "jazz", "jazz-1", "jazz-2", "jazz-3")
    assert [("jazz", IspState.UNKNOWN)] == [(turn.isp, turn.after) for turn in country.until(4000)]
    (jazz,) = [one for one in country.nation.statuses(4000) if one.isp == "jazz"]
    assert (0, 0) == (jazz.agents_connected, jazz.agents_expected)
    country.presence(5000, "jazz", True, "jazz-1", "jazz-2", "jazz-3")
    assert [IspState.UP] == [turn.after for turn in country.until(5010)]


def test_those_who_fall_silent_are_judged_without_those_who_said_that_they_go() -> None:
    country = calm()
    country.presence(1, "jazz", True, *(f"jazz-{n}" for n in (4, 5, 6)))
    country.leave(100, "jazz", "jazz-4", "jazz-5", "jazz-6")
    country.presence(1000, "jazz", False, "jazz-1", "jazz-2", "jazz-3")
    (turn,) = country.until(1200)
    assert ("jazz", IspState.DOWN) == (turn.isp, turn.after)


def test_controls_bear_witness_that_we_can_hear() -> None:
    country = calm()
    country.presence(100, "", True, "control", role=Role.CONTROL)
    for isp in ("ptcl", "jazz"):
        country.presence(100, isp, False, f"{isp}-1", f"{isp}-2", f"{isp}-3")
    country.until(300)
    assert (IspState.DOWN, IspState.DOWN) == (country.nation.state("ptcl"), country.nation.state("jazz"))
    assert 1 == country.nation.controls_connected


def test_references_that_fail_weigh_upon_an_isp() -> None:
    country = calm()
    country.health["ptcl"] = IspState.DEGRADED
    country.nation.look_at("ptcl", 20)
    country.until(30)
    assert IspState.DEGRADED is country.nation.state("ptcl")


def test_an_agent_that_moves_leaves_no_silence_behind() -> None:
    country = calm()
    for agent in ("jazz-1", "jazz-2", "jazz-3"):
        country.presence(100, "ptcl", True, agent)
    country.until(1000)
    assert (IspState.UNKNOWN, 6) == (country.nation.state("jazz"), country.nation.connected("ptcl"))


def test_an_isp_that_is_not_in_the_list_is_left_out() -> None:
    country = calm()
    country.presence(100, "nowhere", True, "a")
    assert [] == country.until(200)


def test_the_forgotten_are_no_longer_expected() -> None:
    country = calm()
    country.presence(100, "jazz", False, "jazz-1", "jazz-2", "jazz-3")
    country.until(200)
    assert [3, 0, 3] == [status.agents_expected for status in country.nation.statuses(200)]
    country.until(100 + 86_400)
    assert (IspState.UNKNOWN, 0) == (
        country.nation.state("jazz"),
        country.nation.statuses(90_000)[2].agents_expected,
    )


def test_two_mobile_isps_that_fall_silent_at_once_are_down_with_two_agents_each() -> None:
    country = Country((*ISPS, Isp(id="zong", name="Zong", kind=IspKind.MOBILE)))
    for isp in ("ptcl", "jazz", "zong"):
        country.presence(1, isp, True, f"{isp}-1", f"{isp}-2")
    country.until(10)
    country.presence(200, "jazz", False, "jazz-1", "jazz-2")
    country.until(300)
    assert IspState.UNKNOWN is country.nation.state("jazz")
    country.presence(310, "zong", False, "zong-1", "zong-2")
    country.until(500)
    assert [IspState.DOWN] * 2 == [country.nation.state(isp) for isp in ("jazz", "zong")]


def test_as_many_are_expected_as_there_are_at_that_hour() -> None:
    country = calm()
    for day in range(1, 9):
        night = day * 86_400
        country.presence(night - 40_000, "jazz", True, "jazz-1", "jazz-2", "jazz-3")
        country.presence(night, "jazz", False, "jazz-2", "jazz-3")
    country.until(8 * 86_400 + 20_000)
    at = 8 * 86_400
    assert [1, 3] == [country.nation.statuses(moment)[2].agents_expected for moment in (at + 10_000, at + 60_000)]


def evening(spread_s: int) -> list[Turn]:
    """Nine of twelve agents of fixed lines go within a quarter of an hour, and then all three of Jazz."""
    country = Country()
    country.presence(1, "ptcl", True, *(f"ptcl-{n}" for n in range(12)))
    country.presence(1, "jazz", True, "jazz-1", "jazz-2", "jazz-3")
    country.until(5000)
    for number in range(9):
        country.presence(5000 + 100 * number, "ptcl", False, f"ptcl-{number}")
        country.until(5000 + 100 * number)
    for number in (1, 2, 3):
        country.presence(6000 + spread_s * number, "jazz", False, f"jazz-{number}")
    return [turn for turn in country.until(6500) if turn.isp == "jazz"]


def test_agents_that_go_as_agents_go_everywhere_at_that_hour_are_no_outage() -> None:
    assert [IspState.UNKNOWN] == [turn.after for turn in evening(60)]
    assert [IspState.DOWN] == [turn.after for turn in evening(1)]


def test_isps_of_a_kind_that_fall_silent_as_one_are_down_the_sooner() -> None:
    country = Country((*ISPS, Isp(id="zong", name="Zong", kind=IspKind.MOBILE)))
    for isp in ("ptcl", "jazz", "zong"):
        country.presence(1, isp, True, *(f"{isp}-{n}" for n in range(5)))
    country.until(10)
    country.presence(100, "jazz", False, *(f"jazz-{n}" for n in range(5)))
    country.presence(105, "zong", False, *(f"zong-{n}" for n in range(5)))
    assert [] == country.until(142)
    assert {("jazz", IspState.DOWN), ("zong", IspState.DOWN)} == {(t.isp, t.after) for t in country.until(143)}


def test_after_one_isp_s_outage_another_s_is_seen_all_the_same() -> None:
    """Three agents each, five minutes apart, as sessions end that nobody closed."""
    country = Country((*ISPS, Isp(id="zong", name="Zong", kind=IspKind.MOBILE)))
    for isp in ("ptcl", "jazz", "zong"):
        country.presence(1, isp, True, *(f"{isp}-{n}" for n in range(3)))
    country.until(10)
    for began, isp in ((1000, "jazz"), (1250, "zong")):
        for number, late in enumerate((0, 6, 13)):
            country.presence(began + late, isp, False, f"{isp}-{number}")
        country.until(began + 200)
    assert [IspState.DOWN] * 2 == [country.nation.state(isp) for isp in ("jazz", "zong")]
