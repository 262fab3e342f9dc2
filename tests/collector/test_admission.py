"""Who comes in, and how much of each."""

from pathlib import Path

import pytest

from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission, Entrant
from rabta_collector.admit import MAX_MESSAGE_BYTES, Reason, Refused
from rabta_collector.limits import Limits
from rabta_collector.prefixes import Prefixes
from rabta_collector.pressure import PATIENCE_S
from rabta_collector.registry import Invite, Newcomer, Registry

HERE, THERE, LOOPBACK = "192.0.2.1", "198.51.100.1", "127.0.0.1"
LIMITS = Limits(
    agent_bytes_per_s=100,
    agent_burst_bytes=1000,
    agent_messages_per_s=1,
    agent_burst_messages=10,
    agent_measurements_per_s=1,
    agent_burst_measurements=50,
    prefix_bytes_per_s=100,
    prefix_burst_bytes=1500,
    prefix_calls_per_s=1,
    prefix_burst_calls=3,
    prefix_sessions=2,
    prefix_enrolments_per_hour=2,
    sessions=3,
)


class Gate:
    """An admission with a clock that the test sets, and agents."""

    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self.registry = Registry(path / "state.sqlite")
        token = self.registry.invite(Invite(uses=9, expires_at=10.0), now=0.0)
        newcomer = Newcomer(isp="ptcl", province="", version="0")
        self.credentials = {
            agent.id: f"Bearer {agent.id}.{secret}"
            for agent, secret in (self.registry.enrol(token, newcomer, now=0.0) for _ in range(5))
        }
        self.agents = list(self.credentials)
        self.admission = Admission(Accounts(self.registry), LIMITS, Prefixes(bytes), clock=lambda: self.now)

    def enter(self, number: int = 0, address: str = LOOPBACK) -> Entrant:
        return self.come(self.credentials[self.agents[number]], address)

    def come(self, authorization: str, address: str, raw: bytes = b"") -> Entrant:
        return self.admission.enter(authorization, self.admission.knock(address, raw))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def reason(raised: pytest.ExceptionInfo[Refused]) -> Reason:
    return raised.value.reason


def test_a_credential_opens(gate: Gate) -> None:
    assert gate.agents[1] == gate.enter(1).agent.id


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer a.b", "Basic a.b"])
def test_nothing_else_does(gate: Gate, authorization: str) -> None:
    with pytest.raises(Refused) as refused:
        gate.come(authorization, LOOPBACK)
    assert Reason.UNAUTHENTICATED is reason(refused)


def test_size_is_looked_at_before_the_credential(gate: Gate) -> None:
    with pytest.raises(Refused) as refused:
        gate.come("", LOOPBACK, bytes(MAX_MESSAGE_BYTES + 1))
    assert Reason.TOO_LARGE is reason(refused)


def test_calls_are_counted_by_prefix_before_the_credential_is_looked_at(gate: Gate) -> None:
    for _ in range(3):
        with pytest.raises(Refused, match=r"authorization"):
            gate.come("", HERE)
    with pytest.raises(Refused) as refused:
        gate.enter(address="192.0.2.99")
    assert Reason.PREFIX is reason(refused)
    gate.enter(address=THERE)
    gate.now = 1.0
    gate.enter(address=HERE)


def test_loopback_has_no_prefix_and_no_limit_by_it(gate: Gate) -> None:
    for _ in range(20):
        assert gate.enter().prefix is None


def test_enrolments_are_counted_by_prefix_and_hour(gate: Gate) -> None:
    for _ in range(2):
        gate.admission.enrol(HERE, b"")
    gate.now = 1.0
    with pytest.raises(Refused) as refused:
        gate.admission.enrol(HERE, b"")
    assert Reason.ENROLMENTS is reason(refused)
    gate.admission.enrol(THERE, b"")
    gate.now = 1801.0
    gate.admission.enrol(HERE, b"")


def test_an_agent_within_its_rate_waits_for_nothing(gate: Gate) -> None:
    toll = gate.admission.charge(gate.enter(), 500, 5, 1.0)
    assert (0.0, False, None) == (toll.wait_s, toll.greedy, toll.slow_down)


@pytest.mark.parametrize(("size", "measurements", "wait_s"), [(1100, 1, 1.0), (1, 52, 2.0)])
def test_one_beyond_its_rate_waits_and_is_told(gate: Gate, size: int, measurements: int, wait_s: float) -> None:
    toll = gate.admission.charge(gate.enter(), size, measurements, 0.0)
    assert wait_s == toll.wait_s
    assert toll.greedy
    assert toll.slow_down is not None


def test_messages_count_however_small_they_are(gate: Gate) -> None:
    entrant = gate.enter()
    assert 1.0 == [gate.admission.charge(entrant, 0, 0, 0.0).wait_s for _ in range(11)][-1]


def test_a_rate_is_the_agents_and_not_the_sessions(gate: Gate) -> None:
    gate.admission.charge(gate.enter(), 1000, 1, 0.0)
    assert 1.0 == gate.admission.charge(gate.enter(), 100, 1, 0.0).wait_s
    assert 0.0 == gate.admission.charge(gate.enter(1), 100, 1, 0.0).wait_s


def test_agents_of_one_prefix_share_its_rate(gate: Gate) -> None:
    assert 0.0 == gate.admission.charge(gate.enter(0, HERE), 1000, 1, 0.0).wait_s
    assert 2.0 == gate.admission.charge(gate.enter(1, HERE), 700, 1, 0.0).wait_s


def test_one_that_presses_on_is_refused(gate: Gate) -> None:
    entrant = gate.enter()
    gate.admission.charge(entrant, 2000, 1, 0.0)
    gate.now = PATIENCE_S + 1
    with pytest.raises(Refused) as refused:
        gate.admission.charge(entrant, 2000, 1, 0.0)
    assert Reason.RATE is reason(refused)


def test_sessions_are_bounded_by_prefix_and_in_all(gate: Gate) -> None:
    with gate.admission.seat(gate.enter(0, HERE)), gate.admission.seat(gate.enter(1, HERE)):
        with pytest.raises(Refused) as refused, gate.admission.seat(gate.enter(2, HERE)):
            pass
        assert Reason.PREFIX is reason(refused)
        with gate.admission.seat(gate.enter(2, THERE)):
            with pytest.raises(Refused) as refused, gate.admission.seat(gate.enter(3)):
                pass
            assert Reason.SESSIONS is reason(refused)
        gate.now = 5.0
    with gate.admission.seat(gate.enter(2, HERE)):
        pass


def test_a_session_that_comes_again_takes_its_own_place(gate: Gate) -> None:
    others = [gate.admission.seat(gate.enter(number)) for number in (1, 2)]
    for other in others:
        other.__enter__()
    older = gate.admission.seat(gate.enter())
    older.__enter__()
    with gate.admission.seat(gate.enter()):
        older.__exit__(None, None, None)
        with pytest.raises(Refused), gate.admission.seat(gate.enter(3)):
            pass
    with gate.admission.seat(gate.enter(3)):
        pass
