"""Exit codes are API, and an error is one line."""

from rabta_agent.exits import CommandError, ExitCode


def test_exit_codes_never_change() -> None:
    expected = {"GOOD": 0, "FAILED": 1, "USAGE": 2, "NOT_JOINED": 3, "UNREACHABLE": 4}
    assert expected == {code.name: code.value for code in ExitCode}


def test_an_error_is_one_line_and_a_failure_unless_it_says_otherwise() -> None:
    error = CommandError("two\nlines\tof  text")
    assert ("two lines of text", ExitCode.FAILED) == (str(error), error.code)
