"""What a plain client at the censored ISP sees of each censor, and what it still sees of everybody else."""

import errno
import ssl
import time

import pytest

from lab.netns.client import Client, Find, at
from lab.netns.lab import NetnsLab
from lab.netns.world import World
from lab.scenario import CensorKind, Scenario, Scheme, Vantage
from lab.sites.pages import BLOCKPAGE_TEXT
from lab.sites.site import BLOCKPAGE_HOST, INNOCUOUS_HOST, NOTICE_HOST

pytestmark = pytest.mark.root

OPEN_HOST = "plain-https.example"
BEFORE_A_SECOND_SYN_S = 0.9
UNKNOWN_ROOT = "unable to get local issuer|self-signed|unable to verify"


@pytest.fixture(autouse=True)
def others_are_open(client: Client, world: World) -> None:
    """Whatever is in force: another site at the same ISP is served."""
    assert 200 == client.get_tls(world.address(OPEN_HOST), OPEN_HOST).status


def _until_sure(client: Client, failure: type[Exception]) -> Client:
    return client.hasty if failure is TimeoutError else client


def still_there(client: Client, address: str) -> bool:
    """Whether the site's own server answers at its address to a name that nobody minds."""
    return bool(client.handshake(address, INNOCUOUS_HOST, verify=False))


class TestAddresses:
    @pytest.mark.parametrize("port", [80, 443])
    def test_silence(self, client: Client, world: World, find: Find, port: int) -> None:
        with pytest.raises(TimeoutError):
            client.hasty.connect(world.address(find(CensorKind.TCP_SILENCE).host), port)

    def test_silence_of_a_port_that_is_not_of_the_web(self, client: Client, world: World, find: Find) -> None:
        with pytest.raises(TimeoutError):
            client.hasty.connect(world.address(find(CensorKind.TCP_SILENCE, Scheme.TCP).host), 5222)

    def test_silence_of_the_first_of_two_addresses(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.TCP_SILENCE_FIRST).host
        site = world.find_site(host)
        assert site is not None
        first, second = site.addresses
        with pytest.raises(TimeoutError):
            client.hasty.connect(first)
        assert 200 == client.get_tls(second, host).status

    def test_silence_of_ipv6(self, lab: NetnsLab, scenarios: tuple[Scenario, ...]) -> None:
        inside = at(lab, Vantage.DUAL_STACK)
        host = next(s.host for s in scenarios if s.censor is CensorKind.TCP_SILENCE_IPV6)
        four, six = inside.ask(host)[0].addresses + inside.ask(host, "AAAA")[0].addresses
        with pytest.raises(TimeoutError):
            inside.hasty.connect(six)
        assert 200 == inside.get_tls(four, host).status

    @pytest.mark.parametrize("port", [80, 443])
    def test_refusal(self, client: Client, world: World, find: Find, port: int) -> None:
        with pytest.raises(ConnectionRefusedError):
            client.connect(world.address(find(CensorKind.TCP_REFUSED).host), port)

    @pytest.mark.parametrize("port", [80, 443])
    def test_reset_of_the_handshake_ends_connect_or_comes_right_after_it(
        self, client: Client, world: World, find: Find, port: int
    ) -> None:
        """On a machine that does nothing else connect as a rule."""
        address = world.address(find(CensorKind.TCP_RESET).host)
        ended = [_ends_connect(client, address, port) for _ in range(20)]
        assert any(ended)

    @pytest.mark.parametrize("kind", [CensorKind.IP_UNREACHABLE, CensorKind.IP_PROHIBITED])
    def test_icmp_at_each_of_many_tries(self, client: Client, world: World, find: Find, kind: CensorKind) -> None:
        """A router that says so once a second and no more would leave nearly all of them to a second SYN."""
        address, took_s = world.address(find(kind).host), list[float]()
        for _ in range(10):
            began = time.monotonic()
            with pytest.raises(OSError, match=r"\[Errno") as caught:
                client.connect(address)
            assert errno.EHOSTUNREACH == caught.value.errno
            took_s.append(time.monotonic() - began)
        assert sum(one < BEFORE_A_SECOND_SYN_S for one in took_s) > len(took_s) / 2


def _ends_connect(client: Client, address: str, port: int) -> bool:
    """Whether connect sees the reset; else what is read next does."""
    try:
        connection = client.connect(address, port)
    except ConnectionResetError:
        return True
    with connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    return False


class TestTls:
    def test_reset_by_name(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.SNI_RESET).host
        with pytest.raises(ConnectionResetError):
            client.handshake(world.address(host), host)
        assert still_there(client, world.address(host))

    def test_the_name_is_reset_at_any_address(self, client: Client, world: World, find: Find) -> None:
        with pytest.raises(ConnectionResetError):
            client.handshake(world.address(OPEN_HOST), find(CensorKind.SNI_RESET).host)

    def test_reset_by_name_and_the_address_stays_cut_for_that_client(
        self, lab: NetnsLab, client: Client, world: World, find: Find
    ) -> None:
        host = find(CensorKind.SNI_RESET_RESIDUAL).host
        address = world.address(host)
        assert still_there(client, address)
        with pytest.raises(ConnectionResetError):
            client.handshake(address, host)
        with pytest.raises(TimeoutError):
            client.hasty.handshake(address, INNOCUOUS_HOST, verify=False)
        assert still_there(at(lab, Vantage.PLAIN, 2), address)

    def test_silence_by_name(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.SNI_SILENCE).host
        with pytest.raises(TimeoutError):
            client.hasty.handshake(world.address(host), host)
        assert still_there(client, world.address(host))

    def test_close_by_name(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.SNI_CLOSE).host
        with pytest.raises(ssl.SSLEOFError):
            client.handshake(world.address(host), host)
        assert still_there(client, world.address(host))

    def test_alert_by_name(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.SNI_ALERT).host
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            client.handshake(world.address(host), host)
        assert still_there(client, world.address(host))

    def test_reset_of_what_a_site_sends_on_to(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.NEXT_SNI_RESET).host
        page = client.get_tls(world.address(host), host)
        assert 302 == page.status
        assert f"https://next-{host}/" in page.head
        with pytest.raises(ConnectionResetError):
            client.handshake(world.address(f"next-{host}"), f"next-{host}")
        assert still_there(client, world.address(f"next-{host}"))

    @pytest.mark.parametrize(
        ("kind", "failure"),
        [
            (CensorKind.TLS_RESET, ConnectionResetError),
            (CensorKind.TLS_SILENCE, TimeoutError),
            (CensorKind.TLS_CLOSE, ssl.SSLEOFError),
        ],
    )
    def test_any_name_at_the_address(
        self, client: Client, world: World, find: Find, kind: CensorKind, failure: type[OSError]
    ) -> None:
        host = find(kind).host
        address = world.address(host)
        with client.connect(address):
            pass
        for name in (host, INNOCUOUS_HOST):
            with pytest.raises(failure):
                _until_sure(client, failure).handshake(address, name, verify=False)
        assert 200 == client.get(address, host).status

    def test_a_forged_certificate_for_the_right_name(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.TLS_FORGED).host
        address = world.address(host)
        with pytest.raises(ssl.SSLCertVerificationError, match=UNKNOWN_ROOT):
            client.handshake(address, host)
        forged = client.handshake(address, host, verify=False)
        own = client.handshake(address, INNOCUOUS_HOST, verify=False)
        assert forged != own
        assert host.encode() in forged
        assert host.encode() in own


class TestHttp:
    @pytest.mark.parametrize(
        ("kind", "failure"),
        [
            (CensorKind.HOST_RESET, ConnectionResetError),
            (CensorKind.HOST_SILENCE, TimeoutError),
            (CensorKind.HOST_CLOSE, EOFError),
        ],
    )
    def test_no_answer_to_the_name(
        self, client: Client, world: World, find: Find, kind: CensorKind, failure: type[Exception]
    ) -> None:
        host = find(kind, Scheme.HTTP).host
        with pytest.raises(failure):
            _until_sure(client, failure).get(world.address(host), host)
        assert 200 == client.get(world.address(host), INNOCUOUS_HOST).status

    @pytest.mark.parametrize(
        ("kind", "status", "mark"),
        [
            (CensorKind.HOST_BLOCKPAGE, 200, BLOCKPAGE_TEXT),
            (CensorKind.HOST_BLOCKPAGE_UNKNOWN, 200, "cannot be opened"),
            (CensorKind.HOST_REDIRECT, 302, f"Location: http://{BLOCKPAGE_HOST}/"),
            (CensorKind.HOST_REDIRECT_UNKNOWN, 302, f"Location: http://{NOTICE_HOST}/"),
        ],
    )
    def test_a_foreign_answer_to_the_name(
        self, client: Client, world: World, find: Find, kind: CensorKind, status: int, mark: str
    ) -> None:
        host = find(kind, Scheme.HTTP).host
        page = client.get(world.address(host), host)
        assert status == page.status
        assert mark in page.head + page.body
        own = client.get(world.address(host), INNOCUOUS_HOST)
        assert 200 == own.status
        assert mark not in own.head + own.body

    @pytest.mark.parametrize("host", [BLOCKPAGE_HOST, NOTICE_HOST])
    def test_there_is_a_page_where_requests_are_sent_on_to(self, client: Client, host: str) -> None:
        ((address,),) = (said.addresses for said in client.ask(host))
        assert 200 == client.get(address, host).status


class TestQuic:
    def test_silence(self, client: Client, world: World, find: Find) -> None:
        with pytest.raises(TimeoutError):
            client.hasty.knock(world.address(find(CensorKind.QUIC_SILENCE, Scheme.QUIC).host))

    def test_refusal(self, client: Client, world: World, find: Find) -> None:
        with pytest.raises(ConnectionRefusedError):
            client.knock(world.address(find(CensorKind.QUIC_REFUSED, Scheme.QUIC).host))

    def test_other_sites_answer(self, client: Client, world: World) -> None:
        assert client.knock(world.address("plain-quic.example"))

    def test_tcp_to_the_same_address_is_left_alone(self, client: Client, world: World, find: Find) -> None:
        host = find(CensorKind.QUIC_SILENCE, Scheme.QUIC).host
        assert 200 == client.get_tls(world.address(host), host).status
