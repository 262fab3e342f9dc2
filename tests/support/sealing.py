"""A stream of days that are over and what was decided on them, to be sealed by processes whose clock is turned on."""

import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from rabta_collector.entries import Entry
from rabta_collector.jetstream import link
from rabta_collector.jetstream.frame import frame
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.registry import BucketRegistry
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.jetstream.streams import make_events
from rabta_collector.record.lines import write_line
from rabta_collector.record.told import write_told
from rabta_collector.roles.ground import PLAN_KEY, check_key
from rabta_collector.signing import load_signer
from rabta_collector.state import Event
from support.factories import NOON
from support.feeds import Feed
from support.written import row_of

DAY_S = 86_400.0
FEED = Feed(agents={"ptcl": 2, "jazz": 2}, controls=1)


def turned(folder: Path, seconds: float) -> Mapping[str, str]:
    """An environment in which Python's clock goes ahead, and nobody steps back: tests keep every core busy."""
    place = folder / f"turned-{seconds:g}"
    place.mkdir(exist_ok=True)
    text = f"import os, time\nreal = time.time\ntime.time = lambda: real() + {seconds}\n"
    text += "os.setpriority = lambda *_: None\n"
    (place / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(place)}


def entries(days: int) -> list[Entry]:
    """Of some days in a row, of several ISPs."""
    noons = [NOON + number * DAY_S for number in range(days)]
    return [one for noon in noons for one in (*FEED.presence(noon, True), *FEED.rounds(noon, noon + 60))]


def make_shared(place: Place, folder: Path) -> None:
    """Stream and registry, as the first process that takes agents makes them; the key is the folder's."""
    with closing(StreamRows(place, make=True)):
        pass
    with closing(BucketRegistry(place)) as registry:
        check_key(registry, PLAN_KEY, load_signer(folder / "plan.key").public_key)


async def append(place: Place, found: Iterable[Entry]) -> int:
    """The number of the last row."""
    client, last = await link.connect(place, name="test appends"), 0
    try:
        for number, entry in enumerate(found, 1):
            subject = place.subject_of(entry.isp, entry.agent)
            last = await link.publish(client, subject, frame(row_of(entry, number), f"test-{number}"), {})
    finally:
        await client.close()
    return last


async def say(place: Place, events: Iterable[Event]) -> None:
    """Events as whoever decides says them."""
    client, numbers = await link.connect(place, name="test decides"), dict[str, int]()
    try:
        await make_events(client, place)
        for event in events:
            number = numbers[event.isp] = numbers.get(event.isp, 0) + 1
            line = write_line(1, "", event.at, event, {"of": event.id})
            text = write_told(number, round(event.at * 1e6), line.text)
            await link.publish(client, place.event_of(event.isp), text, {})
    finally:
        await client.close()
