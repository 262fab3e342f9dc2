"""The chain that holds the archive together: one text a day, signed, that names every file of it by digest. Pure.

    archive/
        measurements/day=2026-11-28/part-0001.parquet ...     what the journal took in on that day (UTC), table.py
        events/2026-11-28.jsonl                               what was written into the record on it, record/lines.py
        chain/2026-11-28.txt                                  the day's checkpoint, below
        chain/2026-11-28.sig                                  its signature: Ed25519 (RFC 8032), 64 bytes, raw
        chain/key.pem                                         the public key (RFC 8410)

A checkpoint is what `sha256sum --check` reads, run in the archive's folder, with comments before:

    # Rabta archive checkpoint 1
    # day: 2026-11-28
    # journal: 1001-2000                                      rows that the measurements are of; `none`
    # records: 5-9                                            lines of the record; `none`
    <64 hex digits>  chain/2026-11-27.txt                     the checkpoint before it, but in the first one
    <64 hex digits>  events/2026-11-28.jsonl                  every file of the day, by name
    <64 hex digits>  measurements/day=2026-11-28/part-0001.parquet

So the newest checkpoint vouches for all before it, and whoever has kept a copy of one (or its digest) can tell whether
anything older was touched. Days on which nothing came have no checkpoint. The key is the collector's own, which agents
pin when they join; what else it signs begins with other words, so that neither passes for the other. What no chain can
show is that its newest links are gone: for that, `verify` asks the collector's registry, and others their copies.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TITLE = "# Rabta archive checkpoint 1"
FILE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9=._/-]*)")
FOLDERS = ("chain", "events", "measurements")
KEY = "chain/key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Numbers from one to another, both of them in it."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """`files`: digests by name, of the day's files and of the checkpoint before."""

    day: str
    journal: Span | None
    records: Span | None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def previous(self) -> str | None:
        """The name of the checkpoint before."""
        return next((name for name in self.files if name.startswith("chain/")), None)


class InvalidCheckpointError(ValueError):
    """A text that is no checkpoint; the message says why."""


def name_of(day: str) -> str:
    """Where the checkpoint of a day lies."""
    return f"chain/{day}.txt"


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """What is signed, byte by byte."""
    lines = [
        TITLE,
        f"# day: {checkpoint.day}",
        f"# journal: {checkpoint.journal or 'none'}",
        f"# records: {checkpoint.records or 'none'}",
        *(f"{checkpoint.files[name]}  {name}" for name in sorted(checkpoint.files)),
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def read_checkpoint(text: bytes) -> Checkpoint:
    """What was written; anything else, be it a space more, raises `InvalidCheckpointError`."""
    try:
        title, *lines = text.decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError):
        raise InvalidCheckpointError("no checkpoint") from None
    comments = dict(line.removeprefix("# ").partition(": ")[::2] for line in lines if line.startswith("#"))
    if title != TITLE or set(comments) != {"day", "journal", "records"}:
        raise InvalidCheckpointError("no checkpoint of this version")
    files: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        if not (found := FILE.fullmatch(line)) or ".." in found[2] or not found[2].startswith(FOLDERS):
            raise InvalidCheckpointError(f"a line that cannot be read: {line[:100]}")
        files[found[2]] = found[1]
    checkpoint = Checkpoint(
        day=comments["day"], journal=_span(comments["journal"]), records=_span(comments["records"]), files=files
    )
    if write_checkpoint(checkpoint) != text:
        raise InvalidCheckpointError("not written as checkpoints are")
    return checkpoint


def _span(text: str) -> Span | None:
    if text == "none":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})", text)
    if not found:
        raise InvalidCheckpointError(f"no span of numbers: {text[:100]}")
    return Span(first=int(found[1]), last=int(found[2]))
