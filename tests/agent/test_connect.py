from rabta_agent.network import Vantage
from rabta_agent.probes.connect import connect
from rabta_proto.model import TcpConnect
from rabta_proto.vocabulary import AddressSource
from support.peers import Peer, free_port, silence
from support.scenes import make_scene, within


def endpoint(port: int, address: str = "127.0.0.1") -> TcpConnect:
    return TcpConnect(address=address, port=port, source=AddressSource.SYSTEM)


async def test_success_opens_a_connection() -> None:
    async with Peer(silence) as peer:
        outcome = await connect(make_scene(), endpoint(peer.port), within())
        assert outcome.value is not None
        outcome.value.close()
    assert (None, endpoint(peer.port)) == (outcome.observation.failure, outcome.observation.detail)


async def test_refusal_is_connection_refused() -> None:
    outcome = await connect(make_scene(), endpoint(free_port()), within())
    assert (None, "connection_refused") == (outcome.value, outcome.observation.failure)


async def test_a_special_address_is_recorded_and_not_dialled() -> None:
    async with Peer(silence) as peer:
        outcome = await connect(make_scene(Vantage()), endpoint(peer.port), within())
        assert 0 == peer.accepted
    assert (None, "special_address", "loopback") == (
        outcome.value,
        outcome.observation.failure,
        outcome.observation.failure_detail,
    )


async def test_what_is_no_address_fails_and_is_not_looked_up() -> None:
    outcome = await connect(make_scene(), endpoint(443, "x.com"), within())
    assert "unknown_failure: ValueError" == outcome.observation.failure
