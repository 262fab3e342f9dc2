"""A connection to JetStream, and the few questions of its API that a journal asks.

https://docs.nats.io/reference/reference-protocols/nats_api_reference. Asked are the stream's leader and nobody else.
"""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from rabta_collector.admit import MAX_MESSAGE_BYTES
from rabta_collector.jetstream.frame import HEAD_BYTES
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

if TYPE_CHECKING:
    from nats.aio.client import Client

LAST, LAST_ID, ID = "Nats-Expected-Last-Sequence", "Nats-Expected-Last-Msg-Id", "Nats-Msg-Id"
LAST_OF_SUBJECT = "Nats-Expected-Last-Subject-Sequence"
ANSWER_S = 3.0
CONNECT_S = 3.0
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


class ApiError(RuntimeError):
    """JetStream's own word, in one line."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoAnswerError(RuntimeError):
    """Nobody answered: no connection, no leader, or no quorum."""


@dataclass(frozen=True, slots=True)
class State:
    """What a stream holds. `last` is the number of its last row even where nothing is left."""

    first: int
    last: int
    bytes: int


async def connect(
    place: Place, *, name: str, lost: Back | None = None, back: Back | None = None, once: bool = False
) -> "Client":
    """A connection; with `back` it comes back for ever, with `once` never, and is to one of the place's servers.

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
        async with asyncio.timeout(START_S), _closing_what_fails(Client()) as client:
            await client.connect(
                list(place.servers),
                name=name,
                error_cb=_note,
                disconnected_cb=lost,
                reconnected_cb=back,
                connect_timeout=int(CONNECT_S),
                reconnect_time_wait=1,
                max_reconnect_attempts=-1 if back is not None else 5,
                ping_interval=5,
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
        await client.close()
        raise


async def _note(wrong: Exception) -> None:
    log.debug("nats.trouble", message=str(wrong) or type(wrong).__name__)


def _context(place: Place) -> ssl.SSLContext:
    """Raises `OSError`."""
    context = ssl.create_default_context(cafile=place.ca)
    if place.cert is not None:
        context.load_cert_chain(place.cert, place.key)
    return context


async def ask(client: "Client", subject: str, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An answer of the API. Raises `ApiError`, `NoAnswerError`."""
    from nats import errors

    body = b"" if question is None else json.dumps(question).encode()
    try:
        message = await client.request(f"$JS.API.{subject}", body, timeout=ANSWER_S)
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
    """Raises `ApiError`, `NoAnswerError`."""
    state = (await ask(client, f"STREAM.INFO.{stream}"))["state"]
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


async def make_streams(client: "Client", place: Place) -> State:
    """The state of the journal's stream, made where it is missing. Raises `UnusableJournalError`."""
    needed = MAX_MESSAGE_BYTES + HEAD_BYTES
    if client.max_payload < needed:
        raise UnusableJournalError(
            f"{place}: the server takes messages of {client.max_payload} bytes; set max_payload to 2MB"
        )

    async def make() -> State:
        for config in (_journal(place), _marks(place)):
            await _make(client, config)
        return await state_of(client, place.stream)

    try:
        return await once_up(make)
    except (ApiError, NoAnswerError) as wrong:
        raise UnusableJournalError(f"{place}: {wrong}") from None


async def once_up(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` comes to, tried again for `START_S`: a cluster that has just come up has no leader, or not all nodes.

    Raises what `work` does.
    """
    until = asyncio.get_running_loop().time() + START_S
    while True:
        try:
            return await work()
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


async def _make(client: "Client", config: dict[str, Any]) -> None:
    """A stream that is there stays as its operator made it, but for what a journal cannot do without."""
    name = config["name"]
    if (found := await make_missing(client, config)) is None:
        return
    needed = {key: config[key] for key in ("subjects", "retention", "storage")}
    if name == config["name"] and "discard" in config:
        needed |= {"discard": config["discard"], "max_age": 0, "max_msgs": -1}
    for key, value in needed.items():
        if found.get(key) != value:
            raise ApiError(0, f"the stream {name} has {key} = {found.get(key)!r}, and a journal needs {value!r}")


def _journal(place: Place) -> dict[str, Any]:
    """Rows go when the archive has them and we say so, never by age; a full stream takes no more (`discard: new`)."""
    return {
        "name": place.stream,
        "subjects": [place.subjects],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": place.replicas,
        "max_bytes": place.bytes or -1,
        "max_msgs": -1,
        "max_age": 0,
        "duplicate_window": WINDOW_S * 1_000_000_000,
        "allow_direct": False,
    }


def _marks(place: Place) -> dict[str, Any]:
    return {
        "name": place.marks,
        "subjects": [place.marks_of("*")],
        "retention": "limits",
        "storage": "file",
        "num_replicas": place.replicas,
        "max_msgs_per_subject": 1,
    }
