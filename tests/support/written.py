"""Entries as rows of a journal, with a batch that holds what each measured."""

from dataclasses import replace

from rabta_collector.entries import Entry, Measured
from rabta_collector.journal_file import Kind, Row
from rabta_proto.codec import to_message
from rabta_proto.v1 import collector_pb2 as link

EPOCH = 7


def row_of(entry: Entry, number: int) -> Row:
    """`number`: of the first measurement in its agent's spool."""
    at_us = round(entry.at * 1_000_000)
    if not isinstance(entry, Measured):
        kind = Kind.CONNECTED if entry.connected else Kind.LEFT if entry.left else Kind.DISCONNECTED
        return Row(0, kind, at_us, entry.agent, entry.isp, str(entry.role))
    messages = [
        to_message(replace(one, epoch=EPOCH, sequence=number + place)) for place, one in enumerate(entry.measurements)
    ]
    payload = link.MeasurementBatch(measurements=messages).SerializeToString()
    last, count = number + len(messages) - 1, len(messages)
    return Row(0, Kind.MEASURED, at_us, entry.agent, entry.isp, str(entry.role), EPOCH, number, last, count, payload)
