"""Whether the stream of events has what processes decided, each once, whoever of them was killed between the two."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rabta_collector.jetstream import link
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.record.reading import reading
from rabta_collector.record.told import Moment, read_told

CHUNK = 500
ByIsp = Mapping[str, Sequence[Moment]]


async def said(place: Place) -> ByIsp:
    """In the stream's order. Raises `AssertionError` where one of them is there twice or out of order."""
    client, found = await link.connect(place, name="test reads events"), defaultdict[str, list[Moment]](list)
    try:
        reader, last = StreamReader(client, place.events), 0
        while chunk := await reader.read_after(last, CHUNK):
            last = chunk[-1].number
            for told in (read_told(one.data) for one in chunk):
                those = found[told.event.isp]
                assert told.number == len(those) + 1, f"{told.event.isp}: {told.number} follows {len(those)}"
                assert not those or those[-1] < told.moment, f"{told.event.isp}: {told.moment} follows {those[-1]}"
                those.append(told.moment)
    finally:
        await client.close()
    return dict(found)


def written(records: Iterable[Path]) -> list[ByIsp]:
    """What each process has written down, in its order."""
    every = list[ByIsp]()
    for path in records:
        found = defaultdict[str, list[Moment]](list)
        with reading(path) as record:
            for line in record.placed_after(0, 1_000_000):
                found[line.isp].append(Moment(at_us=line.at_us, platform=line.platform))
        every.append(dict(found))
    return every


async def all_said(place: Place, records: Sequence[Path]) -> bool:
    """Whether the stream has what each has written, and nothing else."""
    found = await said(place)
    return all(one == found for one in await asyncio.to_thread(written, records))
