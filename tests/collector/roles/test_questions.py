"""A process answers whatever it is asked, be it none of its questions; readers.py has the rest in its tests."""

import json
from typing import Any

import pytest

from rabta_collector.parts import Look, Part, Wanted
from rabta_collector.plain import from_plain, to_plain
from rabta_collector.query import BadParameterError
from rabta_collector.roles.questions import Answers, fold, unfold
from rabta_collector.taking import take
from support.country import Country


class Asked:
    """Knows the country that is made by hand, and event 7."""

    def __init__(self, *, ready: bool = True, wrong: Exception | None = None) -> None:
        self.ready, self.wrong, self.country = ready, wrong, Country()
        self.answers = Answers(lambda: self.ready, self._look, self._knows)

    def _look(self, wanted: Wanted) -> Look:
        def look() -> Part:
            if self.wrong is not None:
                raise self.wrong
            return take(self.country, wanted)()

        return look

    async def _knows(self, event: int) -> bool:
        return event == 7

    async def answer(self, question: object) -> dict[str, Any]:
        return unfold(await self.answers.answer(json.dumps(question).encode()))


QUESTION = {"part": to_plain(Wanted(events=True))}


async def test_it_tells_what_it_knows() -> None:
    asked = Asked()
    answer = await asked.answer(QUESTION)
    assert asked.country.events == from_plain(Part, answer["part"]).events
    assert [{"event": True}, {"event": False}] == [await asked.answer({"event": number}) for number in (7, 8)]


async def test_while_it_is_not_ready_it_declines() -> None:
    assert ["declined"] == list(await Asked(ready=False).answer(QUESTION))


async def test_what_a_reader_asked_wrongly_is_said_as_it_is() -> None:
    asked = Asked(wrong=BadParameterError("cursor", "none of ours"))
    assert {"wrong": ["cursor", "none of ours"]} == await asked.answer(QUESTION)


@pytest.mark.parametrize("question", [{}, [], 5, {"part": {"query": 5}}, {"event": "seven"}, {"part": None}])
async def test_what_is_no_question_is_declined(question: object) -> None:
    assert ["declined"] == list(await Asked().answer(question))


async def test_our_own_mistake_is_declined_too() -> None:
    assert ["declined"] == list(await Asked(wrong=RuntimeError("ours")).answer(QUESTION))


@pytest.mark.parametrize("text", [b"", b"nothing", fold({"a": 1})[:-9]])
def test_what_is_no_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unfold(text)
