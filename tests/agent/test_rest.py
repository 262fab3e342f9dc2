"""What was measured is left alone for a while, whatever plans say."""

import pytest

from rabta_agent.ceilings import Ceilings
from rabta_agent.rest import Rest
from rabta_agent.urls import InvalidTarget

T0 = 1_800_000_000.0


def rested(*begun: tuple[str, float], limits: Ceilings | None = None) -> Rest:
    rest = Rest(limits or Ceilings())
    for target, at in begun:
        rest.begins(target, at)
    return rest


def test_what_was_never_measured_is_free() -> None:
    assert rested().free_at("https://x.com/") < T0


def test_any_two_are_a_second_apart_two_of_one_host_five_and_two_of_one_target_sixty() -> None:
    rest = rested(("https://x.com/", T0))
    free = [rest.free_at(target) - T0 for target in ("https://y.com/", "quic://x.com/", "https://x.com/")]
    assert [1, 5, 60] == free


def test_what_the_collector_asks_for_at_once_comes_sooner_but_its_host_rests() -> None:
    rest = rested(("https://x.com/", T0))
    assert T0 + 20 == rest.free_at("https://x.com/", errand=True)
    assert T0 + 5 == rest.free_at("quic://x.com/", errand=True)


@pytest.mark.parametrize("text", ["https://X.com/", "https://x.com:443/", "https://x.com", "https://x.com./#a"])
def test_another_way_of_writing_a_target_is_the_same_target(text: str) -> None:
    assert T0 + 60 == rested(("https://x.com/", T0)).free_at(text)
    assert Rest.key("https://x.com/") == Rest.key(text)


def test_an_address_is_one_host_however_it_is_written() -> None:
    rest = rested(("https://[2a00:1450:0:0::1]/", T0))
    assert T0 + 60 == rest.free_at("https://[2A00:1450::1]/")


def test_what_has_rested_is_forgotten() -> None:
    rest = rested(*((f"https://{number}.com/", T0 + number) for number in range(500)))
    assert len(rest._begun) < 130


def test_a_clock_that_was_set_back_frees_everything() -> None:
    rest = rested(("https://x.com/", T0))
    rest.forgive(T0)
    assert T0 + 60 == rest.free_at("https://x.com/")
    rest.forgive(T0 - 1)
    assert rest.free_at("https://x.com/") < 0


def test_what_is_no_target_has_no_rest() -> None:
    with pytest.raises(InvalidTarget):
        rested().free_at("x.com")
