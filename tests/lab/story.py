"""A story as data: what happens in the country and when, and what must be seen of it, read from TOML.

Times are seconds since the story began, which is when every platform was reachable everywhere. README.md has the
format.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab.atlas import Atlas
from lab.censor import Action, Rule
from rabta_proto.vocabulary import IspState, Mechanism, State

STORIES = Path(__file__).parent / "stories"


class StoryError(ValueError):
    """A story that cannot be played; one line that names the file, the entry and the key."""


class Event(StrEnum):
    """What can happen beside a censor's action."""

    SHUT = "shut"  # a network carries nothing
    RESTORE = "restore"  # it does again
    TAKE_DOWN = "take_down"  # a site refuses everybody
    BRING_UP = "bring_up"  # it does no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that happens. `isps` is empty for what happens to a site, `site` for what happens to networks."""

    at: float
    what: Event | Rule
    isps: tuple[str, ...] = ()
    site: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a verdict is about: a platform at an ISP, or the ISP itself (`platform` is `None`)."""

    isp: str
    platform: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be seen of a cell from `at + within` at the latest until `until`, where the next expectation begins."""

    cell: Cell
    at: float
    within: float
    until: float
    states: frozenset[str]
    mechanisms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    title: str
    length: float
    acts: tuple[Act, ...]
    expectations: tuple[Expectation, ...]


def load_story(path: Path, atlas: Atlas) -> Story:
    """Reads a story for a country; raises StoryError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return _parse(table, atlas)
    except (OSError, tomllib.TOMLDecodeError, StoryError) as error:
        raise StoryError(f"{path.name}: {error}") from error


def _parse(table: Mapping[str, object], atlas: Atlas) -> Story:
    top = _Entry("the story", table, atlas)
    top.allow("title", "length", "act", "expect")
    length = top.number("length")
    acts = sorted((_act(entry) for entry in top.entries("act")), key=lambda act: act.at)
    wanted = [expected for entry in top.entries("expect") for expected in _expectations(entry, length)]
    everywhere = _from_the_beginning(atlas, length)
    return Story(
        title=top.text("title"), length=length, acts=tuple(acts), expectations=_in_turn([*everywhere, *wanted])
    )


def _act(entry: "_Entry") -> Act:
    entry.allow("at", "isp", "platform", "action", "say", "address", "on_path", "bytes_per_second")
    action = entry.text("action")
    if action in set(Event):
        what: Event | Rule = Event(action)
    elif action in set(Action):
        what = _rule(Action(action), entry)
    else:
        raise entry.error("action", f"{action!r} is not one of {', '.join([*Action, *Event])}")
    to_a_network, to_a_site = what not in (Event.TAKE_DOWN, Event.BRING_UP), what not in (Event.SHUT, Event.RESTORE)
    return Act(
        at=entry.number("at"),
        what=what,
        isps=entry.isps() if to_a_network else (),
        site=entry.site() if to_a_site else "",
        say=entry.text("say", ""),
    )


def _rule(action: Action, entry: "_Entry") -> Rule:
    plain = Rule(action=action)
    return Rule(
        action=action,
        address=entry.text("address", plain.address),
        on_path=entry.switch("on_path"),
        bytes_per_second=int(entry.number("bytes_per_second", plain.bytes_per_second)),
    )


def _expectations(entry: "_Entry", length: float) -> Iterable[Expectation]:
    entry.allow("from", "within", "isp", "platform", "state", "mechanism")
    platforms: tuple[str | None, ...] = (None,)
    if "platform" in entry.table:
        platforms = entry.atlas.platforms if entry.text("platform") == "all" else (entry.site(),)
    known = {str(word) for word in (IspState if platforms == (None,) else State)}
    for isp in entry.isps():
        for platform in platforms:
            yield Expectation(
                cell=Cell(isp=isp, platform=platform),
                at=entry.number("from"),
                within=entry.number("within"),
                until=length,
                states=entry.words("state", known),
                mechanisms=entry.words("mechanism", set(Mechanism)) if "mechanism" in entry.table else frozenset(),
            )


def _from_the_beginning(atlas: Atlas, length: float) -> list[Expectation]:
    """Unless the story says otherwise, everything is reachable all the time: a false alarm breaks this."""
    return [
        Expectation(
            cell=Cell(isp=network.id, platform=platform),
            at=0.0,
            within=0.0,
            until=length,
            states=frozenset({State.REACHABLE}),
        )
        for network in atlas.isps
        for platform in atlas.platforms
    ]


def _in_turn(expectations: list[Expectation]) -> tuple[Expectation, ...]:
    """Lets each expectation end where the next one of the same cell begins, in order of time."""
    ordered = sorted(expectations, key=lambda expected: expected.at)
    result = []
    for index, expected in enumerate(ordered):
        later = (other.at for other in ordered[index + 1 :] if other.cell == expected.cell)
        until = next(later, expected.until)
        if until > expected.at:
            result.append(_until(expected, until))
    return tuple(result)


def _until(expected: Expectation, until: float) -> Expectation:
    return Expectation(
        cell=expected.cell,
        at=expected.at,
        within=expected.within,
        until=until,
        states=expected.states,
        mechanisms=expected.mechanisms,
    )


class _Entry:
    """One table of the file, read key by key; errors name the entry and the key."""

    def __init__(self, name: str, table: Mapping[str, object], atlas: Atlas) -> None:
        self.table = table
        self.atlas = atlas
        self._name = name

    def error(self, key: str, problem: str) -> StoryError:
        return StoryError(f"{self._name}, {key}: {problem}")

    def allow(self, *keys: str) -> None:
        for key in self.table:
            if key not in keys:
                raise self.error(key, "is not a key here")

    def entries(self, key: str) -> list["_Entry"]:
        tables = self.table.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.error(key, f"is not a list of tables ([[{key}]])")
        return [_Entry(f"{key} {number}", table, self.atlas) for number, table in enumerate(tables, 1)]

    def number(self, key: str, default: float | None = None) -> float:
        value = self.table.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise self.error(key, "is not a number" if default is not None else "is not a number of seconds")
        return float(value)

    def switch(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "is neither true nor false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.table.get(key, default)
        if not isinstance(value, str):
            raise self.error(key, "is not a text")
        return value

    def words(self, key: str, known: Iterable[str]) -> frozenset[str]:
        value = self.table.get(key)
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list) or not words or not set(words) <= set(known):
            raise self.error(key, f"is not one or more of {', '.join(sorted(known))}")
        return frozenset(words)

    def isps(self) -> tuple[str, ...]:
        """One ISP by its id, several, all, or those of a kind."""
        value = self.table.get("isp")
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names:
            raise self.error("isp", "is not an ISP or a list of them")
        found = [n.id for n in self.atlas.isps if {n.id, str(n.kind), "all"} & set(names)]
        unknown = set(names) - {n.id for n in self.atlas.isps} - {str(n.kind) for n in self.atlas.isps} - {"all"}
        if unknown:
            raise self.error("isp", f"{sorted(unknown)[0]!r} is not in this country")
        return tuple(found)

    def site(self) -> str:
        name = self.text("platform")
        if name not in {site.key for site in self.atlas.sites}:
            raise self.error("platform", f"{name!r} is not in this country")
        return name
