"""Each kind of target has its own words, in English and in Urdu, and none is called what it is not."""

from collections.abc import Iterator

import pytest

from rabta_agent import words
from rabta_agent.cli.explain import to_words
from rabta_agent.cli.plain import conclude
from rabta_agent.cli.probe import to_text
from rabta_proto.model import Detail, DnsQuery, Measurement, Observation, QuicHandshake, TcpConnect, TlsHandshake
from rabta_proto.model import VpnHandshake as Greeting
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind, VpnProtocol
from support.factories import NOON
from support.telling import moment

SITE, SOURCE = "192.0.2.1", AddressSource.SYSTEM
DNS = DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname="a.example", query_type="A")
TCP = TcpConnect(address=SITE, port=9001, source=SOURCE)
TLS = TlsHandshake(address=SITE, port=853, server_name="a.example", source=SOURCE, verified=True)
QUIC = QuicHandshake(address=SITE, port=443, server_name="a.example", source=SOURCE, verified=True)
CUT = Failure.CONNECTION_RESET
Step = Detail | tuple[Detail, Failure]


def greeting(protocol: VpnProtocol, port: int, *, over_tcp: bool = False, verified: bool = False) -> Greeting:
    return Greeting(
        protocol=protocol, address=SITE, port=port, source=SOURCE, over_tcp=over_tcp, said=1, verified=verified
    )


OPENVPN = greeting(VpnProtocol.OPENVPN, 1194)
OPENVPN_TCP = greeting(VpnProtocol.OPENVPN, 443, over_tcp=True)
WIREGUARD = greeting(VpnProtocol.WIREGUARD, 51820, verified=True)
IKEV2 = greeting(VpnProtocol.IKEV2, 500)
TOR = greeting(VpnProtocol.TOR, 9001, over_tcp=True)
ECH = greeting(VpnProtocol.ECH, 443, over_tcp=True)
USUAL = greeting(VpnProtocol.TLS, 443, over_tcp=True)
UNKNOWN = greeting(VpnProtocol.UNKNOWN, 7)


def measured(*steps: Step) -> Measurement:
    pairs = [step if isinstance(step, tuple) else (step, None) for step in steps]
    return Measurement(
        target="what://was.measured",
        started_at=moment(NOON),
        duration_us=1,
        agent_version="1",
        observations=tuple(
            Observation(detail=detail, offset_us=number, duration_us=12_000, failure=failure)
            for number, (detail, failure) in enumerate(pairs)
        ),
    )


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    words.use("en")
    yield
    words.use("en")


@pytest.mark.parametrize(
    ("steps", "explained", "probed"),
    [
        (
            [DNS],
            "Asked your own resolver for a.example (A): no address",
            "dns   A a.example from your own resolver: no address",
        ),
        ([TCP], "Connected to 192.0.2.1, port 9001: it answered", "tcp   192.0.2.1 port 9001: connected"),
        (
            [TLS],
            "Asked 192.0.2.1 for encryption as a.example: good, the certificate is right",
            "tls   a.example at 192.0.2.1: , certificate verified",
        ),
        (
            [QUIC],
            "Asked 192.0.2.1 over QUIC as a.example: good, the certificate is right",
            "quic  a.example at 192.0.2.1 port 443: QUIC version 0x0, certificate verified",
        ),
        (
            [OPENVPN],
            "Sent the OpenVPN server at 192.0.2.1, port 1194, its protocol's first message over UDP: it answered",
            "vpn   OpenVPN at 192.0.2.1 port 1194: answered",
        ),
        (
            [OPENVPN_TCP],
            "Sent the OpenVPN server at 192.0.2.1, port 443, its protocol's first message over TCP: it answered",
            "vpn   OpenVPN at 192.0.2.1 port 443 over TCP: answered",
        ),
        (
            [WIREGUARD],
            "Sent the WireGuard server at 192.0.2.1, port 51820, its protocol's first message over UDP: "
            "it answered, and with the right key",
            "vpn   WireGuard at 192.0.2.1 port 51820: answered, key verified",
        ),
        (
            [IKEV2],
            "Sent the IPsec (IKEv2) server at 192.0.2.1, port 500, its protocol's first message over UDP: it answered",
            "vpn   IPsec (IKEv2) at 192.0.2.1 port 500: answered",
        ),
        (
            [TOR],
            "Asked the Tor relay at 192.0.2.1, port 9001, for encryption, as Tor does: it answered",
            "tor   Tor at 192.0.2.1 port 9001 over TCP: answered",
        ),
        (
            [ECH],
            "Asked 192.0.2.1, port 443, for encryption in a way that can hide the site's name (ECH): it answered",
            "ech   ClientHello with ECH at 192.0.2.1 port 443 over TCP: answered",
        ),
        (
            [USUAL],
            "Asked 192.0.2.1, port 443, for encryption in the usual way, to compare: it answered",
            "tls   ClientHello without ECH at 192.0.2.1 port 443 over TCP: answered",
        ),
        (
            [UNKNOWN],
            "Spoke to 192.0.2.1, port 7, in a protocol that this version does not know: it answered",
            "vpn   unknown protocol at 192.0.2.1 port 7: answered",
        ),
    ],
)
def test_each_kind_of_target_has_its_own_words(steps: list[Step], explained: str, probed: str) -> None:
    measurement = measured(*steps)
    assert f"  1. {explained} (12 ms)" in to_words(measurement, moment(NOON), colour=False).splitlines()
    assert [line for line in to_text(measurement).splitlines() if line.endswith(f"  {probed}")]


@pytest.mark.parametrize("step", [TOR, ECH, USUAL, TLS, TCP, QUIC, DNS])
def test_nothing_but_a_vpn_is_called_one(step: Detail) -> None:
    for measurement in (measured(step), measured((step, CUT)), measured((step, Failure.VPN_FAILED_HANDSHAKE))):
        said = to_words(measurement, moment(NOON), colour=False) + to_text(measurement)
        assert "vpn" not in said.lower().replace("vpn_failed_handshake", "")


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ([TCP, (TOR, CUT)], "for encryption, as Tor does: the connection was reset."),
        (
            [TCP, (ECH, CUT), TCP, USUAL],
            "(ECH): the connection was reset; asked in the usual way, the same server answered.",
        ),
        (
            [TCP, (ECH, CUT), TCP, (USUAL, CUT)],
            "(ECH): the connection was reset; asked in the usual way, the same server did not answer either.",
        ),
        ([TCP, (ECH, CUT)], "(ECH): the connection was reset."),
        ([TCP, ECH], "(ECH): it answered."),
        (
            [(OPENVPN, Failure.VPN_FAILED_HANDSHAKE)],
            "over UDP: the answer is none of the protocol that was spoken.",
        ),
        ([(TCP, Failure.GENERIC_TIMEOUT)], "192.0.2.1 port 9001: no answer came in time."),
    ],
)
def test_the_facts_are_one_line_that_compares_what_was_compared(steps: list[Step], line: str) -> None:
    assert conclude(measured(*steps)).endswith(line)


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (OPENVPN, "سرور کو اس کے پروٹوکول کا پہلا پیغام"),
        (WIREGUARD, "درست کلید سے"),
        (IKEV2, "سرور کو اس کے پروٹوکول کا پہلا پیغام"),
        (TOR, "ریلے سے خفیہ کاری مانگی"),
        (ECH, "جو سائٹ کا نام چھپا سکتا ہے"),
        (USUAL, "موازنے کے لیے عام طریقے سے"),
        (UNKNOWN, "جسے یہ نسخہ نہیں جانتا"),
    ],
)
def test_in_urdu_each_has_urdu_words(step: Greeting, word: str) -> None:
    words.use("ur")
    measurement = measured(step)
    assert word in to_words(measurement, moment(NOON), colour=False)
    assert f"\u2068{SITE}\u2069" in to_text(measurement)
    assert "؛ عام طریقے سے" in conclude(measured((ECH, CUT), USUAL))
