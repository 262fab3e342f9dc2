"""Reads objects against the clock as an agent does, from one place in a lab: `python -m lab.accuracy.reader FILE`.

FILE holds what to measure (JSON, batch.py writes it); each measurement is a line on standard output: platform,
and the measurement in base64.
"""

import asyncio
import base64
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from rabta_agent.ceilings import TRANSFER_MOST_BYTES
from rabta_agent.clock import SystemClock
from rabta_agent.measure import Prober
from rabta_agent.network import Vantage
from rabta_agent.task import Settings, Task, TransferTask
from rabta_agent.urls import parse_url
from rabta_proto.codec import to_message
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import Depth, Trigger

SETTINGS = Settings(doh=(), udp=(), dns_s=3, tcp_s=4, tls_s=4, http_s=6, repeat_pause_s=0.5)


async def read_all(plan: dict[str, Any]) -> None:
    resolver = os.environ.get("RABTA_RESOLVER")
    vantage = Vantage(
        lab=os.environ.get("RABTA_LAB") == "1",
        source_address=os.environ.get("RABTA_SOURCE_ADDRESS"),
        system_resolvers=(resolver,) if resolver else None,
    )
    prober = Prober(vantage, SystemClock(), random.Random())
    try:
        for row in plan["rows"]:
            measured = await prober.measure(_task(row, plan["reference"]), SETTINGS, NetworkContext(ipv4=True))
            text = base64.b64encode(to_message(measured).SerializeToString()).decode()
            print(row["platform"], text, flush=True)
    finally:
        await prober.close()


def _task(row: dict[str, str], reference: str) -> Task:
    return Task(
        target=row["target"],
        platform=row["platform"],
        trigger=Trigger.SCHEDULED,
        depth=Depth.TRANSFER,
        byte_limit=TRANSFER_MOST_BYTES,
        transfer=TransferTask(
            url=parse_url(row["object"]),
            bytes=TRANSFER_MOST_BYTES,
            control_name=row["control_name"],
            reference=parse_url(reference),
        ),
    )


if __name__ == "__main__":
    asyncio.run(read_all(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
