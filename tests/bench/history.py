"""`make bench-history`: a quarter of measurements in the archive, and how long what page and API ask for takes.

Rows are real measurements of agents in the simulated country (recorded.bin.gz) with times of their own: of each row one
of tens of thousands, drawn at random. First some go all the way, from a journal by the collector's own code, for
the bytes that a measurement takes; then DuckDB writes as many as are asked for in the same form, and as time allows.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from bench.record import load
from rabta_collector import journal_file
from rabta_collector.archive.sealing import Archive, Sources
from rabta_collector.archive.table import COLUMNS, GROUP_ROWS, open_duck, quoted
from rabta_collector.journal_file import Kind, Row
from rabta_collector.record.counts import WIDTHS, read_counts
from rabta_collector.record.file import RecordFile
from rabta_collector.signing import load_signer
from rabta_collector.state import Event, Snapshot
from rabta_collector.timeline import find_spans
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import Mechanism

START = 1_700_006_400  # midnight, UTC
DAYS, DAY_S = 90, 86_400
AGENTS, ISPS, PLATFORMS = 300, 10, 40
POOL, SAMPLE, BATCH = 3 * GROUP_ROWS, 20_000, 10  # few repeat themselves within a row group, which packs as one
EVENTS = 5_000
BUILD = Path(__file__).resolve().parents[2] / "build"


def jittered(dice: random.Random, templates: list[wire.Measurement]) -> wire.Measurement:
    """A real measurement with times, numbers and digests of its own; one in five fails in its last step."""
    message = wire.Measurement()
    message.CopyFrom(dice.choice(templates))
    slower, offset = dice.uniform(0.5, 3), 0
    for observation in message.observations:
        observation.duration_us = round(observation.duration_us * slower * dice.uniform(0.8, 1.3))
        observation.offset_us = offset
        offset += observation.duration_us
        if observation.HasField("tls") and observation.tls.HasField("first_byte_us"):
            observation.tls.first_byte_us = observation.duration_us // 2
    if dice.random() < 0.2 and message.observations:
        message.observations[-1].failure = dice.choice(("connection_reset", "generic_timeout_error"))
    message.platform, message.epoch = f"platform{dice.randrange(PLATFORMS)}", dice.getrandbits(62)
    message.sequence, message.duration_us = dice.randrange(1, 10**6), offset
    message.started_at.seconds, message.started_at.nanos = START + dice.randrange(DAY_S), dice.randrange(10**9)
    return message


def seal_sample(folder: Path, templates: list[wire.Measurement]) -> dict[str, float]:
    """The whole way: bytes of a measurement in the journal and in the archive, and how many are sealed a second."""
    dice, path = random.Random(1), folder / "journal.sqlite"
    journal_file.prepare(path)
    raw = 0
    with closing(journal_file.connect(path)) as connection:
        for start in range(0, SAMPLE // BATCH, 500):
            rows = []
            for number in range(start, min(start + 500, SAMPLE // BATCH)):
                batch = link.MeasurementBatch(measurements=[jittered(dice, templates) for _ in range(BATCH)])
                payload = batch.SerializeToString()
                raw += len(payload)
                at_us = round((START + number * DAY_S * BATCH / SAMPLE) * 1e6)
                agent = f"{dice.randrange(AGENTS):012x}"
                isp = f"isp{int(agent, 16) % ISPS}"
                rows.append(Row(0, Kind.MEASURED, at_us, agent, isp, "probe", 7, 1, BATCH, BATCH, payload))
            journal_file.append(connection, start, rows)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    began, cpu = time.perf_counter(), time.process_time()
    sources = Sources(path, folder / "none", load_signer(folder / "plan.key"))
    (sealed,) = Archive(folder / "archive", sources).seal_due(START + 2 * DAY_S)
    return {
        "raw_bytes": raw / SAMPLE,
        "journal_bytes": path.stat().st_size / SAMPLE,
        "archive_bytes": sealed.bytes / SAMPLE,
        "sealed_per_cpu_s": SAMPLE / (time.process_time() - cpu),
        "sealed_per_s": SAMPLE / (time.perf_counter() - began),
    }


def load_rows(folder: Path, templates: list[wire.Measurement], wanted: int, until: float) -> int:
    """Writes the archive's table, a day a file, until there are so many rows or it is so late; how many there are.

    Days that an earlier run wrote are taken as they are.
    """
    done, each = 0, wanted // DAYS
    with open_duck() as duck:
        duck.execute(f"SET temp_directory = {quoted(folder / 'spilled')}")
        duck.execute(_pool(folder / "pool.jsonl", templates))
        for day in range(DAYS):
            place = folder / f"big/measurements/day={time.strftime('%Y-%m-%d', time.gmtime(START + day * DAY_S))}"
            part = place / "part-0001.parquet"
            if not part.exists():
                if time.time() >= until:
                    break
                place.mkdir(parents=True, exist_ok=True)
                draft = place / "draft.parquet"
                duck.execute(_day_of_rows(draft, day, done, each))
                draft.replace(part)
            done += each
            say(f"{done} rows, {peak_mib():.0f} MiB")
    return done


def _pool(place: Path, templates: list[wire.Measurement]) -> str:
    """Writes the measurements that rows are drawn from; the statement that reads them."""
    dice = random.Random(2)
    with place.open("w") as stream:
        for number in range(POOL):
            message = jittered(dice, templates)
            failed = [one for one in message.observations if one.HasField("failure")]
            step, failure = (failed[0].WhichOneof("detail"), failed[0].failure) if failed else ("", "")
            row = {"n": number, "platform": message.platform, "target": message.target, "failed_step": step}
            row |= {"failure": failure, "steps": len(message.observations), "duration_us": message.duration_us}
            stream.write(json.dumps(row | {"message": message.SerializeToString().hex()}) + "\n")
    return f"CREATE TABLE pool AS SELECT * REPLACE (from_hex(message) AS message) FROM read_json({quoted(place)})"


def peak_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _day_of_rows(place: Path, day: int, done: int, each: int) -> str:
    at = (
        f"make_timestamp(({START + day * DAY_S} * 1000000::BIGINT + (i * {DAY_S} * 1000000::BIGINT) // {each})::BIGINT)"
    )
    agent = f"((hash(i * 7 + {day}) % {AGENTS})::BIGINT)"
    special = {
        "entry": f"{done} + i",
        "kind": "1::TINYINT",
        "admitted": at,
        "agent": f"printf('%012x', {agent})",
        "isp": f"'isp' || {agent} % {ISPS}",
        "role": "'probe'",
        "epoch": "hash(i % 300)",
        "sequence": "i::UBIGINT",
        "started": f"{at} - INTERVAL 2 SECOND",
        "version": "'0.1.0'",
    }
    wanted = ", ".join(f"{special.get(name, name)} AS {name}" for name in COLUMNS)
    return (
        f"COPY (SELECT {wanted} FROM range({each}) AS r(i) JOIN pool ON pool.n = (hash(i + {done}) % {POOL})::BIGINT)"
        f" TO {quoted(place)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
    )


def load_record(path: Path) -> None:
    """Counts of every hour and day of the quarter and of every minute of its last three days, and events."""
    dice = random.Random(3)
    with closing(RecordFile(path)) as record, record.transaction():
        for width, first in ((3600, 0), (86_400, 0), (60, DAYS - 3)):
            record.connection.execute(
                "WITH RECURSIVE t(at) AS (SELECT ? UNION ALL SELECT at + ? FROM t WHERE at + ? < ?),"
                " i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < ?),"
                " p(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM p WHERE n < ?)"
                " INSERT INTO counts SELECT ?, 'isp' || i.n, 'platform' || p.n, at, abs(random() % 50), 3, 0, 0, 1,"
                " randomblob(40) FROM i, p, t",
                (START + first * DAY_S, width, width, START + DAYS * DAY_S, ISPS - 1, PLATFORMS - 1, width),
            )
        for event in make_events(dice):
            record.append(event, {"examples": [dice.randbytes(1500).hex()]}, event.at)


def make_events(dice: random.Random) -> Iterator[Event]:
    for number in range(1, EVENTS + 1):
        yield Event(
            id=number,
            at=START + number * DAYS * DAY_S / EVENTS,
            platform=f"platform{dice.randrange(PLATFORMS)}",
            isp=f"isp{dice.randrange(ISPS)}",
            from_state="reachable" if number % 2 else "blocked",
            to_state="blocked" if number % 2 else "reachable",
            mechanism=Mechanism.TLS_RESET_SNI if number % 2 else None,
            detected_after_seconds=2.5,
        )


def queries(folder: Path, days: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What page and API ask of the record, and what an operator or an export asks of the table."""
    record, end = folder / "record.sqlite", START + DAYS * DAY_S
    events, table = tuple(make_events(random.Random(3))), f"{folder}/big/measurements/*/part-*.parquet"

    def counts(by: str, since: float, platform: str | None = None, isp: str | None = None) -> object:
        window = (since, float(end))
        return read_counts(record, width=WIDTHS[by], isp=isp, platform=platform, window=window, after=None, most=10_001)

    def ask(sql: str) -> object:
        with open_duck() as duck:
            return duck.execute(f"SELECT {sql}".replace("TABLE", f"read_parquet('{table}')")).fetchall()

    def of_event() -> object:
        with closing(RecordFile(record)) as file:
            return file.evidence_of(EVENTS // 2)

    def older() -> object:
        with closing(RecordFile(record)) as file:
            return file.before(EVENTS, platform="platform1", isp=None)

    last = START + (days - 1) * DAY_S
    day = f"admitted >= make_timestamp({last}000000) AND platform = 'platform1' AND isp = 'isp1'"
    yield "counts by hour, a platform at every ISP, 41 days", lambda: counts("hour", end - 41 * DAY_S, "platform1")
    yield "counts by hour, one cell, 90 days", lambda: counts("hour", START, "platform1", "isp1")
    yield "counts by day, all cells, 25 days", lambda: counts("day", end - 25 * DAY_S)
    yield "counts by hour, all cells, 24 hours", lambda: counts("hour", end - DAY_S)
    yield "counts by minute, one cell, three days", lambda: counts("minute", end - 3 * DAY_S, "platform1", "isp1")
    yield "evidence of one event of 5,000", of_event
    yield "events of a platform from the record", older
    yield "timeline, all cells, of 5,000 events", lambda: find_spans(events, Snapshot(at=end))
    yield (
        "table: failures of a cell by hour, one day",
        lambda: ask(f"hour(admitted), failure, count(*) FROM TABLE WHERE {day} GROUP BY ALL ORDER BY ALL"),
    )
    yield (
        "table: ten measurements of a cell with every step",
        lambda: ask(f"started, message FROM TABLE WHERE {day} AND failure = 'connection_reset' LIMIT 10"),
    )
    yield (
        "table: failures of a platform by ISP and step, all of it",
        lambda: ask(
            "isp, failed_step, failure, count(*) FROM TABLE WHERE platform = 'platform1' GROUP BY ALL ORDER BY ALL"
        ),
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Median seconds of three, by the clock and of CPU; the first is what a busy machine makes of the second."""
    taken, used = [], []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append(time.perf_counter() - began)
        used.append(time.process_time() - cpu)
    return {"seconds": statistics.median(taken), "cpu_s": statistics.median(used)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-history")
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--minutes", type=float, default=120.0, help="after which no more rows are written")
    parser.add_argument("--keep", action="store_true", help="leave the rows, and go on from those that are there")
    options = parser.parse_args()
    os.nice(10)
    folder = BUILD / f"bench-history-{options.rows}"
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = measure(folder, options.rows, time.time() + options.minutes * 60)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    (BUILD / "bench-history.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def measure(folder: Path, wanted: int, until: float) -> dict[str, object]:
    templates = list(load().measurements)
    with tempfile.TemporaryDirectory(dir=folder) as sample:
        found: dict[str, object] = {"sample": seal_sample(Path(sample), templates)}
    say(json.dumps(found["sample"]))
    if not (folder / "record.sqlite").exists():
        load_record(folder / "draft.sqlite")
        (folder / "draft.sqlite").replace(folder / "record.sqlite")
    rows = load_rows(folder, templates, wanted, until)
    files = list(folder.glob("big/**/part-*.parquet"))
    size = sum(file.stat().st_size for file in files)
    found |= {"rows": rows, "bytes": size, "bytes_per_row": size / max(rows, 1), "peak_mib": peak_mib()}
    say(f"{rows} rows in {len(files)} files: {size} bytes, {size / max(rows, 1):.0f} for each; {peak_mib():.0f} MiB")
    found["record_bytes"] = (folder / "record.sqlite").stat().st_size
    taken = found["queries"] = {}
    for name, work in queries(folder, len(files)):
        taken[name] = timed(work)
        say("{seconds:8.3f} s, {cpu_s:.3f} of CPU  {name}".format(name=name, **taken[name]))
    return found


if __name__ == "__main__":
    sys.exit(main())
