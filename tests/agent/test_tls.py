import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from rabta_agent.network import Connection
from rabta_agent.probes import tls
from rabta_agent.probes.step import Outcome
from rabta_agent.probes.tls import Engine, Hello, RootsError, TlsContexts, TlsStream, handshake
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import AddressSource
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
from support.scenes import make_contexts, make_scene, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
SITE = serve_https(AUTHORITY.server("site.example"))


async def shake_hands(script: Script, seconds: float = 5.0, **changes: Any) -> tuple[Outcome[TlsStream], TlsHandshake]:
    """One handshake with one peer."""
    scene = make_scene()
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


@pytest.mark.parametrize(
    ("script", "failure", "detail", "answered", "number"),
    [
        (reset_after_hello, "connection_reset", "ECONNRESET", False, None),
        (close_after_hello, "eof_error", "", False, None),
        (alert(112), "ssl_failed_handshake", "alert 112 unrecognized_name", True, 112),
        (alert(40), "ssl_failed_handshake", "alert 40 handshake_failure", True, 40),
        (garbage, "ssl_failed_handshake", "WRONG_VERSION_NUMBER", False, None),
        (say(b"HTTP/1.1 403 Forbidden\r\n\r\n"), "ssl_failed_handshake", "WRONG_VERSION_NUMBER", False, None),
    ],
    ids=["rst", "fin", "alert 112", "alert 40", "garbage", "http"],
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
        await asyncio.wait_for(gone.wait(), 5)


async def test_the_stream_carries_what_the_server_says_until_it_closes() -> None:
    async def greet(call: Call) -> None:
        secure = await call.secure(AUTHORITY.server("site.example"))
        await secure.send(await secure.receive() + PAGE)

    scene = make_scene()
    async with Peer(greet) as peer:
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        hello = Hello(address=peer.host, port=peer.port, server_name="site.example", source=AddressSource.SYSTEM)
        stream = (await handshake(scene, CONTEXTS, connection, hello, within())).value
        assert stream is not None
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
