"""Whether a captive portal is in the way (RFC 8952): one that answers in every site's place until one has logged in.

Asked for over plain http is a URL that answers 204 to everybody (RFC 9110 section 15.3.5). Anything else that is HTTP
comes from a portal; silence and failures say nothing. What was found holds for a minute on the same network, because
measurements that fail come in crowds. Nothing of it becomes an observation.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

import h11

from rabta_agent.failure import StepError
from rabta_agent.names import find_means
from rabta_agent.notebook import Notebook
from rabta_agent.probes.head import MendedHead
from rabta_agent.probes.http import Stream, next_event
from rabta_agent.probes.step import Scene
from rabta_agent.urls import WebUrl, parse_check
from rabta_proto.model import HttpRoundTrip
from rabta_proto.vocabulary import Failure

CHECK_S = 5.0
"""The whole check: name, connection, answer."""
HOLDS_S = 60.0
_NO_CONTENT = 204
_HEAD_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An answer, when it was found, and of what."""

    portal: bool | None
    at: float
    of: tuple[WebUrl, Hashable]


class PortalCheck:
    """One for all measurements of an agent: it remembers, and asks one question at a time."""

    def __init__(self) -> None:
        self._found: _Found | None = None
        self._asking = asyncio.Lock()

    async def look(self, notebook: Notebook, network: Hashable) -> bool | None:
        """Whether there is one; `None` where that is not known. `network` is anything that tells networks apart."""
        url = parse_check(notebook.settings.portal_check)
        if url is None or not notebook.allows(CHECK_S):
            return None
        async with self._asking:
            now, of = notebook.equipment.clock.monotonic(), (url, network)
            found = self._found
            if found is None or found.of != of or now - found.at >= HOLDS_S:
                portal = await _look(notebook.scene, url, notebook.deadline(CHECK_S))
                found = self._found = _Found(portal=portal, at=now, of=of)
            return found.portal


async def _look(scene: Scene, url: WebUrl, deadline: float) -> bool | None:
    async def work() -> bool:
        address = url.address or next(iter(await find_means(scene, url.host, deadline)), None)
        if address is None:
            raise StepError(Failure.DNS_NO_ANSWER)
        connection = await scene.network.connect(address, url.port, scene.meter)
        try:
            return await _speaks_for_itself(connection, url)
        finally:
            connection.close()

    nothing = HttpRoundTrip(address="", port=url.port, url=url.public, tls=False)
    return (await scene.timed(work(), lambda: nothing, deadline)).value


@dataclass(slots=True)
class _Count:
    """Bytes that the answer has taken."""

    received: int = 0
    limit: int = _HEAD_LIMIT


async def _speaks_for_itself(stream: Stream, url: WebUrl) -> bool:
    """Whether the answer is anything but an empty 204. Reads no further than that takes."""
    http, count = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT), _Count()
    fields = [("Host", url.authority), ("User-Agent", "Mozilla/5.0"), ("Accept", "*/*"), ("Connection", "close")]
    head = http.send(h11.Request(method="GET", target=url.path, headers=fields)) or b""
    await stream.send(head + (http.send(h11.EndOfMessage()) or b""))
    source = MendedHead(stream)
    while not isinstance(event := await next_event(http, source, count), h11.Response):
        pass
    return event.status_code != _NO_CONTENT or bool(http.trailing_data[0])
