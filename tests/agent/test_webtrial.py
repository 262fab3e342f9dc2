from dataclasses import replace

import pytest

from rabta_proto.vocabulary import Depth
from support.hops import DENIED, FORGED, HONEST, LIAR, QUICK, in_turn, look, measure, says
from support.peers import (
    Peer,
    Script,
    alert,
    by_name,
    close_after_hello,
    reset_after_hello,
    serve_http,
    silence,
)


async def test_a_light_measurement_makes_no_request() -> None:
    lines = (await measure(HONEST, depth=Depth.LIGHT)).lines
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok", "1 tls site.example verified ok"] == lines
    lines = (await measure(serve_http(), scheme="http", depth=Depth.LIGHT)).lines
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok"] == lines


async def test_a_target_that_is_a_handshake_alone_makes_no_request() -> None:
    measured = await measure(HONEST, scheme="tls")
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok", "1 tls site.example verified ok"] == measured.lines
    measured = await measure(by_name("site.example", reset_after_hello, HONEST), scheme="tls")
    assert "1 tls a.example isolated ok" in measured.lines
    assert measured.won is None


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (close_after_hello, "eof_error"),
        (silence, "generic_timeout_error"),
        (alert(112), "ssl_failed_handshake"),
    ],
    ids=["fin", "silence", "alert"],
)
async def test_every_failure_after_the_hello_but_the_certificates_is_isolated(script: Script, failure: str) -> None:
    measured = await measure(by_name("site.example", script, HONEST), settings=replace(QUICK, tls_s=0.2))
    assert f"1 tls site.example plain {failure}" in measured.lines
    assert "1 tls a.example isolated ok" in measured.lines


async def test_an_alert_to_an_innocuous_name_is_an_answer() -> None:
    measured = await measure(by_name("site.example", reset_after_hello, alert(112)))
    assert ["a.example"] == [seen.server_name for seen in measured.handshakes if seen.isolation]


async def test_isolation_that_is_not_answered_is_tried_again_under_another_name() -> None:
    measured = await measure(reset_after_hello)
    isolated = [seen.server_name for seen in measured.handshakes if seen.isolation]
    assert ["a.example", "b.example", "a.example"] == isolated


async def test_a_foreign_certificate_is_looked_at_once_and_never_believed() -> None:
    measured = await measure(FORGED)
    plain = [seen for seen in measured.handshakes if seen.tls_version]
    assert [("site.example", False, False)] == [(seen.server_name, seen.verified, seen.isolation) for seen in plain]
    assert 3 == sum("ssl_unknown_authority" in line for line in measured.lines)


async def test_plain_http_is_fetched_from_an_address_that_only_others_named() -> None:
    measured = await measure(serve_http(), scheme="http", system=DENIED, public=says("127.0.0.1"))
    assert "1 http 200 ok" in measured.lines


async def test_a_name_that_sets_off_a_block_is_sent_once_more_in_two_segments() -> None:
    measured = await measure(in_turn(reset_after_hello, HONEST, reset_after_hello))
    split = [seen for seen in measured.handshakes if seen.split]
    assert [("site.example", False)] == [(seen.server_name, seen.isolation) for seen in split]
    assert 5 == len(measured.handshakes)
    assert measured.peer.accepted == len(measured.handshakes)


async def test_a_split_that_gets_through_wins_nothing() -> None:
    """A filter that does not reassemble: it looks for the whole name in one segment."""
    measured = await measure(in_turn(reset_after_hello, HONEST, HONEST, reset_after_hello))
    assert "1 tls site.example verified split ok" in measured.lines
    assert measured.won is None
    assert ["2", "3"] == [line[0] for line in measured.lines if line.endswith("plain connection_reset")][1:]
    assert not any("http" in line for line in measured.lines)


async def test_what_no_isolation_proved_is_not_split() -> None:
    measured = await measure(reset_after_hello)
    assert not any(seen.split for seen in measured.handshakes)


async def test_isolation_is_tried_once_among_the_machines_own_and_once_among_others() -> None:
    """Silence costs a whole deadline each time, and the measurement has an end."""
    async with (
        Peer(reset_after_hello) as peer,
        Peer(reset_after_hello, host=LIAR, port=peer.port),
        Peer(reset_after_hello, host="127.0.0.3", port=peer.port),
        Peer(reset_after_hello, host="127.0.0.4", port=peer.port),
    ):
        target = f"https://site.example:{peer.port}/"
        own, others = says("127.0.0.1", LIAR), says("127.0.0.3", "127.0.0.4")
        notebook, _ = await look(target, system=own, public=others)
    isolated = [seen.detail for seen in notebook.observations if getattr(seen.detail, "isolation", False)]
    first = [getattr(detail, "address", "") for detail in isolated][:2]
    assert (["127.0.0.1", "127.0.0.3"], 4) == (first, len(isolated))
