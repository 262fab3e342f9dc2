"""What a measurement that came over the wire knows beside its fields; codec.py tells it, and nobody else does.

Its observations are read when they are first asked for: hardly anybody asks where a site works, as most do. None of
this counts when measurements are compared, copied with changes or pickled.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rabta_proto.alike import Alike
    from rabta_proto.model import Observation


class FromWire:
    """`alike`: what it has in common with others (alike.py); `None`: nothing that is known.

    `durations_us`: of its observations, in their order.
    """

    __slots__ = ("_read", "alike", "durations_us")

    if TYPE_CHECKING:
        _read: Callable[[], tuple[Observation, ...]]
        alike: Alike | None
        durations_us: tuple[int, ...]
    else:

        def __getattr__(self, name: str) -> Any:
            """Fills what is not there yet."""
            if name == "alike":
                return None
            if name == "durations_us":
                return tuple(observation.duration_us for observation in self.observations)
            if name != "observations":
                raise AttributeError(name)
            observations = object.__getattribute__(self, "_read")()
            object.__setattr__(self, name, observations)
            return observations

    def read_later(
        self, read: "Callable[[], tuple[Observation, ...]]", alike: "Alike", durations_us: tuple[int, ...]
    ) -> None:
        """Has its observations read when they are asked for. For codec.py."""
        object.__delattr__(self, "observations")
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "alike", alike)
        object.__setattr__(self, "durations_us", durations_us)
