"""The data directory of a collector that has run for a minute."""

from contextlib import closing
from pathlib import Path

from rabta_collector import journal_file
from rabta_collector.datadir import DataDir
from rabta_collector.entries import Measured
from rabta_collector.journal_file import Kind, Row
from rabta_collector.registry import Registry
from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as link
from support.factories import NEAR, NOON, RESET, story, tls_trouble, works
from support.feeds import measured


def entries() -> list[Measured]:
    """A block at PTCL, a control around it, and a target that OONI has no form for."""
    other = story("openvpn://x.com:1194").names(NEAR)
    told = [
        measured("c", "abroad", works().measurement(at=NOON - 10)),
        measured("a", "ptcl", tls_trouble(RESET).measurement(at=NOON)),
        measured("b", "jazz", works().measurement(at=NOON + 10)),
        measured("b", "jazz", other.measurement(at=NOON + 20)),
        measured("c", "abroad", works().measurement(at=NOON + 30)),
    ]
    return sorted(told, key=lambda entry: entry.at)


def make_data(path: Path) -> Path:
    directory = DataDir(path)
    with closing(Registry(directory.state)):
        pass
    journal_file.prepare(directory.journal)
    rows = []
    for one in entries():
        payload = link.MeasurementBatch(measurements=map(to_message, one.measurements)).SerializeToString()
        at_us = round(one.at * 1_000_000)
        rows.append(Row(0, Kind.MEASURED, at_us, one.agent, one.isp, str(one.role), 7, 1, 1, 1, payload))
    with closing(journal_file.connect(directory.journal)) as connection:
        journal_file.append(connection, 0, rows)
    return path
