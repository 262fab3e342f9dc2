"""When an ISP's handshakes and pages have changed their pace."""

from rabta_collector.slowness import LEAST, Slowness
from rabta_proto.model import HttpRoundTrip, Measurement, Observation, TlsHandshake
from rabta_proto.vocabulary import AddressSource
from support.factories import NEAR, NOON, URL, moment

PLACE = ("ptcl", URL)


def look(handshake_ms: float, page_ms: float = 100.0, *, failure: str | None = None, attempt: int = 1) -> Measurement:
    shaken = TlsHandshake(address=NEAR, port=443, server_name="x.com", source=AddressSource.SYSTEM)
    page = HttpRoundTrip(address=NEAR, port=443, url=URL, tls=True, status=200)
    return Measurement(
        target=URL,
        started_at=moment(NOON),
        duration_us=1,
        agent_version="0",
        observations=(
            Observation(detail=shaken, offset_us=0, duration_us=round(handshake_ms * 1000), attempt=attempt),
            Observation(detail=page, offset_us=0, duration_us=round(page_ms * 1000), failure=failure, attempt=attempt),
        ),
    )


def used_to(handshake_ms: float = 100.0) -> Slowness:
    slowness = Slowness()
    for number in range(LEAST + 8):
        assert not slowness.hear(PLACE, look(handshake_ms + number % 5))
    return slowness


def hears(slowness: Slowness, *looks: Measurement, place: tuple[str, str] = PLACE) -> list[bool]:
    return [slowness.hear(place, one) for one in looks]


def test_two_slow_handshakes_of_three_are_told_once() -> None:
    assert [False, False, True, False] == hears(used_to(), look(600), look(100), look(600), look(100))


def test_slow_pages_are_told_too() -> None:
    assert [False, True] == hears(used_to(), look(100, 900), look(100, 900))


def test_one_slow_look_is_chance() -> None:
    assert not any(hears(used_to(), look(600), look(100), look(100), look(600), look(100)))


def test_a_little_slower_is_nothing() -> None:
    assert not any(hears(used_to(), *[look(190)] * 5))


def test_far_faster_than_ever_is_told_where_it_was_slow() -> None:
    assert [False, True] == hears(used_to(800), look(100), look(100))
    assert not any(hears(used_to(20), look(2), look(2)))


def test_each_isp_and_target_is_its_own_measure() -> None:
    assert not any(hears(used_to(), look(600), look(600), place=("jazz", URL)))


def test_failures_and_repeats_count_for_nothing() -> None:
    assert not any(hears(used_to(), *[look(100, 900, failure="eof_error")] * 4, *[look(900, 900, attempt=2)] * 4))
