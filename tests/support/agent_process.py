"""The real `rabta-agent` in a process of its own, in the lab."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.waiting import PATIENCE_S

Process = asyncio.subprocess.Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(home: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RABTA_", "GRPC_"))}
    return own | {"RABTA_LAB": "1", "RABTA_HOME": str(home)}


async def start(home: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rabta_agent",
        *arguments,
        env=environment(home),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finished(process: Process) -> Finished:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(code=process.returncode, out=out.decode(), err=err.decode())


async def command(home: Path, *arguments: str) -> Finished:
    return await finished(await start(home, *arguments))


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Process]:
    """`rabta-agent run`; killed at the end, unless it ended."""
    process = await start(home, "run")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await finished(process)
