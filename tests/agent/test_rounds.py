"""Which reads a round makes: A-B-B-A, again where that shows something, and never past its bytes."""

from dataclasses import replace

import pytest

from rabta_agent.ceilings import READ_BYTES, TRANSFER_MOST_BYTES
from rabta_agent.network import Vantage
from rabta_agent.notebook import Notebook
from rabta_agent.rounds import Round
from rabta_agent.task import TransferTask
from rabta_agent.urls import parse_url
from rabta_proto.model import Transfer
from rabta_proto.vocabulary import Depth
from support.dns_server import DnsServer
from support.hops import AUTHORITY, CONTEXTS, QUICK, says
from support.objects import serve_object
from support.peers import Peer, Script, by_name, reset_after_hello
from support.scenes import make_notebook

SITE = AUTHORITY.server("site.example", "reference.example")
FAST = serve_object(SITE)
SLOW = serve_object(SITE, bytes_per_second=30_000)
BRIEF = replace(QUICK, transfer_s=0.4)
LETTERS = {"target": "A", "control": "B", "reference": "R"}


async def play(
    script: Script,
    *,
    reference: Script | None = FAST,
    control_name: str = "www.example.com",
    byte_limit: int = TRANSFER_MOST_BYTES,
    reads: int = 0,
) -> tuple[str, Notebook]:
    """The kinds of its reads, and what they saw."""
    async with Peer(script) as peer, Peer(reference or FAST) as other, DnsServer(says("127.0.0.1")) as resolver:
        vantage = Vantage(lab=True, system_resolvers=(resolver.text,))
        notebook = make_notebook(CONTEXTS, BRIEF, vantage=vantage, depth=Depth.TRANSFER)
        notebook._byte_limit = byte_limit
        task = TransferTask(
            url=parse_url(f"https://site.example:{peer.port}/object"),
            bytes=READ_BYTES,
            control_name=control_name,
            reference=parse_url(f"https://reference.example:{other.port}/object") if reference else None,
            reads=reads,
        )
        await Round(notebook=notebook, task=task).run()
    return "".join(LETTERS[one.detail.kind] for one in notebook.observations), notebook


def slowed_by_name(name: str = "site.example") -> Script:
    return by_name(name, SLOW, FAST)


async def test_a_round_that_shows_nothing_is_a_b_b_a() -> None:
    kinds, notebook = await play(FAST)
    assert "ABBA" == kinds
    assert [1, 2, 3, 4] == [one.detail.turn for one in notebook.observations]


@pytest.mark.parametrize("script", [FAST, SLOW])
async def test_where_one_read_is_wanted_it_is_of_the_object_under_the_site_s_own_name(script: Script) -> None:
    kinds, notebook = await play(script, reads=1)
    assert "A" == kinds
    assert notebook.meter.received < READ_BYTES + 14_000


async def test_a_name_that_is_slowed_is_read_once_more_in_the_other_order() -> None:
    kinds, _ = await play(slowed_by_name())
    assert "ABBABAAB" == kinds


async def test_a_handshake_that_is_delayed_for_a_name_is_looked_at_again() -> None:
    kinds, notebook = await play(by_name("site.example", serve_object(SITE, handshake_s=0.8), FAST))
    assert "ABBABAAB" == kinds
    times = {one.detail.kind: one.detail.handshake_us for one in notebook.observations}
    assert times["control"] + 700_000 < times["target"]


async def test_where_all_is_slow_the_reference_is_read_and_then_compared() -> None:
    kinds, _ = await play(SLOW)
    assert "ABBARRARRA" == kinds


async def test_a_line_that_is_slow_for_everything_ends_there() -> None:
    kinds, _ = await play(SLOW, reference=SLOW)
    assert "ABBARR" == kinds


async def test_a_name_under_which_the_server_gives_something_else_gives_way_to_the_reference() -> None:
    other = by_name("www.example.com", serve_object(SITE, total=500), FAST)
    kinds, _ = await play(other)
    assert "ABRRA" == kinds


async def test_a_name_that_the_server_refuses_gives_way_to_the_reference() -> None:
    kinds, _ = await play(by_name("www.example.com", reset_after_hello, SLOW))
    assert "ABRRARAAR" == kinds


async def test_without_a_name_the_reference_is_what_is_compared_with() -> None:
    kinds, _ = await play(FAST, control_name="")
    assert "ARRA" == kinds


async def test_with_nothing_to_compare_with_one_read_is_all() -> None:
    kinds, _ = await play(FAST, control_name="", reference=None)
    assert "A" == kinds


async def test_an_object_that_is_not_there_is_asked_for_once() -> None:
    kinds, _ = await play(serve_object(SITE, status="404 Not Found"))
    assert "A" == kinds


async def test_no_read_begins_that_could_go_past_the_bytes() -> None:
    kinds, notebook = await play(FAST, byte_limit=400_000)
    assert "ABB" == kinds
    assert notebook.meter.sent + notebook.meter.received <= 400_000


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_whole_round_stays_within_a_megabyte(ranges: bool) -> None:
    slow = serve_object(SITE, bytes_per_second=90_000, ranges=ranges)
    _, notebook = await play(by_name("site.example", slow, serve_object(SITE, total=3_000_000, ranges=ranges)))
    assert 300_000 < notebook.meter.sent + notebook.meter.received <= TRANSFER_MOST_BYTES


async def test_a_slow_read_is_cut_short_once_the_others_are_known() -> None:
    _, notebook = await play(slowed_by_name())
    reads = [one.detail for one in notebook.observations if isinstance(one.detail, Transfer)]
    assert all(one.read_us < 600_000 for one in reads)
