"""A small disk: a tmpfs that is unmounted in the end, on SIGTERM too; what a killed run left behind goes at the next.

Its source is named `rabta-PID` after the process that mounted it, so that /proc/mounts tells whose it is.
"""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

_BLOCK = 4096
_MOUNTED = re.compile(r"rabta-(\d+) (\S+) tmpfs ")


class SmallDisk:
    """A disk, mounted."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        """Takes all the room that is left."""
        with (self.place / "ballast").open("ab", buffering=0) as ballast:
            try:
                while ballast.write(os.urandom(_BLOCK)):
                    continue
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise

    def clear(self) -> None:
        """Gives the room back."""
        (self.place / "ballast").unlink()


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[SmallDisk]:
    """A disk of so many bytes at a place."""
    for stale in _stale():
        _unmount(stale)
    place.mkdir()
    first = threading.current_thread() is threading.main_thread()  # to which alone signals come
    before = signal.signal(signal.SIGTERM, _end) if first else None
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", f"rabta-{os.getpid()}", str(place)], check=True)
        yield SmallDisk(place)
    finally:
        _unmount(place)
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _end(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=False, stderr=subprocess.DEVNULL)


def _stale() -> list[Path]:
    mounts = (_MOUNTED.match(line) for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines())
    return [Path(mount[2]) for mount in mounts if mount and not Path(f"/proc/{mount[1]}").exists()]
