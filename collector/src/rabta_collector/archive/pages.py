"""Holds the data of a page, as it was printed and kept, against the archive: whether that says what the page says.

A page names lines of the record by number and SHA-256, and the newest checkpoint that there was. So the archive has to
have that checkpoint, byte by byte, and those lines, and they have to say of each change, and of what an event rested
on, what the page says. What was not sealed yet when this is asked is looked for in the record itself, where that is at
hand. Everything else on a page (verdicts, spans) follows from the changes, and is the collector's word of that minute.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rabta_collector.archive.chain import InvalidCheckpointError, name_of, read_checkpoint
from rabta_collector.archive.reading import days_of
from rabta_collector.archive.sealing import ArchiveError
from rabta_collector.archive.verifying import Problem
from rabta_collector.pages.attachment import FORMAT
from rabta_collector.rfc3339 import format_minute, parse_time

LARGEST = 16 * 1024 * 1024
_SAME = ("platform", "isp", "from", "to", "mechanism", "witness")
Row = Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class Printed:
    """The data of a page. `record` gives lines that may not be sealed yet. `sealed`, `open`: lines that were found."""

    file: Path
    root: Path
    record: Callable[[int], bytes | None] = lambda _: None
    digest: str = ""
    sealed: int = 0
    open: int = 0

    def problems(self) -> Iterator[Problem]:
        """Whatever the archive does not bear out. Raises `ArchiveError` where the file is no page's."""
        page = self._read()
        newest = page.get("checkpoint")
        if isinstance(newest, dict):
            yield from self._check_checkpoint(newest)
        whole = page.get("event")
        events = page.get("events") if whole is None else [whole]
        for event in events if isinstance(events, list) else ():
            if isinstance(event, dict) and isinstance(event.get("record"), dict):
                yield from self._check_event(event, page if whole is event else None)

    def _read(self) -> Row:
        try:
            raw = self.file.read_bytes()
            page = json.loads(raw) if len(raw) <= LARGEST else None
        except (OSError, ValueError, RecursionError) as wrong:
            raise ArchiveError(f"{self.file}: no data of a page: {wrong}") from None
        if not isinstance(page, dict) or page.get("format") != FORMAT:
            raise ArchiveError(f"{self.file}: no data of a page, which say that they are {FORMAT}")
        self.digest = sha256(raw).hexdigest()
        return page

    def _check_checkpoint(self, named: Row) -> Iterator[Problem]:
        name = name_of(str(named.get("day")))
        place = self.root / name
        if str(named.get("day")) not in days_of(self.root):
            yield Problem(name=name, what="removed: the page was made when this was the newest checkpoint")
        elif sha256(place.read_bytes()).hexdigest() != named.get("sha256"):
            yield Problem(name=name, what="not the one that the page names: rewritten since, or the page was altered")

    def _check_event(self, event: Row, page: Row | None) -> Iterator[Problem]:
        mark = event["record"]
        assert isinstance(mark, dict)
        name = f"record {mark.get('record')}"
        if (line := self._find(mark.get("record"))) is None:
            yield Problem(name=name, what="neither in the archive nor in the record")
        elif sha256(line).hexdigest() != mark.get("sha256"):
            yield Problem(name=name, what="another line than the one that the page names")
        else:
            yield from (Problem(name=name, what=f"says otherwise of {word}") for word in _differing(line, event, page))

    def _find(self, number: object) -> bytes | None:
        if not isinstance(number, int):
            return None
        for day in reversed(days_of(self.root)):
            try:
                records = read_checkpoint((self.root / name_of(day)).read_bytes()).records
            except (OSError, InvalidCheckpointError):
                continue
            if records is not None and records.first <= number <= records.last:
                self.sealed += 1
                return self._line(self.root / f"events/{day}.jsonl", number - records.first)
        if (line := self.record(number)) is not None:
            self.open += 1
        return line

    def _line(self, place: Path, skip: int) -> bytes | None:
        try:
            with place.open("rb") as stream:
                return next((line for number, line in enumerate(stream) if number == skip), None)
        except OSError:
            return None


def _differing(line: bytes, event: Row, page: Row | None) -> Iterator[str]:
    """What a line of the record says otherwise than a page does."""
    told = json.loads(line)
    at = format_minute(parse_time(told["event"]["at"]))
    if event.get("at") != at:
        yield "at"
    yield from (word for word in _SAME if event.get(word) != told["event"][word])
    if page is not None:
        rested = told["evidence"]
        if page.get("evidence") != (None if rested is None else {**rested, "since": at}):
            yield "evidence"
