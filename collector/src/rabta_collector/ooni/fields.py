"""Reads values out of JSON that anybody may have written. Pure and total: a value of another type is as if absent.

Everything is bounded: so many entries of a list, so many characters of a text.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from math import isfinite

Record = Mapping[str, object]

LIST_LIMIT = 1000
TEXT_LIMIT = 4096
ADDRESS_LIMIT = 64
BODY_LIMIT = 1 << 22
"""Bytes of a body that are kept; OONI keeps less."""

_EMPTY: Record = {}
_DIGITS = re.compile("[0-9]{1,5}")
_NAT64 = IPv6Network("64:ff9b::/96")


def record(value: object) -> Record:
    return value if isinstance(value, Mapping) else _EMPTY


def entries(value: object) -> list[Record]:
    """The objects of a list."""
    return [item for item in value[:LIST_LIMIT] if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A text, without what no encoding can write."""
    if not isinstance(value, str):
        return ""
    return value[:TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8")


def texts(value: object) -> list[str]:
    return [text(item) for item in value[:LIST_LIMIT] if isinstance(item, str)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def whole(value: object) -> int | None:
    """A number without its fraction, where 64 bits hold it."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**63 else None


def port(value: object) -> int | None:
    """A port, be it written as a number or as a text."""
    found = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else whole(value)
    return found if found is not None and 0 < found < 65536 else None


def truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def binary(value: object) -> bytes | None:
    """A text, or `{"format": "base64", "data": ...}` (df-001, MaybeBinaryData), as bytes; `None` for anything else."""
    if isinstance(value, str):
        return value[:BODY_LIMIT].encode("utf-8", "replace")
    if not isinstance(value, Mapping) or not isinstance(data := value.get("data"), str):
        return None
    try:
        return b64decode(data[: 2 * BODY_LIMIT].encode("ascii", "replace"))[:BODY_LIMIT]
    except (Base64Error, ValueError):
        return None


def readable(value: object) -> str:
    """Text or binary data as a text."""
    found = binary(value)
    return "" if found is None else found[:TEXT_LIMIT].decode("utf-8", "replace")


def name(value: object) -> str:
    """A host name as it is asked for: in lower case, in ASCII (IDNA), without the root's dot; empty for none."""
    found = text(value).lower().rstrip(".")
    if found.isascii():
        return found
    try:
        return found.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def address(value: object) -> str:
    """An address in canonical form; empty for what is none.

    One of NAT64's well-known prefix (RFC 6052) stands for the IPv4 address within: DNS64 made it from that.
    """
    return _canonical(value[:ADDRESS_LIMIT]) if isinstance(value, str) else ""


@lru_cache(maxsize=4096)  # one measurement names the same few some thirty times: a fifth of its conversion
def _canonical(written: str) -> str:
    try:
        parsed = ip_address(written.strip("[]"))
    except ValueError:
        return ""
    return str(IPv4Address(int(parsed) & 0xFFFFFFFF) if parsed in _NAT64 else parsed)


def endpoint(value: object) -> tuple[str, int]:
    """`address:port` or `[address]:port`; an empty address for what is none."""
    host, _, port = text(value).rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port[:6]) < 65536):
        return "", 0
    return address(host), int(port[:6])
