import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_agent import names
from rabta_agent.candidates import Named
from rabta_agent.names import find_means, is_in_hosts_file, name_by_system, name_everywhere
from rabta_agent.network import Vantage
from rabta_agent.task import Settings
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import DnsTransport
from support.dns_server import Answer, DnsQuestion, DnsReply, DnsServer, addresses, cut_short, nxdomain, refused
from support.peers import Authority, Peer, Script, free_port, reset_after_hello, serve_dns, serve_doh
from support.scenes import make_contexts, make_notebook, make_scene, outline, within
from support.waiting import PATIENCE_S

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
DOH = AUTHORITY.server("127.0.0.1")
QUICK = Settings(doh=(), udp=(), listen_s=0, dns_s=2)


def always(*values: str) -> Answer:
    return lambda question, client: [addresses(*values)]


def vantage(*resolvers: str) -> Vantage:
    return Vantage(lab=True, system_resolvers=resolvers)


async def test_all_kinds_of_resolver_are_asked_and_kept_apart() -> None:
    async with (
        DnsServer(always("10.10.34.34")) as system,
        DnsServer(always("104.244.42.1")) as udp,
        Peer(serve_doh(DOH, always("104.244.42.65"))) as doh,
    ):
        settings = Settings(doh=(f"https://127.0.0.1:{doh.port}/dns-query",), udp=(udp.text,), listen_s=0)
        notebook = make_notebook(CONTEXTS, settings, vantage=vantage(system.text))
        named = await name_everywhere(notebook, notebook.scene, "x.com")
        await notebook.equipment.doh.close()
    assert Named(system=("10.10.34.34",), udp=("104.244.42.1",), doh=("104.244.42.65",)) == named
    assert {"1 dns system A ok", "1 dns udp A ok", "1 dns doh A ok"} == set(outline(notebook.observations))


async def test_both_types_are_asked_where_there_is_ipv6_and_take_turns() -> None:
    both = always("104.244.42.1", "104.244.42.65", "2606:4700::1")
    async with DnsServer(both) as system, DnsServer(both) as udp, Peer(serve_doh(DOH, both)) as doh:
        settings = Settings(doh=(f"https://127.0.0.1:{doh.port}/dns-query",), udp=(udp.text,), listen_s=0)
        notebook = make_notebook(CONTEXTS, settings, vantage=vantage(system.text), ipv6=True)
        named = await name_everywhere(notebook, notebook.scene, "x.com")
        await notebook.equipment.doh.close()
        assert 1 == doh.accepted
    turns = ("104.244.42.1", "2606:4700::1", "104.244.42.65")
    assert Named(system=turns, udp=turns, doh=turns) == named
    assert 6 == len(notebook.observations)


async def test_the_next_of_the_machines_resolvers_is_asked_where_one_does_not_know() -> None:
    async with (
        DnsServer(lambda question, client: [refused()]) as first,
        DnsServer(always("104.244.42.1")) as second,
        DnsServer(always("104.244.42.65")) as third,
    ):
        notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage(first.text, second.text, third.text))
        assert ("104.244.42.1",) == await name_by_system(notebook, notebook.scene, "x.com")
        assert not third.questions
    assert ["1 dns system A dns_refused_error", "1 dns system A ok"] == outline(notebook.observations)


async def test_a_plain_no_is_believed() -> None:
    async with DnsServer(lambda question, client: [nxdomain()]) as first, DnsServer(always("104.244.42.1")) as second:
        notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage(first.text, second.text))
        assert () == await name_by_system(notebook, notebook.scene, "x.com")
        assert not second.questions


async def test_doh_resolvers_are_asked_until_one_has_answered() -> None:
    async with (
        Peer(serve_doh(DOH, lambda question, client: [nxdomain()])) as good,
        Peer(serve_doh(DOH, always("104.244.42.1"))) as never,
    ):
        dead = free_port()
        urls = tuple(f"https://127.0.0.1:{port}/dns-query" for port in (dead, good.port, never.port))
        notebook = make_notebook(CONTEXTS, Settings(doh=urls, udp=(), listen_s=0), vantage=vantage())
        named = await name_everywhere(notebook, notebook.scene, "x.com")
        await notebook.equipment.doh.close()
        assert ((), 0) == (named.doh, never.accepted)
    expected = {"1 dns doh A connection_refused", "1 dns doh A dns_nxdomain_error", "1 dns system A dns_no_resolver"}
    assert expected == set(outline(notebook.observations))


def short(question: DnsQuestion, client: str) -> list[DnsReply]:
    return [cut_short()]


@pytest.mark.parametrize(
    ("part", "stream", "found", "lines"),
    [
        ((), serve_dns(always("104.244.42.1")), ("104.244.42.1",), ["cut short ok", "over tcp ok"]),
        (("10.0.0.1",), serve_dns(always("104.244.42.1")), ("104.244.42.1",), ["cut short ok", "over tcp ok"]),
        (("10.0.0.1",), reset_after_hello, ("10.0.0.1",), ["cut short ok", "over tcp connection_reset"]),
        ((), reset_after_hello, (), ["cut short ok", "over tcp connection_reset"]),
        (
            (),
            serve_dns(lambda question, client: [nxdomain()]),
            (),
            ["cut short ok", "over tcp dns_nxdomain_error"],
        ),
    ],
    ids=["whole", "whole after part", "part", "nothing", "no"],
)
async def test_what_was_cut_short_is_asked_for_again_over_tcp(
    part: tuple[str, ...], stream: Script, found: tuple[str, ...], lines: list[str]
) -> None:
    async with DnsServer(lambda question, client: [cut_short(*part)]) as server, Peer(stream, port=server.port):
        notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage(server.text))
        assert found == await name_by_system(notebook, notebook.scene, "x.com")
    assert [f"1 dns system A {line}" for line in lines] == outline(notebook.observations)


async def test_a_public_resolver_too_is_asked_again_over_tcp() -> None:
    async with DnsServer(short) as udp, Peer(serve_dns(always("104.244.42.1")), port=udp.port):
        notebook = make_notebook(CONTEXTS, replace(QUICK, udp=(udp.text,)), vantage=vantage())
        assert ("104.244.42.1",) == (await name_everywhere(notebook, notebook.scene, "x.com")).udp
    over_tcp = [seen.detail for seen in notebook.observations if isinstance(seen.detail, DnsQuery)][-1]
    assert (udp.text, DnsTransport.TCP) == (over_tcp.resolver, over_tcp.transport)


async def test_the_next_resolver_is_asked_where_one_does_not_answer_over_tcp() -> None:
    async with DnsServer(short) as first, DnsServer(always("104.244.42.1")) as second:
        notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage(first.text, second.text))
        assert ("104.244.42.1",) == await name_by_system(notebook, notebook.scene, "x.com")
    expected = ["cut short ok", "over tcp connection_refused", "ok"]
    assert [f"1 dns system A {line}" for line in expected] == outline(notebook.observations)


async def test_nothing_is_asked_again_where_time_does_not_allow_it() -> None:
    async with DnsServer(short) as server, Peer(serve_dns(always("104.244.42.1")), port=server.port) as stream:
        notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage(server.text))

        def late(question: DnsQuestion, client: str) -> list[DnsReply]:
            notebook._end = within(QUICK.dns_s / 2)
            return [cut_short()]

        server.answer = late
        assert () == await name_by_system(notebook, notebook.scene, "x.com")
        assert 0 == stream.accepted
    assert ["1 dns system A cut short ok"] == outline(notebook.observations)


async def test_a_resolver_known_by_name_is_found_over_tcp_too() -> None:
    async with DnsServer(short) as server, Peer(serve_dns(always("1.1.1.1")), port=server.port):
        assert ("1.1.1.1",) == await find_means(make_scene(vantage(server.text)), "one.example", within())


async def test_listening_on_keeps_nobody_waiting() -> None:
    async with DnsServer(always("104.244.42.1")) as server:
        notebook = make_notebook(CONTEXTS, replace(QUICK, listen_s=30.0, dns_s=30.0), vantage=vantage(server.text))
        async with asyncio.timeout(PATIENCE_S), notebook.open():
            assert ("104.244.42.1",) == await name_by_system(notebook, notebook.scene, "x.com")
            notebook.prove(notebook.scene)


async def test_a_machine_without_resolvers_is_said_to_have_none() -> None:
    notebook = make_notebook(CONTEXTS, QUICK, vantage=vantage())
    assert () == await name_by_system(notebook, notebook.scene, "x.com")
    assert ["1 dns system A dns_no_resolver"] == outline(notebook.observations)


async def test_the_platform_is_asked_where_it_alone_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(names, "read_system_resolvers", lambda vantage: None)
    notebook = make_notebook(CONTEXTS, QUICK, vantage=Vantage(lab=True))
    assert ("127.0.0.1",) == await name_by_system(notebook, notebook.scene, "localhost")
    assert ("127.0.0.1",) == await find_means(make_scene(), "localhost", within())


async def test_a_resolver_known_by_name_is_found_through_the_machines_own() -> None:
    async with DnsServer(always("1.1.1.1")) as server:
        assert ("1.1.1.1",) == await find_means(make_scene(vantage(server.text)), "one.example", within())
    assert () == await find_means(make_scene(vantage()), "one.example", within())


@pytest.mark.parametrize(
    ("host", "named"),
    [("x.test", True), ("alias.test", True), ("127.0.0.1", False), ("commented.test", False), ("x", False)],
)
def test_a_hosts_file_names_what_stands_behind_an_address(tmp_path: Path, host: str, named: bool) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 X.test alias.test # commented.test\n\n# 127.0.0.1 commented.test\n", encoding="utf-8")
    assert named == is_in_hosts_file(host, file)


def test_no_hosts_file_names_nobody(tmp_path: Path) -> None:
    assert not is_in_hosts_file("x.test", tmp_path / "none")
