"""Parameters of the API, parsed. Pure. One that is unknown, given twice or unreadable is an error that names it.

An empty one is not given. Were a misspelt one passed over, its sender would take the country for one ISP.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from rabta_collector.rfc3339 import minute_of, parse_time

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


MAX_NUMBER = 2**53 - 1
"""Of an event; a number of JavaScript's holds it exactly."""

Word = TypeVar("Word", bound=StrEnum)
Cursor = tuple[str | int, ...]
"""What tells a row of a list from those before and after it. Readers get it as a text, and need not read it."""


class Form(StrEnum):
    """What a list is written as."""

    JSON = "json"
    CSV = "csv"


class By(StrEnum):
    """How long a span of time is that is counted as one."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class BadParameterError(ValueError):
    """The message is one line for the sender, and names the parameter."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list is asked for. Times are Unix seconds, and the range is half-open; `None` is no filter.

    Ranges are of whole minutes, or where one is cut would tell more exactly when something happened.
    """

    platform: str | None = None
    isp: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None
    event: int | None = None
    by: By = By.HOUR
    form: Form = Form.JSON


def parse_query(given: Iterable[tuple[str, str]], allowed: Set[str], *, limit: int = DEFAULT_LIMIT) -> Query:
    """`limit`: where none is given. Raises `BadParameterError`."""
    texts: dict[str, str] = {}
    for name, text in given:
        if name not in allowed:
            raise BadParameterError(name[:100], f"no parameter of this list; expected {', '.join(sorted(allowed))}")
        if name in texts:
            raise BadParameterError(name, "given twice")
        texts[name] = text[:200]
    texts = {name: text for name, text in texts.items() if text}
    since, until = _time(texts, "since"), _time(texts, "until")
    if since is not None and until is not None and since >= until:
        raise BadParameterError("since", "not before until")
    return Query(
        platform=texts.get("platform"),
        isp=texts.get("isp"),
        since=None if since is None else minute_of(since),
        until=None if until is None else -minute_of(-until),
        limit=_limit(texts, limit),
        cursor=_cursor(texts),
        event=_event(texts),
        by=_word(texts, "by", By, By.HOUR),
        form=_word(texts, "format", Form, Form.JSON),
    )


def check_known(query: Query, platforms: Set[str], isps: Set[str]) -> None:
    """Raises `BadParameterError` for a platform or an ISP that nothing is known of."""
    if query.platform is not None and query.platform not in platforms:
        raise BadParameterError("platform", f'"{query.platform}" is none that is measured')
    if query.isp is not None and query.isp not in isps:
        raise BadParameterError("isp", f'"{query.isp}" is none that is watched')


def _time(texts: dict[str, str], name: str) -> float | None:
    if name not in texts:
        return None
    try:
        return parse_time(texts[name])
    except ValueError as wrong:
        raise BadParameterError(name, str(wrong)) from None


def _limit(texts: dict[str, str], default: int) -> int:
    text = texts.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameterError("limit", f'"{text}" is no number from 1 to {MAX_LIMIT}')
    return int(text)


def write_cursor(cursor: Cursor) -> str:
    """As readers get it: URL-safe."""
    return base64.urlsafe_b64encode(json.dumps(cursor, separators=(",", ":")).encode()).decode().rstrip("=")


def _cursor(texts: dict[str, str]) -> Cursor | None:
    if (text := texts.get("cursor")) is None:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(type(part) in (str, int) for part in found):
        raise BadParameterError("cursor", "none that was given out here")
    return tuple(found)


def _event(texts: dict[str, str]) -> int | None:
    if (text := texts.get("event")) is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16 and abs(int(text)) <= MAX_NUMBER):
        raise BadParameterError("event", f'"{text}" is no number of an event')
    return int(text)


def _word(texts: dict[str, str], name: str, words: type[Word], default: Word) -> Word:
    text = texts.get(name, default)
    try:
        return words(text)
    except ValueError:
        raise BadParameterError(name, f'"{text}" is none of {", ".join(words)}') from None
