"""Where a journal is, as its URL says."""

from pathlib import Path

import pytest

from rabta_collector.jetstream.place import parse_place


def test_a_url_names_servers_stream_and_files() -> None:
    place = parse_place(
        "nats://a.example,b.example:4333,[2001:db8::1]/pk?replicas=3&bytes=9&user=u&password_file=/p&ca=/c"
    )
    assert ("nats://a.example:4222", "nats://b.example:4333", "nats://[2001:db8::1]:4222") == place.servers
    assert ("pk", 3, 9, "u", Path("/p"), Path("/c"), True) == (
        place.stream,
        place.replicas,
        place.bytes,
        place.user,
        place.password_file,
        place.ca,
        place.tls,
    )


def test_what_is_left_out_has_defaults() -> None:
    place = parse_place("nats://127.0.0.1")
    assert ("rabta", 1, 0, False) == (place.stream, place.replicas, place.bytes, place.tls)
    assert parse_place("tls://nats.example").tls


def test_subjects_tell_the_isp_and_the_agent() -> None:
    place = parse_place("nats://127.0.0.1/pk")
    assert "pk.journal.ptcl.9f" == place.subject_of("ptcl", "9f")
    assert "pk.journal._.9f" == place.subject_of("", "9f")
    assert "pk.journal.>" == place.subjects


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a", "is no journal"),
        ("nats://user:secret@a", "holds no password"),
        ("nats://a/a.b", "no name of a stream"),
        ("nats://a?replicas=2", "expected 1 or 3 or 5"),
        ("nats://a?bytes=much", "expected a number"),
        ("nats://a?colour=red", '"colour" is no part'),
        ("nats://a?cert=/c", "go together"),
        ("nats://:4222", "no HOST:PORT"),
        ("nats://a:port", "Port could not be cast"),
    ],
)
def test_a_url_that_says_something_else_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_place(url)
