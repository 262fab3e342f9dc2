"""Namespaces are told apart, entered and left. How they are removed is in test_lab.py."""

import os
from pathlib import Path

import pytest

from lab.netns.lab import NetnsLab
from lab.netns.namespaces import inside, new_tag, run
from lab.programs import ProgramError


def test_tags_are_never_the_same() -> None:
    tags = {new_tag() for _ in range(200)}
    assert 200 == len(tags)
    assert all(tag.startswith(f"rabta-{os.getpid()}") for tag in tags)


@pytest.mark.root
def test_a_thread_comes_back_from_a_namespace_whatever_happens(lab: NetnsLab) -> None:
    own = Path("/proc/thread-self/ns/net")
    here = own.readlink()
    with pytest.raises(OSError, match="net:"), inside(lab.world.core):
        raise OSError(own.readlink())
    assert here == own.readlink()
    with inside(lab.world.core):
        assert here != own.readlink()


async def test_a_program_that_fails_is_quoted(root: None) -> None:
    with pytest.raises(ProgramError, match=r"^ip link add nonsense: .+"):
        await run("ip", "link", "add", "nonsense")
