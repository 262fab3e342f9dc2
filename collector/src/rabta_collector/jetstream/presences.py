"""Who came and went here, on its way into a stream that many processes write.

What may be in the stream already is sent until it is known to be there, and what is next of the agent comes after it: a
beginning that came after its end would stand for ever. What was never sent gives way to what is next, for of an agent
the newest session alone counts (`replay.Known`). So while NATS is away two words of each agent wait, however often it
comes and goes; and nobody asks for them whether NATS is back, but is told (`go_on`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rabta_collector.entries import Presence
from rabta_collector.jetstream.appends import DoubtError
from rabta_collector.jetstream.frame import frame
from rabta_collector.jetstream.link import ApiError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.posting import OvertakenError, Post, Poster
from rabta_collector.journal import JournalError, settle
from rabta_collector.journal_file import Row


def post_presence(place: Place, row: Row, mine: str) -> Post:
    """That a session began or ended; whoever says it, it is said once."""
    id_ = f"{row.agent}-{row.epoch}-{row.kind}"
    return Post(subject=place.subject_of_presence(row.agent), id=id_, mine=mine, text=frame(row, mine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """That a session began or ended. `future` is done when it is in the stream, and fails where it gave way."""

    entry: Presence
    post: Post
    future: "asyncio.Future[None]"


class Presences:
    """What of it is not in the stream yet."""

    def __init__(
        self,
        poster: Poster,
        *,
        patience_s: float,
        held: Callable[[], bool],
        kept: Callable[[Presence], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """`held`: whether nothing is to be sent now. `kept` is told what is in the stream, `failed` what went wrong."""
        self._poster, self._patience_s = poster, patience_s
        self._held, self._kept, self._failed = held, kept, failed
        self._sent: dict[str, Word] = {}
        self._next: dict[str, Word] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> list[Word]:
        """What is not in the stream, as far as is known."""
        return [*self._sent.values(), *self._next.values()]

    def say(self, word: Word) -> None:
        """Has it in the stream, after what is sent of the same agent."""
        agent = word.entry.agent
        if (before := self._next.pop(agent, None)) is not None:
            settle(before.future, JournalError("what came next of the same agent took its place"))
        self._next[agent] = word
        self._begin(agent)

    def go_on(self) -> None:
        """The stream takes rows again."""
        for agent in tuple(self._sent | self._next):
            self._begin(agent)

    def _begin(self, agent: str) -> None:
        if self._held() or agent in self._tasks:
            return
        word = self._sent.get(agent) or self._next.pop(agent, None)
        if word is not None:
            self._sent[agent] = word
            self._tasks[agent] = asyncio.get_running_loop().create_task(self._keep(word))
            self._tasks[agent].add_done_callback(lambda _: self._end(agent))

    def _end(self, agent: str) -> None:
        del self._tasks[agent]
        self._begin(agent)

    async def _keep(self, word: Word) -> None:
        try:
            await self._poster.keep(word.post, within_s=self._patience_s)
        except OvertakenError:
            pass  # said already
        except (ApiError, DoubtError) as wrong:
            return self._failed(wrong)
        except Exception as wrong:  # nobody foresaw it; to be tried again, as whatever fails
            asyncio.get_running_loop().call_exception_handler({"message": "a row was not sent", "exception": wrong})
            return self._failed(wrong)
        del self._sent[word.entry.agent]
        self._kept(word.entry)
        settle(word.future, None)

    async def close(self) -> None:
        """Gives up what is not in the stream yet, once nothing is tried again (`Poster.closing`)."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks.values()))
        for word in self.waiting:
            settle(word.future, JournalError("the journal cannot be written"))
