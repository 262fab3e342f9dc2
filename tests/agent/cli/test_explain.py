"""A measurement in plain words, and the facts of it in one line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.cli.plain import FAILURES, conclude
from rabta_agent.diary import Diary
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from rabta_proto.model import (
    Detail,
    DnsAnswer,
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind, VpnProtocol
from support.agents import credential

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SITE, SOURCE = "192.0.2.1", AddressSource.SYSTEM
OWN = DnsQuery(
    resolver_kind=ResolverKind.SYSTEM,
    resolver="",
    hostname="x.com",
    query_type="A",
    rcode=0,
    answers=(DnsAnswer(type="A", value=SITE, ttl_s=60),),
)
NOBODY = DnsQuery(resolver_kind=ResolverKind.SYSTEM, resolver="", hostname="x.com", query_type="A", rcode=3)
PUBLIC = DnsQuery(
    resolver_kind=ResolverKind.UDP, resolver="8.8.8.8", hostname="x.com", query_type="A", rcode=0, answers=OWN.answers
)
TCP = TcpConnect(address=SITE, port=443, source=SOURCE)
TLS = TlsHandshake(address=SITE, port=443, server_name="x.com", source=SOURCE, verified=True)
CUT = TlsHandshake(address=SITE, port=443, server_name="x.com", source=SOURCE)
OTHER = TlsHandshake(address=SITE, port=443, server_name="a.example", source=SOURCE, isolation=True)
PAGE = HttpRoundTrip(address=SITE, port=443, url="https://x.com/", tls=True, status=200, body_bytes=5)
QUIC = QuicHandshake(address=SITE, port=443, server_name="x.com", source=SOURCE)
Step = Detail | tuple[Detail, Failure]


def measured(*steps: Step, target: str = "https://x.com/", network: NetworkContext | None = None) -> Measurement:
    pairs = [step if isinstance(step, tuple) else (step, None) for step in steps]
    return Measurement(
        target=target,
        platform="x",
        started_at=NOW,
        duration_us=1,
        agent_version="1",
        network=network or NetworkContext(),
        observations=tuple(
            Observation(detail=detail, offset_us=number, duration_us=12_000, failure=failure)
            for number, (detail, failure) in enumerate(pairs)
        ),
    )


@pytest.mark.parametrize(
    ("measurement", "line"),
    [
        (measured(OWN, TCP, TLS, PAGE), "https://x.com/ answered with status 200."),
        (measured(OWN, TCP, TLS), "x.com was reached, and its certificate is right."),
        (measured(OWN, TCP), "192.0.2.1 port 443 took the connection."),
        (measured(OWN), "Your own resolver names an address."),
        (measured(), "Nothing was measured."),
        (
            measured(OWN, TCP, (CUT, Failure.CONNECTION_RESET), OTHER),
            "TLS to x.com failed after the name was sent: the connection was reset; "
            "the same server answered for another name.",
        ),
        (
            measured(OWN, TCP, (CUT, Failure.GENERIC_TIMEOUT), (OTHER, Failure.GENERIC_TIMEOUT)),
            "TLS to x.com failed after the name was sent: no answer came in time; "
            "the same server did not answer for another name either.",
        ),
        (
            measured(OWN, TCP, (CUT, Failure.SSL_UNKNOWN_AUTHORITY)),
            "TLS to x.com failed after the name was sent: nobody that is trusted vouches for the certificate.",
        ),
        (
            measured(OWN, (QUIC, Failure.GENERIC_TIMEOUT)),
            "QUIC to x.com failed after the name was sent: no answer came in time.",
        ),
        (measured(OWN, (TCP, Failure.CONNECTION_REFUSED)), "192.0.2.1 port 443: the connection was refused."),
        (measured(OWN, TCP, TLS, (PAGE, Failure.EOF)), "https://x.com/: the connection was closed without an answer."),
        (
            measured((NOBODY, Failure.DNS_NXDOMAIN), PUBLIC),
            "Your own resolver: the resolver says that there is no such name; a public one names an address.",
        ),
        (
            measured((NOBODY, Failure.DNS_REFUSED)),
            "No resolver names an address (the resolver refuses to answer).",
        ),
    ],
)
def test_the_facts_are_one_line(measurement: Measurement, line: str) -> None:
    assert line == conclude(measurement)


def test_every_failure_has_words() -> None:
    assert set(Failure) == set(FAILURES)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RABTA_HOME", str(tmp_path))
    joined = Home(path=tmp_path)
    joined.save_credential(credential("https://c.example:443"))
    return joined


@pytest.mark.parametrize("what", ["https://x.com/", "x.com", "x", "X"])
def test_a_volunteer_may_name_the_address_the_host_or_the_platform(
    home: Home, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Diary(home.diary_file).keep(
        measured(OWN, TCP, (CUT, Failure.CONNECTION_RESET), OTHER, network=NetworkContext(vpn=True))
    )
    assert ExitCode.GOOD == main(["explain", what])
    lines = capsys.readouterr().out.splitlines()
    assert "  1. Asked your own resolver for x.com (A): 192.0.2.1 (12 ms)" == lines[1]
    assert "  3. Asked 192.0.2.1 for encryption as x.com: the connection was reset (12 ms)" == lines[3]
    assert "Note: a VPN is on." == lines[5]
    assert lines[6].endswith("the same server answered for another name.")


def test_what_was_never_measured_is_said_with_what_was(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.FAILED == main(["explain", "x"])
    assert "nothing was measured yet" in capsys.readouterr().err
    Diary(home.diary_file).keep(measured(OWN, target="dns:x.com"))
    assert ExitCode.FAILED == main(["explain", "y"])
    assert "something of: dns:x.com" in capsys.readouterr().err


def test_in_urdu_the_words_are_urdu_and_addresses_keep_their_direction(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    Diary(home.diary_file).keep(measured(OWN, TCP, (CUT, Failure.CONNECTION_RESET), OTHER))
    assert ExitCode.GOOD == main(["explain", "x", "--lang", "ur"])
    said = capsys.readouterr().out
    assert "رابطہ زبردستی کاٹ دیا گیا" in said
    assert "\u2068x.com\u2069" in said
    main(["version", "--lang", "en"])


def test_a_hello_that_was_made_for_comparison_is_not_the_fact_of_a_measurement() -> None:
    ech, plain = (
        VpnHandshake(protocol=protocol, address=SITE, port=443, source=SOURCE, over_tcp=True)
        for protocol in (VpnProtocol.ECH, VpnProtocol.TLS)
    )
    told = conclude(measured(OWN, TCP, (ech, Failure.CONNECTION_RESET), TCP, plain, target="ech://x.com"))
    assert "(ECH)" in told
    assert FAILURES[Failure.CONNECTION_RESET] in told
