"""A picture of one platform in the whole country, to be shown on other sites: SVG, some 1000 bytes. Pure.

It says "blocked" only of ISPs where that may be written (README, "For editors"): verdicts of few agents count as not
known. It holds no script, no style and no font, so that it is shown under any site's policy.
"""

from collections import Counter
from collections.abc import Iterable
from xml.sax.saxutils import escape

from rabta_collector.state import Verdict
from rabta_collector.verdict.decide import FEW_AGENTS
from rabta_proto.vocabulary import State

CONTENT_TYPE = "image/svg+xml; charset=utf-8"
COUNTRY = "Pakistan"
WORST_FIRST = (State.BLOCKED, State.THROTTLED, State.DISRUPTED, State.DOWN, State.REACHABLE)
COLOURS = {
    State.BLOCKED: "#a11d33",
    State.THROTTLED: "#8a5a00",
    State.DISRUPTED: "#7a4b00",
    State.DOWN: "#4a4a4a",
    State.REACHABLE: "#1b6e3c",
    State.INCONCLUSIVE: "#555555",
}
LETTER_PX, PADDING_PX, HEIGHT_PX = 6.7, 9, 22


def say(verdicts: Iterable[Verdict]) -> tuple[State, str]:
    """The worst that is known of a platform, and on how many of the ISPs that have a verdict."""
    states = [_known(verdict) for verdict in verdicts]
    counts = Counter(states)
    for state in WORST_FIRST:
        if counts[state]:
            return state, f"{state} on {counts[state]} of {len(states)} ISP{'' if len(states) == 1 else 's'}"
    return State.INCONCLUSIVE, "not known"


def _known(verdict: Verdict) -> State:
    return State.INCONCLUSIVE if FEW_AGENTS in (verdict.note or "") else verdict.state


def draw(name: str, verdicts: Iterable[Verdict]) -> str:
    """The picture. `name`: what people call the platform."""
    state, said = say(verdicts)
    label = f"{name} in {COUNTRY}"
    left, right = (round(len(text) * LETTER_PX + 2 * PADDING_PX) for text in (label, said))
    title, label, said = escape(f"{label}: {said}"), escape(label), escape(said)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT_PX}" role="img">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="{HEIGHT_PX}" fill="#333"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT_PX}" fill="{COLOURS[state]}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="15">{label}</text>'
        f'<text x="{left + right / 2:g}" y="15">{said}</text></g></svg>\n'
    )
