"""One affair as an SVG: for each ISP what was true above, what was said below. Pure."""

from html import escape

from rabta_proto.vocabulary import IspState, State
from sim.score import Place, Stood
from sim.stage import Show

COLOURS: dict[str, str] = {
    State.REACHABLE: "#5aa469",
    IspState.UP: "#5aa469",
    State.BLOCKED: "#c0392b",
    State.THROTTLED: "#d97b29",
    State.DISRUPTED: "#e0b63c",
    IspState.DEGRADED: "#e0b63c",
    State.DOWN: "#6b4c9a",
    State.INCONCLUSIVE: "#c8c8c8",
    IspState.UNKNOWN: "#c8c8c8",
}
WIDTH, LEFT, ROW, BAND, TOP = 1200, 190, 44, 15, 46


def draw(show: Show) -> str:
    """The whole file."""
    places = sorted({(truth.isp, truth.platform) for truth in show.truths} | set(show.stood), key=_order)
    height = TOP + ROW * len(places) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="24" font-size="16">{escape(show.job.affair)}, {show.job.fleet} agents at each ISP</text>',
        *_legend(),
    ]
    for number, place in enumerate(places):
        parts += _row(show, place, TOP + ROW * number)
    parts += _axis(show, TOP + ROW * len(places))
    return "\n".join([*parts, "</svg>\n"])


def _order(place: Place) -> tuple[str, str]:
    return (place[0], place[1] or "")


def _row(show: Show, place: Place, top: int) -> list[str]:
    name = f"{place[0]}: {place[1] or 'the ISP'}"
    true = [
        Stood(state=truth.states[0], since=truth.since, until=truth.until)
        for truth in show.truths
        if (truth.isp, truth.platform) == place
    ]
    well = State.REACHABLE if place[1] else IspState.UP
    whole = Stood(state=well, since=show.start, until=show.end)
    return [
        f'<text x="10" y="{top + 22}" font-size="13">{escape(name)}</text>',
        *(_band(show, stood, top + 3) for stood in [whole, *true]),
        *(_band(show, stood, top + 3 + BAND + 2) for stood in show.stood.get(place, ())),
    ]


def _x(show: Show, at: float) -> float:
    return LEFT + (WIDTH - LEFT - 20) * (at - show.start) / (show.end - show.start)


def _band(show: Show, stood: Stood, top: float) -> str:
    left = _x(show, max(stood.since, show.start))
    width = max(0.5, _x(show, min(stood.until, show.end)) - left)
    colour = COLOURS.get(stood.state, "#000000")
    return f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAND}" fill="{colour}"/>'


def _legend() -> list[str]:
    found: list[str] = []
    order = (State.REACHABLE, State.BLOCKED, State.THROTTLED, State.DISRUPTED, State.DOWN, State.INCONCLUSIVE)
    for number, state in enumerate(order):
        left = 430 + number * 120
        found.append(f'<rect x="{left}" y="12" width="14" height="14" fill="{COLOURS[state]}"/>')
        found.append(f'<text x="{left + 20}" y="24" font-size="13">{state}</text>')
    return found


def _axis(show: Show, top: int) -> list[str]:
    minutes = int((show.end - show.start) / 60)
    step = next(step for step in (5, 10, 15, 30, 60, 120, 360) if minutes / step <= 16)
    found = []
    for minute in range(0, minutes + 1, step):
        x = _x(show, show.start + minute * 60)
        found.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{top + 4}" stroke="#00000022"/>')
        found.append(f'<text x="{x:.1f}" y="{top + 20}" font-size="12" text-anchor="middle">{minute} min</text>')
    return found
