"""Of which ISP, or which event, an address of pages or API asks. Pure. Most are of the whole country."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rabta_collector.pages.languages import languages

_PAGE = re.compile(r"/(?:isp/(?P<isp>[^/]+)|cell/[^/]+/(?P<there>[^/]+)|event/(?P<event>-?[0-9]{1,18}))")
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_API = "/api/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Both are `None` where a question is of the whole country, or of no ISP at all."""

    isp: str | None = None
    event: int | None = None


def whose(path: str, query: Mapping[str, Sequence[str]]) -> Asked:
    """`query`: each parameter with all values that it was given. What is no such question is not told here."""
    if path.startswith(_API):
        return _of_api(query)
    for language in languages():
        if found := _PAGE.fullmatch(path.removeprefix(language.prefix) if language.prefix else path):
            number = found["event"]
            return Asked(isp=found["isp"] or found["there"], event=None if number is None else int(number))
    return Asked()


def _of_api(query: Mapping[str, Sequence[str]]) -> Asked:
    """A parameter that is given twice, or is no number, is refused by whoever reads it."""
    isps, events = query.get("isp", ()), query.get("event", ())
    number = events[0] if len(events) == 1 and _NUMBER.fullmatch(events[0]) else None
    isp = isps[0] if len(isps) == 1 and isps[0] else None
    return Asked(isp=isp, event=None if number is None or isp is not None else int(number))
