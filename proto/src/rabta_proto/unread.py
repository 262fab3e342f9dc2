"""What a measurement that came over the wire knows beside its fields; codec.py tells it, and nobody else does.

What hardly anybody asks for where a site works, as most do, is made when it is first asked for: its observations, its
moment as a `datetime`, and what it has in common with others. None of this counts when measurements are compared,
copied with changes or pickled.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rabta_proto.moments import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from rabta_proto.alike import Alike
    from rabta_proto.model import Observation


class FromWire:
    """`alike`: what it has in common with others (alike.py); `None`: nothing that is known.

    `began_us`: microseconds from 1970 to its beginning, by its agent's clock.

    `durations_us`: of its observations, in their order.
    """

    __slots__ = ("_raw", "_read", "alike", "began_us", "durations_us")

    if TYPE_CHECKING:
        _raw: bytes
        _read: Callable[[bytes], tuple[Observation, ...]]
        alike: Alike | None
        began_us: int
        durations_us: tuple[int, ...]
    else:

        def __getattr__(self, name: str) -> Any:
            """Fills what is not there yet. Raises `AttributeError` for what cannot be known."""
            value = _make(self, name)
            if name != "alike":
                object.__setattr__(self, name, value)
            return value


def _make(one: Any, name: str) -> Any:
    held = object.__getattribute__
    if name == "alike":
        return None
    if name == "durations_us":
        return tuple(observation.duration_us for observation in one.observations)
    if name == "began_us":
        return to_microseconds(held(one, "started_at"))
    if name == "started_at":
        return from_microseconds(held(one, "began_us"))
    if name == "observations":
        return held(one, "_read")(held(one, "_raw"))
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(held(one, "alike").bare, name)
