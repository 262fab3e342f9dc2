"""What holds measuring back just now: the volunteer's own word, the hour, the battery, the kind of network. Pure.

A pause and quiet hours are kept in silence, and so is the rest of a day whose bytes are used up: nobody is contacted at
all. In the other cases the line to the collector stays, so that it knows the agent for one that lives.
"""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rabta_proto.model import NetworkContext


class Hold(StrEnum):
    """Why nothing is measured; the values are for the log and for scripts."""

    PAUSED = "paused"  # by the volunteer
    QUIET_HOURS = "quiet_hours"  # set by the volunteer
    BATTERY = "battery"  # too little is left in it, and nothing charges it
    OFFLINE = "offline"  # there is no way to the Internet
    VPN = "vpn"  # what is measured through one says nothing about the ISP
    BYTES = "bytes"  # those of the day are used up
    METERED = "metered"  # the volunteer wants nothing measured where bytes are paid for

    @property
    def silent(self) -> bool:
        """Whether the collector is not contacted either."""
        return self in (Hold.PAUSED, Hold.QUIET_HOURS, Hold.BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What feeds the machine. `charge`: percent that its batteries hold; `None`: it has none, or none that is told."""

    on_battery: bool = False
    charge: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the volunteer has set. `quiet`: from and to, local time; `least_charge` in percent, 0: any."""

    quiet: tuple[time, time] | None = None
    least_charge: int = 20
    through_vpn: bool = False
    when_metered: bool = True


def find_silence(wishes: Wishes, *, paused_until: float | None, now: datetime, used_up: bool = False) -> Hold | None:
    """What keeps the agent silent. `now` is local and aware; `paused_until` Unix seconds, `None`: no pause.

    `used_up`: whether the bytes of the day are.
    """
    if paused_until is not None and now.timestamp() < paused_until:
        return Hold.PAUSED
    if wishes.quiet is not None and _within(now.time(), wishes.quiet):
        return Hold.QUIET_HOURS
    return Hold.BYTES if used_up else None


def find_hold(wishes: Wishes, network: "NetworkContext", power: Power) -> Hold | None:
    """What holds measuring back besides."""
    if network.ipv4 is False and network.ipv6 is False:
        return Hold.OFFLINE
    if power.on_battery and power.charge is not None and power.charge < wishes.least_charge:
        return Hold.BATTERY
    if network.vpn and not wishes.through_vpn:
        return Hold.VPN
    if network.metered and not wishes.when_metered:
        return Hold.METERED
    return None


def _within(moment: time, span: tuple[time, time]) -> bool:
    """Half open, and over midnight where it ends before it begins."""
    begins, ends = span
    return begins <= moment < ends if begins <= ends else moment >= begins or moment < ends
