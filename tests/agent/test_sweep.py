"""Which distances are looked at, and that a simulated path is then located right, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from rabta_agent.ceilings import TRACE_CONNECTIONS, TRACE_HOPS, TRACE_PACKETS
from rabta_agent.sweep import QUIET, next_of_other, next_of_own, spent
from rabta_proto.locating import Cut, Doubt, Location, locate
from rabta_proto.model import PathTrace
from rabta_proto.trace import Reset, TraceStep
from rabta_proto.vocabulary import AddressSource


@dataclass(kw_only=True)
class Path:
    """A server so many hops away, and a filter that first words meet if they may come to `begins`.

    `mute`: routers that never say that time ran out; `loss`: share of packets that get lost, either way; `injects`: the
    filter lets pass what it answers; `outlasts`: it lets no further connection stand once it has been set off.
    """

    server: int = 9
    begins: int | None = None
    cut: Cut = Cut.RESET
    mute: frozenset[int] = frozenset()
    loss: float = 0.0
    injects: bool = False
    outlasts: bool = False
    rng: Random = field(default_factory=lambda: Random(1))
    _set_off: bool = False

    def look(self, ttl: int, *, own: bool) -> TraceStep:
        """First words that are sent twice where nothing stops it, as TCP does."""
        if self._set_off and self.outlasts:
            return TraceStep(ttl=ttl, connected=False)
        expired, answered, resets, sent = False, False, 0, 0
        for _ in range(2):
            sent += 1
            if self._lost():
                continue
            met = own and self.begins is not None and ttl >= self.begins
            self._set_off |= met
            if met and self.cut is Cut.RESET:
                resets += not self._lost()
            if not met or self.injects:
                answered |= ttl >= self.server and not self._lost()
                expired |= ttl < self.server and ttl not in self.mute and not self._lost()
            if resets or answered:
                break
        seen = (Reset(ttl=self.rng.randrange(256), ip_id=0),) * resets
        return TraceStep(ttl=ttl, sent=sent, expired=expired, answered=answered, resets=resets, first_resets=seen)

    def _lost(self) -> bool:
        return self.rng.random() < self.loss


def sweep(look: Callable[[int], TraceStep], find_next: Callable[[list[TraceStep]], int | None]) -> list[TraceStep]:
    steps: list[TraceStep] = []
    while not spent(steps) and (ttl := find_next(steps)) is not None:
        steps.append(look(ttl))
    return steps


def trace(path: Path, expected: Cut | None = None) -> tuple[Location, list[TraceStep], list[TraceStep]]:
    cut = expected or path.cut
    other = sweep(lambda ttl: path.look(ttl, own=False), next_of_other)
    own = sweep(lambda ttl: path.look(ttl, own=True), lambda steps: next_of_own(steps, other, cut))
    return locate(_trace(own, isolation=False), _trace(other, isolation=True)), own, other


def _trace(steps: list[TraceStep], *, isolation: bool) -> PathTrace:
    source = AddressSource.SYSTEM
    return PathTrace(
        address="192.0.2.1", port=443, server_name="x", source=source, isolation=isolation, steps=tuple(steps)
    )


def ttls(steps: list[TraceStep]) -> list[int]:
    return [step.ttl for step in steps]


@pytest.mark.parametrize("cut", list(Cut))
@pytest.mark.parametrize("begins", range(1, 10))
def test_every_place_on_a_path_is_found(begins: int, cut: Cut) -> None:
    found, _own, _other = trace(Path(begins=begins, cut=cut))
    assert (cut, begins - 1, begins, 9, None) == (found.cut, found.after, found.begins, found.server, found.doubt)


@pytest.mark.parametrize("begins", range(1, 10))
def test_a_filter_that_injects_beside_the_way_is_found(begins: int) -> None:
    found, _own, _other = trace(Path(begins=begins, injects=True))
    assert (begins, True) == (found.begins, found.exact)


def test_the_target_s_name_goes_as_far_as_it_must() -> None:
    _found, own, other = trace(Path(begins=4))
    assert [1, 2, 3, 4, 5, 6, 7, 8, 9] == ttls(other)
    assert [1, 2, 3, 4, 4] == ttls(own)[:4] + ttls(own)[-1:]
    assert [3, 4] == ttls(own)[-2:]


def test_silence_is_looked_at_from_two_distances_the_first_twice_and_at_the_server_s() -> None:
    _found, own, _other = trace(Path(begins=4, cut=Cut.SILENCE))
    assert [1, 2, 3, 4, 5, 4, 9] == ttls(own)


@pytest.mark.parametrize("begins", range(1, 10))
def test_routers_that_say_nothing_do_not_move_a_reset(begins: int) -> None:
    found, _own, _other = trace(Path(begins=begins, mute=frozenset({2, 3, 4, 7})))
    assert (begins, True) == (found.begins, found.exact)


@pytest.mark.parametrize("begins", range(1, 10))
def test_routers_that_say_nothing_leave_silence_a_range_that_holds_it(begins: int) -> None:
    found, _own, _other = trace(Path(begins=begins, cut=Cut.SILENCE, mute=frozenset({3, 4, 7})))
    assert found.after is not None
    assert found.begins is not None
    assert found.after < begins <= found.begins


def test_a_path_on_which_nobody_says_anything_leaves_silence_no_place_but_the_server_s() -> None:
    found, _own, _other = trace(Path(server=5, begins=3, cut=Cut.SILENCE, mute=frozenset(range(1, 5))))
    assert (0, 5, False) == (found.after, found.begins, found.exact)


def test_a_name_that_is_not_cut_any_more_is_no_place() -> None:
    for expected in Cut:
        found, own, _other = trace(Path(), expected)
        assert Doubt.NOT_CUT is found.doubt
        assert 9 == ttls(own)[-1]


def test_a_filter_that_keeps_up_what_it_began_leaves_no_place() -> None:
    found, own, _other = trace(Path(begins=4, outlasts=True))
    assert Doubt.NOT_LOOKED is found.doubt
    assert [True, False, False] == [step.connected for step in own[-3:]]


def test_a_server_too_far_away_is_given_up() -> None:
    _found, own, other = trace(Path(server=40, begins=30))
    assert TRACE_HOPS == max(ttls(other)) == max(ttls(own))
    mute = frozenset(range(3, 40))
    _found, own, other = trace(Path(server=40, begins=30, mute=mute))
    assert 2 + QUIET == max(ttls(other)) == max(ttls(own))


@pytest.mark.parametrize("cut", list(Cut))
def test_loss_costs_places_and_hardly_ever_moves_one(cut: Cut) -> None:
    rng = Random(7)
    wrong = located = 0
    runs = 2000
    for _ in range(runs):
        begins = rng.randint(1, 9)
        mute = frozenset(rng.sample(range(1, 9), 2))
        found, _own, _other = trace(Path(begins=begins, cut=cut, mute=mute, loss=0.05, rng=rng))
        if found.begins is not None and found.after is not None:
            located += 1
            wrong += not found.after < begins <= found.begins
    assert located > 0.9 * runs
    assert wrong < 0.01 * runs


def test_no_trace_goes_beyond_its_ceilings() -> None:
    rng = Random(3)
    for _ in range(300):
        path = Path(
            server=rng.randint(1, 30),
            begins=rng.choice([None, rng.randint(1, 30)]),
            cut=rng.choice(list(Cut)),
            mute=frozenset(rng.sample(range(1, 30), rng.randint(0, 20))),
            loss=rng.choice([0.0, 0.3, 0.9]),
            rng=rng,
        )
        _found, own, other = trace(path, rng.choice(list(Cut)))
        assert len(own) + len(other) <= TRACE_CONNECTIONS
        assert sum(step.sent + 4 for step in own + other) <= TRACE_PACKETS
        assert max(ttls(own + other), default=0) <= TRACE_HOPS


def test_the_ceilings_are_those_of_both_names_together() -> None:
    assert spent([TraceStep(ttl=1, sent=1)] * TRACE_CONNECTIONS)
    assert spent([TraceStep(ttl=1, sent=TRACE_PACKETS)])
    assert not spent([TraceStep(ttl=1, sent=2)] * (TRACE_CONNECTIONS - 1))
