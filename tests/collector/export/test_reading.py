"""Exports, read back."""

import json
import tracemalloc
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from rabta_collector.archive.table import open_duck, quoted
from rabta_collector.export.anonymous import anonymise
from rabta_collector.export.forms import COLUMNS, CsvForm
from rabta_collector.export.reading import Kind, Told, kind_of, read_export
from rabta_collector.ooni.reader import Trouble
from rabta_proto.codec import to_message
from rabta_proto.vocabulary import Judgement, Mechanism
from support.factories import NOON, RESET, tls_trouble

MEASUREMENT = dict(MessageToDict(to_message(anonymise(tls_trouble(RESET).measurement(at=NOON)))))
SAID = {"isp": "ptcl", "state": "blocked", "mechanism": "tls.reset.sni", "rule": "tls.reset.sni.isolated"}
COMPACT = json.dumps(MEASUREMENT, separators=(",", ":"))
LINE = json.dumps({**MEASUREMENT, **SAID})
ROW = "2024-02-17T12:00:00Z,x,ptcl,https://x.com/,blocked,tls.reset.sni,tls.reset.sni.isolated\r\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


def parquet(path: Path, rows: int, **changes: str) -> Path:
    """Row groups of 2048, each row with a measurement of its own."""
    columns = {name: f"'{value}'" for name, value in SAID.items()} | {
        "time": "TIMESTAMP '2024-02-17 12:00:00'",
        "platform": "'x'",
        "target": "'https://x.com/'",
        "measurement": f"replace('{COMPACT}', '\"durationUs\":\"', '\"durationUs\":\"' || (i % 8 + 1))",
    }
    wanted = ", ".join(f"{value} AS {name}" for name, value in (columns | changes).items() if value)
    with open_duck() as duck:
        duck.execute(
            f"COPY (SELECT {wanted} FROM range({rows}) AS r(i)) TO {quoted(path)}"  # noqa: S608 - words of ours
            " (FORMAT parquet, ROW_GROUP_SIZE 2048)"
        )
    return path


def test_a_file_is_what_its_beginning_says(tmp_path: Path) -> None:
    assert Kind.JSON is kind_of(write(tmp_path / "a", LINE + "\n"))
    assert Kind.JSON is kind_of(write(tmp_path / "b", LINE[30:] + "\n" + LINE + "\n"))
    assert Kind.CSV is kind_of(write(tmp_path / "c", CsvForm.header + ROW))
    assert Kind.OONI is kind_of(write(tmp_path / "d", '{"test_keys": {}}'))
    assert Kind.PARQUET is kind_of(parquet(tmp_path / "e", 1))
    assert kind_of(write(tmp_path / "f", "RABTASF1\n{[\n{")) is None
    assert kind_of(write(tmp_path / "g", "odd\n{odd\n")) is None
    assert kind_of(tmp_path / "none") is None


def test_a_row_is_what_was_said_of_it(tmp_path: Path) -> None:
    for path in (
        write(tmp_path / "a", LINE + "\n"),
        write(tmp_path / "b", CsvForm.header + ROW),
        parquet(tmp_path / "c", 1),
    ):
        kind = kind_of(path)
        assert kind
        (told,) = read_export(path, kind)
        assert isinstance(told, Told)
        assert ("x", "ptcl", "https://x.com/") == (told.platform, told.isp, told.target)
        assert (Judgement.BLOCKED, Mechanism.TLS_RESET_SNI, SAID["rule"]) == (told.judgement, told.mechanism, told.rule)
        assert NOON // 60 * 60 == told.time.timestamp()
        assert (kind is Kind.CSV) == (told.measurement is None)


@pytest.mark.parametrize(
    "line",
    [
        LINE[:100],
        "[1]",
        "7",
        json.dumps({**MEASUREMENT, **SAID, "state": "odd"}),
        json.dumps({**MEASUREMENT, **SAID, "mechanism": "odd"}),
        json.dumps({**MEASUREMENT, **SAID, "rule": None}),
        json.dumps({**SAID, "rule": "ok.https"}),
        "[" * 5000,
    ],
)
def test_a_line_that_is_none_is_named_and_the_next_one_read(line: str, tmp_path: Path) -> None:
    found = list(read_export(write(tmp_path / "a", f"{LINE}\n{line}\n{LINE}\n"), Kind.JSON))
    assert [Told, Trouble, Told] == [type(one) for one in found]
    assert f"{tmp_path}/a:2" == getattr(found[1], "place", "")


@pytest.mark.parametrize(
    "row", ["a,b\r\n", ROW.replace("2024", "odd"), '"' + ROW, ROW.replace("blocked", "odd"), "\0\r\n"]
)
def test_a_row_of_csv_that_is_none_is_named_and_the_next_one_read(row: str, tmp_path: Path) -> None:
    found = list(read_export(write(tmp_path / "a", CsvForm.header + ROW + row + ROW), Kind.CSV))
    assert [Told, Trouble, Told] == [type(one) for one in found]
    assert f"{tmp_path}/a:3" == getattr(found[1], "place", "")


def test_a_row_that_was_cut_off_is_no_other_one(tmp_path: Path) -> None:
    """Its rule may have lost its end."""
    (found,) = read_export(write(tmp_path / "a", CsvForm.header + ROW.rstrip()[:-4]), Kind.CSV)
    assert Trouble(place=f"{tmp_path}/a:2", what="cut off before its end") == found


def test_of_damaged_parquet_one_row_group_is_lost_and_named(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a", 5000)
    with open_duck() as duck:
        (start,) = duck.execute(
            "SELECT data_page_offset FROM parquet_metadata(?)"
            " WHERE row_group_id = 1 AND path_in_schema = 'measurement'",
            [str(path)],
        ).fetchone() or (0,)
    raw = bytearray(path.read_bytes())
    raw[start : start + 40] = b"\xff" * 40
    path.write_bytes(raw)
    found = list(read_export(path, Kind.PARQUET))
    troubles = [one for one in found if isinstance(one, Trouble)]
    assert [f"{path}: rows 2049 to 4096"] == [one.place for one in troubles]
    assert 5000 - 2048 == len(found) - 1


def test_parquet_of_other_columns_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (found,) = read_export(parquet(tmp_path / "a", 1, rule=""), Kind.PARQUET)
    assert Trouble(place=str(tmp_path / "a"), what="no export of ours: has no column rule") == found


def test_a_row_of_parquet_that_is_none_is_named(tmp_path: Path) -> None:
    found = list(read_export(parquet(tmp_path / "a", 2, measurement="'{'"), Kind.PARQUET))
    assert [f"{tmp_path}/a: a row after 1"] * 2 == [getattr(one, "place", "") for one in found]


def test_whoever_reads_is_told_how_far_it_came(tmp_path: Path) -> None:
    for path, kind in (
        (write(tmp_path / "a", f"{LINE}\n" * 3), Kind.JSON),
        (write(tmp_path / "b", CsvForm.header + ROW), Kind.CSV),
        (parquet(tmp_path / "c", 3000), Kind.PARQUET),
    ):
        heard: list[int] = []
        for _ in read_export(path, kind, heard.append):
            pass
        assert sorted(heard) == heard
        assert path.stat().st_size == heard[-1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a", CsvForm.header + ROW * 20_000)
    rows = read_export(path, Kind.CSV)
    for _ in range(10):
        next(rows)
    tracemalloc.start()
    assert 19_990 == sum(1 for _ in rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 300_000


def test_the_columns_of_csv_are_those_that_are_written() -> None:
    assert CsvForm.header == ",".join(COLUMNS) + "\r\n"
