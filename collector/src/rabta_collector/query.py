"""Parameters of the API, parsed. Pure. One that is unknown, given twice or unreadable is an error that names it.

An empty one is not given. Were a misspelt one passed over, its sender would take the country for one ISP.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum

from rabta_collector.rfc3339 import parse_time

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


class Form(StrEnum):
    """What a list is written as."""

    JSON = "json"
    CSV = "csv"


class BadParameterError(ValueError):
    """The message is one line for the sender, and names the parameter."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list is asked for. Times are Unix seconds, and the range is half-open; `None` is no filter."""

    platform: str | None = None
    isp: str | None = None
    since: float | None = None
    until: float | None = None
    limit: int = DEFAULT_LIMIT
    form: Form = Form.JSON


def parse_query(given: Iterable[tuple[str, str]], allowed: Set[str]) -> Query:
    """Raises `BadParameterError`."""
    texts: dict[str, str] = {}
    for name, text in given:
        if name not in allowed:
            raise BadParameterError(name[:100], f"no parameter of this list; expected {', '.join(sorted(allowed))}")
        if name in texts:
            raise BadParameterError(name, "given twice")
        texts[name] = text[:200]
    texts = {name: text for name, text in texts.items() if text}
    query = Query(
        platform=texts.get("platform"),
        isp=texts.get("isp"),
        since=_time(texts, "since"),
        until=_time(texts, "until"),
        limit=_limit(texts),
        form=_form(texts),
    )
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise BadParameterError("since", "not before until")
    return query


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


def _limit(texts: dict[str, str]) -> int:
    text = texts.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameterError("limit", f'"{text}" is no number from 1 to {MAX_LIMIT}')
    return int(text)


def _form(texts: dict[str, str]) -> Form:
    text = texts.get("format", Form.JSON)
    try:
        return Form(text)
    except ValueError:
        raise BadParameterError("format", f'"{text}" is none of {", ".join(Form)}') from None
