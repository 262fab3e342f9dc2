"""What a process that decides says once a second: where it takes readers, and what is new of its share. Pure.

    http://HOST:PORT\n                  where it takes readers
    N/M PROCESS AT SINCE\n              its share, its name, up to when it has decided, and since when these are
    JSON, compressed                    all events of its share that it decided from SINCE, exclusively, up to AT

Where one share is all ISPs the first line is the whole message, without its end: nobody has to be told more.
"""

import json
import zlib
from dataclasses import dataclass

from rabta_collector.isp_share import WHOLE, IspShare, parse_share
from rabta_collector.plain import from_plain, to_plain
from rabta_collector.roles.rolls import MOST_BYTES
from rabta_collector.state import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """`page`: `http://HOST:PORT`. Times in Unix seconds."""

    page: str
    share: IspShare = WHOLE
    process: str = ""
    at: float = 0.0
    since: float = 0.0
    events: tuple[Event, ...] = ()


def write_bulletin(said: Bulletin) -> bytes:
    if said.share.whole:
        return said.page.encode()
    head = f"{said.page}\n{said.share} {said.process} {said.at!r} {said.since!r}\n"
    return head.encode() + zlib.compress(json.dumps(to_plain(said.events), separators=(",", ":")).encode(), 1)


def read_bulletin(text: bytes) -> Bulletin:
    """Raises `ValueError`."""
    page, _, rest = text.partition(b"\n")
    if not page.startswith(b"http://"):
        raise ValueError("no address")
    if not rest:
        return Bulletin(page=page.decode())
    head, _, body = rest.partition(b"\n")
    share, process, at, since = head.decode().split(" ")
    try:
        events = json.loads(zlib.decompressobj().decompress(body, MOST_BYTES))
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
    return Bulletin(
        page=page.decode(),
        share=parse_share(share),
        process=process,
        at=float(at),
        since=float(since),
        events=from_plain(tuple[Event, ...], events),
    )
