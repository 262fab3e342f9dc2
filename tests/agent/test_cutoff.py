"""Only what was just cut off under its own name is traced, and nothing else ever is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rabta_agent.cutoff import find_cutoff
from rabta_proto.locating import Cut
from rabta_proto.model import (
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import AddressSource, Depth, Failure

SITE, SYSTEM = "104.244.42.1", AddressSource.SYSTEM
RESET, SILENCE = Failure.CONNECTION_RESET, Failure.GENERIC_TIMEOUT


def seen(detail: Any, failure: Failure | None = None, **more: Any) -> Observation:
    return Observation(detail=detail, offset_us=0, duration_us=1, failure=failure, **more)


def tcp(source: AddressSource = SYSTEM) -> Observation:
    return seen(TcpConnect(address=SITE, port=443, source=source))


def tls(failure: Failure | None, *, source: AddressSource = SYSTEM, **more: Any) -> Observation:
    return seen(TlsHandshake(address=SITE, port=443, server_name="x.com", source=source, **more), failure)


def page(failure: Failure | None, status: int | None = None) -> Observation:
    return seen(HttpRoundTrip(address=SITE, port=80, url="http://x.com/", tls=False, status=status), failure)


ANOTHER = tls(None, isolation=True, server_answered=True)


def measured(*steps: Observation, target: str = "https://x.com/", **more: Any) -> Measurement:
    started = datetime(2026, 1, 2, tzinfo=UTC)
    return Measurement(target=target, started_at=started, duration_us=1, agent_version="1", observations=steps, **more)


BLOCKED = measured(tcp(), tls(RESET), ANOTHER, tls(RESET))


def test_a_reset_of_the_name_is_traced() -> None:
    cutoff = find_cutoff(BLOCKED)
    assert cutoff is not None
    assert ("x.com", SITE, SYSTEM, Cut.RESET) == (cutoff.url.host, cutoff.address, cutoff.source, cutoff.cut)


@pytest.mark.parametrize("silence", [SILENCE, Failure.TIMED_OUT])
def test_silence_is_traced_where_another_name_was_answered(silence: Failure) -> None:
    cutoff = find_cutoff(measured(tcp(), tls(silence), ANOTHER, tls(silence)))
    assert cutoff is not None
    assert Cut.SILENCE is cutoff.cut
    assert None is find_cutoff(measured(tcp(), tls(silence), tls(silence, isolation=True), tls(silence)))


def test_a_request_that_was_cut_off_is_traced() -> None:
    for failure, cut in ((RESET, Cut.RESET), (SILENCE, Cut.SILENCE)):
        cutoff = find_cutoff(measured(tcp(), page(failure), target="http://x.com/"))
        assert cutoff is not None
        assert (cut, SITE, False) == (cutoff.cut, cutoff.address, cutoff.url.tls)


@pytest.mark.parametrize(
    "steps",
    [
        (tcp(), tls(None, verified=True)),  # reached
        (tcp(), tls(RESET), ANOTHER, tls(None, verified=True)),  # reached in the second pass
        (tcp(), tls(Failure.EOF), ANOTHER),
        (tcp(), tls(Failure.SSL_UNKNOWN_AUTHORITY)),
        (tcp(), tls(Failure.SSL_FAILED_HANDSHAKE)),
        (tcp(), tls(RESET, server_answered=True)),  # the server had begun to speak
        (tcp(AddressSource.CONTROL), tls(RESET, source=AddressSource.CONTROL)),  # nobody goes there
        (tcp(), ANOTHER),
        (tcp(), tls(RESET, split=True)),
        (tcp(),),
        (),
    ],
)
def test_nothing_else_is(steps: tuple[Observation, ...]) -> None:
    assert None is find_cutoff(measured(*steps))


@pytest.mark.parametrize("network", [{"vpn": True}, {"captive_portal": True}, {"changed": True}])
def test_nothing_is_on_a_network_that_says_nothing_of_the_isp(network: dict[str, bool]) -> None:
    assert None is find_cutoff(replace(BLOCKED, network=NetworkContext(**network)))


@pytest.mark.parametrize(
    "target", ["https://104.244.42.1/", "quic://x.com/", "tcp://x.com:443", "dns:x.com", "openvpn://x.com", "nonsense"]
)
def test_only_web_targets_with_a_name_are(target: str) -> None:
    assert None is find_cutoff(replace(BLOCKED, target=target))


def test_neither_a_trace_is_nor_what_was_sent_on() -> None:
    assert None is find_cutoff(replace(BLOCKED, depth=Depth.TRACE))
    onward = replace(tls(RESET), hop=1)
    assert None is find_cutoff(measured(tcp(), tls(None, verified=True), onward))


def test_a_page_that_was_answered_in_part_is_not() -> None:
    assert None is find_cutoff(measured(tcp(), page(RESET, status=200), target="http://x.com/"))
    assert None is find_cutoff(measured(tcp(AddressSource.DOH), page(RESET), target="http://x.com/"))
