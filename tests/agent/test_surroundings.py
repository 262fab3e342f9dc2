"""What the running agent knows of its surroundings, and that it rests when it should."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rabta_agent import surroundings
from rabta_agent.context import NetworkIdentity
from rabta_agent.holds import Hold, Power, Wishes
from rabta_agent.network import Vantage
from rabta_agent.surroundings import Seen, Senses, Surroundings
from rabta_proto.model import NetworkContext
from support.waiting import until

HOME = NetworkIdentity(interface="wlan0", ipv4="192.168.1.5", ipv6_prefix=None)
PHONE = NetworkIdentity(interface="usb0", ipv4="10.0.0.7", ipv6_prefix=None)


@dataclass(slots=True)
class World:
    """Where the machine is."""

    identity: NetworkIdentity | None = HOME
    context: NetworkContext = field(default_factory=lambda: NetworkContext(ipv4=True, ipv6=False, vpn=False))
    metered: bool | None = None
    power: Power = field(default_factory=Power)
    paused_until: float | None = None
    asked: list[str | None] = field(default_factory=list)

    def open(
        self,
        wishes: Wishes | None = None,
        isp: str = "ptcl",
        note: Callable[[dict[str, object]], None] = lambda _noted: None,
    ) -> Surroundings:
        senses = Senses(
            identify=lambda _vantage: self.identity,
            context=lambda isp, _vantage: replace(self.context, isp=isp),
            metered=self._metered,
            power=lambda: self.power,
            now=lambda: datetime(2026, 1, 2, 12, tzinfo=UTC),
        )
        return Surroundings(
            isp=isp,
            vantage=Vantage(),
            wishes=wishes or Wishes(),
            paused_until=lambda: self.paused_until,
            senses=senses,
            note=note,
        )

    def _metered(self, interface: str | None) -> bool | None:
        self.asked.append(interface)
        return self.metered


def test_another_isp_than_the_volunteers_is_noted() -> None:
    around = World().open()
    around.hear(Seen(isp="ptcl", asn=17557))
    assert "" == around.network().seen_isp
    around.hear(Seen(isp="jazz", asn=45669))
    assert ("ptcl", "jazz", False) == (around.network().isp, around.network().seen_isp, around.network().vpn)


def test_a_network_of_no_isp_of_the_country_is_a_vpn() -> None:
    around = World().open()
    around.hear(Seen(asn=64500))
    assert around.network().vpn is True
    around.look()
    assert Hold.VPN is around.hold


def test_the_collector_that_cannot_tell_says_nothing() -> None:
    around = World().open()
    around.hear(Seen())
    assert (False, "") == (around.network().vpn, around.network().seen_isp)


def test_the_collectors_word_is_about_the_network_it_was_given_on() -> None:
    world = World()
    around = world.open()
    around.hear(Seen(asn=64500))
    world.identity = PHONE
    assert around.network().vpn is False


def test_whose_isp_is_not_known_is_contradicted_by_nobody() -> None:
    around = World().open(isp="")
    around.hear(Seen(isp="jazz", asn=45669))
    assert ("", False) == (around.network().seen_isp, around.network().vpn)


async def test_a_login_page_is_noted_until_one_got_through_or_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LOOK_S", 0.001)
    world, noted = World(), list[dict[str, Any]]()
    around = world.open(note=noted.append)

    def in_the_way() -> bool:
        return bool(noted and noted[-1]["network"]["captive_portal"])

    watching = asyncio.ensure_future(around.watch())
    await until(lambda: bool(noted))
    assert not in_the_way()
    around.meet(replace(world.context, captive_portal=True))
    await until(in_the_way)
    around.meet(replace(world.context, captive_portal=None))
    await until(lambda: not in_the_way())
    around.meet(replace(world.context, captive_portal=True))
    await until(in_the_way)
    world.identity = PHONE
    await until(lambda: not in_the_way())
    watching.cancel()


async def test_what_is_asked_of_programs_is_asked_anew_on_another_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LOOK_S", 0.001)
    world = World(metered=False)
    around = world.open(Wishes(when_metered=False))
    watching = asyncio.create_task(around.watch())
    await until(lambda: world.asked)
    assert around.hold is None
    world.metered, world.identity = True, PHONE
    await until(lambda: around.hold is Hold.METERED)
    assert ["wlan0", "usb0"] == world.asked
    assert around.network().metered is True
    world.power, world.identity = Power(on_battery=True, charge=4), HOME
    await until(lambda: around.hold is Hold.BATTERY)
    watching.cancel()


async def test_in_a_pause_nobody_speaks_with_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LOOK_S", 0.001)
    world, sessions, speaking, farewells = World(), 0, asyncio.Event(), list[bool]()
    around = world.open()

    async def speak() -> None:
        nonlocal sessions
        sessions += 1
        speaking.set()
        try:
            await asyncio.Event().wait()
        finally:
            speaking.clear()

    async def take_leave() -> None:
        farewells.append(speaking.is_set())

    tasks = [asyncio.create_task(around.watch()), asyncio.create_task(around.heard(speak, take_leave))]
    await until(speaking.is_set)
    world.paused_until = float("inf")
    await until(lambda: not speaking.is_set())
    world.paused_until = None
    await until(speaking.is_set)
    assert (2, [True]) == (sessions, farewells)  # it was said while the line still stood
    for task in tasks:
        task.cancel()


async def test_what_ends_the_link_ends_it() -> None:
    async def fail() -> None:
        raise ValueError("over")

    with pytest.raises(ValueError, match="over"):
        await World().open().heard(fail, fail)
