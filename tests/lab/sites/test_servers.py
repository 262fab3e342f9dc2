"""What a plain client sees of each kind of site: real sockets, plain Python clients."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration

from lab.authority import Authorities, Authority
from lab.scenario import SiteKind
from lab.sites.pages import BLOCKPAGE_TEXT
from lab.sites.servers import Servers
from lab.sites.site import BLOCKPAGE_HOST, NOTICE_HOST, OTHER_HOST, PORTAL_HOST, Ports, Site, StandIn

ADDRESS = "127.201.77.1"
SECOND = "127.201.77.2"
INSIDE, ABROAD = "127.77.0.1", "127.78.0.1"
HOST = "a.example"
AUTHORITIES = Authorities()
ANY_PORT = Ports(http=0, https=0, quic=None, tcp=0)
SOON_S = 0.3
IN_TIME_S = 60.0


@asynccontextmanager
async def serving(kind: SiteKind | StandIn, *addresses: str) -> AsyncIterator[Servers]:
    site = Site(host=HOST, kind=kind, addresses=addresses or (ADDRESS,), ports=ANY_PORT)
    async with Servers([site], AUTHORITIES, lambda peer: peer == INSIDE) as servers:
        yield servers


def trusting(*authorities: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for authority in authorities:
        authority.trust(context)
    return context


async def get(
    servers: Servers,
    *,
    tls: ssl.SSLContext | None = None,
    source: str = INSIDE,
    host: str = HOST,
    path: str = "/",
    more: str = "",
    address: str = ADDRESS,
    name: str = "",
) -> tuple[str, bytes]:
    """Head and body of an answer; redirects show the port of the request."""
    port = servers.port(HOST, address, "https" if tls else "http")
    async with asyncio.timeout(IN_TIME_S):
        reader, writer = await asyncio.open_connection(
            address, port, ssl=tls, server_hostname=(name or HOST) if tls else None, local_addr=(source, 0)
        )
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    return head.decode(), body


def status(head: str) -> int:
    return int(head.split(" ")[1])


def field(head: str, name: str) -> str:
    return next(line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(f"{name}: "))


def title(body: bytes) -> bytes:
    return body.partition(b"<title>")[2].partition(b"</title>")[0]


@pytest.mark.parametrize("tls", [False, True])
async def test_a_plain_site_says_the_same_page_of_some_six_kilobytes_to_everybody(tls: bool) -> None:
    context = trusting(AUTHORITIES.usual) if tls else None
    async with serving(SiteKind.PLAIN) as servers:
        here, there = await get(servers, tls=context), await get(servers, tls=context, source=ABROAD)
    assert here == there
    assert 200 == status(here[0])
    assert 5_000 < len(here[1]) < 7_000
    assert str(len(here[1])) == field(here[0], "content-length")


async def test_a_site_shows_its_own_certificate_to_an_innocuous_name() -> None:
    context = trusting(AUTHORITIES.usual)
    async with serving(SiteKind.PLAIN) as servers:
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await get(servers, tls=context, name="www.innocuous.example")


async def test_port_5222_accepts_and_waits() -> None:
    async with serving(SiteKind.PLAIN) as servers:
        reader, writer = await asyncio.open_connection(ADDRESS, servers.port(HOST, ADDRESS, "tcp"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON_S):
                await reader.read(1)
        writer.close()


@pytest.mark.parametrize(
    ("kind", "code"), [(SiteKind.CHALLENGE, 403), (SiteKind.GEO_403, 403), (SiteKind.GEO_451, 451)]
)
async def test_a_site_that_treats_the_country_differently_serves_its_page_abroad(kind: SiteKind, code: int) -> None:
    async with serving(kind) as servers:
        here, there = await get(servers), await get(servers, source=ABROAD)
    assert (code, 200) == (status(here[0]), status(there[0]))
    assert ("cf-mitigated: challenge" in here[0].lower()) == (kind is SiteKind.CHALLENGE)


async def test_a_site_that_sends_the_country_elsewhere_bears_its_own_header_as_it_does() -> None:
    async with serving(SiteKind.GEO_REDIRECT) as servers:
        (here, _), (there, _) = await get(servers), await get(servers, source=ABROAD)
    assert (302, 200) == (status(here), status(there))
    assert f"http://{OTHER_HOST}/" == field(here, "location")
    (own,) = {line for line in there.split("\r\n") if line.lower().startswith("x-") and not line.startswith("X-Frame")}
    assert own in here.split("\r\n")


async def test_a_site_may_close_on_the_country_once_it_has_read_what_nobody_else_can() -> None:
    context = trusting(AUTHORITIES.usual)
    async with serving(SiteKind.GEO_CLOSE) as servers:
        assert ("", b"") == await get(servers, tls=context)
        for head, _ in (await get(servers), await get(servers, tls=context, source=ABROAD)):
            assert 200 == status(head)


@pytest.mark.parametrize(
    ("kind", "trusted", "message"),
    [
        (SiteKind.EXPIRED, [AUTHORITIES.usual], "certificate has expired"),
        (SiteKind.WRONG_NAME, [AUTHORITIES.usual], "Hostname mismatch"),
        (SiteKind.UNTRUSTED, [AUTHORITIES.usual, AUTHORITIES.newest], "unable to get local issuer"),
        (SiteKind.NEW_AUTHORITY, [AUTHORITIES.usual], "unable to get local issuer"),
        (StandIn.FORGER, [AUTHORITIES.usual, AUTHORITIES.newest], "unable to get local issuer"),
        (StandIn.PORTAL, [AUTHORITIES.usual], "Hostname mismatch"),
    ],
)
async def test_a_certificate_that_is_wrong_is_refused(
    kind: SiteKind | StandIn, trusted: list[Authority], message: str
) -> None:
    async with serving(kind) as servers:
        with pytest.raises(ssl.SSLCertVerificationError, match=message):
            await get(servers, tls=trusting(*trusted))


async def test_a_new_authority_is_believed_by_a_store_that_has_it(tmp_path: Path) -> None:
    new, old = AUTHORITIES.roots(tmp_path), AUTHORITIES.old_roots(tmp_path)
    async with serving(SiteKind.NEW_AUTHORITY) as servers:
        head, _ = await get(servers, tls=ssl.create_default_context(cafile=str(new)))
        with pytest.raises(ssl.SSLCertVerificationError):
            await get(servers, tls=ssl.create_default_context(cafile=str(old)))
    assert 200 == status(head)


async def test_a_forger_bears_whatever_name_is_asked_for() -> None:
    async with serving(StandIn.FORGER) as servers:
        for name in ("x.com", "www.wikipedia.org"):
            assert 502 == status((await get(servers, tls=trusting(AUTHORITIES.forger), name=name))[0])


async def test_a_dead_site_refuses() -> None:
    async with serving(SiteKind.PLAIN) as servers:
        port = servers.port(HOST, ADDRESS, "http")
    site = Site(host=HOST, kind=SiteKind.DEAD, addresses=(ADDRESS,), ports=Ports(http=port, https=None, tcp=None))
    async with Servers([site], AUTHORITIES, lambda peer: True):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ADDRESS, port)


async def test_a_silent_site_answers_no_syn() -> None:
    async with serving(SiteKind.SILENT) as servers:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON_S):
                await asyncio.open_connection(ADDRESS, servers.port(HOST, ADDRESS, "https"))


async def test_a_half_dead_site_answers_at_its_second_address_alone() -> None:
    async with serving(SiteKind.HALF_DEAD, ADDRESS, SECOND) as servers:
        assert 200 == status((await get(servers, address=SECOND))[0])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ADDRESS, servers.port(HOST, SECOND, "http"))


async def test_a_loop_leads_back_in_two_steps() -> None:
    async with serving(SiteKind.LOOP) as servers:
        there, back = await get(servers), await get(servers, path="/again")
    assert ("/again", "/") == (field(there[0], "location"), field(back[0], "location"))


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        (SiteKind.BROKEN_REDIRECT, "http://"),
        (SiteKind.REDIRECTS_TO, "http://next-a.example:8080/"),
        (SiteKind.REDIRECTS_TO_DEAD, "http://next-a.example:8080/"),
        (SiteKind.UPGRADE, "https://a.example:8080/"),
        (StandIn.TO_BLOCKPAGE, f"http://{BLOCKPAGE_HOST}:8080/"),
        (StandIn.TO_NOTICE, f"http://{NOTICE_HOST}:8080/"),
        (StandIn.PORTAL, f"http://{PORTAL_HOST}:8080/"),
    ],
)
async def test_a_redirect_leads_on_at_the_port_that_was_dialled(kind: SiteKind | StandIn, location: str) -> None:
    async with serving(kind) as servers:
        head, _ = await get(servers, host=f"{HOST}:8080")
    assert location == field(head, "location")


async def test_a_redirect_over_tls_goes_on_over_tls_and_an_upgrade_ends_there() -> None:
    context = trusting(AUTHORITIES.usual)
    async with serving(SiteKind.REDIRECTS_TO) as servers:
        assert "https://next-a.example/" == field((await get(servers, tls=context))[0], "location")
    async with serving(SiteKind.UPGRADE) as servers:
        assert 200 == status((await get(servers, tls=context))[0])


async def test_a_big_page_goes_on_as_long_as_somebody_reads() -> None:
    async with serving(SiteKind.BIG) as servers:
        reader, writer = await asyncio.open_connection(ADDRESS, servers.port(HOST, ADDRESS, "http"))
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert 1_000_000 == len(await reader.readexactly(1_000_000))
        writer.close()
    assert "100000000" == field(head, "content-length")


async def test_a_page_that_changes_keeps_its_title_and_its_headers() -> None:
    async with serving(SiteKind.CHANGING) as servers:
        (head, body), (other_head, other_body) = await get(servers), await get(servers)
    assert body != other_body
    assert title(body) == title(other_body)
    names = [{line.partition(":")[0] for line in head.split("\r\n")[1:]} for head in (head, other_head)]
    assert names[0] == names[1]


async def test_a_cdn_serves_a_page_that_differs_in_part() -> None:
    async with serving(SiteKind.CDN, ADDRESS, SECOND) as servers:
        (_, here), (_, there) = await get(servers), await get(servers, source=ABROAD, address=SECOND)
    assert here != there
    assert here[:1_000] == there[:1_000]


async def test_a_compressed_page_comes_in_chunks_to_those_who_take_gzip() -> None:
    async with serving(SiteKind.COMPRESSED) as servers:
        packed, plain = await get(servers, more="Accept-Encoding: gzip\r\n"), await get(servers)
    assert ("gzip", "chunked") == (field(packed[0], "content-encoding"), field(packed[0], "transfer-encoding"))
    assert b"0\r\n\r\n" == packed[1][-5:]
    assert b"<title>" in plain[1]


async def test_a_slow_site_takes_a_second() -> None:
    loop = asyncio.get_running_loop()
    async with serving(SiteKind.SLOW) as servers:
        begin = loop.time()
        await get(servers)
    assert loop.time() - begin >= 1.0


async def test_a_block_page_and_a_notice_come_whatever_is_asked_for() -> None:
    async with serving(StandIn.BLOCKPAGE) as servers:
        assert BLOCKPAGE_TEXT.encode() in (await get(servers, host="x.com"))[1]
    async with serving(StandIn.NOTICE) as servers:
        head, body = await get(servers, host="x.com")
    assert 200 == status(head)
    assert len(body) < 500


async def test_a_portal_shows_a_page_under_its_own_name() -> None:
    async with serving(StandIn.PORTAL) as servers:
        head, body = await get(servers, host=f"{PORTAL_HOST}:8080")
    assert (200, b"Welcome") == (status(head), title(body))


async def test_a_check_answers_204() -> None:
    async with serving(StandIn.CHECK) as servers:
        head, body = await get(servers)
    assert (204, b"") == (status(head), body)


async def test_quic_has_the_certificate_of_the_site() -> None:
    site = Site(host=HOST, addresses=(ADDRESS,), ports=Ports(http=None, https=None, quic=0, tcp=None))
    trusted = AUTHORITIES.usual.root_pem
    async with Servers([site], AUTHORITIES, lambda peer: True) as servers:
        port = servers.port(HOST, ADDRESS, "quic")
        await shake_hands(port, QuicConfiguration(alpn_protocols=["h3"], server_name=HOST, cadata=trusted))
        with pytest.raises(ConnectionError):
            await shake_hands(port, QuicConfiguration(alpn_protocols=["h3"], server_name="b.example", cadata=trusted))


async def shake_hands(port: int, configuration: QuicConfiguration) -> None:
    async with asyncio.timeout(IN_TIME_S), connect(ADDRESS, port, configuration=configuration):
        pass


async def test_quic_of_a_silent_site_is_silent() -> None:
    site = Site(host=HOST, kind=SiteKind.SILENT, addresses=(ADDRESS,), ports=Ports(http=0, https=0, quic=0, tcp=0))
    loop = asyncio.get_running_loop()
    async with Servers([site], AUTHORITIES, lambda peer: True) as servers:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect((ADDRESS, servers.port(HOST, ADDRESS, "quic")))
            await loop.sock_sendall(client, b"\xc0" + bytes(1200))
            with pytest.raises(TimeoutError):  # a port without a socket would say ECONNREFUSED
                async with asyncio.timeout(SOON_S):
                    await loop.sock_recv(client, 2048)
