"""Marks: values that must appear nowhere, and the ways in which one may hide.

A mark is looked for as text, reversed by bytes (addresses), packed, in hexadecimal, in base64 at each of its three
alignments, and as a number; in what is compressed and in what is serialised it is looked for within.
"""

import gzip
import sqlite3
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path

from google.protobuf.message import DecodeError, Message

INFLATED_LIMIT = 4 * 1024 * 1024


def ways_of(mark: str) -> dict[str, bytes]:
    """How a mark may be written, by name."""
    plain = mark.encode()
    ways = {"text": plain, "wide text": mark.encode("utf-16-le"), "hex": plain.hex().encode()}
    ways |= _in_base64("base64", plain)
    with suppress(ValueError):
        address = ip_address(mark)
        packed = address.packed
        ways |= {"packed": packed, "packed, reversed": packed[::-1], "packed hex": packed.hex().encode()}
        ways |= {"number": str(int(address)).encode(), "pointer": address.reverse_pointer.encode()}
        if address.version == 4:
            ways["mapped hex"] = f"{packed[:2].hex()}:{packed[2:].hex()}".encode()
    return ways


def _in_base64(name: str, plain: bytes) -> Iterator[tuple[str, bytes]]:
    """Without the letters that neighbours would change."""
    for shift in range(3):
        whole = b64encode(bytes(shift) + plain)
        first, last = (shift * 8 + 5) // 6, (shift + len(plain)) * 8 // 6
        yield f"{name}, shifted {shift}", whole[first:last]
        yield f"{name} for URLs, shifted {shift}", urlsafe_b64encode(bytes(shift) + plain)[first:last]


def find_marks(data: bytes, marks: Mapping[str, str]) -> list[str]:
    """Which marks are in the data, and how. Marks are named; letters count whatever their case."""
    lower = data.lower()
    return [
        f"{name} as {way}"
        for name, mark in marks.items()
        for way, written in ways_of(mark).items()
        if written in data or (written.isascii() and written.lower() in lower)
    ]


def layers(data: bytes, kinds: tuple[type[Message], ...] = ()) -> Iterator[bytes]:
    """The data, what it unfolds to, and what it says as a message of one of these kinds."""
    unfolded = [data]
    for unfold in (gzip.decompress, zlib.decompress, lambda raw: zlib.decompress(raw, -15)):
        with suppress(OSError, EOFError, zlib.error):
            unfolded.append(unfold(data)[:INFLATED_LIMIT])
    for layer in unfolded:
        yield layer
        for kind in kinds:
            with suppress(DecodeError):
                yield str(kind.FromString(layer)).encode()


def contents(folder: Path, kinds: tuple[type[Message], ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Everything under a folder: names, files, and of databases each cell with its layers."""
    for file in sorted(folder.rglob("*")):
        where = str(file.relative_to(folder))
        yield f"name of {where}", where.encode()
        if file.is_file():
            for layer in layers(file.read_bytes(), kinds):
                yield where, layer
            if file.suffix == ".sqlite":
                yield from _cells(file, where, kinds)


def _cells(file: Path, where: str, kinds: tuple[type[Message], ...]) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name that SQLite gave
                for cell in row:
                    for layer in layers(cell if isinstance(cell, bytes) else str(cell).encode(), kinds):
                        yield f"{where}: {table}", layer
