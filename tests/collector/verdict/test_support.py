"""What controls say, by when they looked and what they saw."""

import pytest

from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.support import Support, last_page, most
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth, Failure
from support.factories import (
    FAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    Story,
    dead,
    http_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_light,
)

ANOMALY = tcp_trouble(SILENCE).measurement()


def seen(told: Story, at: float) -> Measurement:
    return told.measurement(at=NOON + at)


@pytest.mark.parametrize(
    ("looks", "support"),
    [
        ("", Support.NONE),
        ("+5ok", Support.WORKS),
        ("-5ok", Support.AWAITED),
        ("-5ok +5ok", Support.WORKS),
        ("-5bad +5ok", Support.SPLIT),
        ("-5ok +5bad", Support.FAILS),
        ("-5bad +5bad", Support.FAILS),
        ("-5bad", Support.FAILS),
        ("+5ok +6bad", Support.SPLIT),
        ("+5ok +6ok +7bad", Support.WORKS),
        ("+5bad +6bad +7ok", Support.FAILS),
        ("-5ok -6bad +5ok +6ok", Support.SPLIT),
        ("-5ok -6ok -7bad +5ok +6ok +7bad", Support.WORKS),
    ],
)
def test_looks_before_and_after_come_out_as_support(looks: str, support: Support) -> None:
    controls = [
        seen(works(address=FAR) if look.endswith("ok") else dead(), float(look.removesuffix("ok").removesuffix("bad")))
        for look in looks.split()
    ]
    assert support is Facts(measurement=ANOMALY, controls=controls).voices.support


def test_a_control_that_began_with_the_measurement_is_after_it() -> None:
    assert Support.WORKS is Facts(measurement=ANOMALY, controls=[seen(works(), 0)]).voices.support


@pytest.mark.parametrize(
    "control",
    [
        works().measurement(at=NOON + 1, network=NetworkContext(vpn=True)),
        works().measurement(at=NOON + 1, network=NetworkContext(captive_portal=True)),
        offline().measurement(at=NOON + 1),
        works(name="y.com").measurement(at=NOON + 1),
        story().measurement(at=NOON + 1),
    ],
    ids=["vpn", "portal", "offline", "other name", "nothing"],
)
def test_a_control_that_does_not_speak(control: Measurement) -> None:
    assert Support.NONE is Facts(measurement=ANOMALY, controls=[control]).voices.support


def test_a_control_passes_a_step_that_it_got_beyond() -> None:
    beyond = seen(tls_trouble(RESET), 1)
    assert Support.WORKS is Facts(measurement=ANOMALY, controls=[beyond]).voices.support


def test_a_light_control_says_nothing_of_requests() -> None:
    anomaly = http_trouble(RESET, target="https://x.com/").measurement()
    light = works_light().measurement(at=NOON + 1, depth=Depth.LIGHT)
    assert Support.NONE is Facts(measurement=anomaly, controls=[light]).voices.support


def test_controls_fail_alike_only_at_the_same_step_in_the_same_manner() -> None:
    def alike(told: Story) -> bool:
        return Facts(measurement=ANOMALY, controls=[seen(told, 1), seen(told, 2)]).voices.fail_alike

    assert alike(tcp_trouble(SILENCE))
    assert not alike(tcp_trouble(Failure.CONNECTION_REFUSED))
    assert not alike(works())


def test_the_last_page_is_that_of_the_deepest_hop() -> None:
    told = story(PLAIN).names(FAR).connects(FAR).answers(FAR, 301, location="http://x.com/a")
    told.follows("x.com").names(FAR).connects(FAR).answers(FAR, 200)
    page = last_page(Facts(measurement=told.measurement()).legs)
    assert page is not None
    assert 200 == page.status
    assert last_page(()) is None


def test_half_is_not_most() -> None:
    assert [False, False, True] == [most([]), most([True, False]), most([True, True, False])]
