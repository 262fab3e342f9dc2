"""What controls say, by when they looked and what they saw."""

import pytest

from rabta_collector.verdict.background import Background
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
    SIX,
    Story,
    dead,
    http_trouble,
    offline,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_light,
    works_over_quic,
)

ANOMALY = tcp_trouble(SILENCE).measurement()


def seen(told: Story, at: float, epoch: int = 7) -> Measurement:
    return told.measurement(at=NOON + at, epoch=epoch)


def test_a_control_that_nobody_answered_speaks_where_its_line_is_known_to_have_worked() -> None:
    controls = (offline().measurement(at=NOON + 1, epoch=1), offline().measurement(at=NOON + 2, epoch=2))
    supports = [
        Facts(measurement=ANOMALY, controls=controls, background=Background(controls_sound=sound)).voices.support
        for sound in (False, True)
    ]
    assert [Support.NONE, Support.FAILS] == supports


def look(told: str) -> Measurement:
    """`a-5ok`: control a got through five seconds before; `bad`: it did not."""
    story = works(address=FAR) if told.endswith("ok") else dead()
    return story.measurement(at=NOON + float(told[1:].removesuffix("ok").removesuffix("bad")), epoch=ord(told[0]))


@pytest.mark.parametrize(
    ("looks", "support"),
    [
        ("", Support.NONE),
        ("a+5ok", Support.WORKS),
        ("a-5ok", Support.AWAITED),
        ("a-5ok a+5ok", Support.WORKS),
        ("a-5bad a+5ok", Support.SPLIT),  # it came back
        ("a-5ok a+5bad", Support.FAILS),  # it went down
        ("a-5bad a+5bad", Support.FAILS),
        ("a-5bad", Support.FAILS),
        ("a+5ok b+6bad", Support.SPLIT),
        ("a-5ok b+6bad", Support.AWAITED),  # one is down, and the other has not looked since
        ("a-5ok a+5ok b-5bad", Support.SPLIT),
        ("a-5ok b-6bad", Support.AWAITED),
        ("a-5ok b-6ok a+5ok", Support.AWAITED),  # one word of two decides nothing
        ("a-5ok b-6ok a+5bad", Support.AWAITED),
        ("a-5bad b-6bad a+5bad", Support.FAILS),
        ("a-5bad b-6bad a+5ok", Support.SPLIT),
        ("a-5ok a+5ok b+6ok", Support.WORKS),
        ("a+5ok b+6ok c+7bad", Support.WORKS),
        ("a+5bad b+6bad c+7ok", Support.FAILS),
        ("a-5ok b-6bad a+5ok b+6ok", Support.SPLIT),
        ("a-5ok b-6ok c-7ok a+5ok b+6ok", Support.WORKS),  # what the third will say changes nothing
        ("a-5ok b-6ok c-7bad a+5ok b+6ok c+7bad", Support.WORKS),
    ],
)
def test_looks_before_and_after_come_out_as_support(looks: str, support: Support) -> None:
    controls = [look(told) for told in looks.split()]
    assert support is Facts(measurement=ANOMALY, controls=controls).voices.support


@pytest.mark.parametrize(
    ("looks", "support"),
    [
        ("a+5ok a+6bad a+7ok", Support.WORKS),
        ("a+5ok a+6bad", Support.SPLIT),
        ("a-5ok a-6ok a+5ok", Support.AWAITED),
    ],
)
def test_a_control_has_one_look_on_either_side_and_further_ones_are_others(looks: str, support: Support) -> None:
    controls = [look(told) for told in looks.split()]
    assert support is Facts(measurement=ANOMALY, controls=controls).voices.support


@pytest.mark.parametrize(
    ("looks", "to_come", "support"),
    [
        ([], 2, Support.NONE),
        ([works(address=FAR)], 1, Support.AWAITED),
        ([dead()], 1, Support.AWAITED),
        ([works(address=FAR)] * 2, 1, Support.WORKS),  # what the third will say changes nothing
    ],
)
def test_a_control_that_has_only_just_come_is_waited_for(looks: list[Story], to_come: int, support: Support) -> None:
    controls = [seen(told, 5 + n) for n, told in enumerate(looks)]
    background = Background(controls_to_come=to_come)
    assert support is Facts(measurement=ANOMALY, controls=controls, background=background).voices.support


def test_a_control_that_began_with_the_measurement_is_after_it() -> None:
    assert Support.WORKS is Facts(measurement=ANOMALY, controls=[seen(works(), 0)]).voices.support


@pytest.mark.parametrize(
    "control",
    [
        works().measurement(at=NOON + 1, network=NetworkContext(vpn=True)),
        works().measurement(at=NOON + 1, network=NetworkContext(captive_portal=True)),
        works().measurement(at=NOON + 1, network=NetworkContext(changed=True)),
        offline().measurement(at=NOON + 1),
        works(name="y.com").measurement(at=NOON + 1),
        story().measurement(at=NOON + 1),
    ],
    ids=["vpn", "portal", "changed", "offline", "other name", "nothing"],
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


def test_a_control_without_ipv6_says_nothing_of_a_site_that_has_no_other() -> None:
    anomaly = tcp_trouble(SILENCE, address=SIX).measurement()
    without, asked = story().says(Failure.DNS_NO_ANSWER), story().says(Failure.DNS_NO_ANSWER)
    asked.says(Failure.DNS_NO_ANSWER, family="AAAA")
    assert [Support.NONE, Support.FAILS] == [
        Facts(measurement=anomaly, controls=[seen(told, 1)]).voices.support for told in (without, asked)
    ]


def test_controls_speak_of_quic() -> None:
    anomaly = quic_trouble(SILENCE).measurement()
    assert [Support.WORKS, Support.FAILS] == [
        Facts(measurement=anomaly, controls=[seen(told, 1)]).voices.support
        for told in (works_over_quic(), quic_trouble(SILENCE))
    ]


def test_controls_fail_alike_only_at_the_same_step_in_the_same_manner() -> None:
    def alike(told: Story) -> bool:
        return Facts(measurement=ANOMALY, controls=[seen(told, 1), seen(told, 2, 8)]).voices.fail_alike

    assert alike(tcp_trouble(SILENCE))
    assert not alike(tcp_trouble(Failure.CONNECTION_REFUSED))
    assert not alike(works())


def test_a_failure_is_the_site_s_doing_where_all_that_looked_since_have_it_and_nobody_got_through() -> None:
    reset, silent = tls_trouble(RESET), tls_trouble(SILENCE)
    before = [works().measurement(at=NOON - 9, epoch=epoch) for epoch in (1, 2)]

    def doing(*since: Story) -> bool:
        looks = [told.measurement(at=NOON + 9, epoch=epoch) for epoch, told in enumerate(since, 1)]
        return Facts(measurement=reset.measurement(), controls=[*before, *looks]).voices.site_s_doing

    assert doing(reset)
    assert doing(reset, reset)
    assert not doing()
    assert not doing(silent)
    assert not doing(reset, works())


def test_the_last_page_is_that_of_the_deepest_hop() -> None:
    told = story(PLAIN).names(FAR).connects(FAR).answers(FAR, 301, location="http://x.com/a")
    told.follows("x.com").names(FAR).connects(FAR).answers(FAR, 200)
    page = last_page(Facts(measurement=told.measurement()).legs)
    assert page is not None
    assert 200 == page.status
    assert last_page(()) is None


def test_half_is_not_most() -> None:
    assert [False, False, True] == [most([]), most([True, False]), most([True, True, False])]
