"""The hops of an OONI measurement: which name, scheme and port each redirect led to. Pure.

`requests` hold one entry for each hop, newest first (ts-017); a few writers did it the other way round, which shows by
where the measurement's input stands. An entry by Tor is another measurement and is left out. A redirect that nobody
followed any more, but whose next name was looked up or shaken hands with, is a hop of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from rabta_collector.ooni import fields
from rabta_collector.ooni.fields import Record
from rabta_collector.verdict.legs import REDIRECTS

HOPS_LIMIT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One hop and its requests, oldest first."""

    index: int
    url: str
    host: str
    port: int
    secure: bool
    requests: tuple[Record, ...] = ()


def split(url: str) -> SplitResult | None:
    """The parts of a URL over http or https with a host; `None` for any other."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def host_of(url: str) -> str:
    """The host of a URL as it is asked for: in lower case, in ASCII, an address in canonical form; empty for none."""
    parts = split(url)
    if parts is None:
        return ""
    host = fields.name(parts.hostname)
    return fields.address(host) or host


def read_hops(target: str, keys: Record) -> tuple[Hop, ...]:
    """The hops, the target's own first; none where it is no URL that can be measured."""
    requests = _oldest_first(target, fields.entries(keys.get("requests")))
    hops: list[Hop] = []
    for request in requests:
        url = url_of(request) or target
        if hops and hops[-1].url == url:
            hops[-1] = _hop(hops[-1].index, url, (*hops[-1].requests, request)) or hops[-1]
        elif (hop := _hop(len(hops), url, (request,))) is not None:
            hops.append(hop)
    if not hops and (first := _hop(0, target, ())) is not None:
        hops.append(first)
    if hops and (beyond := _unasked(hops[-1], keys)) is not None:
        hops.append(beyond)
    return tuple(hops[:HOPS_LIMIT])


def url_of(request: Record) -> str:
    return fields.text(fields.record(request.get("request")).get("url"))


def location_of(request: Record) -> str:
    """Where a response sends its reader; empty where it does not."""
    response = fields.record(request.get("response"))
    if fields.whole(response.get("code")) not in REDIRECTS:
        return ""
    location = headers_of(response).get("location", "")
    try:
        return urljoin(url_of(request), location) if location else ""
    except ValueError:
        return ""


def headers_of(message: Record) -> dict[str, str]:
    """Headers of a message, names in lower case; of several with one name the first."""
    found: dict[str, str] = {}
    pairs = message.get("headers_list")
    if isinstance(pairs, list):
        for pair in pairs[: fields.LIST_LIMIT]:
            if isinstance(pair, list) and len(pair) == 2:
                found.setdefault(fields.readable(pair[0]).lower(), fields.readable(pair[1]))
    headers = fields.record(message.get("headers"))
    for name in list(headers)[: fields.LIST_LIMIT]:
        value = headers[name]
        first = value[0] if isinstance(value, list) and value else value
        found.setdefault(fields.text(name).lower(), fields.readable(first))
    return found


def depth_of(entry: Record) -> int | None:
    """The hop that an entry says it belongs to (tag `depth=N`); `None` where it does not."""
    for tag in fields.texts(entry.get("tags")):
        name, _, digits = tag.partition("=")
        if name == "depth" and digits.isascii() and digits.isdigit() and len(digits) < 3:
            return int(digits)
    return None


def _oldest_first(target: str, requests: Sequence[Record]) -> list[Record]:
    plain = [request for request in requests if not _by_tor(request)]
    starts = [_same(url_of(request), target) for request in plain]
    if starts and starts[0] and not starts[-1]:
        return plain
    return plain[::-1]


def _by_tor(request: Record) -> bool:
    return fields.record(fields.record(request.get("request")).get("tor")).get("is_tor") is True


def _same(one: str, other: str) -> bool:
    first, second = split(one), split(other)
    if first is None or second is None:
        return one == other
    return (first.scheme, first.hostname, first.path or "/") == (second.scheme, second.hostname, second.path or "/")


def _hop(index: int, url: str, requests: tuple[Record, ...]) -> Hop | None:
    parts = split(url)
    if parts is None or not host_of(url):
        return None
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Hop(index=index, url=url, host=host_of(url), port=port, secure=secure, requests=requests)


def _unasked(last: Hop, keys: Record) -> Hop | None:
    """The hop that the last response sent on to, where there is something of it beside a request."""
    if not last.requests or not (location := location_of(last.requests[-1])):
        return None
    hop = _hop(last.index + 1, location, ())
    if hop is None or (hop.host, hop.port) == (last.host, last.port):
        return None
    lookups, handshakes = fields.entries(keys.get("queries")), fields.entries(keys.get("tls_handshakes"))
    greeted = {fields.name(entry.get("server_name")) for entry in handshakes}
    named = greeted | {fields.name(entry.get("hostname")) for entry in lookups}
    depths = {depth_of(entry) for entry in (*lookups, *handshakes, *fields.entries(keys.get("tcp_connect")))}
    seen = hop.secure and hop.host in greeted if hop.host == last.host else hop.host in named
    return hop if seen or hop.index in depths else None
