"""Proves that an archive is what was sealed: whatever was altered, removed, added or reordered is named."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from rabta_collector.archive.chain import (
    FOLDERS,
    KEY,
    Checkpoint,
    InvalidCheckpointError,
    Span,
    name_of,
    read_checkpoint,
)
from rabta_collector.archive.reading import days_of
from rabta_collector.archive.sealing import ArchiveError, digest_of

PEM, FORM = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a file, by its name in the archive."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


@dataclass(slots=True, kw_only=True)
class Verification:
    """`public_key`: 32 bytes that the checkpoints must be signed by; those of the archive's own key where it is `None`.

    `head`: day and digest of the newest checkpoint, as the collector remembers it; it tells when that is gone.
    """

    root: Path
    public_key: bytes | None = None
    head: tuple[str, str] | None = None
    checkpoints: int = 0
    files: int = 0
    _named: set[str] = field(default_factory=set)

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; nothing where the archive is whole. Raises `ArchiveError` where there is none."""
        days = days_of(self.root)
        if not days and self.head is None:
            raise ArchiveError(f"{self.root}: no archive, or nothing sealed yet")
        key = self._key()
        if key is None:
            yield Problem(name=KEY, what="no key of the collector's")
        before: Checkpoint | None = None
        for day in days:
            name = name_of(day)
            text = (self.root / name).read_bytes()
            self._named |= {name, f"chain/{day}.sig"}
            self.checkpoints += 1
            yield from self._check_signature(day, text, key)
            try:
                checkpoint = read_checkpoint(text)
            except InvalidCheckpointError as wrong:
                yield Problem(name=name, what=f"altered: {wrong}")
                continue
            yield from self._check_day(name, day, checkpoint, before)
            before = checkpoint
        yield from self._check_head(days)
        yield from self._find_added()

    def _key(self) -> Ed25519PublicKey | None:
        self._named.add(KEY)
        try:
            text = (self.root / KEY).read_bytes()
            found = load_pem_public_key(text)
        except (OSError, ValueError, UnsupportedAlgorithm):
            return None
        if not isinstance(found, Ed25519PublicKey) or found.public_bytes(PEM, FORM) != text:
            return None
        return found if self.public_key in (None, found.public_bytes_raw()) else None

    def _check_signature(self, day: str, text: bytes, key: Ed25519PublicKey | None) -> Iterator[Problem]:
        name = f"chain/{day}.sig"
        try:
            signature = (self.root / name).read_bytes()
        except OSError:
            yield Problem(name=name, what="removed")
            return
        try:
            if key is not None:
                key.verify(signature, text)
        except InvalidSignature:
            yield Problem(name=name_of(day), what="altered, or its signature is: the collector did not sign this")

    def _check_day(self, name: str, day: str, checkpoint: Checkpoint, before: Checkpoint | None) -> Iterator[Problem]:
        if checkpoint.day != day:
            yield Problem(name=name, what=f"put in another's place: it is the checkpoint of {checkpoint.day}")
        expected = None if before is None else name_of(before.day)
        if checkpoint.previous != expected:
            missing = checkpoint.previous if checkpoint.previous and (expected or "") < checkpoint.previous else None
            if missing is not None:
                yield Problem(name=missing, what=f"removed: {name} follows it")
            elif expected is not None:
                yield Problem(name=expected, what=f"added, or put in another order: {name} does not follow it")
        yield from _check_order(name, "journal", checkpoint.journal, None if before is None else before.journal)
        for file, digest in checkpoint.files.items():
            self._named.add(file)
            self.files += 1
            place = self.root / file
            if not place.is_file():
                if file != checkpoint.previous:
                    yield Problem(name=file, what="removed")
            elif digest_of(place) != digest:
                yield Problem(name=file, what=f"altered: not what {name} vouches for")
            elif file.startswith("events/"):
                yield from _check_lines(file, place.read_bytes(), checkpoint.records)

    def _check_head(self, days: list[str]) -> Iterator[Problem]:
        if self.head is None:
            return
        day, digest = self.head
        if day not in days:
            yield Problem(name=name_of(day), what="removed: the collector remembers that it sealed this")
        elif sha256((self.root / name_of(day)).read_bytes()).hexdigest() != digest:
            yield Problem(name=name_of(day), what="not the one that the collector remembers")

    def _find_added(self) -> Iterator[Problem]:
        for folder in FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                name = path.relative_to(self.root).as_posix()
                if not path.is_dir() and name not in self._named and not path.name.startswith("."):
                    yield Problem(name=name, what="added: no checkpoint names it")


def _check_order(name: str, what: str, span: Span | None, before: Span | None) -> Iterator[Problem]:
    if span is not None and before is not None and span.first != before.last + 1:
        yield Problem(name=name, what=f"its {what} begins at {span.first}, and the one before ends at {before.last}")


def _check_lines(name: str, text: bytes, records: Span | None) -> Iterator[Problem]:
    """Whether the lines of the record hang together, each on the one before."""
    previous, expected = None, None if records is None else records.first
    for line in text.splitlines(keepends=True):
        told: Mapping[str, object] = json.loads(line)
        if told["record"] != expected or (previous is not None and told["previous"] != previous):
            yield Problem(name=name, what=f"record {told['record']} does not follow the line before it")
        previous = sha256(line).hexdigest()
        expected = int(str(told["record"])) + 1
