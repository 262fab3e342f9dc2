"""Rows about connections: TCP to the site's addresses."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import by_control
from rabta_collector.verdict.weights import BY_CONTROL_AND_SILENCE
from rabta_proto.vocabulary import Mechanism, Step


def _works(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.TCP, *manners) and f.works


BY_CONTROL = (
    by_control(
        id="tcp.reset.control_connects",
        step=Step.TCP,
        when=_works(Manner.RESET),
        mechanism=Mechanism.TCP_RESET,
        evidence=evidence.connecting,
        comment="the connection is reset; controls connect",
    ),
    by_control(
        id="tcp.refused.control_connects",
        step=Step.TCP,
        when=_works(Manner.REFUSAL),
        mechanism=Mechanism.TCP_REFUSED,
        evidence=evidence.connecting,
        comment="the connection is refused; controls connect",
    ),
    by_control(
        id="ip.unreachable.control_connects",
        step=Step.TCP,
        when=_works(Manner.UNREACHABLE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.IP_UNREACHABLE,
        evidence=evidence.connecting,
        comment="a router says that there is no way there; controls connect",
    ),
    by_control(
        id="tcp.timeout.control_connects",
        step=Step.TCP,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.TCP_TIMEOUT,
        evidence=evidence.connecting,
        comment="the address is silent; controls connect",
    ),
)
