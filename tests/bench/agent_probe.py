"""What the agent does for one measurement of a page, again and again: all steps, recorded, and the bytes to be kept.

`python -m bench.agent_probe URL TIMES`. The agent's own parts, without what a command shows or a session sends.
"""

import asyncio
import os
import sys
from pathlib import Path

from rabta_agent.cli.setting import make_prober, vantage_of
from rabta_agent.config import load_config
from rabta_agent.context import network_context
from rabta_agent.task import Task, own_settings
from rabta_proto.codec import to_message
from rabta_proto.vocabulary import Trigger


async def main(url: str, times: int) -> None:
    config = load_config(flags={}, environment=dict(os.environ), file=Path(os.devnull))
    vantage, settings = vantage_of(config), own_settings(lab=config.lab)
    prober = make_prober(vantage)
    try:
        for _ in range(times):
            task = Task(target=url, trigger=Trigger.SCHEDULED)
            measurement = await prober.measure(task, settings, network_context("", vantage))
            kept = to_message(measurement).SerializeToString()
            if any(one.failure is not None for one in measurement.observations) or not kept:
                raise SystemExit(f"the site is not reached: {measurement}")
    finally:
        await prober.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
