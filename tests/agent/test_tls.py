import asyncio
import socket
import ssl
import struct
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trustme

from rabta_agent.failure import StepError
from rabta_agent.network import RECEIVE_BUFFER_BYTES, Connection
from rabta_agent.probes import tls
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Engine, Hello, TlsStream, handshake
from rabta_agent.probes.tlscontexts import RootsError, TlsContexts
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import AddressSource
from support.authorities import make_root, root_of
from support.peers import (
    PAGE,
    Authority,
    Call,
    Peer,
    Script,
    alert,
    close_after_hello,
    flood,
    garbage,
    reset_after_hello,
    say,
    serve_https,
    silence,
)
from support.scenes import StoppedClock, make_contexts, make_scene, within
from support.waiting import PATIENCE_S

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
SITE = serve_https(AUTHORITY.server("site.example"))


async def shake_hands(
    script: Script, seconds: float = 5.0, scene: Scene | None = None, **changes: Any
) -> tuple[Outcome[TlsStream], TlsHandshake]:
    """One handshake with one peer."""
    scene = scene or make_scene()
    async with Peer(script) as peer:
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        hello = Hello(
            **{
                "address": peer.host,
                "port": peer.port,
                "server_name": "site.example",
                "source": AddressSource.SYSTEM,
                **changes,
            }
        )
        outcome = await handshake(scene, CONTEXTS, connection, hello, within(seconds))
        if outcome.value is not None:
            outcome.value.close()
    assert isinstance(outcome.observation.detail, TlsHandshake)
    return outcome, outcome.observation.detail


async def test_an_honest_server_is_verified_and_summarised() -> None:
    outcome, seen = await shake_hands(SITE)
    assert None is outcome.observation.failure
    assert (True, True, "TLSv1.3", "http/1.1", False) == (
        seen.verified,
        seen.server_answered,
        seen.tls_version,
        seen.negotiated_protocol,
        seen.isolation,
    )
    assert seen.cipher_suite.startswith("TLS_")
    assert seen.certificate is not None
    assert "Rabta tests" == seen.certificate.issuer


async def test_a_server_is_held_against_its_own_authority_alone() -> None:
    private = Authority()
    theirs = serve_https(private.server("site.example"))
    outcome, seen = await shake_hands(theirs, authority=root_of(private.ca))
    assert (None, True) == (outcome.observation.failure, seen.verified)
    for script, authority in ((theirs, b""), (theirs, root_of(AUTHORITY.ca)), (SITE, root_of(private.ca))):
        outcome, seen = await shake_hands(script, authority=authority)
        assert ("ssl_unknown_authority", False) == (outcome.observation.failure, seen.verified)
    outcome, seen = await shake_hands(serve_https(private.server("other.example")), authority=root_of(private.ca))
    assert "ssl_invalid_hostname" == outcome.observation.failure


def test_only_so_many_authorities_are_remembered() -> None:
    roots = [make_root(ends_in=timedelta(days=30)) for _ in range(20)]
    first = CONTEXTS.choose(verify=True, authority=roots[0])
    assert first is CONTEXTS.choose(verify=True, authority=roots[0])
    for root in roots[1:]:
        CONTEXTS.choose(verify=True, authority=root)
    assert first is not CONTEXTS.choose(verify=True, authority=roots[0])
    assert CONTEXTS.unverified is CONTEXTS.choose(verify=False, authority=roots[0])


@pytest.mark.parametrize(
    ("script", "failure", "detail", "answered", "number"),
    [
        (reset_after_hello, "connection_reset", "ECONNRESET", False, None),
        (close_after_hello, "eof_error", "", False, None),
        (alert(112), "ssl_failed_handshake", "alert 112 unrecognized_name", True, 112),
        (alert(40), "ssl_failed_handshake", "alert 40 handshake_failure", True, 40),
        (alert(21), "ssl_failed_handshake", "alert 21 decryption_failed", True, 21),
        (alert(120), "ssl_failed_handshake", "alert 120 no_application_protocol", True, 120),
        (alert(200), "ssl_failed_handshake", "alert 200 unassigned", True, 200),
        (garbage, "ssl_failed_handshake", "WRONG_VERSION_NUMBER", False, None),
        (say(b"HTTP/1.1 403 Forbidden\r\n\r\n"), "ssl_failed_handshake", "WRONG_VERSION_NUMBER", False, None),
    ],
    ids=["rst", "fin", "alert 112", "alert 40", "alert 21", "alert 120", "alert 200", "garbage", "http"],
)
async def test_ends_are_kept_apart(
    script: Script, failure: str, detail: str, answered: bool, number: int | None
) -> None:
    outcome, seen = await shake_hands(script)
    assert (failure, detail) == (outcome.observation.failure, outcome.observation.failure_detail)
    assert (answered, number, False) == (seen.server_answered, seen.alert, seen.verified)
    assert None is outcome.value


async def test_silence_is_our_deadline() -> None:
    outcome, seen = await shake_hands(silence, 0.05)
    assert ("generic_timeout_error", False) == (outcome.observation.failure, seen.server_answered)


async def test_a_warning_alert_before_a_close_is_the_reason() -> None:
    outcome, seen = await shake_hands(say(bytes([21, 3, 3, 0, 2, 1, 112])))
    assert (112, True) == (seen.alert, seen.server_answered)
    assert "ssl_failed_handshake" == outcome.observation.failure


async def test_a_close_in_the_middle_of_the_servers_flight_is_eof_after_an_answer() -> None:
    outcome, seen = await shake_hands(say(bytes([22, 3, 3, 0, 100]) + b"\x02"))
    assert ("eof_error", True) == (outcome.observation.failure, seen.server_answered)


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (serve_https(AUTHORITY.server("other.example")), "ssl_invalid_hostname"),
        (serve_https(Authority().server("site.example")), "ssl_unknown_authority"),
        (serve_https(AUTHORITY.server("site.example", days_ahead=400)), "ssl_invalid_certificate"),
        (serve_https(AUTHORITY.server("site.example", days_ahead=-400)), "ssl_invalid_certificate"),
    ],
    ids=["wrong name", "unknown authority", "from the future", "expired"],
)
async def test_a_bad_certificate_is_named_for_what_is_bad(script: Script, failure: str) -> None:
    outcome, seen = await shake_hands(script)
    assert (failure, True, False) == (outcome.observation.failure, seen.server_answered, seen.verified)


async def test_a_bad_certificate_can_be_looked_at_without_being_believed() -> None:
    forged = serve_https(Authority().server("site.example"))
    outcome, seen = await shake_hands(forged, verify=False)
    assert (None, False) == (outcome.observation.failure, seen.verified)
    assert seen.certificate is not None


async def test_isolation_is_never_verified() -> None:
    outcome, seen = await shake_hands(SITE, isolation=True)
    assert (None, True, False) == (outcome.observation.failure, seen.isolation, seen.verified)


async def test_an_address_as_the_name_is_verified_as_an_address() -> None:
    _, seen = await shake_hands(serve_https(AUTHORITY.server("127.0.0.1")), server_name="127.0.0.1")
    assert seen.verified


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "close_notify"),
        (10, "unexpected_message"),
        (20, "bad_record_mac"),
        (22, "record_overflow"),
        (40, "handshake_failure"),
        (42, "bad_certificate"),
        (43, "unsupported_certificate"),
        (44, "certificate_revoked"),
        (45, "certificate_expired"),
        (46, "certificate_unknown"),
        (47, "illegal_parameter"),
        (48, "unknown_ca"),
        (49, "access_denied"),
        (50, "decode_error"),
        (51, "decrypt_error"),
        (70, "protocol_version"),
        (71, "insufficient_security"),
        (80, "internal_error"),
        (86, "inappropriate_fallback"),
        (90, "user_canceled"),
        (109, "missing_extension"),
        (110, "unsupported_extension"),
        (112, "unrecognized_name"),
        (113, "bad_certificate_status_response"),
        (115, "unknown_psk_identity"),
        (116, "certificate_required"),
        (120, "no_application_protocol"),
    ],
)
async def test_every_alert_has_its_name_in_rfc_8446(number: int, name: str) -> None:
    outcome, seen = await shake_hands(alert(number))
    assert (f"alert {number} {name}", number) == (outcome.observation.failure_detail, seen.alert)


async def test_an_alert_before_a_forged_certificate_does_not_hide_it() -> None:
    """A warning that OpenSSL passes over, and then a server that goes on."""

    async def script(call: Call) -> None:
        await call.peek()
        await call.send(bytes([21, 3, 3, 0, 2, 1, 112]))
        await call.secure(Authority().server("site.example"))

    outcome, seen = await shake_hands(script)
    assert ("ssl_unknown_authority", 112) == (outcome.observation.failure, seen.alert)


async def hear_in_segments(split: bool) -> tuple[int, bytes, bool]:
    """How many segments a server's kernel took in for a ClientHello, the bytes, and what was recorded."""
    heard: list[tuple[int, bytes]] = []

    async def script(call: Call) -> None:
        hello = await call.receive()
        while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5]):
            hello += await call.receive()
        heard.append((count_segments(call.socket), hello))

    _, seen = await shake_hands(script, split=split)
    return *heard[0], seen.split


def count_segments(accepted: socket.socket) -> int:
    """tcpi_data_segs_in of struct tcp_info (linux/tcp.h)."""
    return int(struct.unpack_from("=I", accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152)[0])


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux counts segments")
async def test_a_hello_that_is_to_be_split_leaves_in_two_segments() -> None:
    segments, hello, split = await hear_in_segments(split=True)
    assert (2, True) == (segments, split)
    assert b"site.example" in hello


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux counts segments")
async def test_any_other_hello_leaves_in_one_segment() -> None:
    segments, hello, split = await hear_in_segments(split=False)
    assert (1, False) == (segments, split)
    assert b"site.example" in hello


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is handed to the kernel, send by send."""
    seen: list[bytes] = []
    send = Connection.send

    async def watch(self: Connection, data: bytes) -> None:
        seen.append(data)
        await send(self, data)

    monkeypatch.setattr(Connection, "send", watch)
    return seen


async def test_no_piece_of_a_split_hello_holds_the_name(pieces: list[bytes]) -> None:
    await shake_hands(close_after_hello, split=True)
    assert 2 == len(pieces)
    assert not any(b"site.example" in piece for piece in pieces)


async def test_a_second_hello_is_split_like_the_first(pieces: list[bytes]) -> None:
    """A server that wants another group (HelloRetryRequest, RFC 8446 section 4.1.4) is sent the name again."""
    context = AUTHORITY.server("site.example")
    context.set_ecdh_curve("secp521r1")
    _, seen = await shake_hands(serve_https(context), split=True)
    assert seen.verified
    assert 2 == b"".join(pieces).count(b"site.example")
    assert not any(b"site.example" in piece for piece in pieces)


async def test_a_split_hello_is_understood() -> None:
    outcome, seen = await shake_hands(SITE, split=True)
    assert (None, True, True) == (outcome.observation.failure, seen.verified, seen.split)


async def test_an_address_as_the_name_is_not_sent_and_therefore_not_split() -> None:
    _, seen = await shake_hands(serve_https(AUTHORITY.server("127.0.0.1")), server_name="127.0.0.1", split=True)
    assert (True, False) == (seen.verified, seen.split)


async def test_the_servers_first_byte_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on twice: before the server answers, and before it ends a handshake of TLS 1.2."""
    clock = StoppedClock()
    context = AUTHORITY.server("site.example")
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def script(call: Call) -> None:
        hello, receive = await call.peek(), call.receive
        clock.seconds = 0.25

        async def receive_later() -> bytes:
            said = await receive()
            clock.seconds = 0.25 if said == hello else 1.0
            return said

        monkeypatch.setattr(call, "receive", receive_later)
        await call.secure(context)

    outcome, seen = await shake_hands(script, scene=replace(make_scene(), clock=clock, zero=0.0))
    assert (None, 250_000, 1_000_000) == (
        outcome.observation.failure,
        seen.first_byte_us,
        outcome.observation.duration_us,
    )


async def test_a_server_that_says_nothing_has_no_first_byte() -> None:
    _, seen = await shake_hands(close_after_hello)
    assert None is seen.first_byte_us


async def test_any_byte_is_a_first_byte() -> None:
    outcome, seen = await shake_hands(garbage)
    assert seen.first_byte_us is not None
    assert 0 < seen.first_byte_us <= outcome.observation.duration_us


def make_authority(ca: trustme.CA) -> Authority:
    authority = Authority()
    authority.ca = ca
    return authority


async def test_the_certificates_that_vouch_for_the_servers_are_kept_in_its_order() -> None:
    outer = AUTHORITY.ca.create_child_ca()
    inner = outer.create_child_ca()
    _, seen = await shake_hands(serve_https(make_authority(inner).server("site.example")))
    sent = [ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode()) for ca in (inner, outer)]
    assert [sha256(der).digest() for der in sent] == [issuer.sha256 for issuer in seen.chain]
    assert ["trustme v" in issuer.subject for issuer in seen.chain] == [True, True]


async def test_a_certificate_that_is_not_believed_is_shown_with_its_chain() -> None:
    forger = make_authority(Authority().ca.create_child_ca())
    outcome, seen = await shake_hands(serve_https(forger.server("site.example")))
    assert "ssl_unknown_authority" == outcome.observation.failure
    assert seen.certificate is not None
    assert (1, "", False) == (len(seen.chain), seen.tls_version, seen.verified)


async def test_where_python_does_not_tell_the_chain_the_certificate_is_still_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls, "read_chain", lambda engine: ())
    _, seen = await shake_hands(SITE)
    assert seen.certificate is not None
    assert () == seen.chain


async def test_the_name_is_sent_in_the_hello() -> None:
    async with Peer(close_after_hello) as peer:
        scene = make_scene()
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        hello = Hello(address=peer.host, port=peer.port, server_name="site.example", source=AddressSource.SYSTEM)
        await handshake(scene, CONTEXTS, connection, hello, within())
        assert b"site.example" in peer.heard[0]


async def test_an_endless_flight_is_cut() -> None:
    record = bytes([22, 3, 3, 64, 0]) + b"\x0b\xff\xff\xff" + bytes(16_380)
    outcome, _ = await shake_hands(flood(record * 20))
    assert "ssl_failed_handshake" == outcome.observation.failure


async def test_a_certificate_without_end_costs_no_more_than_the_limit() -> None:
    names = [f"{'n' * 50}{number}.example" for number in range(1_300)]
    scene = make_scene()
    outcome, seen = await shake_hands(serve_https(AUTHORITY.server("site.example", *names)), scene=scene)
    assert ("ssl_failed_handshake", "endless handshake") == (
        outcome.observation.failure,
        outcome.observation.failure_detail,
    )
    assert seen.server_answered
    assert scene.meter.received < 1.1 * (tls._HANDSHAKE_LIMIT + 2 * RECEIVE_BUFFER_BYTES + 8 * 1024)


async def test_records_that_say_nothing_are_not_read_without_end() -> None:
    """A server may send any number of session tickets (RFC 8446 section 4.6.1), and no byte of a page."""
    server = AUTHORITY.server("site.example")
    server.num_tickets = 2_000  # half a megabyte
    scene = make_scene()
    async with Peer(serve_https(server)) as peer:
        stream = await secure(scene, peer)
        with pytest.raises(StepError, match="endless records"):
            await read_on(stream)
        stream.close()
    assert scene.meter.received < 1.1 * (tls._RECORDS_LIMIT + 2 * RECEIVE_BUFFER_BYTES + 16 * 1024)


async def test_each_answer_on_a_connection_has_records_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_RECORDS_LIMIT", 6_000)

    async def echo(call: Call) -> None:
        to = await call.secure(AUTHORITY.server("site.example"))
        while said := await to.receive():
            await to.send(said)

    async with Peer(echo) as peer:
        stream = await secure(make_scene(), peer)
        for _ in range(4):
            stream.renew()
            await stream.send(b"x" * 3_000)
            heard = b""
            while len(heard) < 3_000:
                heard += await stream.receive()
        await stream.send(b"x" * 10_000)
        with pytest.raises(StepError, match="endless records"):
            await read_on(stream)
        stream.close()


async def read_on(stream: TlsStream) -> None:
    """Reads to the end."""
    async with asyncio.timeout_at(within()):
        while await stream.receive():
            pass


async def secure(scene: Scene, peer: Peer) -> TlsStream:
    """A connection with a peer under TLS."""
    connection = await scene.network.connect(peer.host, peer.port, scene.meter)
    hello = Hello(address=peer.host, port=peer.port, server_name="site.example", source=AddressSource.SYSTEM)
    stream = (await handshake(scene, CONTEXTS, connection, hello, within())).value
    assert stream is not None
    return stream


async def test_a_failed_handshake_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    close = Connection.close
    monkeypatch.setattr(Connection, "close", lambda self: (closed.append(True), close(self))[1])
    await shake_hands(reset_after_hello)
    assert [True] == closed


async def test_a_cancelled_handshake_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def watch(call: Call) -> None:
        await call.wait_for_end()
        gone.set()

    async with Peer(watch) as peer:
        scene = make_scene()
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        hello = Hello(address=peer.host, port=peer.port, server_name="x.com", source=AddressSource.SYSTEM)
        task = asyncio.ensure_future(handshake(scene, CONTEXTS, connection, hello, within()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), PATIENCE_S)


async def test_the_stream_carries_what_the_server_says_until_it_closes() -> None:
    async def greet(call: Call) -> None:
        secure = await call.secure(AUTHORITY.server("site.example"))
        await secure.send(await secure.receive() + PAGE)

    scene = make_scene()
    async with Peer(greet) as peer:
        stream = await secure(scene, peer)
        await stream.send(b"hello")
        said = b""
        while data := await stream.receive():
            said += data
        stream.close()
    assert b"hello" + PAGE == said


def test_the_engine_speaks_first() -> None:
    engine = Engine(CONTEXTS.verified, "site.example")
    assert not engine.advance()
    assert engine.take().startswith(b"\x16\x03")
    assert not engine.answered


def test_handshakes_of_one_context_offer_each_their_own_protocols() -> None:
    plain = Engine(CONTEXTS.verified, "site.example")
    both = Engine(CONTEXTS.verified, "site.example", protocols=("h2", "http/1.1"))
    hellos = []
    for engine in (plain, both):
        engine.advance()
        hellos.append(engine.take())
    assert [False, True] == [b"\x02h2\x08http/1.1" in hello for hello in hellos]
    assert [True, True] == [b"\x08http/1.1" in hello for hello in hellos]


def test_roots_come_from_the_file_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "root.pem"
    AUTHORITY.ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert 1 == TlsContexts().verified.cert_store_stats()["x509_ca"]


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_a_file_without_roots_is_our_mistake(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "root.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(RootsError, match="SSL_CERT_FILE"):
        TlsContexts()


def test_there_is_one_context_of_each_mode() -> None:
    assert CONTEXTS.verified is CONTEXTS.choose(verify=True)
    assert CONTEXTS.unverified is CONTEXTS.choose(verify=False)
    assert ssl.CERT_REQUIRED == CONTEXTS.verified.verify_mode
    assert tls.TlsContexts is TlsContexts
