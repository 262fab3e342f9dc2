"""From a router that cuts a name off to the page that says how many hops away: agent, plan and collector are real."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from lab.netns.chain import BLOCKED, HELLO, RESET, Chain
from lab.waiting import until
from support.programs import require

# Four runs of an agent, each with repeats and pauses.
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]

ROUTERS, CENSOR = 4, 2
IN_TIME_S = 60.0
TARGETS = f"""
innocuous = ["www.example.com", "www.iana.org"]
[[platform]]
id = "x"
name = "X"
category = "SOCIAL"
[[platform.target]]
url = "https://{BLOCKED}/"
interval = "60s"
trace = true
[[platform]]
id = "fine"
name = "Fine"
category = "SOCIAL"
[[platform.target]]
url = "https://fine.example/"
interval = "60s"
trace = true
[resolvers]
doh = []
udp = []
"""


@pytest.fixture(scope="module")
def chain(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """With a collector, to which the agent has joined; router 2 resets the name."""
    made = Chain(tmp_path_factory.mktemp("traced"), ROUTERS)

    async def open_all() -> None:
        await made.open()
        await made.collect(TARGETS)
        await made.censor(CENSOR, f"{HELLO} {RESET}")

    with asyncio.Runner() as runner:
        try:
            runner.run(open_all())
            yield made
        finally:
            runner.run(made.close())


async def test_a_trace_goes_from_the_plan_to_the_page_and_the_volunteer(chain: Chain) -> None:
    require("setpriv", "util-linux")
    stripped = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    said = await chain.agent("run", "--once", before=stripped, RABTA_TRACE_PATH="1")
    assert "trace.unavailable" in said
    assert [] == (await evidence(chain))["paths"]
    assert "cannot be looked at here" in await chain.agent("status", RABTA_TRACE_PATH="1")

    said = await chain.agent("run", "--once")
    assert "trace." not in said
    assert [] == (await evidence(chain))["paths"]

    await chain.agent("run", "--once", RABTA_TRACE_PATH="1")
    await until(lambda: shown(chain), within=IN_TIME_S)
    (path,) = (await evidence(chain))["paths"]
    assert ("reset", CENSOR, CENSOR + 1, ROUTERS + 1) == (path["cut"], path["after"], path["begins"], path["server"])
    assert (f"https://{BLOCKED}/", True, None, 2) == (path["target"], path["by_name"], path["doubt"], path["resets"])
    assert [] == (await evidence(chain, "fine"))["paths"]
    page = chain.ask("/cell/x/ptcl").decode()
    assert f"The connection is reset {CENSOR + 1} hops away. The server is {ROUTERS + 1} hops away." in page

    told = " ".join((await chain.agent("explain", "x")).split())
    assert f"The reset comes from {CENSOR + 1} hops away. The server is {ROUTERS + 1} hops away." in told
    assert "looked at 1 times today, 4 at most" in await chain.agent("status", RABTA_TRACE_PATH="1")
    assert "trace.start" not in await chain.agent("run", "--once", RABTA_TRACE_PATH="1")  # once a day for a host


async def evidence(chain: Chain, platform: str = "x") -> dict[str, list[dict[str, object]]]:
    """Once there is some: what an agent was acknowledged is decided on a moment later."""
    found: dict[str, list[dict[str, object]]] = {}

    async def there() -> bool:
        found.update(json.loads(chain.ask(f"/api/v1/evidence?platform={platform}&isp=ptcl")).get("evidence", {}))
        return bool(found)

    await until(there, within=IN_TIME_S)
    return found


async def shown(chain: Chain) -> bool:
    """Whether a path is known, and the page says so."""
    return bool((await evidence(chain))["paths"]) and b" hops away." in chain.ask("/cell/x/ptcl")
