"""What a session talks through: requests up, responses down, and how the way ends. Says nothing of gRPC or HTTP.

Whatever carries the messages, its troubles become the two errors here, so that a session ends alike on every way.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from rabta_agent.endpoint import Endpoint
from rabta_agent.exits import CommandError
from rabta_agent.traffic import Traffic
from rabta_proto.v1 import collector_pb2 as wire


class SessionEndedError(Exception):
    """The way to the collector broke: try again. The message is one line."""


class RefusedError(CommandError):
    """The collector does not want this agent: trying again is of no use."""


class Stream(Protocol):
    """One session's messages, in order. It reckons to a `Traffic` what they cost."""

    async def write(self, request: wire.SessionRequest) -> None:
        """Sends one request; waits while the way is full. That the way has ended is told by `read` alone."""

    async def read(self) -> wire.SessionResponse:
        """The next response. Raises `SessionEndedError` or `RefusedError` where none will come."""

    async def close(self) -> None:
        """Lets go of everything, at once."""


Dial: TypeAlias = Callable[[Endpoint, str, Traffic], Awaitable[Stream]]
"""Opens a stream to an endpoint with a credential (`Bearer ...`). Raises as `Stream.read` does."""
