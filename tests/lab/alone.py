"""Keeps two of a kind from using one folder at the same time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from lab.programs import ProgramError


@contextlib.contextmanager
def alone(root: Path, what: str) -> Iterator[None]:
    """Keeps a second one from wiping the folder of this one; raises ProgramError in the second."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(root.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ProgramError(f"another {what} runs in {root}; stop it, or give --root another folder") from None
        yield
