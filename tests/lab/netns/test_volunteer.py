"""A volunteer's networks: VPN, another network, none, a login page, paid bytes; and the day's cap."""

import asyncio

import pytest

from lab.netns.volunteer import WITHIN_S, Place
from lab.waiting import until

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(600)]  # of turns, of which one comes in 60 s


async def test_the_network_is_told_for_what_it_is(place: Place) -> None:
    async with place.site("204"):
        plain = (await place.probe())["network"]
        await place.tunnel_up()
        through = (await place.probe())["network"]
        await place.tunnel_down()
        await place.move()
        moved = (await place.probe())["network"]
    assert ("NETWORK_KIND_WIFI", False, True) == (plain["kind"], plain["vpn"], plain["ipv4"])
    assert through["vpn"]
    assert ("NETWORK_KIND_ETHERNET", False) == (moved["kind"], moved["vpn"])


async def test_through_a_vpn_it_rests_until_that_is_off(place: Place) -> None:
    async with place.collector(), place.site("204"):
        await place.join()
        await place.tunnel_up()
        async with place.agent_running():
            resting = await place.until(lambda facts: facts["hold"] and facts["connected"])
            assert ("vpn", True, 0) == (resting["hold"], resting["network"]["vpn"], resting["produced"])
            await place.tunnel_down()
            await place.until(lambda facts: facts["acked"])
    assert not place.last_measured()["network"]["vpn"]


async def test_with_the_volunteers_consent_it_measures_through_a_vpn_and_says_so(place: Place) -> None:
    async with place.collector(), place.site("204"):
        await place.join()
        await place.tunnel_up()
        async with place.agent_running(RABTA_THROUGH_VPN="yes"):
            measuring = await place.until(lambda facts: facts["acked"])
            assert (None, True) == (measuring["hold"], measuring["network"]["vpn"])
    measured = place.last_measured()
    assert measured["network"]["vpn"]
    assert not any("failure" in one for one in measured["observations"])  # it went through, and not past it


async def test_a_measurement_is_void_where_the_machine_moves_between_two_steps(place: Place) -> None:
    assert (await place.probe_while(place.move))["network"]["changed"]


async def test_a_measurement_is_void_where_a_vpn_comes_up_between_two_steps(place: Place) -> None:
    assert (await place.probe_while(place.tunnel_up))["network"]["changed"]


async def test_a_measurement_during_which_nothing_changes_is_good(place: Place) -> None:
    async def nothing() -> None:
        await asyncio.sleep(0)

    assert not (await place.probe_while(nothing))["network"]["changed"]


async def test_without_a_network_at_its_start_it_waits_for_one(place: Place) -> None:
    async with place.collector(), place.site("204"):
        await place.join()
        await place.unplug()
        async with place.agent_running():
            await place.until(lambda facts: facts["hold"] == "offline")
            await place.plug_in()
            await place.until(lambda facts: facts["acked"])


async def test_a_login_page_is_told_from_a_block(place: Place) -> None:
    async with place.collector():
        await place.join()
    async with place.site("login"):  # the site's answer breaks off, and the check is answered with a page
        assert (await place.probe())["network"]["captivePortal"]


async def test_a_login_page_in_the_way_is_shown_to_the_volunteer(place: Place) -> None:
    async with place.collector(), place.site("login"):
        await place.join()
        async with place.agent_running():
            await place.until(lambda facts: facts["network"] and facts["network"]["captive_portal"])
            assert "a login page is in the way" in await place.command("status")


async def test_where_bytes_are_paid_for_it_rests_if_the_volunteer_wants_it(place: Place) -> None:
    place.networkmanager("yes (guessed)")
    async with place.collector(), place.site("204"):
        await place.join()
        async with place.agent_running(RABTA_WHEN_METERED="no"):
            resting = await place.until(lambda facts: facts["hold"])
            assert ("metered", True) == (resting["hold"], resting["network"]["metered"])
            place.networkmanager("no")
            await place.move()  # another network is asked for anew
            await place.until(lambda facts: facts["produced"])


async def test_a_pause_ends_the_connection_and_not_only_the_session(place: Place) -> None:
    async with place.collector(), place.site("204"):
        await place.join()
        async with place.agent_running():
            await place.until(lambda facts: facts["connected"])
            assert await place.connections()
            await place.command("pause")
            await place.until(lambda facts: not facts["connected"])

            async def silent() -> bool:
                return not await place.connections()

            await until(silent, within=WITHIN_S)


async def test_every_byte_of_the_day_is_counted(place: Place) -> None:
    async with place.collector(), place.site("204"):
        await place.join()
        before = await place.carried()
        async with place.agent_running():
            await place.until(lambda facts: facts["acked"])  # a pause before its turn would put that off
            for _ in range(3):  # each session costs its opening
                await place.until(lambda facts: facts["connected"])
                await place.command("pause")
                await place.until(lambda facts: not facts["connected"])
                await place.command("resume")
            await place.until(lambda facts: facts["connected"])
        carried = await place.carried() - before
    counted = place.status()["bytes_today"]
    assert 0.95 * carried <= counted <= 1.15 * carried + 1500
