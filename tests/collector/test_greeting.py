"""What an agent is told of the network that it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from rabta_collector.catalogue import Isp
from rabta_collector.greeting import make_welcome, nearest_peer, short_word
from rabta_collector.networks import Networks
from rabta_proto.vocabulary import IspKind

PEER = "ipv4:39.32.1.2:4711"
ISPS = (Isp(id="ptcl", name="PTCL", kind=IspKind.FIXED, asns=(17557,)),)


class Database:
    def get(self, address: str, /) -> object:
        return {"39.32.1.2": {"autonomous_system_number": 17557}, "5.5.5.5": {"autonomous_system_number": 64500}}.get(
            address
        )


@dataclass(frozen=True)
class Call:
    metadata: tuple[tuple[str, str | bytes], ...] = ()

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        return self.metadata

    def peer(self) -> str:
        return PEER


@pytest.mark.parametrize(
    ("peer", "said"),
    [(PEER, ("ptcl", 17557)), ("ipv4:5.5.5.5:1", ("", 64500)), ("ipv4:7.7.7.7:1", ("", 0)), ("", ("", 0))],
)
def test_an_agent_is_told_which_network_it_comes_from(peer: str, said: tuple[str, int]) -> None:
    welcome = make_welcome(Networks(ISPS, Database()), peer, now=5.0, heartbeat_s=0.2)
    assert said == (welcome.seen_isp, welcome.seen_asn)
    assert (5, 1) == (welcome.now.seconds, welcome.heartbeat_interval_s)


def test_a_call_that_somebody_passed_on_says_nothing_of_the_agents_network() -> None:
    assert PEER == nearest_peer(Call((("authorization", "Bearer a.b"),)))
    assert "" == nearest_peer(Call((("X-Forwarded-For", "1.2.3.4"),)))


def test_a_word_is_cut_to_what_can_be_printed() -> None:
    assert "0.1" == short_word("0\n.1")
    assert 64 == len(short_word("x" * 100))
