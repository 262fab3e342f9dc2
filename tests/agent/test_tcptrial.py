"""A `tcp://` target: a connection to the port that it names, and not a word on it."""

from support.hops import DENIED, LIAR, look, measure, says
from support.peers import Peer, free_port, silence
from support.scenes import outline


async def test_a_port_that_takes_connections_is_enough() -> None:
    measured = await measure(silence, scheme="tcp")
    assert ["1 dns system A ok", "1 tcp 127.0.0.1 system ok"] == measured.lines
    assert measured.won is not None
    assert [] == measured.peer.heard


async def test_a_port_that_refuses_is_tried_three_times() -> None:
    notebook, won = await look(f"tcp://site.example:{free_port()}", system=says("127.0.0.1"))
    assert won is None
    refused = [f"{attempt} tcp 127.0.0.1 system connection_refused" for attempt in (1, 2, 3)]
    assert refused == [line for line in outline(notebook.observations) if "tcp" in line]


async def test_an_address_that_others_named_is_tried_and_wins_nothing() -> None:
    async with Peer(silence) as peer:
        target = f"tcp://site.example:{peer.port}"
        notebook, won = await look(target, system=says(LIAR), public=says("127.0.0.1"))
    assert won is None
    assert "1 tcp 127.0.0.1 udp ok" in outline(notebook.observations)


async def test_the_controls_address_is_tried_where_the_name_is_denied() -> None:
    async with Peer(silence) as peer:
        notebook, _ = await look(f"tcp://site.example:{peer.port}", system=DENIED, control=("127.0.0.1",))
    assert "1 tcp 127.0.0.1 control ok" in outline(notebook.observations)


async def test_a_literal_special_address_is_never_dialled() -> None:
    async with Peer(silence) as peer:
        notebook, won = await look(f"tcp://127.0.0.1:{peer.port}", system=DENIED, lab=False)
        assert 0 == peer.accepted
    assert won is None
    assert ["1 tcp 127.0.0.1 literal special_address"] == outline(notebook.observations)
