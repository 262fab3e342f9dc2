"""What is asked of a cluster that has just come up is asked again."""

import pytest

from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import ApiError, NoAnswerError


async def test_who_gets_no_answer_asks_again() -> None:
    answers = iter([NoAnswerError("no suitable peers for placement"), NoAnswerError("no leader"), None])

    async def work() -> str:
        if wrong := next(answers):
            raise wrong
        return "made"

    assert "made" == await link.once_up(work)


async def test_an_answer_that_is_no_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Exception] = []

    async def work() -> None:
        asked.append(wrong)
        raise wrong

    wrong: Exception = ApiError(10023, "insufficient resources")
    with pytest.raises(ApiError):
        await link.once_up(work)
    monkeypatch.setattr(link, "START_S", -1.0)
    wrong = NoAnswerError("no leader")
    with pytest.raises(NoAnswerError):
        await link.once_up(work)
    assert len(asked) == 2
