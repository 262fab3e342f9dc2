"""Processes that ask one another things."""

import pytest

from rabta_collector.jetstream import talk
from support.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NATS server that is slow for a moment is none that does not answer."""
    monkeypatch.setattr(talk, "TAKEN_S", PATIENCE_S / 4)
