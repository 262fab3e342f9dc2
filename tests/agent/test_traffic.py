"""What the link costs is reckoned, and nothing of it is lost or counted twice."""

import os

from rabta_agent.traffic import ACKNOWLEDGEMENT_BYTES, FRAMING_BYTES, Traffic


def test_what_was_taken_is_not_counted_again() -> None:
    traffic = Traffic()
    traffic.read(100)
    assert (ACKNOWLEDGEMENT_BYTES, 100 + FRAMING_BYTES) == traffic.take()
    assert (0, 0) == traffic.take()


def test_a_message_counts_as_large_as_it_is_compressed() -> None:
    traffic = Traffic()
    traffic.wrote(b"a" * 100_000)
    sent, _ = traffic.take()
    assert FRAMING_BYTES < sent < 1000


def test_what_cannot_be_compressed_counts_as_it_is() -> None:
    traffic = Traffic()
    traffic.wrote(os.urandom(5000))
    assert 5000 + FRAMING_BYTES == traffic.take()[0]


def test_an_encrypted_connection_costs_more_to_open() -> None:
    plain, encrypted = Traffic(), Traffic()
    plain.opened(tls=False)
    encrypted.opened(tls=True)
    assert sum(plain.take()) + 4000 < sum(encrypted.take())


def test_what_the_other_side_may_send_is_counted_by_the_day() -> None:
    day = [7]
    traffic = Traffic(most=10_000, today=lambda: day[0])
    traffic.read(9_000)
    assert not traffic.exhausted
    traffic.take()
    traffic.carried(sent=50_000, received=2_000)
    assert traffic.exhausted
    day[0] += 1
    assert not traffic.exhausted
    traffic.read(9_000)
    assert not traffic.exhausted
