"""Fingerprints of block pages, from files in the format of OONI's blocking-fingerprints that an operator gives.

Columns: name, scope, location_found (`dns`, `body` or `header.NAME`), pattern_type (`full`, `prefix`, `contains`,
`regexp`), pattern, confidence_no_fp (0 to 10), expected_countries (comma separated), and some for people.

What a match is worth. One of scope `nat`, `isp` or `prod` (or none) decides, where its confidence is at least
`LEAST_CONFIDENCE` and it is expected in the probe's country or in no country in particular. `fp` (known for being no
block) clears what it matches: that is then never taken for a block, whatever else matches. `inst` (a school's or an
office's own filter) does so where nothing that decides matches. `vbw` (vague words) says nothing.

Regular expressions come from strangers: each looks at `REGEXP_BYTES` only, and all of one page have `SECONDS`.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rabta_collector.ooni.bounded import TooSlowError, time_limit

LEAST_CONFIDENCE = 4
REGEXP_BYTES = 1 << 16
SECONDS = 0.5
ROWS_LIMIT = 100_000
PATTERN_LIMIT = 10_000
_COLUMNS = ("name", "scope", "location_found", "pattern_type", "pattern")
_DECIDING = frozenset({"", "nat", "isp", "prod"})
_FALSE_POSITIVE, _INSTITUTION = "fp", "inst"
_TYPES = frozenset({"full", "prefix", "contains", "regexp"})


class InvalidPrintsError(ValueError):
    """A file of fingerprints that cannot be read; the message names file, line and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One fingerprint."""

    name: str
    scope: str
    location: str
    kind: str
    pattern: str
    confidence: int
    countries: frozenset[str]
    regexp: re.Pattern[str] | None

    def matches(self, text: str) -> bool:
        match self.kind:
            case "full":
                return text == self.pattern
            case "prefix":
                return text.startswith(self.pattern)
            case "contains":
                return self.pattern in text
        return self.regexp is not None and self.regexp.search(text[:REGEXP_BYTES]) is not None

    def decides(self, country: str) -> bool:
        expected = not self.countries or not country or country in self.countries
        return self.scope in _DECIDING and self.confidence >= LEAST_CONFIDENCE and expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Names of fingerprints that matched: those that mark a block, and those that clear of it."""

    block: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()


class Prints:
    """A set of fingerprints, by where they are found."""

    def __init__(self, prints: Iterable[Print] = ()) -> None:
        self._at: dict[str, list[Print]] = {}
        for found in prints:
            self._at.setdefault(found.location, []).append(found)

    def __bool__(self) -> bool:
        return bool(self._at)

    def match_names(self, names: Iterable[str], country: str) -> Match:
        """Those of addresses and aliases that a resolver gave."""
        return self._match(((name, "dns") for name in names), country)

    def match_page(self, body: str, headers: Mapping[str, str], country: str) -> Match:
        """Those of a response; header names in lower case."""
        texts = [(body, "body"), *((value, f"header.{name}") for name, value in headers.items())]
        return self._match(texts, country)

    def _match(self, texts: Iterable[tuple[str, str]], country: str) -> Match:
        pairs = [(found, text) for text, location in texts for found in self._at.get(location, ())]
        matched = [found for found, text in pairs if found.regexp is None and found.matches(text)]
        try:
            with time_limit(SECONDS):
                matched += [found for found, text in pairs if found.regexp is not None and found.matches(text)]
        except TooSlowError:
            pass  # what a pattern cannot find in that time it has not found
        cleared = _named(matched, _FALSE_POSITIVE)
        block = frozenset() if cleared else frozenset(found.name for found in matched if found.decides(country))
        return Match(block=block, harmless=cleared or (frozenset() if block else _named(matched, _INSTITUTION)))


def _named(prints: Iterable[Print], scope: str) -> frozenset[str]:
    return frozenset(found.name for found in prints if found.scope == scope)


def load_prints(paths: Iterable[Path]) -> Prints:
    """All fingerprints of some files. Raises `InvalidPrintsError`."""
    return Prints(found for path in paths for found in _load(path))


def _load(path: Path) -> Iterator[Print]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise InvalidPrintsError(f"{path}: line 1: no column {', '.join(missing)}")
            for count, row in enumerate(rows):
                if count >= ROWS_LIMIT:
                    raise InvalidPrintsError(f"{path}: more than {ROWS_LIMIT} fingerprints")
                yield _read(row, f"{path}:{rows.line_num}")
    except OSError as wrong:
        raise InvalidPrintsError(f"{path}: {wrong.strerror or wrong}") from None
    except (csv.Error, UnicodeDecodeError) as wrong:
        raise InvalidPrintsError(f"{path}: not a CSV file: {wrong}") from None


def _read(row: Mapping[str, str | None], place: str) -> Print:
    def cell(name: str) -> str:
        value = row.get(name)
        return value.strip() if isinstance(value, str) else ""

    kind, location, pattern = cell("pattern_type"), cell("location_found").lower(), cell("pattern")
    if kind not in _TYPES:
        raise InvalidPrintsError(f'{place}: pattern_type: "{kind}" is none of {", ".join(sorted(_TYPES))}')
    if location not in ("dns", "body") and not location.startswith("header."):
        raise InvalidPrintsError(f'{place}: location_found: "{location}" is none of dns, body, header.NAME')
    if not pattern or len(pattern) > PATTERN_LIMIT:
        raise InvalidPrintsError(f"{place}: pattern: empty, or more than {PATTERN_LIMIT} characters")
    return Print(
        name=cell("name") or place,
        scope=cell("scope").lower(),
        location=location,
        kind=kind,
        pattern=pattern,
        confidence=_confidence(cell("confidence_no_fp"), place),
        countries=frozenset(code.strip().upper() for code in cell("expected_countries").split(",") if code.strip()),
        regexp=_compile(pattern, place) if kind == "regexp" else None,
    )


def _confidence(cell: str, place: str) -> int:
    if not cell:
        return LEAST_CONFIDENCE
    if not (cell.isascii() and cell.isdigit() and len(cell) < 4):
        raise InvalidPrintsError(f'{place}: confidence_no_fp: "{cell}" is no number')
    return int(cell)


def _compile(pattern: str, place: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as wrong:
        raise InvalidPrintsError(f"{place}: pattern: not a regular expression: {wrong}") from None
