"""A diary says what was written, and nothing of a line that was torn."""

from pathlib import Path

from faults.diary import Diary, Writer, read_diary


def test_what_was_written_is_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "diary")
    writer.produced((7, 1), 99)
    writer.produced((7, 2), 98)
    writer.settled([(7, 1), (7, 2)])
    writer.rejected([(8, 3)])
    writer.close()
    expected = Diary(
        produced={(7, 1): 99, (7, 2): 98}, settled=frozenset({(7, 1), (7, 2)}), rejected=frozenset({(8, 3)})
    )
    assert expected == read_diary(tmp_path / "diary")


def test_a_second_writer_goes_on(tmp_path: Path) -> None:
    for number in (1, 2):
        writer = Writer(tmp_path / "diary")
        writer.produced((7, number), number)
        writer.close()
    assert {(7, 1): 1, (7, 2): 2} == read_diary(tmp_path / "diary").produced


def test_a_torn_line_is_no_line(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("produced 7 1 99\nproduced 7 2")
    assert {(7, 1): 99} == read_diary(tmp_path / "diary").produced


def test_no_file_is_an_empty_diary(tmp_path: Path) -> None:
    assert Diary() == read_diary(tmp_path / "nothing")
