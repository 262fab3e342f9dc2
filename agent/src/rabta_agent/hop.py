"""One hop of a measurement: DNS and the steps of its kind of target, repeated while they fail. measure.py has the flow.

A pass is won when an address that the volunteer's other programs would use goes all the way. Other addresses show what
would have been, and never win a pass.
"""

from dataclasses import replace

from rabta_agent.candidates import REPEAT_LIMIT, Candidate, Named, choose
from rabta_agent.names import name_by_system, name_everywhere
from rabta_agent.notebook import Notebook
from rabta_agent.probes.step import Scene
from rabta_agent.quictrial import QuicTrial
from rabta_agent.tcptrial import TcpTrial
from rabta_agent.trial import Trial, Try
from rabta_agent.urls import DnsName, Endpoint, QuicUrl, TcpEndpoint, VpnEndpoint, WebUrl
from rabta_agent.vpntrial import VpnTrial
from rabta_agent.webtrial import WebTrial
from rabta_proto.vocabulary import AddressSource, Step

PASSES = 3


async def measure_name(notebook: Notebook, name: DnsName) -> bool:
    """A `dns:` target; whether the machine's own resolver gave an address in one of the passes."""
    for attempt in range(1, PASSES + 1):
        if attempt == PASSES and not await notebook.pause():
            return False
        if not notebook.allows(notebook.settings.dns_s):
            return False
        scene = replace(notebook.scene, attempt=attempt)
        if (await _look_up(notebook, scene, name.host)).system:
            return True
    return False


async def _look_up(notebook: Notebook, scene: Scene, host: str) -> Named:
    """Asks all kinds of resolver in the first pass, and the machine's own in those that repeat it."""
    if scene.attempt == 1:
        return await name_everywhere(notebook, scene, host)
    return Named(system=await name_by_system(notebook, scene, host))


class Hop:
    """One URL or endpoint; `control` are addresses at which controls reached it. `measure` may be called once."""

    def __init__(self, notebook: Notebook, target: Endpoint, index: int = 0, control: tuple[str, ...] = ()) -> None:
        self._notebook = notebook
        self._target = target
        self._control = tuple(address for address in control if notebook.ipv6 or ":" not in address)
        self._trial = _make_trial(notebook, target)
        self._scene = replace(notebook.scene, hop=index)

    async def measure(self) -> Try | None:
        """Up to three passes; the try that won one, if any did."""
        furthest = Step.DNS
        for attempt in range(1, PASSES + 1):
            if attempt == PASSES and not await self._notebook.pause():
                return None
            if attempt > 1 and not self._has_time_for(furthest):
                return None
            scene = replace(self._scene, attempt=attempt)
            tried = await self._pass(scene, await self._find_candidates(scene))
            if tried.failed is None and tried.proved:
                self._notebook.prove(scene)
            if tried.failed is None or tried.forbidden:
                return None if tried.forbidden else tried
            furthest = tried.failed
        return None

    def _has_time_for(self, step: Step) -> bool:
        """Whether a repeat can come as far as the step that failed: one that cannot would look like another failure."""
        steps = (Step.DNS, *self._trial.steps)
        settings = self._notebook.settings
        return self._notebook.allows(*(settings.seconds_for(each) for each in steps[: steps.index(step) + 1]))

    async def _find_candidates(self, scene: Scene) -> tuple[Candidate, ...]:
        literal = self._target.address
        if literal is not None:
            return (Candidate(address=literal, source=AddressSource.LITERAL),)
        if not self._notebook.allows(self._notebook.settings.dns_s):
            return ()
        named = await _look_up(self._notebook, scene, self._target.host)
        return choose(replace(named, control=self._control)) if scene.attempt == 1 else choose(named, REPEAT_LIMIT)

    async def _pass(self, scene: Scene, candidates: tuple[Candidate, ...]) -> Try:
        """Tries addresses until one goes all the way; the winning try, or the machine's own that got furthest.

        Of addresses that others named, only the controls' are tried after one that worked. A repeat tries another
        address of a family only where the one before did not let itself be connected.
        """
        furthest = Try(failed=Step.DNS)
        others_reached = False
        done: set[bool] = set()
        for candidate in candidates:
            if candidate.is_ipv6 in done or (others_reached and candidate.source is not AddressSource.CONTROL):
                continue
            tried = await self._trial(scene, candidate)
            if tried.failed is None and candidate.is_users_own:
                return tried
            if tried.failed is None:
                others_reached = True
            elif candidate.is_users_own:
                furthest = max(furthest, tried, key=self._depth)
                if scene.attempt > 1 and tried.failed is not Step.TCP:
                    done.add(candidate.is_ipv6)
        return furthest

    def _depth(self, tried: Try) -> int:
        return self._trial.steps.index(tried.failed) if tried.failed in self._trial.steps else -1


def _make_trial(notebook: Notebook, target: Endpoint) -> Trial:
    match target:
        case WebUrl():
            return WebTrial(notebook, target)
        case QuicUrl():
            return QuicTrial(notebook, target)
        case TcpEndpoint():
            return TcpTrial(notebook, target)
        case VpnEndpoint():
            return VpnTrial(notebook, target)
