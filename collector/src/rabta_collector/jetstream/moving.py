"""Whether the registry on NATS can be used: a data directory's is brought there key by key, which may break off.

    moving    the name of the data directory from which it is brought; gone when all of it is there

Whoever finds this key knows that agents may be missing, and an agent that is told that nobody knows it ends for good.
Only the process that has that data directory locked writes meanwhile, and begins again where it broke off. A registry
of before there was such a key has none, and is whole.
"""

from collections.abc import Mapping
from enum import StrEnum

from rabta_collector.jetstream.background import Background
from rabta_collector.jetstream.buckets import Bucket
from rabta_collector.jetstream.link import ApiError, NoAnswerError, once_up
from rabta_collector.jetstream.place import Place
from rabta_collector.registry import UnreachableRegistryError

MOVING = "moving"


class Standing(StrEnum):
    """How a registry stands."""

    NONE = "none"
    """Nothing is there."""

    MOVING = "moving"
    """Some of it may be missing."""

    WHOLE = "whole"
    """It can be used."""


def standing(entries: Mapping[str, bytes]) -> Standing:
    """Of what stands in the bucket."""
    if not entries:
        return Standing.NONE
    return Standing.MOVING if MOVING in entries else Standing.WHOLE


def look(place: Place) -> Standing:
    """How the registry stands now. Raises `UnreachableRegistryError`."""
    bucket = Bucket(place, "registry")

    async def read() -> None:
        if await bucket.exists():
            await bucket.refresh()

    async def find() -> Standing:
        try:
            await once_up(read)
            return standing(bucket.entries)
        except (ApiError, NoAnswerError) as wrong:
            raise UnreachableRegistryError(f"the registry on NATS: {wrong}") from None
        finally:
            await bucket.close()

    background = Background("registry")
    try:
        return background.run(find())
    finally:
        background.close()


def is_shared(place: Place) -> bool:
    """Whether there is one, and all of it. Raises `UnreachableRegistryError`."""
    return look(place) is Standing.WHOLE


def is_open(place: Place) -> bool:
    """The same for whoever does not wait, nor goes on without: one that is being brought is an error, too."""
    found = look(place)
    if found is Standing.MOVING:
        raise UnreachableRegistryError("the registry on NATS is not whole yet: let the first `ingest` end bringing it")
    return found is Standing.WHOLE
