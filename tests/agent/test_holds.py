"""What holds measuring back, and what does not."""

from datetime import datetime, time, timedelta, timezone

import pytest

from rabta_agent.holds import Hold, Power, Wishes, find_hold, find_silence
from rabta_proto.model import NetworkContext

PKT = timezone(timedelta(hours=5))
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=PKT)
NETWORK = NetworkContext(ipv4=True, ipv6=False)


def test_a_pause_holds_until_its_end() -> None:
    now = NOON.timestamp()
    assert Hold.PAUSED is find_silence(Wishes(), paused_until=now + 1, now=NOON)
    assert find_silence(Wishes(), paused_until=now, now=NOON) is None
    assert Hold.PAUSED is find_silence(Wishes(), paused_until=float("inf"), now=NOON)


@pytest.mark.parametrize(
    ("span", "at", "held"),
    [
        ((time(23), time(7)), time(23), True),
        ((time(23), time(7)), time(6, 59), True),
        ((time(23), time(7)), time(7), False),
        ((time(9), time(17)), time(12), True),
        ((time(9), time(17)), time(17), False),
        ((time(9), time(17)), time(8, 59), False),
    ],
)
def test_quiet_hours_are_those_of_the_volunteers_own_clock(span: tuple[time, time], at: time, held: bool) -> None:
    now = NOON.replace(hour=at.hour, minute=at.minute)
    assert (Hold.QUIET_HOURS if held else None) is find_silence(Wishes(quiet=span), paused_until=None, now=now)


def test_a_battery_holds_only_while_it_feeds_the_machine_and_is_low() -> None:
    assert Hold.BATTERY is find_hold(Wishes(), NETWORK, Power(on_battery=True, charge=19))
    for power in (Power(on_battery=True, charge=20), Power(on_battery=False, charge=3), Power(on_battery=True)):
        assert find_hold(Wishes(), NETWORK, power) is None


def test_a_vpn_holds_unless_the_volunteer_agreed() -> None:
    vpn = NetworkContext(ipv4=True, vpn=True)
    assert Hold.VPN is find_hold(Wishes(), vpn, Power())
    assert find_hold(Wishes(through_vpn=True), vpn, Power()) is None


def test_paid_bytes_hold_only_where_the_volunteer_wants_it() -> None:
    metered = NetworkContext(ipv4=True, metered=True)
    assert find_hold(Wishes(), metered, Power()) is None
    assert Hold.METERED is find_hold(Wishes(when_metered=False), metered, Power())


def test_without_a_way_out_nothing_is_measured() -> None:
    assert Hold.OFFLINE is find_hold(Wishes(), NetworkContext(ipv4=False, ipv6=False), Power())
    assert find_hold(Wishes(), NetworkContext(), Power()) is None


def test_a_day_whose_bytes_are_used_up_is_silent_from_then_on() -> None:
    assert Hold.BYTES is find_silence(Wishes(), paused_until=None, now=NOON, used_up=True)
    assert Hold.PAUSED is find_silence(Wishes(), paused_until=float("inf"), now=NOON, used_up=True)


def test_only_the_volunteers_own_word_makes_the_agent_silent() -> None:
    assert {Hold.PAUSED, Hold.QUIET_HOURS, Hold.BYTES} == {hold for hold in Hold if hold.silent}
