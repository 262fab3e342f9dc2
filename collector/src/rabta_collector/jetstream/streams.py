"""The streams of a journal: its rows, of each agent what was given up of them, and what was decided on them."""

from typing import TYPE_CHECKING, Any

from rabta_collector.admit import MAX_MESSAGE_BYTES
from rabta_collector.jetstream import link
from rabta_collector.jetstream.frame import HEAD_BYTES
from rabta_collector.jetstream.link import ApiError, NoAnswerError, State, make_missing, once_up, state_of
from rabta_collector.jetstream.place import Place
from rabta_collector.journal_file import UnusableJournalError

FORGOTTEN_S = 7 * 86_400
"""After which it counts no more what a process needs: it is gone for good, or begins with what there is."""

if TYPE_CHECKING:
    from nats.aio.client import Client


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


async def _make(client: "Client", config: dict[str, Any]) -> None:
    """A stream that is there stays as its operator made it, but for what a journal cannot do without."""
    name = config["name"]
    if (found := await make_missing(client, config)) is None:
        return
    needed = {key: config[key] for key in ("subjects", "retention", "storage")}
    if "discard" in config:
        needed |= {"discard": config["discard"], "max_age": 0, "max_msgs": -1}
    for key, value in needed.items():
        if found.get(key) != value:
            raise ApiError(0, f"the stream {name} has {key} = {found.get(key)!r}, and a journal needs {value!r}")


async def make_needs(client: "Client", place: Place) -> None:
    """The stream of what processes need no more, where it is missing. Raises `ApiError`, `NoAnswerError`."""
    await make_missing(client, _needs(place))


async def make_events(client: "Client", place: Place) -> None:
    """The stream of events, where it is missing. Raises `ApiError`, `NoAnswerError`."""
    await _make(client, _events(place))


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
        "duplicate_window": link.WINDOW_S * 1_000_000_000,
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


def _events(place: Place) -> dict[str, Any]:
    """Events go when they are sealed and old (giving.py), never by age or for want of room."""
    return {
        "name": place.events,
        "subjects": [place.event_of("*")],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": place.replicas,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_age": 0,
        "duplicate_window": link.WINDOW_S * 1_000_000_000,
    }


def _needs(place: Place) -> dict[str, Any]:
    """Who is not heard of for `FORGOTTEN_S` says nothing any more."""
    return {
        "name": place.needs,
        "subjects": [place.need_of("*", "*", "*", "*")],
        "retention": "limits",
        "storage": "file",
        "num_replicas": place.replicas,
        "max_msgs_per_subject": 1,
        "max_age": FORGOTTEN_S * 1_000_000_000,
        "duplicate_window": link.WINDOW_S * 1_000_000_000,
    }
