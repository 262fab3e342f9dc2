"""Words for what was seen."""

from dataclasses import replace

import pytest

from rabta_collector.verdict.wording import earliest, listed, milliseconds, share, times, trouble
from rabta_proto.model import Observation
from rabta_proto.vocabulary import Failure
from support.factories import NEAR, RESET, SILENCE, quic_trouble, story, tcp_trouble

SEEN = tcp_trouble(RESET).observations[2]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (SEEN, "RST (connection_reset) after 12 ms"),
        (replace(SEEN, failure=SILENCE), "no answer (generic_timeout_error) in 12 ms"),
        (replace(SEEN, failure="unknown_failure: odd"), "unknown_failure: odd after 12 ms"),
        (replace(SEEN, failure=None), "nothing after 12 ms"),
        (replace(SEEN, duration_us=0), "RST (connection_reset)"),  # OONI's older forms do not say
    ],
)
def test_trouble_is_told_in_words_and_by_its_name(seen: Observation, words: str) -> None:
    assert words == trouble(seen)


def test_an_alert_and_a_close_are_told_by_their_numbers() -> None:
    shaken = story().connects(NEAR).fails_tls(NEAR, Failure.SSL_FAILED_HANDSHAKE).observations[-1]
    alert = replace(shaken, detail=replace(shaken.detail, alert=112))  # type: ignore[call-arg] # a TLS handshake
    assert trouble(alert).startswith("TLS alert 112 (ssl_failed_handshake)")
    closed = quic_trouble(Failure.QUIC_FAILED_HANDSHAKE).observations[2]
    closed = replace(closed, detail=replace(closed.detail, close_code=296))  # type: ignore[call-arg] # a QUIC one
    assert trouble(closed).startswith("CONNECTION_CLOSE with code 296 (quic_failed_handshake)")


def test_less_than_a_millisecond_is_told_as_one() -> None:
    assert "1 ms" == milliseconds(replace(SEEN, duration_us=80))


def test_the_earliest_is_the_first_by_time() -> None:
    assert SEEN is earliest([replace(SEEN, offset_us=SEEN.offset_us + 1), SEEN])
    assert earliest([]) is None


def test_lists_and_numbers_are_words() -> None:
    assert ["a, b", "no address"] == [listed(["b", "", "a"]), listed([])]
    assert ["once", "2 times in a row"] == [times([SEEN]), times([SEEN, SEEN])]


@pytest.mark.parametrize(
    ("part", "count", "words"),
    [
        (1, 1, "The one control measurement"),
        (2, 2, "Both control measurements"),
        (5, 5, "All 5 control measurements"),
        (1, 2, "1 of 2 control measurements"),
    ],
)
def test_a_share_of_the_controls_is_told_as_one_would(part: int, count: int, words: str) -> None:
    assert words == share(part, count)
