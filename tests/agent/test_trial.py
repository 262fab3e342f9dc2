"""What every kind of trial goes by: which name is harmless, which target is forbidden, how a connection is made."""

from dataclasses import replace

import pytest

from rabta_agent.candidates import Candidate
from rabta_agent.trial import connect_to, innocuous_name, is_forbidden
from rabta_agent.urls import Endpoint, QuicUrl, TcpEndpoint, parse_url
from rabta_proto.vocabulary import AddressSource, Failure
from support.hops import CONTEXTS, QUICK
from support.peers import Peer, free_port, silence
from support.scenes import make_notebook, outline, within

OWN = Candidate(address="127.0.0.1", source=AddressSource.SYSTEM)
LITERAL = Candidate(address="127.0.0.1", source=AddressSource.LITERAL)


@pytest.mark.parametrize("target", [parse_url("https://x.com/"), QuicUrl(host="x.com", port=443)])
async def test_each_pass_has_an_innocuous_name_of_its_own(target: Endpoint) -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    scenes = [replace(notebook.scene, attempt=attempt) for attempt in (1, 2, 3)]
    assert ["a.example", "b.example", "a.example"] == [innocuous_name(notebook, scene, target) for scene in scenes]


async def test_the_targets_own_name_is_not_innocuous() -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    assert "b.example" == innocuous_name(notebook, notebook.scene, parse_url("https://a.example/"))
    notebook = make_notebook(CONTEXTS, replace(QUICK, innocuous_names=("a.example",)))
    assert None is innocuous_name(notebook, notebook.scene, parse_url("https://a.example/"))


async def test_a_literal_address_was_named_to_nobody() -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    for target in (parse_url("https://1.1.1.1/"), QuicUrl(host="1.1.1.1", port=443), TcpEndpoint(host="::1", port=1)):
        assert None is innocuous_name(notebook, notebook.scene, target)


def test_only_a_target_that_is_a_special_address_itself_is_forbidden() -> None:
    assert is_forbidden(LITERAL, Failure.SPECIAL_ADDRESS)
    assert not is_forbidden(OWN, Failure.SPECIAL_ADDRESS)
    assert not is_forbidden(LITERAL, Failure.CONNECTION_RESET)
    assert not is_forbidden(LITERAL, None)


async def test_a_connection_is_written_down_and_handed_on() -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    async with Peer(silence) as peer:
        connected = await connect_to(notebook, notebook.scene, OWN, peer.port)
        assert connected.connection is not None
        connected.connection.close()
    assert (None, ["1 tcp 127.0.0.1 system ok"]) == (connected.failure, outline(notebook.observations))


async def test_a_connection_that_fails_is_written_down() -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    connected = await connect_to(notebook, notebook.scene, OWN, free_port())
    assert (None, "connection_refused") == (connected.connection, connected.failure)
    assert ["1 tcp 127.0.0.1 system connection_refused"] == outline(notebook.observations)


async def test_no_connection_is_begun_that_does_not_fit() -> None:
    notebook = make_notebook(CONTEXTS, QUICK)
    notebook._end = within(QUICK.tcp_s / 2)
    connected = await connect_to(notebook, notebook.scene, OWN, free_port())
    assert (None, None, ()) == (connected.connection, connected.failure, notebook.observations)
