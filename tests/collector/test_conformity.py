"""What the API does is what its document says, whatever it is asked: tried by Schemathesis, over real HTTP."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from rabta_collector.web import make_app
from support.country import Country

OPTIONS = (
    "--include-path-regex=^/api/v1/",
    "--exclude-path=/api/v1/events/stream",  # it has no end; test_feeds.py has it
    # Which platforms and ISPs there are, and which cursors were given out, no document can say: those that there are
    # not get a 400 that names them (test_api.py).
    "--exclude-checks=positive_data_acceptance",
    "--phases=coverage,fuzzing",
    "--max-examples=4",
    "--suppress-health-check=too_slow",  # as in `conftest.py`
    "--seed=1",
    "--no-color",
)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_no_request_gets_anything_but_what_the_document_says(tmp_path: Path) -> None:
    """No 500, no status, header or body that is not described, nothing taken that is said to be wrong."""
    async with TestServer(make_app(Country())) as server:
        checking = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "ignore", "-m", "schemathesis.cli", "run"),
            str(server.make_url("/api/v1/openapi.json")),
            *OPTIONS,
            cwd=tmp_path,
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await checking.communicate()
    tried = re.search(r"([0-9]+) generated, ([0-9]+) passed\n", said.decode())
    assert 0 == checking.returncode, said.decode()
    assert tried is not None, said.decode()
    assert 100 < int(tried[1]) == int(tried[2])
