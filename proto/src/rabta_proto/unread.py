"""What a measurement that came over the wire knows beside its fields; codec.py tells it, and nobody else does.

What hardly anybody asks for where a site works, as most do, is made when it is first asked for: its observations, its
moment as a `datetime`, and what it has in common with others. None of this counts when measurements are compared,
copied with changes or pickled.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rabta_proto.moments import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from rabta_proto.alike import Alike
    from rabta_proto.model import Observation


Kind = TypeVar("Kind")


class FromWire:
    """`alike`: what it has in common with others (alike.py); `None`: nothing that is known.

    `began_us`: microseconds from 1970 to its beginning, by its agent's clock.

    `durations_us`: of its observations, in their order.
    """

    __slots__ = ("_raw", "_read", "alike", "began_us", "durations_us")

    _raw: bytes
    _read: "Callable[[bytes], tuple[Observation, ...]]"
    alike: "Alike | None"
    began_us: int
    durations_us: tuple[int, ...]

    def __post_init__(self) -> None:
        """One that did not come over the wire."""
        complete(self)


def complete(one: Any) -> None:
    """Tells a measurement with all of its fields what follows from them."""
    put = object.__setattr__
    put(one, "alike", None)
    put(one, "began_us", to_microseconds(one.started_at))
    put(one, "durations_us", tuple([observation.duration_us for observation in one.observations]))


class Slot(Protocol):
    """Where a field's value is kept."""

    def __get__(self, one: Any, kind: type | None = None, /) -> Any: ...
    def __set__(self, one: Any, value: Any, /) -> None: ...


class _Late:
    """A field that is made when it is first asked for, unless it was set; the others cost nothing for that."""

    def __init__(self, slot: Slot, make: Callable[[Any], Any]) -> None:
        self._slot, self._make = slot, make

    def __get__(self, one: Any, kind: type | None = None) -> Any:
        if one is None:
            return self
        try:
            return self._slot.__get__(one)
        except AttributeError:
            value = self._make(one)  # raises it, too, where the field cannot be known
            self._slot.__set__(one, value)
            return value

    def __set__(self, one: Any, value: Any) -> None:
        self._slot.__set__(one, value)


LATE: Mapping[str, Callable[[Any], Any]] = {
    "started_at": lambda one: from_microseconds(one.began_us),
    "observations": lambda one: one._read(one._raw),
    "network": lambda one: one.alike.bare.network,
    "trigger": lambda one: one.alike.bare.trigger,
}


def make_late(kind: type[Kind]) -> type[Kind]:
    """Prepares the class of measurements: a frozen dataclass with slots."""
    restore = kind.__setstate__  # type: ignore[attr-defined] # of a frozen dataclass with slots

    def revive(one: Any, state: Any) -> None:
        restore(one, state)
        complete(one)

    kind.__setstate__ = revive  # type: ignore[attr-defined]
    for name, make in LATE.items():
        setattr(kind, name, _Late(getattr(kind, name), make))
    return kind
