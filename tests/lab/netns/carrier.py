"""An agent's link in a namespace: so many measurements into a home's spool, and all of it to the collector.

`python -m lab.netns.carrier HOME COUNT` prints the way that stood at the end.
"""

import asyncio
import sys
from pathlib import Path

from rabta_agent.endpoint import parse_endpoint
from rabta_agent.home import Home
from rabta_agent.line import Road
from support.linked import Linked


async def carry(home: Home, count: int) -> str:
    credential = home.joined()
    authorization = f"Bearer {credential.agent_id}.{credential.secret}"
    endpoints = [parse_endpoint(url, lab=False) for url in credential.endpoints]
    async with Linked(home.path, authorization, endpoints, Road(pin=credential.pin)).running() as agent:
        await agent.measure(count)
        await agent.delivered()
    return agent.stood[-1]


if __name__ == "__main__":
    print(asyncio.run(carry(Home(path=Path(sys.argv[1])), int(sys.argv[2]))))
