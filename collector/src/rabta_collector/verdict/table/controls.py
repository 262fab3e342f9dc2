"""Rows for what the controls say as a whole: the site is down, or nobody can tell."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.rule import Rule, unknown
from rabta_collector.verdict.support import Support
from rabta_collector.verdict.weights import FAILS_FOR_CONTROLS, PERHAPS_BLOCKED, PERHAPS_DOWN


def _says(support: Support) -> Callable[[Facts], bool]:
    return lambda f: f.voices.support is support


SITE_IS_DOWN = Rule(
    id="site.down",
    step=None,
    when=lambda f: f.fails,
    weights=FAILS_FOR_CONTROLS,
    evidence=evidence.end,
    by_control=True,
    comment="it fails for the controls, too",
)

UNKNOWN = (
    unknown(
        id="control.split",
        step=None,
        when=_says(Support.SPLIT),
        weights=PERHAPS_DOWN,
        evidence=evidence.end,
        by_control=True,
        comment="the controls do not agree whether the site works",
    ),
    unknown(
        id="control.awaited",
        step=None,
        when=_says(Support.AWAITED),
        weights=PERHAPS_BLOCKED,
        evidence=evidence.end,
        by_control=True,
        comment="too few controls have looked since",
    ),
    unknown(
        id="control.none",
        step=None,
        when=_says(Support.NONE),
        weights=PERHAPS_DOWN,
        evidence=evidence.end,
        by_control=True,
        comment="no control",
    ),
    unknown(
        id="unexplained",
        step=None,
        when=lambda f: True,
        evidence=evidence.end,
        by_control=True,
        comment="a failure that no rule explains",
    ),
)
