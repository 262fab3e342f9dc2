"""A connection to JetStream, and the few questions of its API that a journal asks.

https://docs.nats.io/reference/reference-protocols/nats_api_reference. Asked are the stream's leader and nobody else.
"""

import asyncio
import json
import logging
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import structlog

from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

LAST, LAST_ID, ID = "Nats-Expected-Last-Sequence", "Nats-Expected-Last-Msg-Id", "Nats-Msg-Id"
LAST_OF_SUBJECT = "Nats-Expected-Last-Subject-Sequence"
ANSWER_S = 3.0
CONNECT_S = 3.0
PING_S = 5
START_S = 30.0
"""For a cluster to choose its leaders, at a start."""

NOT_FOUND = (10014, 10037, 10059)  # consumer, message, stream
WRONG_LAST, WRONG_LAST_ID = 10071, 10070
EXISTS = 10058
FULL = (10023, 10047, 10077)  # storage, account, stream
UNAVAILABLE = (10005, 10008, 10009, 10118)  # nodes are missing, or a leader
WINDOW_S = 120
"""How far back a stream knows a message's id again: for a retry; that nothing counts twice is the chain's work."""

Back = Callable[[], Awaitable[None]]
T = TypeVar("T")
log = structlog.get_logger()
# The library hands asyncio's streams a TLS they were not made for, of which they complain whenever a server hangs up.
logging.getLogger("asyncio").addFilter(lambda record: "eof_received() has no effect" not in record.getMessage())


class ApiError(RuntimeError):
    """JetStream's own word, in one line."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoAnswerError(RuntimeError):
    """Nobody answered: no connection, no leader, or no quorum."""


class NoConnectionError(NoAnswerError):
    """Not one server takes a connection."""


@dataclass(frozen=True, slots=True)
class State:
    """What a stream holds. `last` is the number of its last row even where nothing is left."""

    first: int
    last: int
    bytes: int


async def connect(
    place: Place,
    *,
    name: str,
    lost: Back | None = None,
    back: Back | None = None,
    once: bool = False,
    ping_s: int = PING_S,
) -> "Client":
    """A connection; with `back` it comes back for ever, with `once` never, and is to one of the place's servers.

    It counts as broken where two pings, one every `ping_s`, have no answer.

    Raises `UnusableJournalError` where there is none.
    """
    try:
        import nats
        from nats.aio.client import Client
    except ImportError:
        raise UnusableJournalError(
            f"{place}: nats-py is missing; install rabta-collector[nats], or nats-py by itself"
        ) from None
    options: dict[str, Any] = {"allow_reconnect": not once}
    try:
        if place.tls:
            options["tls"] = _context(place)
        if place.user:
            options["user"] = place.user
            options["inbox_prefix"] = f"_INBOX.{place.user}"  # what others are answered is not for us to hear
        if place.password_file is not None:
            options["password"] = place.password_file.read_text(encoding="utf-8").strip()
        within_s = CONNECT_S if once else START_S  # the library tries the same server again and again
        async with asyncio.timeout(within_s), _closing_what_fails(Client()) as client:
            await client.connect(
                list(place.servers),
                name=name,
                error_cb=_note,
                disconnected_cb=lost,
                reconnected_cb=back,
                connect_timeout=int(CONNECT_S),
                reconnect_time_wait=1,
                max_reconnect_attempts=-1 if back is not None else 5,
                ping_interval=ping_s,
                max_outstanding_pings=2,
                pending_size=32 * 1024 * 1024,
                **options,
            )
            return client
    except (nats.errors.Error, OSError, TimeoutError) as wrong:
        said = str(wrong) or type(wrong).__name__
        raise UnusableJournalError(f"{place}: no connection: {said}") from None


@asynccontextmanager
async def _closing_what_fails(client: "Client") -> AsyncIterator["Client"]:
    """The library leaves a socket open where a server took the connection and said nothing."""
    try:
        yield client
    except BaseException:
        await close(client)
        raise


async def _note(wrong: Exception) -> None:
    log.debug("nats.trouble", message=str(wrong) or type(wrong).__name__)


def _context(place: Place) -> ssl.SSLContext:
    """Raises `OSError`."""
    context = ssl.create_default_context(cafile=place.ca)
    if place.cert is not None:
        context.load_cert_chain(place.cert, place.key)
    return context


_unanswered: "WeakSet[Client]" = WeakSet()


def is_unanswered(client: "Client") -> bool:
    """Whether the last question over this connection had no answer: its server may be cut off from the others."""
    return client in _unanswered


def note_unanswered(client: "Client") -> None:
    """Something that was sent over this connection had no answer."""
    _unanswered.add(client)


@contextmanager
def _noting(client: "Client") -> Iterator[None]:
    """Around a question and its answer."""
    answered = False
    try:
        yield
        answered = True
    except ApiError:
        answered = True
        raise
    finally:  # whoever waits no longer has no answer either
        (_unanswered.discard if answered else _unanswered.add)(client)


async def ask(
    client: "Client", subject: str, question: Mapping[str, Any] | None = None, *, within_s: float = ANSWER_S
) -> dict[str, Any]:
    """An answer of the API. Raises `ApiError`, `NoAnswerError`."""
    with _noting(client):
        return await _ask(client, subject, question, within_s)


async def _ask(client: "Client", subject: str, question: Mapping[str, Any] | None, within_s: float) -> dict[str, Any]:
    from nats import errors

    body = b"" if question is None else json.dumps(question).encode()
    try:
        message = await client.request(f"$JS.API.{subject}", body, timeout=within_s)
    except (errors.Error, OSError) as wrong:  # TimeoutError is one of these
        raise NoAnswerError(f"no answer from JetStream: {str(wrong) or type(wrong).__name__}") from None
    answer: dict[str, Any] = json.loads(message.data)
    if (error := answer.get("error")) is not None:
        code, said = int(error.get("err_code", 0)), str(error.get("description", error))
        if code in UNAVAILABLE:
            raise NoAnswerError(said)
        raise ApiError(code, said)
    return answer


async def state_of(client: "Client", stream: str) -> State:
    """Raises `ApiError`, `NoAnswerError`.

    A server that led the stream and is cut off may go on answering (2.9.10 for as long as the cut lasts, in one of
    eight), and names no leader any more: what it holds is of an earlier moment.
    """
    answer = await ask(client, f"STREAM.INFO.{stream}")
    if not answer.get("cluster", {"leader": "the only one"}).get("leader"):
        note_unanswered(client)
        raise NoAnswerError(f"nobody leads the stream {stream}")
    state = answer["state"]
    return State(int(state["first_seq"]), int(state["last_seq"]), int(state["bytes"]))


async def message_of(client: "Client", stream: str, number: int) -> bytes | None:
    """A message by its number; `None` where there is none. Raises `ApiError`, `NoAnswerError`."""
    try:
        found = (await ask(client, f"STREAM.MSG.GET.{stream}", {"seq": number}))["message"]
    except ApiError as wrong:
        if wrong.code in NOT_FOUND:
            return None
        raise
    return b64decode(found.get("data", ""))


async def last_of(client: "Client", stream: str, subject: str) -> tuple[int, str, bytes] | None:
    """The last message of a subject, `*` in it or not: number, subject, text. Raises `ApiError`, `NoAnswerError`."""
    try:
        found = (await ask(client, f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}))["message"]
    except ApiError as wrong:
        if wrong.code in NOT_FOUND:
            return None
        raise
    return int(found["seq"]), str(found["subject"]), b64decode(found.get("data", ""))


async def publish(client: "Client", subject: str, message: bytes, headers: Mapping[str, str]) -> int:
    """The number that a message got, now or when it came before. Raises `ApiError`, `NoAnswerError`."""
    return (await put(client, subject, message, headers))[0]


async def put(client: "Client", subject: str, message: bytes, headers: Mapping[str, str]) -> tuple[int, bool]:
    """The same, with whether one of this id was there already."""
    with _noting(client):
        return await _put(client, subject, message, headers)


async def _put(client: "Client", subject: str, message: bytes, headers: Mapping[str, str]) -> tuple[int, bool]:
    from nats import errors

    try:
        answer = await client.request(subject, message, timeout=ANSWER_S, headers=dict(headers))
    except (errors.Error, OSError) as wrong:  # TimeoutError is one of these
        raise NoAnswerError(f"no answer from JetStream: {str(wrong) or type(wrong).__name__}") from None
    said = json.loads(answer.data)
    if (error := said.get("error")) is not None:
        code, described = int(error.get("err_code", 0)), str(error.get("description", error))
        raise NoAnswerError(described) if code in UNAVAILABLE else ApiError(code, described)
    return int(said["seq"]), bool(said.get("duplicate"))


async def once_up(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` comes to, tried again for `START_S`: a cluster that has just come up has no leader, or not all nodes.

    Raises what `work` does, and `NoConnectionError` at once.
    """
    until = asyncio.get_running_loop().time() + START_S
    while True:
        try:
            return await work()
        except NoConnectionError:
            raise
        except NoAnswerError:
            if asyncio.get_running_loop().time() > until:
                raise
            await asyncio.sleep(0.2)


async def make_missing(client: "Client", config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Makes a stream, or has it as it is: then how that is. Raises `ApiError`, `NoAnswerError`."""
    if (found := await config_of(client, config["name"])) is None:
        await ask(client, f"STREAM.CREATE.{config['name']}", config)
    return found


async def config_of(client: "Client", stream: str) -> dict[str, Any] | None:
    """`None` where there is no such stream. Raises `ApiError`, `NoAnswerError`."""
    try:
        found: dict[str, Any] = (await ask(client, f"STREAM.INFO.{stream}"))["config"]
    except ApiError as wrong:
        if wrong.code not in NOT_FOUND:
            raise
        return None
    return found
