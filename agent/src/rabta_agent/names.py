"""The DNS part of a hop: the machine's own resolver, a public one over UDP, and DoH, all at once.

Every query is an observation. Of the machine's own resolvers the next is asked only where the one before gave neither
addresses nor a plain no; of the DoH resolvers, until one has answered, beginning with the one that did last time. Where
a response over UDP was cut short, the same resolver is asked again over TCP.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from rabta_agent.candidates import Named, interleave
from rabta_agent.failure import StepError
from rabta_agent.notebook import Notebook
from rabta_agent.probes.dnsstream import query_stream
from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.resolve import Resolver, query, query_platform
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.resolvconf import read_system_resolvers
from rabta_proto.model import DnsQuery, Observation
from rabta_proto.vocabulary import Failure, ResolverKind

_PLAIN_NO = frozenset({str(Failure.DNS_NXDOMAIN), str(Failure.DNS_NO_ANSWER)})


async def name_everywhere(notebook: Notebook, scene: Scene, host: str) -> Named:
    """Asks all three kinds of resolver."""
    settings = notebook.settings
    if not settings.udp and not settings.doh:
        return Named(system=await name_by_system(notebook, scene, host))
    async with asyncio.TaskGroup() as group:
        system = group.create_task(name_by_system(notebook, scene, host))
        udp = group.create_task(_name_by_udp(notebook, scene, host))
        doh = group.create_task(_name_by_doh(notebook, scene, host))
    return Named(system=system.result(), udp=udp.result(), doh=doh.result())


async def name_by_system(notebook: Notebook, scene: Scene, host: str) -> tuple[str, ...]:
    """Asks the machine's own resolvers."""
    resolvers = read_system_resolvers(scene.network.vantage)
    return await _of_both(_ask_in_turn(notebook, scene, question, resolvers) for question in _questions(notebook, host))


def _questions(notebook: Notebook, host: str) -> list[Question]:
    return [Question(hostname=host, type=type_) for type_ in (("A", "AAAA") if notebook.ipv6 else ("A",))]


async def _of_both(asked: Iterable[Coroutine[Any, Any, tuple[str, ...]]]) -> tuple[str, ...]:
    """The addresses of both types, or of the one that is asked for, which needs no task of its own."""
    first, *second = asked
    if not second:
        return await first
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in (first, *second)]
    return interleave(tasks[0].result(), tasks[1].result())


async def _ask_in_turn(
    notebook: Notebook, scene: Scene, question: Question, resolvers: Sequence[str] | None
) -> tuple[str, ...]:
    dns_s = notebook.settings.dns_s
    if resolvers is None or (scene.network.vantage.lab and is_in_hosts_file(question.hostname)):
        return notebook.keep(await query_platform(scene, question, notebook.deadline(dns_s))) or ()
    if not resolvers:
        notebook.keep(await _report_no_resolver(notebook, scene, question))
    for endpoint in resolvers:
        if not notebook.allows(dns_s):
            break
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=endpoint)
        outcome = await _ask(notebook, scene, question, resolver)
        if outcome.value or outcome.observation.failure in _PLAIN_NO:
            return outcome.value or ()
    return ()


async def _ask(notebook: Notebook, scene: Scene, question: Question, resolver: Resolver) -> Outcome[tuple[str, ...]]:
    """Asks a resolver, again over TCP where its response was cut short; the outcome that goes."""
    settings = notebook.settings
    asked = await query(scene, resolver, question, notebook.deadline(settings.dns_s), listen_s=settings.listen_s)
    notebook.keep(asked.outcome, asked.listening)
    if not is_truncated(asked.outcome.observation) or not notebook.allows(settings.dns_s):
        return asked.outcome
    whole = await query_stream(scene, resolver, question, notebook.deadline(settings.dns_s))
    notebook.keep(whole)
    # Some of the addresses are better than none, where nobody answers over TCP.
    return whole if whole.value or not asked.outcome.value else asked.outcome


def is_truncated(observation: Observation) -> bool:
    """Whether a response was cut short, and the question goes to TCP (RFC 7766 section 5)."""
    return isinstance(observation.detail, DnsQuery) and observation.detail.truncated


def is_in_hosts_file(host: str, path: Path = Path("/etc/hosts")) -> bool:
    """Whether the machine itself names this host (hosts(5)).

    Only a lab asks: elsewhere a hosts file says what the volunteer wants, and nothing about the ISP.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(host in line.partition("#")[0].lower().split()[1:] for line in lines)


async def _report_no_resolver(notebook: Notebook, scene: Scene, question: Question) -> Outcome[tuple[str, ...]]:
    async def work() -> tuple[str, ...]:
        raise StepError(Failure.DNS_NO_RESOLVER)

    detail = DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=question.hostname, query_type=question.type)
    return await scene.timed(work(), lambda: detail, notebook.deadline(1.0))


async def _name_by_udp(notebook: Notebook, scene: Scene, host: str) -> tuple[str, ...]:
    settings = notebook.settings
    if not settings.udp:
        return ()
    resolver = Resolver(kind=ResolverKind.UDP, endpoint=settings.udp[0])

    async def ask(question: Question) -> tuple[str, ...]:
        return (await _ask(notebook, scene, question, resolver)).value or ()

    return await _of_both(ask(question) for question in _questions(notebook, host))


async def _name_by_doh(notebook: Notebook, scene: Scene, host: str) -> tuple[str, ...]:
    doh, dns_s = notebook.equipment.doh, notebook.settings.dns_s
    found: list[tuple[str, ...]] = []
    urls = doh.in_order(notebook.settings.doh)
    for question in _questions(notebook, host):
        addresses: tuple[str, ...] = ()
        while urls and notebook.allows(dns_s):
            outcome = await doh.query(scene, urls[0], question, notebook.deadline(dns_s))
            addresses = notebook.keep(outcome) or ()
            detail = outcome.observation.detail
            if isinstance(detail, DnsQuery) and detail.rcode is not None:
                break
            urls = urls[1:]  # this one does not answer: neither will it for the other type
        found.append(addresses)
    return interleave(found[0], found[1] if len(found) > 1 else ())


async def find_means(scene: Scene, host: str, deadline: float) -> tuple[str, ...]:
    """IPv4 addresses of a means, such as a DoH resolver that is known by name; no observation."""
    question = Question(hostname=host, type="A")
    resolvers = read_system_resolvers(scene.network.vantage)
    if resolvers is None:
        return (await query_platform(scene, question, deadline)).value or ()
    for endpoint in resolvers[:1]:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=endpoint)
        outcome = (await query(scene, resolver, question, deadline, listen_s=0.0)).outcome
        if not outcome.value and is_truncated(outcome.observation):
            outcome = await query_stream(scene, resolver, question, deadline)
        return outcome.value or ()
    return ()
