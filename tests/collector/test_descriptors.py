"""Open files are shared between agents and everything else."""

import resource
from collections.abc import Iterator

import pytest

from rabta_collector.descriptors import RESERVED, connections, raise_limit


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_the_hard_one(limits: tuple[int, int]) -> None:
    soft, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    assert raise_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert raise_limit() > 512 or hard <= 512


def test_agents_get_a_quarter_more_connections_than_sessions() -> None:
    assert 126 == connections(sessions=100, descriptors=10_000)


def test_agents_never_get_them_all() -> None:
    assert 1024 - RESERVED == connections(sessions=10_000, descriptors=1024)
    assert 1 == connections(sessions=10_000, descriptors=10)
