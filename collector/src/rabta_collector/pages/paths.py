"""Where on the path a name is cut off, in plain words for a page. Pure. English here; languages.py has the others.

A sentence holds its numbers, so that the catalogue of a language has it once for all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from rabta_collector.disclosure import Row
from rabta_collector.pages.moments import Moment, make_moment
from rabta_collector.rfc3339 import parse_time
from rabta_proto.locating import Cut, Doubt

SHOWN = 5

DOUBTS = {
    Doubt.NOT_LOOKED: "Where on the way it is cut off is not known: too few connections stood.",
    Doubt.NOT_CUT: "When it was looked for, nothing was cut off.",
    Doubt.ONCE: "Where on the way it is cut off is not known: it showed only once.",
    Doubt.NOT_HELD_AGAINST: "Where on the way it is cut off is not known: another name got no answer there either.",
    Doubt.UNSURE_BEFORE: "Where on the way it is cut off is not known: too little reached the router before.",
    Doubt.AT_ODDS: "Where on the way it is cut off is not known: what was seen does not agree.",
}
ANOTHER_NAME = "Another name is cut off there, too."


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLine:
    """One trace. `sentences`: what it says. `resets`: technical, of RSTs that came; empty where none did."""

    at: Moment
    target: str
    sentences: tuple[str, ...]
    resets: str


def make_paths(rows: Iterable[Row], now: float) -> tuple[PathLine, ...]:
    """The first of them; rows as `paths.to_rows` gives them."""
    return tuple(_line(row, now) for row in list(rows)[:SHOWN])


def _line(row: Row, now: float) -> PathLine:
    return PathLine(
        at=make_moment(parse_time(str(row["at"])), now),
        target=str(row["target"]),
        sentences=tuple(_sentences(row)),
        resets=_resets(row),
    )


def _sentences(row: Row) -> Iterable[str]:
    begins, after, server = row["begins"], row["after"], row["server"]
    if row["doubt"] is not None or begins is None:
        yield DOUBTS[Doubt(str(row["doubt"] or Doubt.NOT_LOOKED))]
        return
    what = "The connection is reset" if row["cut"] == Cut.RESET else "The connection falls silent"
    where = f"{begins} hops away" if after == cast(int, begins) - 1 else f"between {after} and {begins} hops away"
    yield f"{what} {where}."
    if server is None:
        yield "How far away the server is, is not known."
    elif row["at_server"]:
        yield f"The server is {server} hops away, too: it may do that itself."
    else:
        yield f"The server is {server} hops away."
    if row["by_name"] is False:
        yield ANOTHER_NAME


def _resets(row: Row) -> str:
    if not row["resets"]:
        return ""
    ttls, ids = (", ".join(map(str, cast(list[int], row[key]))) for key in ("reset_ttls", "reset_ip_ids"))
    told = [f"RST: {row['resets']}", f"TTL {ttls}" if ttls else "", f"IP-ID {ids}" if ids else ""]
    return "; ".join(filter(None, told))
