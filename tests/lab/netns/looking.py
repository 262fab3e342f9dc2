"""Has the agent trace one name, and says what it located: `python -m lab.netns.looking URL ADDRESS reset|silence`."""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from random import Random

from rabta_agent.clock import SystemClock
from rabta_agent.cutoff import Cutoff
from rabta_agent.measure import Prober
from rabta_agent.network import Vantage
from rabta_agent.task import Settings, Task
from rabta_agent.tracer import trace_task
from rabta_agent.urls import parse_url
from rabta_proto.codec import to_message
from rabta_proto.locating import Cut, find_traces, locate
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import AddressSource, Trigger


async def look(url: str, address: str, cut: Cut) -> None:
    prober = Prober(Vantage(), SystemClock(), Random(1))
    cutoff = Cutoff(url=parse_url(url), address=address, source=AddressSource.SYSTEM, cut=cut)
    begun = time.monotonic()
    task = trace_task(Task(target=url, trigger=Trigger.MANUAL))
    measurement = await prober.trace(task, cutoff, Settings(), NetworkContext(ipv4=True, ipv6=True))
    seconds = time.monotonic() - begun
    await prober.close()
    found = locate(*find_traces(measurement.observations))
    steps = [[step.ttl for step in one.detail.steps] for one in measurement.observations]  # type: ignore[union-attr]
    told = {
        **asdict(found),
        "exact": found.exact,
        "at_server": found.at_server,
        "seconds": seconds,
        "ttls": steps,
        "bytes": measurement.bytes_sent + measurement.bytes_received,
        "wire": to_message(measurement).SerializeToString().hex(),
        "failures": [one.failure for one in measurement.observations],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1], sys.argv[2], Cut(sys.argv[3])))
