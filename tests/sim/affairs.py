"""The events that are played, each with its truth. Pure; pakistan.md's history rebuilt, and what must alarm nobody.

Every affair begins a quarter of an hour into its stretch. Times of day do not matter to blocks; where they do, the
affair names its own hour.
"""

from collections.abc import Callable
from dataclasses import replace

from rabta_collector.verdict.flapping import SETTLED, TURNS
from rabta_proto.vocabulary import IspState, State
from sim.land import Agent, Kind
from sim.lies import accusers_of, liars_of, lie, one_hand_of
from sim.platforms import MEDIA
from sim.presence import UNNOTICED_S, Stay
from sim.scene import Rank, Span, Truth
from sim.script import CALM_S, NOON, Affair, Script, Stage
from sim.sights import Seen, Sight

MINUTE, HOUR = 60.0, 3600.0
FLAPS_S = 3 * MINUTE
PARTLY = (State.BLOCKED, State.DISRUPTED)
UNSURE = (State.REACHABLE, State.DISRUPTED)
EITHER = (State.DISRUPTED, State.BLOCKED, State.REACHABLE)


def _x_ban(stage: Stage) -> Script:
    """X, 17 February 2024: within ten minutes at all ISPs, by RST; back for 2 to 20 minutes, differing by ISP."""
    script = Script()
    for isp in stage.land.names:
        stream = stage.dice.stream("x ban", isp)
        since, end = stage.begins + stream.uniform(0, 10 * MINUTE), stage.begins + 3 * HOUR
        for _ in range(3):
            until = since + stream.uniform(20 * MINUTE, 40 * MINUTE)
            script.block(isp, "x", since, until)
            since = until + stream.uniform(2 * MINUTE, 20 * MINUTE)
        script.block(isp, "x", since, end)
    return script


def _shutdown(spread_s: float) -> Callable[[Stage], Script]:
    """Mobile networks fall silent; fixed lines stay."""

    def write(stage: Stage) -> Script:
        script = Script()
        for isp in stage.mobile:
            since = stage.begins + stage.dice.between(0, spread_s, "shutdown", isp)
            until = stage.begins + spread_s + 45 * MINUTE
            truth = Truth(isp=isp, platform=None, since=since, until=until, states=(IspState.DOWN,))
            script.truths.append(truth)
            script.stays |= {agent.id: _silent(stage, agent, since, until) for agent in stage.land.agents[isp]}
        return script

    return write


def _silent(stage: Stage, agent: Agent, since: float, until: float, back_s: float = 120.0) -> list[Stay]:
    """An agent's sessions with a hole in them."""
    left: list[Stay] = []
    back = until + stage.dice.between(5, back_s, "back", agent.id, until)
    for stay in stage.stays[agent.id]:
        if stay.since < since:
            ends = min(stay.ends, since + stage.dice.between(*UNNOTICED_S, "noticed", agent.id, since))
            left.append(replace(stay, until=min(stay.until, since), ends=ends))
        if stay.until > back:
            left.append(replace(stay, since=max(stay.since, back)))
    return left


def _wikipedia(stage: Stage) -> Script:
    """February 2023, five networks: timeouts first, then RST. A platform of priority 2."""
    script = Script()
    for isp in stage.land.names[:5]:
        since = stage.begins + stage.dice.between(0, 5 * MINUTE, "wikipedia", isp)
        turn, until = since + 60 * MINUTE, since + 110 * MINUTE
        script.block(isp, "wikipedia", since, turn, Sight.HUSHED, told=False)
        script.block(isp, "wikipedia", turn, until, Sight.RESET, told=False)
        script.truths.append(Truth(isp=isp, platform="wikipedia", since=since, until=until))
    return script


def _whatsapp_media(stage: Stage) -> Script:
    """July to October 2024, mobile networks: text works, media crawl: seen by reads against the clock alone."""
    script = Script()
    for isp in stage.mobile:
        span = Span(
            since=stage.begins,
            until=stage.begins + HOUR,
            seen=Seen(sight=Sight.SLOW),
            rank=Rank.BLOCK,
            isp=isp,
            platform="whatsapp",
            url=MEDIA,
        )
        script.spans.append(span)
        states = (State.THROTTLED, State.DISRUPTED)
        script.truths.append(Truth(isp=isp, platform="whatsapp", since=span.since, until=span.until, states=states))
    return script


def _nationwide(platform: str, sight: Sight) -> Callable[[Stage], Script]:
    """The same order at all ISPs within one minute."""

    def write(stage: Stage) -> Script:
        script = Script()
        for isp in stage.land.names:
            since = stage.begins + stage.dice.between(0, MINUTE, "order", isp)
            script.block(isp, platform, since, since + 30 * MINUTE, sight)
        return script

    return write


def _one_isp(platform: str, sight: Sight, lasts_s: float = 30 * MINUTE) -> Callable[[Stage], Script]:
    """One ISP after the other, each for itself, far enough apart that none warns another."""

    def write(stage: Stage) -> Script:
        script = Script()
        for n, isp in enumerate(stage.land.names):
            since = stage.begins + n * 10 * MINUTE + stage.dice.between(0, 5 * MINUTE, "alone", isp)
            script.block(isp, platform, since, since + lasts_s, sight)
        return script

    return write


def _flapping(stage: Stage) -> Script:
    """Three minutes on, three off, at two ISPs: at first blocks like others, from the fourth turn on one that flaps.

    It may be called so until it has settled.
    """
    script = Script()
    known, end = stage.begins + FLAPS_S * TURNS, stage.begins + HOUR
    for isp in stage.land.names[:2]:
        for n in range(0, int(HOUR / FLAPS_S), 2):
            since = stage.begins + n * FLAPS_S
            script.block(isp, "telegram", since, since + FLAPS_S, told=False)
            states = PARTLY if since < known else EITHER
            truth = Truth(isp=isp, platform="telegram", since=since, until=since + FLAPS_S, states=states)
            script.truths.append(truth)
        settled = end + FLAPS_S * (1 + SETTLED)
        for since, until, sayings in ((known, end, (State.DISRUPTED,)), (end, settled, UNSURE)):
            script.truths.append(Truth(isp=isp, platform="telegram", since=since, until=until, states=sayings))
    return script


def _gradual(stage: Stage) -> Script:
    """One ISP, customer after customer over an hour, and then all of them."""
    script = Script()
    isp = stage.land.names[0]
    done = stage.begins + HOUR
    for agent in stage.land.agents[isp]:
        since = stage.dice.between(stage.begins, done, "roll-out", agent.id)
        seen = Seen(sight=Sight.RESET)
        script.spans.append(
            Span(since=since, until=done + HOUR, seen=seen, rank=Rank.BLOCK, agent=agent.id, platform="youtube")
        )
    middle = stage.begins + 0.7 * HOUR
    script.truths.append(Truth(isp=isp, platform="youtube", since=stage.begins, until=middle, states=EITHER))
    script.truths.append(Truth(isp=isp, platform="youtube", since=middle, until=done + HOUR, states=PARTLY))
    return script


def _liars_claim(stage: Stage) -> Script:
    """They tell of a block that is none: all at one moment, on and off, and once for good."""
    on_and_off = [(stage.begins + n * 600, stage.begins + n * 600 + 300) for n in range(4)]
    spells = [*on_and_off, (stage.begins + 45 * MINUTE, stage.begins + 2 * HOUR)]
    return Script(spans=list(lie(stage, accusers_of("facebook"), Sight.RESET, "facebook", spells)))


def _liars_hide(stage: Stage) -> Script:
    """There is a block, and they tell that all is well."""
    script = _nationwide("facebook", Sight.RESET)(stage)
    script.truths = [replace(truth, states=PARTLY) for truth in script.truths]
    spell = (stage.begins - CALM_S, stage.begins + 2 * HOUR)
    script.spans += lie(stage, liars_of, Sight.WORKS, "facebook", [spell])
    return script


def _one_hand(stage: Stage) -> Script:
    """More liars than a third, but all of one invitation; they tell of a block that is none."""
    since, until = stage.begins, stage.begins + HOUR
    script = Script(spans=list(lie(stage, one_hand_of, Sight.RESET, "facebook", [(since, until)])))
    for isp in stage.land.names:
        script.truths.append(Truth(isp=isp, platform="facebook", since=since, until=until, states=UNSURE))
    return script


def _broken_release(stage: Stage) -> Script:
    """Half of the agents update within an hour to a version that trusts no certificate of one platform."""
    script = Script()
    for agent in stage.probes():
        if stage.dice.share("updates", agent.id) < 0.5:
            since = stage.dice.between(stage.begins, stage.begins + HOUR, "update", agent.id)
            until = stage.begins + 3 * HOUR
            bad = Seen(sight=Sight.UNANSWERED, version="0.2.0")
            new = Span(since=since, until=until, agent=agent.id, seen=Seen(version="0.2.0"), rank=Rank.PATH)
            script.spans += [new, replace(new, seen=bad, rank=Rank.FAULT, platform="instagram")]
    return script


def _restart(stage: Stage) -> Script:
    """The collector dies 20 seconds after a block begins, and is back 40 seconds later."""
    script = _nationwide("signal", Sight.RESET)(stage)
    script.restart_at = stage.begins + 80.0
    return script


def _power_cut(stage: Stage) -> Script:
    """Karachi is dark for an hour: everybody there who is not on a phone's battery."""
    script = Script()
    for agent in stage.probes():
        if agent.city == "karachi" and agent.kind is not Kind.PHONE:
            script.stays[agent.id] = _silent(stage, agent, stage.begins, stage.begins + HOUR)
    return script


def _midnight(stage: Stage) -> Script:
    """All laptops, and half of everything else, are closed within twenty minutes."""
    script = Script()
    for agent in stage.probes():
        if agent.kind is Kind.LAPTOP or stage.dice.share("to bed", agent.id) < 0.5:
            since = stage.begins + stage.dice.between(0, 20 * MINUTE, "to bed", agent.id)
            script.stays[agent.id] = _silent(stage, agent, since, stage.begins + 8 * HOUR)
    return script


def _nat_storm(stage: Stage) -> Script:
    """One ISP's address translation forgets everybody: all sessions break at once and are back within two minutes."""
    script = Script()
    for isp in stage.land.names[:3]:
        for agent in stage.land.agents[isp]:
            script.stays[agent.id] = _silent(stage, agent, stage.begins, stage.begins + 5)
    return script


def _calm(stage: Stage) -> Script:
    return Script()


def _only(*names: str) -> frozenset[str]:
    return frozenset(names)


AFFAIRS = (
    Affair(id="x ban 2024", platforms=_only("x"), lasts_s=3.2 * HOUR, write=_x_ban, bar="first"),
    Affair(id="election day", platforms=_only("x"), lasts_s=2 * HOUR, write=_shutdown(45 * MINUTE), bar="down"),
    Affair(id="mobile shutdown", platforms=_only("x"), lasts_s=HOUR, write=_shutdown(MINUTE), bar="down"),
    Affair(id="wikipedia 2023", platforms=_only("wikipedia"), lasts_s=2.2 * HOUR, write=_wikipedia, bar="others"),
    Affair(
        id="whatsapp media 2024",
        platforms=_only("whatsapp"),
        lasts_s=1.5 * HOUR,
        write=_whatsapp_media,
        bar="timed",
    ),
    Affair(
        id="nationwide", platforms=_only("tiktok"), lasts_s=HOUR, write=_nationwide("tiktok", Sight.RESET), bar="first"
    ),
    Affair(
        id="nationwide, others",
        platforms=_only("reddit"),
        lasts_s=HOUR,
        write=_nationwide("reddit", Sight.RESET),
        bar="others",
    ),
    Affair(
        id="one isp, reset", platforms=_only("x"), lasts_s=2.2 * HOUR, write=_one_isp("x", Sight.RESET), bar="first"
    ),
    Affair(
        id="one isp, silence", platforms=_only("x"), lasts_s=2.2 * HOUR, write=_one_isp("x", Sight.HUSHED), bar="first"
    ),
    Affair(
        id="one isp, dns",
        platforms=_only("google"),
        lasts_s=2.2 * HOUR,
        write=_one_isp("google", Sight.NXDOMAIN),
        bar="first",
    ),
    Affair(
        id="one isp, address",
        platforms=_only("dw"),
        lasts_s=2.8 * HOUR,
        write=_one_isp("dw", Sight.UNCONNECTED, HOUR),
        bar="others",
    ),
    Affair(id="flapping", platforms=_only("telegram"), lasts_s=1.2 * HOUR, write=_flapping),
    Affair(id="gradual", platforms=_only("youtube"), lasts_s=2.2 * HOUR, write=_gradual),
    Affair(id="liars claim", platforms=_only("facebook"), lasts_s=2.2 * HOUR, write=_liars_claim),
    Affair(id="liars hide", platforms=_only("facebook"), lasts_s=HOUR, write=_liars_hide, bar="first"),
    Affair(id="one hand", platforms=_only("facebook"), lasts_s=1.2 * HOUR, write=_one_hand),
    Affair(id="broken release", platforms=_only("instagram"), lasts_s=2.5 * HOUR, write=_broken_release),
    Affair(id="restart", platforms=_only("signal"), lasts_s=HOUR, write=_restart, bar="first"),
    Affair(id="power cut", platforms=_only("x", "dawn"), lasts_s=1.5 * HOUR, write=_power_cut),
    Affair(id="midnight", platforms=_only("x"), lasts_s=2 * HOUR, write=_midnight, starts=NOON + 6.5 * HOUR),
    Affair(id="nat storm", platforms=_only("x"), lasts_s=HOUR, write=_nat_storm),
    Affair(id="calm", platforms=_only("x", "messenger", "linkedin", "bbc"), lasts_s=6 * HOUR, write=_calm),
)
"""All of them, in the order in which they are told."""
AFFAIRS_BY_ID = {affair.id: affair for affair in AFFAIRS}
