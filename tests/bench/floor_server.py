"""The floor of ingest: the same stream over grpc.aio, parsed, journaled in groups with a sync, acknowledged.

Nothing is judged, remembered or shown. `python -m bench.floor_server FILE [CERTIFICATE KEY]` prints its port when it
serves.
"""

import asyncio
import os
import queue
import sqlite3
import sys
import threading
import time
from pathlib import Path

import grpc
import grpc.aio

from rabta_proto.v1 import collector_pb2 as wire

LINGER_S = 0.005
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # as the collector has it, for whatever that saves


class Journal:
    """Rows of bytes in SQLite, in groups: on disk when a future is done."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for line in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {line}")
        self._connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, agent TEXT, at REAL, payload BLOB)")
        self._queue: queue.SimpleQueue[tuple[str, bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def append(self, agent: str, payload: bytes) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((agent, payload, future))
        return future

    def _run(self) -> None:
        while True:
            group = [self._queue.get()]
            time.sleep(LINGER_S)
            while not self._queue.empty():
                group.append(self._queue.get())
            self._connection.execute("BEGIN IMMEDIATE")
            rows = [(agent, time.time(), payload) for agent, payload, _ in group]
            self._connection.executemany("INSERT INTO entries (agent, at, payload) VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_done, [future for _, _, future in group])


def _done(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


async def serve(path: str, *tls: bytes) -> None:
    journal = Journal(path)
    counts: dict[tuple[str, str, str], int] = {}

    async def session(_requests: object, call: grpc.aio.ServicerContext) -> None:
        agent = str(dict(call.invocation_metadata()).get("authorization", ""))
        while (raw := await call.read()) is not grpc.aio.EOF:
            request = wire.SessionRequest.FromString(raw)
            if not request.HasField("batch"):
                await call.write(wire.SessionResponse(welcome=wire.Welcome()).SerializeToString())
                continue
            measurements = request.batch.measurements
            for one in measurements:
                key = (one.platform, one.target, one.network.isp)
                counts[key] = counts.get(key, 0) + len(one.observations)
                _ = one.sequence, one.epoch, one.started_at.seconds, one.duration_us
            await journal.append(agent, raw)
            first, last = measurements[0].sequence, measurements[-1].sequence
            ranges = [wire.AckRange(first=first, last=last, outcome=wire.OUTCOME_ACCEPTED)]
            ack = wire.Ack(epoch=measurements[0].epoch, ranges=ranges)
            await call.write(wire.SessionResponse(ack=ack).SerializeToString())

    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(session)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("rabta.v1.Collector", {"Session": handler}),))
    if tls:
        certificate, key = tls
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], *(Path(file).read_bytes() for file in sys.argv[2:])))
