"""Who joins on a terminal is told first, agrees, and chooses."""

from collections.abc import Iterator

import pytest

from rabta_agent.cli.guide import Ask, choose, consent
from rabta_agent.config import Config
from rabta_agent.exits import CommandError
from rabta_agent.words import use

COLLECTOR = "https://collector.example:443"


def answering(*answers: str) -> Ask:
    waiting = iter(answers)
    return lambda _question: next(waiting)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    use("en")


@pytest.mark.parametrize(("language", "yes"), [("en", "yes"), ("en", "Y"), ("ur", "ہاں"), ("ur", "yes")])
def test_who_agrees_goes_on(language: str, yes: str, capsys: pytest.CaptureFixture[str]) -> None:
    use(language)
    consent(COLLECTOR, answering(yes))
    said = capsys.readouterr().out
    assert ("خطرہ" if language == "ur" else "The risk") in said
    assert "rabta-agent" in said
    assert COLLECTOR in said


@pytest.mark.parametrize("answer", ["", "no", "maybe", "نہیں"])
def test_who_does_not_agree_has_not_joined(answer: str) -> None:
    with pytest.raises(CommandError, match="nothing was sent"):
        consent(COLLECTOR, answering(answer))


def test_who_hangs_up_has_not_joined() -> None:
    def hang_up(_question: str) -> str:
        raise EOFError

    with pytest.raises(CommandError, match="nothing was sent"):
        consent(COLLECTOR, hang_up)


def test_empty_answers_take_what_is_in_force() -> None:
    answers = choose(Config(), "", answering("", "", "", "", ""))
    assert ("", {}) == (answers.province, answers.keys)


def test_what_was_chosen_is_for_the_configuration() -> None:
    answers = choose(Config(), "", answering("5", "news", "LGBT, polr", "23:00-7:00", "2"))
    assert "Sindh" == answers.province
    assert {
        "bytes_per_day": 5_000_000,
        "leave_out": ("NEWS",),
        "take_in": ("LGBT", "POLR"),
        "quiet_hours": "23:00-07:00",
    } == answers.keys


def test_a_wrong_answer_is_said_and_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    answers = choose(Config(), "Sindh", answering("lots", "0.2", "2MB", "FRUIT", "", "", "late", ""))
    assert {"bytes_per_day": 2_000_000} == answers.keys
    said = capsys.readouterr().out
    for part in ("no number of bytes", "less than 1 MB", "FRUIT", "no hours"):
        assert part in said
