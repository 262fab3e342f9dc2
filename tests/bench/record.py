"""Measurements as real agents make them, recorded from the simulated country: `python -m bench.record`, from tests/.

`recorded.bin.gz` is a `MeasurementBatch`: of each target one by an agent at an ISP (field `network.isp` says which) and
one by each control, none of which failed. To be made anew when what agents measure changes.
"""

import asyncio
import gzip
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from lab.atlas import PAKISTAN, Atlas
from lab.country import Country
from lab.system import Files, Ports, System, free_port
from lab.waiting import until
from lab.watch import Watch
from rabta_proto.v1.collector_pb2 import MeasurementBatch

FILE = Path(__file__).with_name("recorded.bin.gz")
WITHIN_S = 120.0


def load() -> MeasurementBatch:
    """The recorded measurements."""
    return MeasurementBatch.FromString(gzip.decompress(FILE.read_bytes()))


def pick(journal: Path) -> MeasurementBatch:
    """The last measurement without a failure of each target and kind of agent."""
    picked = {}
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as opened:
        for agent, role, payload in opened.execute(
            "SELECT agent, role, payload FROM entries WHERE count > 0 ORDER BY id"
        ):
            for measurement in MeasurementBatch.FromString(payload).measurements:
                if not any(observation.failure for observation in measurement.observations):
                    picked[agent if role == "control" else role, measurement.target] = measurement
    return MeasurementBatch(measurements=picked.values())


async def record() -> MeasurementBatch:
    """Lets agents work in the country until every platform has a verdict."""
    isp = next(network for network in PAKISTAN.networks if network.kind is not None)
    abroad = [network for network in PAKISTAN.networks if network.kind is None]
    atlas = Atlas(networks=(isp, *abroad), sites=PAKISTAN.sites)
    with tempfile.TemporaryDirectory() as folder:
        files, ports = Files(root=Path(folder)), Ports(grpc=free_port(), http=free_port())
        async with Country(atlas, files.root, collector=("127.0.0.1", ports.grpc)) as country:
            system = System(country, files, ports)
            try:
                async with Watch(ports.page) as watch:
                    await system.start(watch)

                    async def reached() -> bool:
                        told = await watch.listed("verdicts", isp=isp.id)
                        return bool(told) and all(verdict["state"] == "reachable" for verdict in told)

                    await until(reached, within=WITHIN_S)
                await system.stop()
            finally:
                system.kill()
        return pick(files.data / "journal.sqlite")


if __name__ == "__main__":
    made = asyncio.run(record())
    FILE.write_bytes(gzip.compress(made.SerializeToString(), mtime=0))
    sys.stdout.write(f"{FILE.name}: {len(made.measurements)} measurements, {made.ByteSize()} bytes\n")
