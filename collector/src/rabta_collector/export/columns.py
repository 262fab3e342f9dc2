"""Open data as Parquet (zstd): one row a measurement, anonymous as every export is.

    time            the minute in which it began, UTC
    platform, isp, target       what was measured, and where; platform is empty for a reference
    state, mechanism, rule      what was found of it; mechanism is empty for none
    measurement     rabta.v1.Measurement as protobuf JSON, with every step: DuckDB and others read into it

Rows go into a draft of JSON lines beside the file, and from there into it, a row group at a time.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from rabta_collector.archive.table import GROUP_ROWS, LINE_BYTES, open_duck, quoted
from rabta_collector.export.anonymous import anonymise
from rabta_collector.export.files import STDOUT, UnwritableError, Write, writing
from rabta_collector.export.judged import Judged
from rabta_proto.codec import to_message

COLUMNS = {"time": "TIMESTAMP", **dict.fromkeys(("platform", "isp", "target", "state", "mechanism", "rule"), "VARCHAR")}
COLUMNS["measurement"] = "VARCHAR"


class ParquetForm:
    """Lines of the draft."""

    header = ""

    def line(self, judged: Judged) -> str | None:
        measurement, finding = anonymise(judged.measurement), judged.finding
        row = {
            "time": f"{measurement.started_at:%Y-%m-%d %H:%M:%S}",
            "platform": measurement.platform,
            "isp": judged.isp,
            "target": measurement.target,
            "state": str(finding.judgement),
            "mechanism": str(finding.mechanism or ""),
            "rule": finding.rule,
            "measurement": json.dumps(MessageToDict(to_message(measurement)), separators=(",", ":")),
        }
        return json.dumps(row, separators=(",", ":")) + "\n"


@contextmanager
def writing_parquet(place: str) -> Iterator[Write]:
    """The way to write lines of `ParquetForm` that become a file of Parquet. Raises `UnwritableError`, as `writing`."""
    import duckdb

    if place == STDOUT:
        raise UnwritableError("Parquet goes into a file; name one with --out")
    path = Path(place)
    draft, whole = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("jsonl", "part"))
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    source = f"read_json({quoted(draft)}, format = 'newline_delimited', columns = {{{types}}}, "
    source += f"maximum_object_size = {LINE_BYTES})"
    try:
        with writing(str(draft)) as write:
            yield write
        with open_duck() as duck:
            duck.execute(
                f"COPY (SELECT * FROM {source}) TO {quoted(whole)}"  # noqa: S608 - names of ours
                f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
            )
        whole.replace(path)
    except (OSError, duckdb.Error) as wrong:
        raise UnwritableError(f"{path}: {str(wrong).splitlines()[0]}") from None
    finally:
        draft.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
