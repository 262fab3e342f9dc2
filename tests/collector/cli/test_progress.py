"""How far a long command has come."""

import pytest

from rabta_collector.cli.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_it_is_told_every_few_seconds_and_no_more_often(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = Progress(clock)
    for second in range(8):
        clock.seconds = 100.0 + second
        progress.tell(lambda second=second: f"second {second}")  # type: ignore[misc] # bound at once
    expected = ["second 2", "second 4", "second 6"]
    assert [f"rabta-collector: {text}" for text in expected] == capsys.readouterr().err.splitlines()


def test_what_is_not_told_is_not_made() -> None:
    def never() -> str:
        raise AssertionError

    Progress(Clock()).tell(never)


def test_a_terminal_has_one_line_that_is_written_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = Clock()
    progress = Progress(clock)
    clock.seconds += 3
    progress.tell(lambda: "half")
    progress.say("done")
    assert "\rrabta-collector: half\x1b[K\r\x1b[Krabta-collector: done\n" == capsys.readouterr().err


def test_a_rate_is_by_the_second_from_the_beginning() -> None:
    clock = Clock()
    progress = Progress(clock)
    clock.seconds += 4
    assert ("25/s", 4.0) == (progress.rate(100), progress.seconds)
