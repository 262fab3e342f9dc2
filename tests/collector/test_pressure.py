"""Whom to ask for patience, and for how long."""

import pytest

from rabta_collector.limits import Limits
from rabta_collector.pressure import PATIENCE_S, TELL_AGAIN_S, ImpatientError, Patience, Press

LIMITS = Limits(agent_bytes_per_s=1600)
MODEST = Press(wait_s=0.0, share=1.0, load=1.0)
GREEDY = Press(wait_s=0.0, share=0.2, load=0.1)
GREEDY_UNDER_LOAD = Press(wait_s=0.0, share=0.2, load=0.9)
OVER = Press(wait_s=1.0, share=-0.1, load=0.1)


def test_a_modest_agent_is_told_nothing_however_loaded_the_collector_is() -> None:
    assert Patience().judge(MODEST, LIMITS, 0.0) is None


def test_a_greedy_one_is_told_only_where_the_collector_is_loaded() -> None:
    assert Patience().judge(GREEDY, LIMITS, 0.0) is None
    told = Patience().judge(GREEDY_UNDER_LOAD, LIMITS, 0.0)
    assert told is not None
    assert (30, 100, 1000) == (told.for_s, told.backlog_bytes_per_s, told.live_pause_ms)


def test_one_over_its_rate_is_told_in_any_case() -> None:
    told = Patience().judge(OVER, LIMITS, 0.0)
    assert told is not None
    assert (30, 400, 250) == (told.for_s, told.backlog_bytes_per_s, told.live_pause_ms)


def test_it_is_told_again_but_not_with_every_message() -> None:
    patience = Patience()
    told = [patience.judge(OVER, LIMITS, now) is not None for now in (0.0, 1.0, TELL_AGAIN_S - 0.1, TELL_AGAIN_S)]
    assert [True, False, False, True] == told


def test_one_that_goes_on_for_long_is_refused() -> None:
    patience = Patience()
    patience.judge(OVER, LIMITS, 0.0)
    patience.judge(OVER, LIMITS, PATIENCE_S)
    with pytest.raises(ImpatientError):
        patience.judge(OVER, LIMITS, PATIENCE_S + 1)


def test_one_that_obeyed_meanwhile_begins_anew() -> None:
    patience = Patience()
    patience.judge(OVER, LIMITS, 0.0)
    patience.judge(MODEST, LIMITS, PATIENCE_S)
    patience.judge(OVER, LIMITS, PATIENCE_S + 1)
