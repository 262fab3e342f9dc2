"""Everything that reads a stranger's bytes, with seeds of what it should read, and what it may say of the rest.

A reader takes bytes and raises nothing but the errors that its own documentation names.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import h11

from fuzz.mutation import Shape
from fuzz.shapes import bend_json, bend_toml, fill
from rabta_agent import config as agent_config
from rabta_agent import post as agent_post
from rabta_agent.ceilings import Ceilings
from rabta_agent.charset import choose
from rabta_agent.digest import summarise
from rabta_agent.failure import StepError
from rabta_agent.plan import CONTEXT, InvalidPlanError, open_plan, stored_plan
from rabta_agent.probes.certificate import summarise as summarise_certificate
from rabta_agent.probes.dnswire import Question, decode_response, encode_query, read_addresses
from rabta_agent.probes.head import mend
from rabta_agent.sealed import Sealer
from rabta_agent.urls import InvalidTarget, WebUrl, follow, parse_target, parse_url, read_location
from rabta_collector import config as collector_config
from rabta_collector.admit import Kind, Refused, decode, open_envelope, open_exchange, parse_bearer
from rabta_collector.document import InvalidFileError, parse_toml
from rabta_collector.isps import load_isps
from rabta_collector.judging import Terms, read_batch
from rabta_collector.judging import judge as judge_measurement
from rabta_collector.ooni.judge import judge, why_not
from rabta_collector.ooni.reader import Document, read_path
from rabta_collector.post import AbortedError, unfold
from rabta_collector.sealed import InvalidSealedFileError, batches, check, public_key_of
from rabta_collector.targets import load_catalogue
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as measured
from rabta_proto.v1 import plan_pb2 as plans
from support.scripted_collector import AGENT, KEY, PUBLIC_KEY, signed_plan

CORPUS = Path(__file__).with_name("corpus")
OONI = Path(__file__).parent.parent / "collector" / "ooni" / "measurements"
NOW = 1_767_312_000.0
QUESTION = Question(hostname="x.com", type="A")
SECRET = bytes(range(1, 33))  # of the collector to which files are sealed
BASE = parse_url("https://x.com/a/b?c")


class _Everything:
    """What an agent was asked for: so that no measurement is turned away for that alone."""

    def __contains__(self, _: object) -> bool:
        return True


TERMS = Terms(now=NOW, lab=False, joined_at=0.0, asked=_Everything())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`read` may raise `allowed`, and nothing else; `seeds` are what it should like, `shape` makes what looks right."""

    name: str
    read: Callable[[bytes, Path], object]
    allowed: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    shape: Shape | None = None

    @property
    def corpus(self) -> tuple[bytes, ...]:
        """Seeds, and what was ever found: a file for each, kept for ever."""
        folder = CORPUS / self.name
        return (*self.seeds, *(file.read_bytes() for file in sorted(folder.glob("*")) if file.is_file()))


def _session(raw: bytes, _: Path) -> None:
    """As a session takes a message: bounds, kind, decoding, and each measurement."""
    envelope = open_envelope(raw)
    match envelope.kind:
        case Kind.HELLO:
            decode(link.Hello, envelope.body)
        case Kind.HEARTBEAT:
            decode(link.Heartbeat, envelope.body)
        case Kind.BATCH:
            for one in read_batch(envelope.body, envelope.parts):
                judge_measurement(one, TERMS)
        case _:
            pass


def _exchange(raw: bytes, folder: Path) -> None:
    for request in open_exchange(raw):
        _session(request, folder)


def _bearer(raw: bytes, _: Path) -> None:
    parse_bearer(raw.decode("latin-1"))


def _unfold(raw: bytes, _: Path) -> None:
    assert len(unfold(raw)) <= 1024 * 1024


def _plan(raw: bytes, _: Path) -> None:
    """The plan is the collector's own, however it looks: it is signed."""
    signed = signed_plan().__class__(plan=raw, signature=KEY.sign(CONTEXT + raw))
    open_plan(signed, public_key=PUBLIC_KEY, agent_id=AGENT, limits=Ceilings())


def _stored_plan(raw: bytes, _: Path) -> None:
    stored_plan(raw, public_key=PUBLIC_KEY, agent_id=AGENT, limits=Ceilings())


def _in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def inner(raw: bytes, folder: Path) -> None:
        (folder / name).write_bytes(raw)
        read(folder / name)

    return inner


def _agent_config(file: Path) -> object:
    return agent_config.load_config(flags={}, environment={}, file=file)


def _collector_config(file: Path) -> object:
    return collector_config.load_config(flags={}, environment={}, file=file)


def _ooni(file: Path) -> None:
    for found in read_path(file):
        if isinstance(found, Document) and why_not(found.record) is None:
            judge(found.record)


def _dns(raw: bytes, _: Path) -> None:
    response = decode_response(raw, QUESTION, 7)
    if response is not None:
        read_addresses(response, QUESTION)


def _page(raw: bytes, _: Path) -> None:
    declared, _, body = raw.partition(b"\n")
    summarise(body, choose(body, declared.decode("latin-1")), (("mark", "blocked"),))
    mend(raw)


def _target(raw: bytes, _: Path) -> None:
    parse_target(raw.decode("utf-8", "replace"))


def _redirect(raw: bytes, _: Path) -> None:
    found = follow(BASE, read_location(raw))
    assert isinstance(found, WebUrl)
    assert found.public.isascii()


def _certificate(raw: bytes, _: Path) -> None:
    summarise_certificate(raw)


def _post_answer(raw: bytes, _: Path) -> None:
    """What an agent makes of the answer of something that stands at the collector's address."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        protocol = h11.Connection(h11.CLIENT)
        protocol.send(h11.Request(method="POST", target="/", headers=[("Host", "a")]))
        protocol.send(h11.EndOfMessage())
        response, body, _ = await agent_post._answer(reader, protocol)
        agent_post._read(response, body)

    with suppress(EOFError):
        _loop().run_until_complete(read())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def close() -> None:
    """Closes what readers have opened."""
    _loop().close()
    _loop.cache_clear()


def _toml(raw: bytes, _: Path) -> None:
    parse_toml(raw.decode("utf-8", "replace"), "a.toml")


def _batch() -> bytes:
    batch = link.MeasurementBatch()
    for number in range(1, 4):
        one = batch.measurements.add(sequence=number, epoch=5, target="https://x.com/", platform="x")
        one.started_at.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
        step = one.observations.add(hop=0, attempt=1)
        step.dns.resolver_kind = measured.RESOLVER_KIND_SYSTEM
        step.dns.hostname = "x.com"
        answer = step.dns.answers.add()
        answer.type, answer.value = "A", "104.244.42.1"
        step = one.observations.add(hop=0, attempt=1, failure="connection_reset")
        step.tls.server_name = "x.com"
    return link.SessionRequest(batch=batch).SerializeToString()


def _sessions() -> tuple[bytes, ...]:
    hello = link.SessionRequest(hello=link.Hello(agent_version="1", epoch=5, capabilities=["dns"]))
    heartbeat = link.SessionRequest(heartbeat=link.Heartbeat(backlog=3))
    return hello.SerializeToString(), heartbeat.SerializeToString(), _batch()


def _plans() -> tuple[bytes, ...]:
    few = signed_plan("https://x.com/", "quic://x.com/", "tcp://x.com:1", "dns:x.com", control_addresses=["1.1.1.1"])
    many = signed_plan(*(f"https://x{number}.com/" for number in range(20)))
    return few.plan, many.plan


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return packer.compress(data) + packer.flush()


TARGETS = b"""innocuous = ["www.example.com"]
portal_check = "http://c.example/204"
[resolvers]
doh = ["https://1.1.1.1/dns-query"]
udp = ["8.8.8.8"]
[deadlines]
tcp = "10s"
[[platform]]
id = "x"
name = "X"
category = "GRP"
need = "all"
[[platform.target]]
url = "https://x.com/"
interval = "60s"
priority = 1
required = false
[[reference]]
url = "https://www.example.com/"
"""
LISTED = b"""url,category_code,category_description,date_added,source,notes
https://x.com/,GRP,Social,2020-01-01,me,none
http://y.example/a,NEWS,News,2020-01-01,me,
"""
ISPS = b"""[[isp]]
id = "ptcl"
name = "PTCL"
kind = "fixed"
asns = [17557, 45595]
"""
COLLECTOR = b"""http = "127.0.0.1:8080"
lab = false
heartbeat = "15s"
endpoints = ["https://a.example"]
[decide]
grid_s = 0.5
[limits]
sessions = 10
"""
AGENT_TOML = b"""bytes_per_day = "5MB"
resolver = ["8.8.8.8:53"]
source_address = "192.0.2.1"
log_level = "info"
"""
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2f\r\n"
    b'{"error":{"code":"unauthenticated","message":"a"}}\r\n0\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 502 Bad\r\n\r\n<html>",
)
PAGE = (
    b'utf-8\n<html><head><meta charset="windows-1256"><title>Blocked &amp; gone 10.0.0.1</title></head>text text</html>'
)
URLS = ("https://x.com/a?b=c#d", "quic://x.com:443/", "tcp://[2a00:1450::1]:80", "dns:x.com", "http://1.1.1.1/")
CERTIFICATE = bytes.fromhex("3082010a3081b1a003020102020101300a06082a8648ce3d040302")


def _shape_session(rng: Random) -> bytes:
    request = link.SessionRequest()
    kind = rng.choice(("hello", "heartbeat", "batch", "batch", "batch"))
    fill(getattr(request, kind), rng)
    for one in request.batch.measurements if kind == "batch" else ():
        if rng.random() < 0.8:  # so that it gets past the first questions
            one.sequence, one.epoch, one.target, one.network.lab = 1, 1, "https://x.com/", False
            one.started_at.seconds, one.started_at.nanos = int(NOW), rng.choice((0, 999_999_999, -1, 2**31 - 1))
    return request.SerializeToString()


def _shape_plan(rng: Random) -> bytes:
    plan = plans.Plan()
    fill(plan, rng)
    plan.agent_id = AGENT
    if rng.random() < 0.8:
        plan.expires_at.seconds, plan.expires_at.nanos = int(NOW), 0
    return plan.SerializeToString()


def _bent(bend: Callable[[bytes, Random], bytes], seeds: Sequence[bytes]) -> Shape:
    return lambda rng: bend(rng.choice(seeds), rng)


def _dns_response() -> bytes:
    response = bytearray(encode_query(QUESTION, 7))
    response[2:4], response[6:8] = b"\x81\x80", b"\x00\x02"
    response += b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x68\xf4\x2a\x01"
    response += b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"
    return bytes(response)


def _of_the_link() -> Iterator[Reader]:
    """What agents send, and what a collector and whatever stands in its place answer."""
    exchange = link.ExchangeRequest(requests=map(link.SessionRequest.FromString, _sessions())).SerializeToString()
    kept = signed_plan("https://x.com/").SerializeToString()
    wrong = (h11.RemoteProtocolError, agent_post.CallError)
    refused = (Refused,)
    yield Reader(name="session", read=_session, allowed=refused, seeds=_sessions(), shape=_shape_session)
    yield Reader(name="exchange", read=_exchange, allowed=refused, seeds=(exchange,))
    yield Reader(name="bearer", read=_bearer, allowed=refused, seeds=(b"Bearer 0123abcd.secret",))
    yield Reader(
        name="unfold", read=_unfold, allowed=(AbortedError,), seeds=(_gzip(b"abc" * 99), _gzip(bytes(900_000)))
    )
    yield Reader(name="plan", read=_plan, allowed=(InvalidPlanError,), seeds=_plans(), shape=_shape_plan)
    yield Reader(name="stored_plan", read=_stored_plan, allowed=(), seeds=(kept,))
    yield Reader(name="post_answer", read=_post_answer, allowed=wrong, seeds=ANSWERS)


def _seal(*pieces: bytes, agent: str = "a1") -> bytes:
    file = BytesIO()
    sealer = Sealer(file, recipient=public_key_of(SECRET), agent_id=agent, signer=KEY)
    for piece in pieces:
        sealer.add(piece)
    sealer.close()
    return file.getvalue()


def _sealed(raw: bytes, _: Path) -> None:
    """As `import` reads a file: whole, then batch by batch, as those of a session."""
    check(BytesIO(raw), SECRET, lambda _: PUBLIC_KEY)
    for body in batches(BytesIO(raw), SECRET):
        for one in read_batch(body):
            judge_measurement(one, TERMS)


def _shape_sealed(rng: Random) -> bytes:
    """Sealed and signed as it should be; what is in it is not. The key of each file is drawn by the sealer itself."""
    request = link.SessionRequest.FromString(_shape_session(rng))
    odd = rng.choice((b"", rng.randbytes(200), b"\x0a" * 3000, request.batch.SerializeToString()))
    return _seal(odd, request.batch.SerializeToString(), agent=rng.choice(("a1", "a" * 64, "x")))


def _of_files() -> Iterator[Reader]:
    """What operators and volunteers write, and what others publish."""
    files = [file.read_bytes() for file in sorted(OONI.iterdir()) if file.suffix == ".json"]
    ooni = tuple(files)
    tables: tuple[tuple[str, Callable[[bytes, Path], object], type[Exception], bytes], ...] = (
        ("targets", _in_file("t.toml", load_catalogue), InvalidFileError, TARGETS),
        ("isps", _in_file("i.toml", load_isps), InvalidFileError, ISPS),
        ("toml", _toml, InvalidFileError, TARGETS),
        ("collector_config", _in_file("c.toml", _collector_config), collector_config.InvalidConfigError, COLLECTOR),
        ("agent_config", _in_file("a.toml", _agent_config), agent_config.InvalidConfigError, AGENT_TOML),
    )
    for name, read, allowed, seed in tables:
        yield Reader(name=name, read=read, allowed=(allowed,), seeds=(seed,), shape=_bent(bend_toml, (seed,)))
    both = (InvalidSealedFileError, Refused)
    one = link.SessionRequest.FromString(_batch()).batch.SerializeToString()
    yield Reader(name="sealed", read=_sealed, allowed=both, seeds=(_seal(one), _seal()), shape=_shape_sealed)
    listed = _in_file("t.csv", load_catalogue)
    yield Reader(name="test_list", read=listed, allowed=(InvalidFileError,), seeds=(LISTED,))
    seeds = (*ooni, *map(_gzip, ooni))
    yield Reader(name="ooni", read=_in_file("o.json", _ooni), allowed=(), seeds=seeds, shape=_bent(bend_json, ooni))


def _of_the_network() -> Iterator[Reader]:
    """What sites and resolvers send to agents."""
    redirects = (b"/a?b", b"//y.com/\xff", b"http:\\\\y.com\\", b"https://1.1.1.1:80/")
    urls = tuple(url.encode() for url in URLS)
    yield Reader(name="dns", read=_dns, allowed=(StepError,), seeds=(_dns_response(),))
    yield Reader(name="page", read=_page, allowed=(), seeds=(PAGE,))
    yield Reader(name="target", read=_target, allowed=(InvalidTarget,), seeds=urls)
    yield Reader(name="redirect", read=_redirect, allowed=(InvalidTarget,), seeds=redirects)
    yield Reader(name="certificate", read=_certificate, allowed=(), seeds=(CERTIFICATE,))


def readers() -> tuple[Reader, ...]:
    """All of them."""
    return (*_of_the_link(), *_of_files(), *_of_the_network())
