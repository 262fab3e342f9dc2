"""What is wrong in the country, and what is not known, in a few lines. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rabta_collector.catalogue import Catalogue
from rabta_collector.pages.moments import Moment, make_moment
from rabta_collector.pages.names import Link, Names
from rabta_collector.pages.words import Mark, make_mark
from rabta_collector.state import IspStatus, Verdict
from rabta_proto.vocabulary import IspKind, IspState, State

TROUBLES = (State.BLOCKED, State.THROTTLED, State.DISRUPTED, State.DOWN)
ISP_TROUBLES = (IspState.DOWN, IspState.DEGRADED)
WHOLE = {IspKind.MOBILE: "the whole mobile network"}
WHOLE_NETWORK = "the whole network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """Where a platform is in one state, or that an ISP as a whole is; `since` when at the first of them.

    `platform` is `None` where every platform at the places is meant, and where the one place is meant itself: then
    `whole` says so.
    """

    platform: Link | None
    mark: Mark
    places: tuple[Link, ...]
    since: Moment
    whole: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What headlines are made from. `isps`: those shown, in their order."""

    catalogue: Catalogue
    isps: Sequence[IspStatus]
    verdicts: Mapping[tuple[str, str], Verdict]
    names: Names
    now: float

    def at(self, platform: str, isps: Iterable[str]) -> list[Verdict]:
        """What is known of a platform at some ISPs."""
        return [self.verdicts[platform, isp] for isp in isps if (platform, isp) in self.verdicts]

    def headline(self, platform: Link | None, verdicts: Sequence[Verdict]) -> Headline:
        """Of verdicts of one state."""
        return Headline(
            platform=platform,
            mark=make_mark(verdicts[0].state),
            places=tuple(self.names.isp(verdict.isp) for verdict in verdicts),
            since=make_moment(min(verdict.since for verdict in verdicts), self.now),
        )


def find_troubles(scene: Scene) -> Iterable[Headline]:
    """ISPs that are down or degraded, then each trouble of each platform."""
    for isp in scene.isps:
        if isp.state in ISP_TROUBLES and isp.since is not None:
            yield Headline(
                platform=None,
                mark=make_mark(isp.state),
                places=(scene.names.isp(isp.isp),),
                since=make_moment(isp.since, scene.now),
                whole=WHOLE.get(isp.kind, WHOLE_NETWORK),
            )
    isps = [isp.isp for isp in scene.isps]
    for platform in scene.catalogue.platforms:
        found = scene.at(platform.id, isps)
        for state in TROUBLES:
            if hit := [verdict for verdict in found if verdict.state is state]:
                yield scene.headline(Link(id=platform.id, name=platform.name), hit)


def find_unknowns(scene: Scene) -> Iterable[Headline]:
    """ISPs of which nothing is known, in one line; then each platform with the other places where it is not known.

    Where an ISP is down as a whole, its platforms go unsaid.
    """
    isps = [isp.isp for isp in scene.isps if isp.state is not IspState.DOWN]
    platforms = scene.catalogue.platforms
    there = {isp: [one for platform in platforms for one in scene.at(platform.id, [isp])] for isp in isps}
    nothing = [isp for isp, some in there.items() if some and all(map(_unknown, some))]
    if nothing:
        yield scene.headline(None, [there[isp][0] for isp in nothing])
    others = [isp for isp in isps if isp not in nothing]
    for platform in platforms:
        if hit := [one for one in scene.at(platform.id, others) if _unknown(one)]:
            yield scene.headline(Link(id=platform.id, name=platform.name), hit)


def _unknown(verdict: Verdict) -> bool:
    return verdict.state is State.INCONCLUSIVE
