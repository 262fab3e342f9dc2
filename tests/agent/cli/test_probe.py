"""`rabta-agent probe`: every step with its timing, for a person and for a program."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse

from rabta_agent.cli.probe import to_json, to_text
from rabta_agent.exits import ExitCode
from rabta_proto.codec import from_message
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
)
from rabta_proto.v1.measurement_pb2 import Measurement as Message
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind
from support.agent_process import command
from support.peers import Authority
from support.quic_server import open_quic_server, pem
from support.web_server import serving

ADDRESS = AddressSource.SYSTEM
MEASUREMENT = Measurement(
    target="https://x.com/",
    started_at=datetime(2026, 1, 2, tzinfo=UTC),
    duration_us=1_250_000,
    agent_version="1",
    bytes_sent=10,
    bytes_received=20,
    observations=(
        Observation(
            detail=DnsQuery(
                resolver_kind=ResolverKind.SYSTEM,
                hostname="x.com",
                query_type="A",
                answers=(DnsAnswer(type="A", value="192.0.2.1"),),
            ),
            offset_us=0,
            duration_us=12_300,
        ),
        Observation(
            detail=DnsQuery(
                resolver_kind=ResolverKind.UDP, resolver="8.8.8.8", hostname="x.com", query_type="A", rcode=3
            ),
            offset_us=0,
            duration_us=1,
            failure=Failure.DNS_NXDOMAIN,
        ),
        Observation(
            detail=TcpConnect(address="192.0.2.1", port=443, source=ADDRESS), offset_us=12_300, duration_us=1000
        ),
        Observation(
            detail=TlsHandshake(
                address="192.0.2.1", port=443, server_name="x.com", source=ADDRESS, tls_version="TLSv1.3", verified=True
            ),
            offset_us=13_300,
            duration_us=1,
        ),
        Observation(
            detail=TlsHandshake(
                address="192.0.2.1", port=443, server_name="www.example.com", source=ADDRESS, isolation=True
            ),
            offset_us=13_300,
            duration_us=1,
            failure=Failure.CONNECTION_RESET,
            attempt=2,
        ),
        Observation(
            detail=HttpRoundTrip(
                address="192.0.2.1", port=443, url="https://x.com/", tls=True, status=200, body_bytes=5, title="X"
            ),
            offset_us=14_000,
            duration_us=2,
        ),
    ),
)


def test_a_person_reads_one_line_per_step() -> None:
    assert to_text(MEASUREMENT).splitlines() == [
        "https://x.com/",
        "      0.0 ms     12.3 ms  dns   A x.com from your own resolver: 192.0.2.1",
        "      0.0 ms      0.0 ms  dns   A x.com from 8.8.8.8: the resolver says that there is no such name",
        "     12.3 ms      1.0 ms  tcp   192.0.2.1 port 443: connected",
        "     13.3 ms      0.0 ms  tls   x.com at 192.0.2.1: TLSv1.3, certificate verified",
        "     13.3 ms      0.0 ms  tls   www.example.com at 192.0.2.1 (a harmless name): the connection was reset"
        "  (attempt 2)",
        '     14.0 ms      0.0 ms  http  GET https://x.com/: status 200, 5 bytes, "X"',
        "1.25 s, 10 bytes sent, 20 received",
    ]


def read(detail: Detail, network: NetworkContext | None = None) -> list[str]:
    """The lines of one step, and what disturbed it."""
    seen = replace(MEASUREMENT.observations[0], detail=detail)
    text = to_text(replace(MEASUREMENT, observations=(seen,), network=network or NetworkContext()))
    return text.splitlines()[1:-1]


@pytest.mark.parametrize(
    ("version", "said"), [(1, "QUIC v1"), (0x6B3343CF, "QUIC v2"), (0xFF00001D, "QUIC version 0xff00001d")]
)
def test_a_person_reads_what_quic_came_to(version: int, said: str) -> None:
    handshake = QuicHandshake(
        address="192.0.2.1", port=443, server_name="x.com", source=ADDRESS, verified=True, quic_version=version
    )
    (line,) = read(handshake)
    assert line.endswith(f" quic  x.com at 192.0.2.1 port 443: {said}, certificate verified")
    (line,) = read(replace(handshake, server_name="a.example", isolation=True, verified=False))
    assert line.endswith(f"a.example at 192.0.2.1 port 443 (a harmless name): answered, {said}")


def test_a_person_reads_that_a_name_was_cut_in_two() -> None:
    handshake = TlsHandshake(
        address="192.0.2.1", port=443, server_name="x.com", source=ADDRESS, tls_version="TLSv1.3", split=True
    )
    assert "x.com at 192.0.2.1 (name cut in two): TLSv1.3" in read(handshake)[0]


def test_a_person_reads_which_public_resolver_the_machine_uses() -> None:
    query = DnsQuery(resolver_kind=ResolverKind.SYSTEM, resolver="8.8.8.8", hostname="x.com", query_type="A")
    assert "A x.com from your own resolver (8.8.8.8): " in read(query)[0]


def test_a_person_reads_what_disturbed_the_measurement() -> None:
    detail = MEASUREMENT.observations[2].detail
    _, *notes = read(detail, NetworkContext(vpn=True, captive_portal=True, changed=True))
    assert ["a VPN is on", "a captive portal is in the way", "the network changed meanwhile"] == [
        note.removeprefix("note: ") for note in notes
    ]
    _, *notes = read(detail, NetworkContext(vpn=False, captive_portal=False, changed=False))
    assert [] == notes


def test_a_program_reads_the_message_on_one_line() -> None:
    line = to_json(MEASUREMENT)
    assert "\n" not in line
    assert from_message(Parse(line, Message())) == MEASUREMENT


async def test_each_url_is_one_line_with_every_steps_timing(tmp_path: Path) -> None:
    async with serving() as page:
        done = await command(tmp_path / "home", "probe", page, page, "--json")
    assert (ExitCode.GOOD, "") == (done.code, done.err)
    first, _ = (json.loads(line) for line in done.out.splitlines())
    steps = {name for entry in first["observations"] for name in ("tcp", "http") if name in entry}
    assert {"tcp", "http"} == steps
    assert all("durationUs" in entry for entry in first["observations"])
    assert ("TRIGGER_MANUAL", True) == (first["trigger"], first["network"]["lab"])
    assert not (tmp_path / "home").exists()  # nothing is kept


async def test_a_person_sees_the_page_that_came(tmp_path: Path) -> None:
    async with serving() as page:
        done = await command(tmp_path, "probe", page)
    assert 'status 200, 32 bytes, "Fine"' in done.out


async def test_every_kind_of_target_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    authority.ca.cert_pem.write_to_path(str(tmp_path / "root.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    leaf = pem(authority.ca.issue_cert("localhost"))
    async with serving() as page, open_quic_server("127.0.0.1", 0, *leaf) as quic:
        port = page.removesuffix("/").rpartition(":")[2]
        targets = (page, f"tcp://127.0.0.1:{port}", "dns:localhost", f"quic://localhost:{quic.port}/")
        done = await command(tmp_path / "home", "probe", *targets)
    assert (ExitCode.GOOD, "") == (done.code, done.err)
    steps = [line.split()[4] for line in done.out.splitlines() if " ms " in line]
    assert ["tcp", "http", "tcp", "dns", "dns", "quic"] == steps
    assert "QUIC v1, certificate verified" in done.out


async def test_a_name_of_the_hosts_file_counts_in_the_lab(tmp_path: Path) -> None:
    async with serving() as page:
        done = await command(tmp_path, "probe", page.replace("127.0.0.1", "localhost"))
    assert "A localhost from your own resolver: 127.0.0.1" in done.out
    assert "status 200" in done.out


async def test_roots_that_cannot_be_read_are_named_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    done = await command(tmp_path, "probe", "https://x.com/")
    assert (ExitCode.FAILED, 1) == (done.code, len(done.err.splitlines()))
    assert "SSL_CERT_FILE" in done.err
