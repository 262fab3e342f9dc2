"""Pages as HTML. They run no script and no style but their own two, and ask no other host for anything.

What changes on a page is its `<main>`; around it stands the shell. Links are relative, so that the pages may stand
below any path of a reverse proxy.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rabta_collector.answers import HTML, Body, make_body
from rabta_collector.pages.daily import SHOWN_AS
from rabta_collector.pages.languages import Language, languages
from rabta_collector.pages.moments import PKT, make_clock
from rabta_collector.pages.strip import TOP
from rabta_collector.pages.words import MEANINGS, SYMBOLS, make_mark

ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='3' fill='%230072B2'/%3E%3C/svg%3E"  # noqa: E501 - one address


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page stands. `path` begins with a slash and has no language in it."""

    language: Language
    path: str

    @property
    def root(self) -> str:
        """From the page to the top of the site, without a slash at its end."""
        depth = (self.language.prefix + self.path).count("/") - 1
        return "/".join([".."] * depth) or "."

    @property
    def here(self) -> str:
        """From the page to the top of its language."""
        return self.root + self.language.prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A `<main>`, and what its page is called."""

    title: str
    main: Body


def make_leaf(place: Place, template: str, values: Mapping[str, object]) -> Leaf:
    """`template`: without its suffix; its block `title` is the page's."""
    found = _environment(place.language).get_template(f"{template}.html")
    context = found.new_context({**_around(place), **values})
    title = "".join(found.blocks["title"](context)).strip()
    inner = "".join(found.blocks["main"](context))
    main = Markup('<main id="main" data-title="{title}">\n{inner}</main>\n').format(
        title=Markup(title), inner=Markup(inner)
    )
    return Leaf(title=title, main=make_body(HTML, main))


def make_page(place: Place, leaf: Leaf, at: float | None, *, source: str = "", refresh: bool = False) -> Body:
    """The whole page. `at`: up to when everything is decided. `source`: the address that a printed page names.

    `refresh`: without scripts, it loads itself anew.
    """
    text = (
        _environment(place.language)
        .get_template("page.html")
        .render(
            **_around(place),
            style=Markup(_text("page.css")),
            script=Markup(_text("page.js")),
            icon=ICON,
            title=Markup(leaf.title),
            tag=leaf.main.tag,
            main=Markup(leaf.main.plain.decode()),
            decided=None if at is None else make_clock(at),
            source=source,
            refresh=refresh,
            languages=languages(),
        )
    )
    return make_body(HTML, text)


def _around(place: Place) -> Mapping[str, object]:
    return {
        "root": place.root,
        "here": place.here,
        "path": place.path,
        "language": place.language,
        "zone": PKT.tzname(None),
        "legend": [(make_mark(state), meaning) for state, meaning in MEANINGS.items()],
        "symbols": {str(state): symbol for state, symbol in SYMBOLS.items()},
        "top": TOP,
        "findings": [str(judgement) for judgement in SHOWN_AS],
    }


@cache
def _environment(language: Language) -> Environment:
    made = Environment(
        loader=PackageLoader("rabta_collector"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(language.say, language.say_many, newstyle=True)  # type: ignore[attr-defined] # the extension's
    made.globals.update(say=language.say, knows=language.knows)
    return made


@cache
def _text(name: str) -> str:
    return _environment(languages()[0]).get_template(name).render()


def _digest(text: str) -> str:
    """As a policy names an inline text: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest(_text('page.js'))}; style-src {_digest(_text('page.css'))}; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
