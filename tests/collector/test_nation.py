"""The states of all ISPs together."""

from rabta_collector.agenda import Agenda
from rabta_collector.entries import Presence
from rabta_collector.nation import Nation, Turn
from rabta_collector.outage import Patience
from rabta_proto.vocabulary import IspState, Role
from support.feeds import ISPS


class Country:
    """A nation with its agenda, kept by hand."""

    def __init__(self) -> None:
        self.health = {isp.id: IspState.UP for isp in ISPS}
        self.agenda = Agenda(grid_s=1)
        self.nation = Nation(ISPS, Patience(), self.agenda, self.health.__getitem__)

    def presence(self, at: float, isp: str, connected: bool, *agents: str, role: Role = Role.PROBE) -> None:
        for agent in agents:
            self.nation.hear(Presence(at=at, agent=agent, isp=isp, role=role, connected=connected))

    def until(self, now: int) -> list[Turn]:
        turns = []
        while (point := self.agenda.next) is not None and point <= now:
            turns += self.nation.settle([key for (key,) in self.agenda.take(point)], float(point))
        return turns


def calm() -> Country:
    country = Country()
    for isp in ("ptcl", "jazz"):
        country.presence(1, isp, True, f"{isp}-1", f"{isp}-2")
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
    country.presence(100, "jazz", False, "jazz-1", "jazz-2")
    assert [] == country.until(189)
    (turn,) = country.until(190)
    assert Turn(isp="jazz", before=IspState.UP, after=IspState.DOWN, detected_after_s=90.0) == turn


def test_controls_bear_witness_that_we_can_hear() -> None:
    country = calm()
    country.presence(100, "", True, "control", role=Role.CONTROL)
    for isp in ("ptcl", "jazz"):
        country.presence(100, isp, False, f"{isp}-1", f"{isp}-2")
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
    for agent in ("jazz-1", "jazz-2"):
        country.presence(100, "ptcl", True, agent)
    country.until(1000)
    assert (IspState.UNKNOWN, 4) == (country.nation.state("jazz"), country.nation.connected("ptcl"))


def test_an_isp_that_is_not_in_the_list_is_left_out() -> None:
    country = calm()
    country.presence(100, "nowhere", True, "a")
    assert [] == country.until(200)


def test_the_forgotten_are_no_longer_expected() -> None:
    country = calm()
    country.presence(100, "jazz", False, "jazz-1", "jazz-2")
    country.until(200)
    assert [2, 0, 2] == [status.agents_expected for status in country.nation.statuses(200)]
    country.until(100 + 86_400)
    assert (IspState.UNKNOWN, 0) == (
        country.nation.state("jazz"),
        country.nation.statuses(90_000)[2].agents_expected,
    )
