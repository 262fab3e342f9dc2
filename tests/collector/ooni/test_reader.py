"""Documents in files of every form, and what a broken one costs."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.ooni import reader
from rabta_collector.ooni.reader import Document, Place, Trouble, read_path

ONE, TWO = {"n": 1, "test_keys": {"a": [{}]}}, {"n": 2, "test_keys": {}}
LINES = f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n"


def write(folder: Path, content: str | bytes, name: str = "m.json") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def numbers(path: Path) -> list[object]:
    """The `n` of documents, and the troubles as they are told, without the folder."""
    return [
        found.record.get("n") if isinstance(found, Document) else str(found).removeprefix(f"{path.parent}/")
        for found in read_path(path)
    ]


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.rstrip("\n"),
        "\n\n" + LINES.replace("\n", "\r\n\r\n"),
        "\ufeff" + LINES,
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        f"{json.dumps(ONE, indent=4)}\n{json.dumps(TWO, indent=4)}\n",
        f"{json.dumps(ONE, indent=4)}\n{json.dumps(TWO)}\n",
    ],
    ids=["lines", "no last newline", "empty lines", "mark", "list", "long list", "long documents", "both"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_all_forms_are_read(tmp_path: Path, content: str, packed: bool) -> None:
    raw = content.encode()
    assert [1, 2] == numbers(write(tmp_path, gzip.compress(raw) if packed else raw))


def test_gzip_in_parts_is_read(tmp_path: Path) -> None:
    first, second = LINES.splitlines(keepends=True)
    assert [1, 2] == numbers(write(tmp_path, gzip.compress(first.encode()) + gzip.compress(second.encode())))


def test_a_document_knows_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, f"\n{json.dumps(ONE, indent=1)}\n{json.dumps(TWO)}\n")
    lines = json.dumps(ONE, indent=1).count("\n") + 1
    places = [found.place for found in read_path(path) if isinstance(found, Document)]
    assert [Place(file=str(path), line=2), Place(file=str(path), line=2 + lines)] == places


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ('{"n": 9, "test_keys"', "m.json:2: not a JSON document"),
        ("nonsense", "m.json:2: not a JSON document"),
        ("[" * 100_000, "m.json:2: not a JSON document"),
        ('{"n": ' + "9" * 5000 + "}", "m.json:2: not a JSON document"),
        ("17", "m.json:2: a JSON value, and not a measurement"),
        ("null", "m.json:2: a JSON value, and not a measurement"),
    ],
    ids=["cut", "words", "deep", "huge number", "number", "null"],
)
def test_a_broken_document_costs_no_other(tmp_path: Path, broken: str, told: str) -> None:
    first, second = LINES.splitlines()
    assert [1, told, 2] == numbers(write(tmp_path, f"{first}\n{broken}\n{second}\n"))


def test_a_line_without_test_keys_is_found_behind_a_broken_one(tmp_path: Path) -> None:
    assert ["m.json:1: not a JSON document", 3, 4] == numbers(write(tmp_path, '{"n"\n{"n": 3}\n{"n": 4}\n'))


def test_a_line_too_long_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LIMIT", 1000)
    first, second = LINES.splitlines()
    found = numbers(write(tmp_path, f"{first}\n{'x' * 5000}\n{second}\n"))
    assert [1, "m.json:2: a line of more than 0 MiB", 2] == found


def test_a_document_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LIMIT", 100)
    found = numbers(write(tmp_path, "{\n" + ' "a": 1,\n' * 20 + "}\n"))
    assert "m.json:1: a document of more than 0 MiB" == found[0]


def test_a_cut_gzip_gives_what_is_there(tmp_path: Path) -> None:
    many = "".join(json.dumps({"n": n, "test_keys": {}, "pad": f"{n * 7919:x}" * 40}) + "\n" for n in range(3000))
    packed = gzip.compress(many.encode())
    found = list(read_path(write(tmp_path, packed[: len(packed) // 2])))
    assert isinstance(found[0], Document)
    last = found[-1]
    assert isinstance(last, Trouble)
    whole = sum(isinstance(one, Document) for one in found)
    assert last.place == f"{tmp_path}/m.json:{whole + 1}"
    assert "ended before the end-of-stream marker was reached" in last.what


def test_a_spoilt_gzip_is_told(tmp_path: Path) -> None:
    (found,) = read_path(write(tmp_path, b"\x1f\x8b" + bytes(range(60))))
    assert isinstance(found, Trouble)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    assert [Trouble(place=str(path), what="No such file or directory")] == list(read_path(path))


def test_a_directory_is_read_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write(tmp_path / "b", json.dumps(TWO), "x.jsonl")
    write(tmp_path, gzip.compress(json.dumps(ONE).encode()), "a.jsonl.gz")
    write(tmp_path, "no measurement", "README")
    assert [1, 2] == [found.record["n"] for found in read_path(tmp_path) if isinstance(found, Document)]


def test_a_directory_without_measurements_is_told(tmp_path: Path) -> None:
    (found,) = read_path(tmp_path)
    assert isinstance(found, Trouble)


@pytest.mark.parametrize(
    "content", ["", "\n\n", "\ufeff", gzip.compress(b"")], ids=["empty", "lines", "mark", "packed"]
)
def test_an_empty_file_is_told(tmp_path: Path, content: str | bytes) -> None:
    assert ["m.json: nothing in it"] == numbers(write(tmp_path, content))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_to_their_end(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp(), content, "any.json")
    assert all(isinstance(found, Document | Trouble) for found in read_path(path))
