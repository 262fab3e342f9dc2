import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import h11
import pytest
from google.protobuf.json_format import MessageToJson

from rabta_agent import measure as measuring
from rabta_agent import network
from rabta_agent.clock import Clock, SystemClock
from rabta_agent.context import NetworkIdentity
from rabta_agent.measure import InvalidTarget, Prober, Settings, Task
from rabta_agent.network import Vantage
from rabta_agent.probes import quic
from rabta_agent.probes.tlscontexts import RootsError
from rabta_agent.resolvconf import read_system_resolvers
from rabta_proto.codec import from_message, to_message
from rabta_proto.model import DnsQuery, HttpRoundTrip, Measurement, NetworkContext, TcpConnect
from rabta_proto.vocabulary import AddressSource, Depth, Step, Trigger
from support.dns_server import DnsReply, DnsServer, addresses, cut_short, nxdomain
from support.peers import (
    Authority,
    Peer,
    Script,
    free_port,
    reset_after_hello,
    response,
    say,
    serve_dns,
    serve_doh,
    serve_http,
    serve_https,
    silence,
)
from support.quic_server import open_quic_server, pem
from support.steady import LoopClock

AUTHORITY = Authority()
LEAF = pem(AUTHORITY.ca.issue_cert("site.example"))
CONTEXT = NetworkContext(isp="ptcl", ipv4=True, ipv6=False, lab=True)
CLOCK = LoopClock()
QUICK = Settings(doh=(), udp=(), listen_s=0, dns_s=2, tcp_s=2, tls_s=2, quic_s=2, http_s=2, repeat_pause_s=0)


@pytest.fixture(autouse=True)
def _roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "root.pem"
    AUTHORITY.ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@asynccontextmanager
async def prober(*, lab: bool = True, clock: Clock = CLOCK) -> AsyncIterator[Prober]:
    """A prober in a network where every name is at 127.0.0.1."""
    async with DnsServer(lambda question, client: [addresses("127.0.0.1")]) as resolver:
        probing = Prober(Vantage(lab=lab, system_resolvers=(resolver.text,)), clock, random.Random(1))
        try:
            yield probing
        finally:
            await probing.close()


async def measure(
    script: Script, url: str, *, settings: Settings = QUICK, lab: bool = True, clock: Clock = CLOCK
) -> Measurement:
    """Measures a URL, in which `PORT` stands for the server's."""
    async with Peer(script) as peer, prober(lab=lab, clock=clock) as probing:
        task = Task(target=url.replace("PORT", str(peer.port)), trigger=Trigger.MANUAL)
        return await probing.measure(task, settings, CONTEXT)


def redirecting(lead: Callable[[str], str]) -> Script:
    """A server that redirects each path to where `lead` says; an empty string is a page."""

    def respond(request: h11.Request, body: bytes) -> bytes:
        location = lead(request.target.decode())
        return response(status="302 Found", headers={"Location": location}) if location else response(b"the end")

    return serve_http(respond)


def responses(measurement: Measurement) -> list[tuple[int, int | None, str | None]]:
    """Hop, status and failure of every HTTP observation."""
    return [
        (seen.hop, seen.detail.status, seen.failure)
        for seen in measurement.observations
        if isinstance(seen.detail, HttpRoundTrip)
    ]


async def test_a_measurement_says_what_was_asked_and_what_it_cost() -> None:
    async with Peer(serve_https(AUTHORITY.server("site.example"))) as peer, prober() as probing:
        task = Task(
            target=f"https://site.example:{peer.port}/",
            platform="site",
            trigger=Trigger.SCHEDULED,
            depth=Depth.FULL,
            plan_version=7,
        )
        seen = await probing.measure(task, QUICK, CONTEXT)
    assert (task.target, "site", Trigger.SCHEDULED, Depth.FULL, 7, CONTEXT, 0, 0) == (
        seen.target,
        seen.platform,
        seen.trigger,
        seen.depth,
        seen.plan_version,
        seen.network,
        seen.epoch,
        seen.sequence,
    )
    assert [Step.DNS, Step.TCP, Step.TLS, Step.HTTP] == [observation.step for observation in seen.observations]
    assert 500 < seen.bytes_sent < 5_000
    assert 1_000 < seen.bytes_received < 8_000


async def test_offsets_and_durations_fit_into_the_measurement() -> None:
    seen = await measure(serve_https(AUTHORITY.server("site.example")), "https://site.example:PORT/")
    offsets = [observation.offset_us for observation in seen.observations]
    assert sorted(offsets) == offsets
    assert all(step.offset_us + step.duration_us <= seen.duration_us for step in seen.observations)
    assert all(step.duration_us > 0 for step in seen.observations)


async def test_a_measurement_survives_the_wire() -> None:
    honest = serve_https(AUTHORITY.server("site.example"))
    seen = await measure(honest, "https://site.example:PORT/", clock=SystemClock())  # no two of its moments are one
    message = to_message(seen)
    assert seen == from_message(message)
    steps = json.loads(MessageToJson(message))["observations"]
    assert all("offsetUs" in step and "durationUs" in step for step in steps)


@pytest.mark.parametrize(
    "url", ["x.com", "ftp://x.com/", "https://", "https://x.com:0/", "", "tcp://x.com", "dns:1.1.1.1"]
)
async def test_what_cannot_be_measured_is_refused_before_anything_is_sent(url: str) -> None:
    async with prober() as probing:
        with pytest.raises(InvalidTarget):
            await probing.measure(Task(target=url, trigger=Trigger.MANUAL), QUICK, CONTEXT)


async def test_a_redirect_begins_anew_with_all_steps() -> None:
    seen = await measure(redirecting(lambda path: "/end" if path == "/" else ""), "http://site.example:PORT/")
    assert [(0, 302, None), (1, 200, None)] == responses(seen)
    assert [Step.DNS, Step.TCP, Step.HTTP] * 2 == [observation.step for observation in seen.observations]


async def test_the_eleventh_redirect_is_one_too_many() -> None:
    seen = await measure(redirecting(lambda path: f"{path}x"), "http://site.example:PORT/")
    expected = [(hop, 302, None) for hop in range(10)] + [(10, 302, "http_too_many_redirects")]
    assert expected == responses(seen)


async def test_a_redirect_in_a_circle_ends_at_once() -> None:
    seen = await measure(redirecting(lambda path: "/b" if path == "/a" else "/a"), "http://site.example:PORT/a")
    assert [(0, 302, None), (1, 302, "http_too_many_redirects")] == responses(seen)
    assert "loop" == seen.observations[-1].failure_detail


async def test_a_redirect_to_a_special_address_is_recorded_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "find_special", lambda address: "private" if address == "127.0.0.2" else None)
    monkeypatch.setattr(network, "is_neighbour", lambda address, own: False)  # loopback stands for the Internet
    async with Peer(silence, host="127.0.0.2") as inside:
        inward = redirecting(lambda path: f"http://127.0.0.2:{inside.port}/admin")
        seen = await measure(inward, "http://site.example:PORT/", lab=False)
        assert 0 == inside.accepted
    assert [(0, 302, None)] == responses(seen)
    assert [(1, "special_address")] == [(step.hop, step.failure) for step in seen.observations if step.hop]


async def test_a_special_address_costs_nothing() -> None:
    seen = await measure(silence, "http://127.0.0.1:PORT/", lab=False)
    assert (0, 0) == (seen.bytes_sent, seen.bytes_received)


async def test_a_doh_connection_is_kept_between_measurements() -> None:
    doh = serve_doh(AUTHORITY.server("127.0.0.1"), lambda question, client: [addresses("127.0.0.1")])
    async with Peer(doh) as resolver, Peer(serve_http()) as site, prober() as probing:
        settings = Settings(doh=(f"https://127.0.0.1:{resolver.port}/dns-query",), udp=(), listen_s=0)
        task = Task(target=f"http://site.example:{site.port}/", trigger=Trigger.MANUAL)
        first = await probing.measure(task, settings, CONTEXT)
        second = await probing.measure(task, settings, CONTEXT)
        assert 1 == resolver.accepted
    assert second.bytes_received < first.bytes_received


async def test_measurements_may_be_made_at_the_same_time() -> None:
    async with Peer(serve_https(AUTHORITY.server("site.example"))) as site, prober() as probing:
        task = Task(target=f"https://site.example:{site.port}/", trigger=Trigger.MANUAL)
        seen = await asyncio.gather(*(probing.measure(task, QUICK, CONTEXT) for _ in range(8)))
    assert [(0, 200, None)] * 8 == [line for measurement in seen for line in responses(measurement)]


@asynccontextmanager
async def raced(script: Script, *replies: DnsReply, scheme: str) -> AsyncIterator[tuple[Prober, Task]]:
    """A prober that hears on for long, in a network whose resolver says all of this to each query."""
    async with Peer(script) as site, DnsServer(lambda question, client: replies) as resolver:
        probing = Prober(Vantage(lab=True, system_resolvers=(resolver.text,)), LoopClock(), random.Random(1))
        try:
            yield probing, Task(target=f"{scheme}://site.example:{site.port}/", trigger=Trigger.MANUAL)
        finally:
            await probing.close()


def later_replies(measurement: Measurement) -> list[int]:
    """How many later replies each query holds."""
    return [len(seen.detail.later_replies) for seen in measurement.observations if isinstance(seen.detail, DnsQuery)]


HERE = addresses("127.0.0.1")
PATIENT = replace(QUICK, dns_s=30, listen_s=30)


async def test_a_site_that_is_proved_is_not_kept_waiting_for_later_replies() -> None:
    async with raced(serve_https(AUTHORITY.server("site.example")), HERE, scheme="https") as (probing, task):
        seen = await probing.measure(task, PATIENT, CONTEXT)
    assert seen.duration_us < 10_000_000
    assert [(0, 200, None)] == responses(seen)


async def test_the_later_replies_of_a_site_that_is_proved_are_kept_as_far_as_they_came() -> None:
    honest = serve_https(AUTHORITY.server("site.example"))
    async with raced(honest, HERE, addresses("10.10.34.34"), scheme="https") as (probing, task):
        seen = await probing.measure(task, PATIENT, CONTEXT)
    assert [1] == later_replies(seen)
    assert seen == from_message(to_message(seen))


async def test_a_site_that_nothing_proves_is_measured_at_once_and_its_resolver_heard_out() -> None:
    race = [addresses(f"10.10.34.{number}", delay_s=0.3) for number in range(4)]
    async with raced(serve_http(), HERE, *race, scheme="http") as (probing, task):
        seen = await probing.measure(task, PATIENT, CONTEXT)
    (fetched,) = (step for step in seen.observations if step.step is Step.HTTP)
    assert [4] == later_replies(seen)
    assert fetched.offset_us + fetched.duration_us < 300_000 <= seen.duration_us


async def test_a_name_whose_answer_was_cut_short_is_measured_like_any_other() -> None:
    async with raced(serve_https(AUTHORITY.server("site.example")), cut_short(), scheme="https") as (probing, task):
        (endpoint,) = read_system_resolvers(probing._equipment.network.vantage) or ()
        async with Peer(serve_dns(lambda question, client: [HERE]), port=int(endpoint.rpartition(":")[2])):
            seen = await probing.measure(task, QUICK, CONTEXT)
    assert [(0, 200, None)] == responses(seen)
    assert ["dns", "dns", "tcp", "tls", "http"] == [step.step for step in seen.observations]


async def test_a_cancelled_measurement_ends_at_once() -> None:
    async with Peer(silence) as site, prober() as probing:
        task = Task(target=f"http://site.example:{site.port}/", trigger=Trigger.MANUAL)
        measuring = asyncio.ensure_future(probing.measure(task, QUICK, CONTEXT))
        await site.spoken_to.wait()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring


async def test_a_site_that_is_not_there_is_a_measurement_like_any_other() -> None:
    seen = await measure(silence, f"http://site.example:{free_port()}/")
    assert {None, "connection_refused"} == {observation.failure for observation in seen.observations}


def test_roots_that_cannot_be_had_are_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with pytest.raises(RootsError):
        Prober(Vantage(), LoopClock(), random.Random(1))


def steps(measurement: Measurement) -> list[str]:
    return [f"{seen.step} {seen.failure or 'ok'}" for seen in measurement.observations]


async def test_a_tcp_target_is_a_connection() -> None:
    seen = await measure(silence, "tcp://site.example:PORT")
    assert ["dns ok", "tcp ok"] == steps(seen)


async def test_a_dns_target_is_a_query() -> None:
    async with prober() as probing:
        seen = await probing.measure(Task(target="dns:site.example", trigger=Trigger.MANUAL), QUICK, CONTEXT)
    assert ["dns ok"] == steps(seen)
    assert seen == from_message(to_message(seen))


async def test_a_quic_target_is_a_handshake() -> None:
    async with open_quic_server("127.0.0.1", 0, *LEAF) as server, prober() as probing:
        task = Task(target=f"quic://site.example:{server.port}/", trigger=Trigger.MANUAL)
        seen = await probing.measure(task, QUICK, CONTEXT)
    assert ["dns ok", "quic ok"] == steps(seen)
    assert seen == from_message(to_message(seen))
    assert 1_200 < seen.bytes_sent < 10_000


async def test_a_quic_answer_that_is_proved_is_not_waited_for() -> None:
    async with open_quic_server("127.0.0.1", 0, *LEAF) as server, prober() as probing:
        task = Task(target=f"quic://site.example:{server.port}/", trigger=Trigger.MANUAL)
        seen = await probing.measure(task, PATIENT, CONTEXT)
    assert seen.duration_us < 10_000_000


async def test_quic_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "available", lambda: False)
    async with prober() as probing:
        with pytest.raises(InvalidTarget, match="not installed"):
            await probing.measure(Task(target="quic://x.com/", trigger=Trigger.MANUAL), QUICK, CONTEXT)


@asynccontextmanager
async def denied() -> AsyncIterator[Prober]:
    """A prober in a network where no name exists."""
    async with DnsServer(lambda question, client: [nxdomain()]) as resolver:
        probing = Prober(Vantage(lab=True, system_resolvers=(resolver.text,)), LoopClock(), random.Random(1))
        yield probing
        await probing.close()


async def test_the_controls_addresses_are_tried_for_the_targets_own_host() -> None:
    async with Peer(serve_http()) as site, denied() as probing:
        target = f"http://site.example:{site.port}/"
        task = Task(target=target, trigger=Trigger.MANUAL, control_addresses=("127.0.0.1",))
        seen = await probing.measure(task, QUICK, CONTEXT)
        assert 1 == site.accepted
    sources = [step.detail.source for step in seen.observations if isinstance(step.detail, TcpConnect)]
    assert [AddressSource.CONTROL] == sources


async def test_the_controls_addresses_are_none_of_another_host() -> None:
    """On the second hop of the target's own host they are tried, on that of another they are not."""
    for host, expected in (("site.example", 1), ("other.example", 0)):
        location = f"http://{host}:{free_port()}/"
        async with Peer(leading_to(location)) as site, prober() as probing:
            task = Task(
                target=f"http://site.example:{site.port}/", trigger=Trigger.MANUAL, control_addresses=("127.0.0.9",)
            )
            seen = await probing.measure(task, QUICK, CONTEXT)
        tried = [step.detail.source for step in seen.observations if isinstance(step.detail, TcpConnect) and step.hop]
        assert expected == tried.count(AddressSource.CONTROL)


def leading_to(location: str) -> Script:
    return redirecting(lambda path: location)


@asynccontextmanager
async def portal() -> AsyncIterator[tuple[Peer, Settings]]:
    """A captive portal, and settings whose check meets it."""
    async with Peer(redirecting(lambda path: "http://portal.example/login")) as peer:
        yield peer, replace(QUICK, portal_check=f"http://127.0.0.1:{peer.port}/204")


async def test_a_captive_portal_is_looked_for_after_a_failure() -> None:
    async with portal() as (peer, settings):
        with_check = await measure(reset_after_hello, "http://site.example:PORT/", settings=settings)
        without = await measure(reset_after_hello, "http://site.example:PORT/")
        assert 1 == peer.accepted
    assert (True, None) == (with_check.network.captive_portal, without.network.captive_portal)
    assert steps(without) == steps(with_check)
    assert with_check.bytes_received > without.bytes_received


@pytest.mark.parametrize("target", ["tcp://site.example:PORT", "dns:site.example"])
async def test_a_captive_portal_is_looked_for_whatever_failed(target: str) -> None:
    async with portal() as (_, settings), denied() as probing:
        task = Task(target=target.replace("PORT", str(free_port())), trigger=Trigger.MANUAL)
        assert (await probing.measure(task, settings, CONTEXT)).network.captive_portal


async def test_a_network_without_a_portal_is_said_to_have_none() -> None:
    async with Peer(say(b"HTTP/1.1 204 No Content\r\n\r\n")) as check:
        settings = replace(QUICK, portal_check=f"http://127.0.0.1:{check.port}/204")
        seen = await measure(reset_after_hello, "http://site.example:PORT/", settings=settings)
    assert False is seen.network.captive_portal


async def test_a_captive_portal_is_looked_for_where_plain_http_leads_elsewhere() -> None:
    async with Peer(serve_http()) as end, portal() as (peer, settings):
        away = redirecting(lambda path: f"http://login.portal.example:{end.port}/")
        seen = await measure(away, "http://site.example:PORT/", settings=settings)
        assert 1 == peer.accepted
    assert [(0, 302, None), (1, 200, None)] == responses(seen)
    assert True is seen.network.captive_portal


async def test_nothing_is_asked_after_a_success() -> None:
    async with portal() as (peer, settings):
        plain = await measure(serve_http(), "http://site.example:PORT/", settings=settings)
        within = redirecting(lambda path: "/end" if path == "/" else "")
        followed = await measure(within, "http://site.example:PORT/", settings=settings)
        secure = serve_https(AUTHORITY.server("site.example"))
        secured = await measure(secure, "https://site.example:PORT/", settings=settings)
        assert 0 == peer.accepted
    assert {None} == {seen.network.captive_portal for seen in (plain, followed, secured)}


def _next_of(left: Iterator[NetworkIdentity | None], vantage: Vantage) -> NetworkIdentity | None:
    return next(left)


async def test_a_network_that_becomes_another_meanwhile_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    here = NetworkIdentity(interface="wlan0", ipv4="192.168.1.7", ipv6_prefix=None)
    there = replace(here, ipv4="10.1.2.3")
    for seen, expected in (([here, here], False), ([here, there], True), ([None, None], None)):
        monkeypatch.setattr(measuring, "identify_network", partial(_next_of, iter(seen)))
        assert expected is (await measure(serve_http(), "http://site.example:PORT/")).network.changed


async def test_in_the_lab_no_network_changes() -> None:
    assert None is (await measure(serve_http(), "http://site.example:PORT/")).network.changed
