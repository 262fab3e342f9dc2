"""Processes that each decide on a share of the ISPs: their readers see what one would show that decides on all.

Where a share has nobody, they are told so, and see nothing that lacks it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, tell
from faults.fleet import Fleet, Part, fleet
from lab.waiting import until
from rabta_collector.isp_share import IspShare
from rabta_collector.isps import default_isps
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

ISPS = [isp.id for isp in default_isps()]
SHARES = IspShare(1, 2), IspShare(2, 2)
OURS, THEIRS = (share.owned(ISPS)[0] for share in SHARES)
LISTS = ("verdicts", "isps", "events", "timeline", "counts?by=day")
PAGES = ("", "platform/x", f"isp/{OURS}", f"isp/{THEIRS}", f"cell/x/{OURS}", f"cell/x/{THEIRS}")
AGENTS = 3
ISP_NAMES = {isp.id: isp.name for isp in default_isps()}


async def rows(part: Part, path: str) -> list[dict[str, Any]]:
    """A list, without numbers of events: of one half second these hang on the shares, and so does the order there."""
    answer = await part.ask(f"api/v1/{path}")
    if answer.status != 200:
        return []
    (found,) = (value for value in json.loads(answer.text).values() if isinstance(value, list))
    plain = [{key: value for key, value in row.items() if key != "id"} for row in found]
    return sorted(plain, key=json.dumps) if path.startswith("events") else plain


async def join(system: Fleet) -> None:
    (ingest,) = system.ingests
    for isp in (OURS, THEIRS):
        for number in range(AGENTS):
            member = await system.join(f"{isp}{number}", url=ingest.url, isp=isp)
            await member.program.start()


async def until_alike(parts: list[Part], whole: Part, path: str) -> None:
    """Until all say the same; they decide at the same moments of the journal, and not of the clock."""
    found: list[list[dict[str, Any]]] = []

    async def alike() -> bool:
        found[:] = [await rows(part, path) for part in (whole, *parts)]
        return bool(found[0]) and all(one == found[0] for one in found)

    try:
        await until(alike, within=PATIENCE_S, beat=0.5)
    except TimeoutError:
        assert [found[0]] * len(found) == found, path
        raise


async def has(part: Part, path: str, least: int = 1) -> bool:
    return len(await rows(part, path)) >= least


async def status(part: Part, path: str, wanted: int) -> str:
    """Until a process answers so."""
    texts: list[str] = []

    async def answers() -> bool:
        answer = await part.ask(path)
        texts[:] = [answer.text]
        return answer.status == wanted

    try:
        await until(answers, within=PATIENCE_S)
    except TimeoutError:
        raise AssertionError(f"{part.name} never answers {wanted}, /{path}: {texts}") from None
    return texts[0]


async def test_readers_anywhere_see_the_whole_country_or_are_told_what_is_missing(tmp_path: Path) -> None:
    how = {"ingests": 1, "decides": 1, "shares": 2}
    async with Nats(tmp_path).running() as nats, fleet(tmp_path, parse_place(nats.url()), **how) as system:
        await system.start()
        first, second = system.decides
        (ingest,) = system.ingests
        await join(system)

        async def known() -> bool:
            heard = {row["isp"] for row in await rows(first, "events")}
            measured = {row["isp"] for row in await rows(first, "counts?by=day")}
            return heard == measured == {OURS, THEIRS}

        await system.until_produced(1)
        await until(known, within=PATIENCE_S)
        await system.deliver()
        for path in LISTS[2:]:  # before one that decides on all tells where it is
            await until(lambda path=path: has(ingest, path), within=PATIENCE_S)
        whole = Part(system, "decide", 9, 0)
        try:
            await whole.start()
            for path in LISTS:
                await until_alike([first, second], whole, path)
        finally:
            await whole.program.stop()
        for part in (first, second, ingest):
            for path in PAGES:
                await status(part, path, 200)
        events = len(await rows(first, "events"))
        second.program.kill()
        for part in (first, ingest):
            for path in (*(f"api/v1/{one}" for one in LISTS), f"api/v1/verdicts?isp={THEIRS}"):
                assert "share 2/2" in await status(part, path, 503)
            for path in (f"api/v1/verdicts?isp={OURS}", f"isp/{OURS}", f"cell/x/{OURS}", "api/v1/platforms"):
                await status(part, path, 200)
            assert ISP_NAMES[THEIRS] in await status(part, "", 503)
        await second.start()
        for part in (first, second, ingest):
            await until(lambda part=part: has(part, "events", events), within=PATIENCE_S)
    tell("readers", shares=2, agents=2 * AGENTS, events=events)
