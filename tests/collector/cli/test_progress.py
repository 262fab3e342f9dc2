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


def test_a_share_is_told_in_hundredths(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = Progress(clock)
    clock.seconds += 3
    progress.tell(lambda: "7 read", lambda: 0.256)
    assert "rabta-collector: 7 read (26%)\n" == capsys.readouterr().err


def make_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)


def test_a_terminal_has_a_bar_after_a_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terminal(monkeypatch)
    clock = Clock()
    progress = Progress(clock)
    for moment in (0.5, 0.9):
        clock.seconds = 100.0 + moment
        progress.tell(lambda: "soon", lambda: 0.1)
    assert capsys.readouterr().err == ""
    for moment, share in ((1.1, 0.25), (1.2, 0.3), (1.4, 0.5)):
        clock.seconds = 100.0 + moment
        progress.tell(lambda: "[red] read", lambda share=share: share)  # type: ignore[misc] # bound at once
    drawn = capsys.readouterr().err
    assert "25%" in drawn
    assert "30%" not in drawn
    assert "50%" in drawn
    assert "[red] read" in drawn


def test_a_bar_goes_before_a_line_that_stays_and_in_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_terminal(monkeypatch)
    clock = Clock()
    progress = Progress(clock)
    clock.seconds += 3
    progress.tell(lambda: "half", lambda: 0.5)
    assert "\x1b[?25l" in capsys.readouterr().err  # the cursor is hidden
    progress.say("done")
    said = capsys.readouterr().err
    assert said.endswith("rabta-collector: done\n")
    assert "\x1b[?25h" in said
    clock.seconds += 3
    progress.tell(lambda: "more")
    progress.close()
    progress.close()
    assert capsys.readouterr().err.count("\x1b[?25h") == 1


def test_a_rate_is_by_the_second_from_the_beginning() -> None:
    clock = Clock()
    progress = Progress(clock)
    clock.seconds += 4
    assert ("25/s", 4.0) == (progress.rate(100), progress.seconds)
