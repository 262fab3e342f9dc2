from dataclasses import dataclass, replace

import pytest

from rabta_agent.hop import Hop
from rabta_agent.network import Vantage
from rabta_agent.notebook import Notebook
from rabta_agent.task import Settings
from rabta_agent.urls import WebUrl, parse_url
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import Depth
from support.dns_server import Answer, DnsServer, addresses, nxdomain
from support.peers import (
    Authority,
    Call,
    Peer,
    Script,
    alert,
    by_name,
    close_after_hello,
    free_port,
    reset_after_hello,
    response,
    serve_http,
    serve_https,
    silence,
)
from support.scenes import make_contexts, make_notebook, outline

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
HONEST = serve_https(AUTHORITY.server("site.example"))
FORGED = serve_https(Authority().server("site.example"))
QUICK = Settings(
    doh=(),
    udp=(),
    listen_s=0,
    dns_s=2,
    tcp_s=2,
    tls_s=2,
    http_s=2,
    repeat_pause_s=0,
    innocuous_names=("a.example", "b.example"),
)


@dataclass(kw_only=True)
class Measured:
    """What one hop has seen."""

    notebook: Notebook
    following: WebUrl | None
    peer: Peer

    @property
    def lines(self) -> list[str]:
        return outline(self.notebook.observations)

    @property
    def handshakes(self) -> list[TlsHandshake]:
        return [seen.detail for seen in self.notebook.observations if isinstance(seen.detail, TlsHandshake)]


def says(*values: str) -> Answer:
    return lambda question, client: [addresses(*values)]


async def measure(
    script: Script,
    *,
    system: Answer | None = None,
    public: Answer | None = None,
    scheme: str = "https",
    host: str = "site.example",
    depth: Depth = Depth.FULL,
    settings: Settings = QUICK,
    lab: bool = True,
) -> Measured:
    """One hop to one server at 127.0.0.1, in a network whose resolvers say this."""
    async with (
        Peer(script) as peer,
        DnsServer(system or says("127.0.0.1")) as resolver,
        DnsServer(public or says("127.0.0.1")) as udp,
    ):
        vantage = Vantage(lab=lab, system_resolvers=(resolver.text,))
        chosen = replace(settings, udp=(udp.text,) if public else ())
        notebook = make_notebook(CONTEXTS, chosen, vantage=vantage, depth=depth)
        following = await Hop(notebook, parse_url(f"{scheme}://{host}:{peer.port}/"), 0).measure()
    return Measured(notebook=notebook, following=following, peer=peer)


async def test_a_site_that_works_is_measured_once() -> None:
    measured = await measure(HONEST)
    expected = [
        "1 dns system A ok",
        "1 tcp 127.0.0.1 system ok",
        "1 tls site.example verified ok",
        "1 http 200 ok",
    ]
    assert expected == measured.lines


async def test_a_light_measurement_makes_no_request() -> None:
    lines = (await measure(HONEST, depth=Depth.LIGHT)).lines
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok", "1 tls site.example verified ok"] == lines
    lines = (await measure(serve_http(), scheme="http", depth=Depth.LIGHT)).lines
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok"] == lines


async def test_a_block_by_name_is_isolated_once_and_repeated_twice() -> None:
    measured = await measure(by_name("site.example", reset_after_hello, HONEST))
    once = ["dns system A ok", "tcp 127.0.0.1 system ok", "tls site.example plain connection_reset"]
    isolation = ["tcp 127.0.0.1 system ok", "tls a.example isolated ok"]
    expected = [f"1 {line}" for line in once + isolation] + [f"{n} {line}" for n in (2, 3) for line in once]
    assert expected == measured.lines
    assert [False, True, False, False] == [seen.server_answered for seen in measured.handshakes]


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (close_after_hello, "eof_error"),
        (silence, "generic_timeout_error"),
        (alert(112), "ssl_failed_handshake"),
    ],
    ids=["fin", "silence", "alert"],
)
async def test_every_failure_after_the_hello_but_the_certificates_is_isolated(script: Script, failure: str) -> None:
    measured = await measure(by_name("site.example", script, HONEST), settings=replace(QUICK, tls_s=0.2))
    assert f"1 tls site.example plain {failure}" in measured.lines
    assert "1 tls a.example isolated ok" in measured.lines


async def test_an_alert_to_an_innocuous_name_is_an_answer() -> None:
    measured = await measure(by_name("site.example", reset_after_hello, alert(112)))
    assert ["a.example"] == [seen.server_name for seen in measured.handshakes if seen.isolation]


async def test_isolation_that_is_not_answered_is_tried_again_under_another_name() -> None:
    measured = await measure(reset_after_hello)
    isolated = [seen.server_name for seen in measured.handshakes if seen.isolation]
    assert ["a.example", "b.example", "a.example"] == isolated


async def test_a_failure_that_passes_is_repeated_once() -> None:
    calls: list[Call] = []

    async def stumble(call: Call) -> None:
        calls.append(call)
        await (reset_after_hello if len(calls) <= 2 else HONEST)(call)

    measured = await measure(stumble)
    assert ["2 tls site.example verified ok", "2 http 200 ok"] == measured.lines[-2:]


async def test_a_foreign_certificate_is_looked_at_once_and_never_believed() -> None:
    measured = await measure(FORGED)
    plain = [seen for seen in measured.handshakes if seen.certificate is not None]
    assert [("site.example", False, False)] == [(seen.server_name, seen.verified, seen.isolation) for seen in plain]
    assert 3 == sum("ssl_unknown_authority" in line for line in measured.lines)


async def test_a_lie_in_dns_is_held_against_what_others_say() -> None:
    """The system's address is another's: what the public one named is proved by its certificate, and not fetched."""
    async with Peer(FORGED, host="127.0.0.2") as liar:
        port = liar.port
        async with (
            Peer(HONEST, host="127.0.0.3", port=port),
            DnsServer(says("127.0.0.2")) as resolver,
            DnsServer(says("127.0.0.3")) as udp,
        ):
            vantage = Vantage(lab=True, system_resolvers=(resolver.text,))
            notebook = make_notebook(CONTEXTS, replace(QUICK, udp=(udp.text,)), vantage=vantage)
            assert None is await Hop(notebook, parse_url(f"https://site.example:{port}/"), 0).measure()
    lines = outline(notebook.observations)
    assert "1 tls site.example plain ssl_unknown_authority" in lines
    assert ["1 tcp 127.0.0.3 udp ok", "1 tls site.example verified ok"] == [line for line in lines if line[0] == "1"][
        -2:
    ]
    assert not any("http" in line or ("127.0.0.3" in line and line[0] != "1") for line in lines)
    assert 3 + 1 == sum("tcp 127.0.0.2 system ok" in line for line in lines)


async def test_a_name_that_is_denied_is_asked_for_three_times() -> None:
    measured = await measure(HONEST, system=lambda question, client: [nxdomain()], public=says("127.0.0.1"))
    assert 3 == sum("dns system A dns_nxdomain_error" in line for line in measured.lines)
    assert 1 == sum("dns udp" in line for line in measured.lines)
    assert 1 == measured.peer.accepted
    assert "1 tls site.example verified ok" in measured.lines


async def test_another_address_is_tried_where_the_first_fails_and_wins() -> None:
    measured = await measure(HONEST, system=says("127.0.0.2", "127.0.0.1"))
    expected = [
        "1 dns system A ok",
        "1 tcp 127.0.0.2 system connection_refused",
        "1 tcp 127.0.0.1 system ok",
        "1 tls site.example verified ok",
        "1 http 200 ok",
    ]
    assert expected == measured.lines


async def test_a_repeat_tries_one_address_after_tls_and_all_before_tcp() -> None:
    by_tls = await measure(reset_after_hello, system=says("127.0.0.1", "127.0.0.2"))
    assert not any("127.0.0.2" in line for line in by_tls.lines if line[0] != "1")
    settings = replace(QUICK, repeat_pause_s=0)
    async with DnsServer(says("127.0.0.4", "127.0.0.5")) as resolver:
        vantage = Vantage(lab=True, system_resolvers=(resolver.text,))
        notebook = make_notebook(CONTEXTS, settings, vantage=vantage)
        await Hop(notebook, parse_url(f"https://site.example:{free_port()}/"), 0).measure()
    assert 6 == sum("connection_refused" in line for line in outline(notebook.observations))


async def test_a_special_address_is_recorded_and_never_dialled() -> None:
    measured = await measure(HONEST, lab=False)
    assert 0 == measured.peer.accepted
    assert ["dns system A ok", "tcp 127.0.0.1 system special_address"] == [line[2:] for line in measured.lines[:2]]


async def test_a_literal_special_address_is_never_dialled() -> None:
    measured = await measure(HONEST, host="127.0.0.1", lab=False)
    assert 0 == measured.peer.accepted
    assert ["1 tcp 127.0.0.1 literal special_address"] == measured.lines


async def test_a_literal_address_is_not_looked_up_and_not_isolated() -> None:
    measured = await measure(reset_after_hello, host="127.0.0.1")
    assert not any("dns" in line or "isolated" in line for line in measured.lines)
    assert 3 == measured.peer.accepted


async def test_a_request_that_is_reset_is_repeated_with_all_steps() -> None:
    measured = await measure(reset_after_hello, scheme="http")
    once = ["dns system A ok", "tcp 127.0.0.1 system ok", "http None connection_reset"]
    assert [f"{n} {line}" for n in (1, 2, 3) for line in once] == measured.lines


async def test_plain_http_is_fetched_from_an_address_that_only_others_named() -> None:
    measured = await measure(
        serve_http(), scheme="http", system=lambda question, client: [nxdomain()], public=says("127.0.0.1")
    )
    assert "1 http 200 ok" in measured.lines


async def test_a_redirect_is_followed_only_from_a_pass_that_was_won() -> None:
    away = serve_http(lambda request, body: response(status="302 Found", headers={"Location": "https://x.com/"}))
    won = await measure(away, scheme="http")
    assert "https://x.com/" == str(won.following)
    lost = await measure(away, scheme="http", system=lambda question, client: [nxdomain()], public=says("127.0.0.1"))
    assert None is lost.following


async def test_a_hop_ends_where_no_step_fits_any_more() -> None:
    settings = replace(QUICK, dns_s=0.1, tcp_s=0.1, tls_s=0.1, http_s=30.0)
    async with Peer(HONEST) as peer, DnsServer(says("127.0.0.1")) as resolver:
        notebook = make_notebook(CONTEXTS, settings, vantage=Vantage(lab=True, system_resolvers=(resolver.text,)))
        notebook._end -= 80
        await Hop(notebook, parse_url(f"https://site.example:{peer.port}/"), 0).measure()
    assert not any("http" in line or "timeout" in line for line in outline(notebook.observations))
