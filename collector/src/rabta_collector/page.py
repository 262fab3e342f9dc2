"""The page as HTML. It runs no script and no style but its own two, and asks no other host for anything.

The part that changes (`<main>`) is made once for each country that looks different, however many read it; an open page
asks for it alone, and is told when it has not changed. Without scripts the page is the same, and reloads itself.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rabta_collector.answers import HTML, Body, make_body
from rabta_collector.catalogue import Catalogue
from rabta_collector.overview import MEANINGS, PKT, Overview, make_clock, make_mark, make_overview
from rabta_collector.state import Event, Snapshot

_templates = Environment(
    loader=PackageLoader("rabta_collector"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE = _templates.get_template("page.css").render()
_SCRIPT = _templates.get_template("page.js").render()
_ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='3' fill='%230072B2'/%3E%3C/svg%3E"  # noqa: E501 - one address


def _digest(text: str) -> str:
    """As a policy names an inline text: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; connect-src 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class PageMaker:
    """Keeps the newest `<main>`."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._made_for: tuple[float, Catalogue] | None = None
        self._shown: Overview | None = None
        self._main = make_body(HTML, "")

    async def main(
        self, snapshot: Snapshot, catalogue: Catalogue, latest: Callable[[Snapshot], tuple[Event, ...]]
    ) -> Body:
        """`latest` gives the events to show, on the event loop; it is called when the snapshot is a new one."""
        async with self._turn:
            made_for = self._made_for
            if made_for is None or made_for[0] != snapshot.at or made_for[1] is not catalogue:
                await asyncio.to_thread(self._make, snapshot, catalogue, latest(snapshot))
                self._made_for = (snapshot.at, catalogue)
            return self._main

    def _make(self, snapshot: Snapshot, catalogue: Catalogue, events: tuple[Event, ...]) -> None:
        overview = make_overview(snapshot, catalogue, events)
        if overview != self._shown:
            self._main = make_body(HTML, write_main(overview))
            self._shown = overview


def write_main(overview: Overview) -> str:
    """The part of the page that changes."""
    legend = [(make_mark(state), meaning) for state, meaning in MEANINGS.items()]
    return _templates.get_template("main.html").render(overview=overview, legend=legend)


def whole_page(main: Body, at: float) -> Body:
    """The page around `<main>`. `at`: up to when everything is decided."""
    return _shell(main.plain.decode(), at)


def waiting_page() -> Body:
    """The page while the journal is replayed."""
    return _shell(_templates.get_template("waiting.html").render(), None)


def _shell(main: str, at: float | None) -> Body:
    text = _templates.get_template("page.html").render(
        style=Markup(_STYLE),
        script=Markup(_SCRIPT),
        icon=_ICON,
        main=Markup(main),
        decided=None if at is None else make_clock(at),
        zone=PKT.tzname(None),
    )
    return make_body(HTML, text)
