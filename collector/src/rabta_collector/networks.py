"""From an address to its network (AS), and from that of a peer to its ISP.

A peer's address is looked at in memory and for a moment; it is never kept, logged or sent on.
Needs a database in MaxMind's format (https://maxmind.github.io/MaxMind-DB/) that the operator supplies; without one
every address is unknown.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import maxminddb

from rabta_collector.catalogue import Isp
from rabta_collector.document import InvalidFileError

PEER = re.compile(r"ipv4:([0-9.]+):\d+|ipv6:(?:\[|%5B)(.+?)(?:\]|%5D):\d+")


class Database(Protocol):
    """What we use of a database."""

    def get(self, address: str, /) -> object:
        """The record of an address, or `None`."""


class Networks:
    """Which ISP an address belongs to."""

    def __init__(self, isps: Sequence[Isp], database: Database | None = None) -> None:
        self._owners = {asn: isp.id for isp in isps for asn in isp.asns}
        self._database = database

    def isp_of(self, peer: str) -> str:
        """The ISP of a gRPC peer such as `ipv4:192.0.2.1:4711`; empty where it is not known."""
        asn = self.asn_of(address_of(peer))
        return "" if asn is None else self._owners.get(asn, "")

    def asn_of(self, address: str) -> int | None:
        """The number of the network (AS) that announces an address; `None` where it is not known."""
        if self._database is None:
            return None
        try:
            record = self._database.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        asn = record.get("autonomous_system_number") if isinstance(record, dict) else None
        return asn if isinstance(asn, int) else None


def address_of(peer: str) -> str:
    """The address in the name of a gRPC peer; empty where it has none."""
    if not (match := PEER.fullmatch(peer)):
        return ""
    text = match[1] or unquote(match[2]).partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def open_networks(isps: Sequence[Isp], file: Path | None) -> Networks:
    """Opens the database. Raises `InvalidFileError`."""
    if file is None:
        return Networks(isps)
    try:
        return Networks(isps, maxminddb.open_database(str(file), maxminddb.MODE_AUTO))
    except OSError as wrong:
        raise InvalidFileError(f"{file}: {wrong.strerror or wrong}") from None
    except maxminddb.InvalidDatabaseError:
        raise InvalidFileError(f"{file}: not a MaxMind database") from None
