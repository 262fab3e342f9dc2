import time

import pytest

from lab.accuracy.lag import punctual
from lab.programs import ProgramError


async def held_up(seconds: float, *, most_s: float) -> None:
    async with punctual(most_s=most_s):
        time.sleep(seconds)  # noqa: ASYNC251 - this is the point


async def failing() -> None:
    async with punctual(most_s=0.0):
        raise ZeroDivisionError


async def test_a_loop_that_was_held_up_does_not_count() -> None:
    with pytest.raises(ProgramError, match=r"too busy: the lab's servers answered up to \d\.\d s late"):
        await held_up(0.5, most_s=0.2)


async def test_a_loop_that_was_not_counts() -> None:
    await held_up(0.0, most_s=30.0)


async def test_what_fails_within_is_told_first() -> None:
    with pytest.raises(ZeroDivisionError):
        await failing()
