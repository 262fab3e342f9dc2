from dataclasses import replace

from rabta_agent.notebook import CEILING_S
from rabta_agent.probes.step import Outcome
from rabta_agent.task import STEP_CEILING_S, Settings
from rabta_proto.model import HttpRoundTrip, Observation, TcpConnect
from rabta_proto.vocabulary import AddressSource
from support.peers import Authority
from support.scenes import make_contexts, make_notebook, within

CONTEXTS = make_contexts(Authority())
CONNECTED = Observation(
    detail=TcpConnect(address="192.0.2.1", port=80, source=AddressSource.SYSTEM), offset_us=5, duration_us=1
)
FETCHED = Observation(
    detail=HttpRoundTrip(address="192.0.2.1", port=80, url="http://x.com/", tls=False), offset_us=9, duration_us=1
)


def unopened(observation: Observation) -> Outcome[None]:
    return Outcome(observation=observation)


async def test_a_step_begins_only_if_its_whole_deadline_fits() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert notebook.allows(10)
    notebook._end = within(9)
    assert not notebook.allows(10)
    assert notebook.allows(5)


async def test_no_step_takes_longer_than_the_ceiling_whatever_a_plan_says() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert notebook.allows(4_000_000)
    assert notebook.deadline(4_000_000) <= within(STEP_CEILING_S)


async def test_no_pause_is_made_that_does_not_fit() -> None:
    notebook = make_notebook(CONTEXTS, Settings(repeat_pause_s=CEILING_S * 4))
    assert not await notebook.pause()


async def test_observations_are_in_the_order_in_which_they_began() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert "kept" == notebook.keep(Outcome(observation=FETCHED, value="kept"))
    notebook.keep(unopened(CONNECTED))
    assert (CONNECTED, FETCHED) == notebook.observations


async def test_the_last_response_is_marked_when_redirects_end() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    notebook.end_redirects("nothing to mark")
    for seen in (FETCHED, replace(FETCHED, offset_us=11), CONNECTED):
        notebook.keep(unopened(seen))
    notebook.end_redirects("loop")
    assert [None, None, "http_too_many_redirects"] == [seen.failure for seen in notebook.observations]
