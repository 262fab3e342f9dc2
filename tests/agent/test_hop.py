from dataclasses import replace

from rabta_agent.hop import Hop, measure_name
from rabta_agent.network import Vantage
from rabta_agent.urls import DnsName, parse_url
from support.dns_server import Answer, DnsQuestion, DnsReply, DnsServer, addresses, nxdomain
from support.hops import AUTHORITY, CONTEXTS, DENIED, FORGED, HONEST, LIAR, QUICK, in_turn, look, measure, says
from support.peers import (
    Peer,
    free_port,
    reset_after_hello,
    response,
    serve_doh,
    serve_http,
    silence,
)
from support.scenes import make_notebook, outline


async def test_a_site_that_works_is_measured_once() -> None:
    measured = await measure(HONEST)
    expected = [
        "1 dns system A ok",
        "1 tcp 127.0.0.1 system ok",
        "1 tls site.example verified ok",
        "1 http 200 ok",
    ]
    assert expected == measured.lines


async def test_a_block_by_name_is_isolated_once_and_repeated_twice() -> None:
    measured = await measure(in_turn(reset_after_hello, HONEST, reset_after_hello))
    once = ["dns system A ok", "tcp 127.0.0.1 system ok", "tls site.example plain connection_reset"]
    isolation = ["tcp 127.0.0.1 system ok", "tls a.example isolated ok"]
    split = ["tcp 127.0.0.1 system ok", "tls site.example plain split connection_reset"]
    expected = [f"1 {line}" for line in once + isolation + split] + [f"{n} {line}" for n in (2, 3) for line in once]
    assert expected == measured.lines
    assert [False, True, False, False, False] == [seen.server_answered for seen in measured.handshakes]


async def test_a_failure_that_passes_is_repeated_once() -> None:
    measured = await measure(in_turn(reset_after_hello, reset_after_hello, HONEST))
    assert ["2 tls site.example verified ok", "2 http 200 ok"] == measured.lines[-2:]


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
            assert None is await Hop(notebook, parse_url(f"https://site.example:{port}/")).measure()
    lines = outline(notebook.observations)
    assert "1 tls site.example plain ssl_unknown_authority" in lines
    assert ["1 tcp 127.0.0.3 udp ok", "1 tls site.example verified ok"] == [line for line in lines if line[0] == "1"][
        -2:
    ]
    assert not any("http" in line or ("127.0.0.3" in line and line[0] != "1") for line in lines)
    assert 3 + 1 == sum("tcp 127.0.0.2 system ok" in line for line in lines)


async def test_a_name_that_is_denied_is_asked_for_three_times() -> None:
    measured = await measure(HONEST, system=DENIED, public=says("127.0.0.1"))
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
        await Hop(notebook, parse_url(f"https://site.example:{free_port()}/")).measure()
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


async def test_a_redirect_is_followed_only_from_a_pass_that_was_won() -> None:
    away = serve_http(lambda request, body: response(status="302 Found", headers={"Location": "https://x.com/"}))
    won = await measure(away, scheme="http")
    assert won.won is not None
    assert "https://x.com/" == str(won.won.following)
    lost = await measure(away, scheme="http", system=DENIED, public=says("127.0.0.1"))
    assert None is lost.won


async def test_a_hop_ends_where_no_step_fits_any_more() -> None:
    settings = replace(QUICK, dns_s=0.1, tcp_s=0.1, tls_s=0.1, http_s=30.0)
    async with Peer(HONEST) as peer, DnsServer(says("127.0.0.1")) as resolver:
        notebook = make_notebook(CONTEXTS, settings, vantage=Vantage(lab=True, system_resolvers=(resolver.text,)))
        notebook._end -= 80
        await Hop(notebook, parse_url(f"https://site.example:{peer.port}/")).measure()
    assert not any("http" in line or "timeout" in line for line in outline(notebook.observations))


async def test_all_that_others_named_is_tried_where_the_machines_own_fail() -> None:
    """The resolver lies, DoH and the controls know better, each of another address; none of them wins the pass."""
    async with (
        Peer(HONEST, host="127.0.0.3") as one,
        Peer(HONEST, host="127.0.0.4", port=one.port) as other,
        Peer(serve_doh(AUTHORITY.server("127.0.0.1"), says("127.0.0.3"))) as doh,
    ):
        settings = replace(QUICK, doh=(f"https://127.0.0.1:{doh.port}/dns-query",))
        target = f"https://site.example:{one.port}/"
        notebook, won = await look(target, system=says(LIAR), control=("127.0.0.4",), settings=settings)
        await notebook.equipment.doh.close()
        assert (1, 1) == (one.accepted, other.accepted)
    expected = [
        f"1 tcp {LIAR} system connection_refused",
        "1 tcp 127.0.0.3 doh ok",
        "1 tls site.example verified ok",
        "1 tcp 127.0.0.4 control ok",
        "1 tls site.example verified ok",
    ]
    lines = outline(notebook.observations)
    assert expected == [line for line in lines if line[0] == "1" and "dns" not in line]
    assert not any("doh" in line or "control" in line for line in lines if line[0] != "1")
    assert won is None


async def test_what_a_public_resolver_named_is_not_tried_where_doh_named_one_that_works() -> None:
    async with (
        Peer(HONEST, host="127.0.0.3") as site,
        Peer(serve_doh(AUTHORITY.server("127.0.0.1"), says("127.0.0.3"))) as doh,
    ):
        settings = replace(QUICK, doh=(f"https://127.0.0.1:{doh.port}/dns-query",))
        target = f"https://site.example:{site.port}/"
        notebook, _ = await look(target, system=says(LIAR), public=says("127.0.0.4"), settings=settings)
        await notebook.equipment.doh.close()
    assert "1 tcp 127.0.0.3 doh ok" in outline(notebook.observations)
    assert not any("127.0.0.4" in line for line in outline(notebook.observations))


async def test_the_controls_addresses_are_not_tried_where_the_machines_own_work() -> None:
    async with Peer(HONEST) as peer:
        target = f"https://site.example:{peer.port}/"
        notebook, won = await look(target, system=says("127.0.0.1"), control=("127.0.0.4",))
    assert won is not None
    assert not any("control" in line for line in outline(notebook.observations))


async def test_a_controls_address_is_tried_in_the_first_pass_alone_where_nobody_names_another() -> None:
    async with Peer(HONEST) as peer:
        target = f"https://site.example:{peer.port}/"
        notebook, won = await look(target, system=DENIED, control=("127.0.0.1",))
        assert 1 == peer.accepted
    assert won is None
    assert "1 tcp 127.0.0.1 control ok" in outline(notebook.observations)


async def test_a_controls_ipv6_address_is_left_out_where_the_network_has_no_ipv6() -> None:
    target = f"https://site.example:{free_port()}/"
    for ipv6, expected in ((False, 0), (True, 1)):
        notebook, _ = await look(target, system=DENIED, control=("::1",), ipv6=ipv6)
        assert expected == sum("tcp ::1 control" in line for line in outline(notebook.observations))


async def test_neither_family_uses_up_the_tries_of_the_other() -> None:
    dead = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
    async with Peer(HONEST, host="::1") as peer:
        notebook, won = await look(f"https://site.example:{peer.port}/", system=says(*dead, "::1"), ipv6=True)
    assert won is not None
    tried = [line.split()[2] for line in outline(notebook.observations) if "tcp" in line]
    assert ["127.0.0.2", "::1"] == tried


async def test_a_site_is_reached_over_ipv6_where_ipv4_is_cut() -> None:
    async with Peer(reset_after_hello) as cut, Peer(HONEST, host="::1", port=cut.port):
        target = f"https://site.example:{cut.port}/"
        notebook, won = await look(target, system=says("127.0.0.1", "::1"), ipv6=True)
    assert won is not None
    assert ["1 tcp ::1 system ok", "1 tls site.example verified ok", "1 http 200 ok"] == outline(notebook.observations)[
        -3:
    ]


async def test_a_repeat_tries_each_family_once_after_tls() -> None:
    async with Peer(reset_after_hello) as cut, Peer(reset_after_hello, host="::1", port=cut.port):
        target = f"https://site.example:{cut.port}/"
        notebook, _ = await look(target, system=says("127.0.0.1", "127.0.0.2", "::1"), ipv6=True)
    for attempt in (2, 3):
        tried = [line.split()[2] for line in outline(notebook.observations) if line.startswith(f"{attempt} tcp")]
        assert ["127.0.0.1", "::1"] == list(dict.fromkeys(tried))


async def test_a_repeat_that_could_not_come_as_far_is_not_begun() -> None:
    """It would end after a step that worked, and look like another failure."""
    settings = replace(QUICK, dns_s=20, tcp_s=20, http_s=0.2)
    async with Peer(silence) as peer, DnsServer(says("127.0.0.1")) as resolver:
        notebook = make_notebook(CONTEXTS, settings, vantage=Vantage(lab=True, system_resolvers=(resolver.text,)))
        notebook._end -= 90 - 40.3
        await Hop(notebook, parse_url(f"http://site.example:{peer.port}/")).measure()
    assert ["dns", "tcp", "http"] == [seen.step for seen in notebook.observations]


async def test_a_repeat_has_only_to_come_as_far_as_the_machines_own_addresses_did() -> None:
    """They refuse a connection; that others' address fails later is nothing that a repeat will try."""
    settings = replace(QUICK, http_s=30)
    async with Peer(reset_after_hello) as peer:
        target = f"http://site.example:{peer.port}/"
        notebook, _ = await look(target, system=says(LIAR), public=says("127.0.0.1"), settings=settings, hurry_s=31)
    lines = outline(notebook.observations)
    assert "1 http None connection_reset" in lines
    assert 3 == sum(f"tcp {LIAR} system connection_refused" in line for line in lines)


async def test_a_repeat_tries_three_addresses_and_the_first_pass_four() -> None:
    addresses = [f"127.0.0.{number}" for number in range(2, 8)]
    notebook, _ = await look(f"http://site.example:{free_port()}/", system=says(*addresses))
    tried = [line[0] for line in outline(notebook.observations) if "tcp" in line]
    assert ["1"] * 4 + ["2"] * 3 + ["3"] * 3 == tried


async def resolve(system: Answer, public: Answer | None = None) -> tuple[list[str], bool]:
    """A `dns:` target in a network whose resolvers say this."""
    async with DnsServer(system) as resolver, DnsServer(public or says()) as udp:
        settings = replace(QUICK, udp=(udp.text,) if public else ())
        notebook = make_notebook(CONTEXTS, settings, vantage=Vantage(lab=True, system_resolvers=(resolver.text,)))
        found = await measure_name(notebook, DnsName(host="site.example"))
    return outline(notebook.observations), found


async def test_a_name_that_is_answered_is_asked_for_once_everywhere() -> None:
    lines, found = await resolve(says("127.0.0.1"), says("127.0.0.1"))
    assert (["1 dns system A ok", "1 dns udp A ok"], True) == (sorted(lines), found)


async def test_a_name_without_an_address_is_asked_for_twice_more_of_the_machines_own_resolver() -> None:
    lines, found = await resolve(DENIED, says("127.0.0.1"))
    expected = ["1 dns system A dns_nxdomain_error", "1 dns udp A ok"]
    repeats = [f"{attempt} dns system A dns_nxdomain_error" for attempt in (2, 3)]
    assert (expected + repeats, False) == (sorted(lines), found)


async def test_a_name_is_won_by_a_repeat() -> None:
    asked: list[DnsQuestion] = []

    def stumble(question: DnsQuestion, client: str) -> list[DnsReply]:
        asked.append(question)
        return [nxdomain() if len(asked) == 1 else addresses("127.0.0.1")]

    assert (["1 dns system A dns_nxdomain_error", "2 dns system A ok"], True) == await resolve(stumble)
