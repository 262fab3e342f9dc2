"""Makes, enters and removes network namespaces (ip-netns(8)).

A lab's namespaces begin with `rabta-PID` of the process that made them; those of a process that is gone are anybody's
to remove. A number used again by another process only keeps leftovers until that one ends.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lab.programs import ProgramError

_NAMED = Path("/run/netns")
_FILES = Path("/etc/netns")
_SWEEPING = Path("/run/rabta-netns.lock")
_SYSCTL = Path("/proc/sys/net")
_CLONE_NEWNET = 0x40000000
_TAGGED = re.compile(r"(rabta-(\d+)[a-z]+)-.+")
_LIBC = ctypes.CDLL(None, use_errno=True)
_letters = itertools.count()
_PATIENCE_S = 5.0


def new_tag() -> str:
    """A beginning of names that no other lab has."""
    return f"rabta-{os.getpid()}{_to_letters(next(_letters))}"


def _to_letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread in a namespace. Sockets stay where they were made, whoever uses them later.

    No other task of an event loop may open sockets of its own meanwhile: await nothing that lets one in.
    """
    with open("/proc/thread-self/ns/net", "rb") as here, (_NAMED / namespace).open("rb") as there:  # noqa: PTH123
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


async def run(*command: str, fed: str = "") -> None:
    """Runs a program of the system. Raises ProgramError in its words where it fails."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    try:
        said, _ = await process.communicate(fed.encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise ProgramError(f"{' '.join(command)}: {' '.join(said.decode(errors='replace').split())}")


async def run_ip(lines: Iterable[str], namespace: str | None = None) -> None:
    where = [] if namespace is None else ["-netns", namespace]
    await run("ip", *where, "-batch", "-", fed="".join(f"{line}\n" for line in lines))


async def run_tc(lines: Iterable[str], namespace: str) -> None:
    """Nothing where there are none: machines without tc play all else."""
    if fed := "".join(f"{line}\n" for line in lines):
        await run("ip", "netns", "exec", namespace, "tc", "-batch", "-", fed=fed)


def write_settings(namespace: str, values: Mapping[str, str]) -> None:
    with inside(namespace):
        for path, value in values.items():
            (_SYSCTL / path).write_text(value, encoding="ascii")


def write_resolver(namespace: str, address: str) -> None:
    """What programs started with `ip netns exec` see as /etc/resolv.conf."""
    (files_of(namespace) / "resolv.conf").write_text(f"nameserver {address}\n", encoding="ascii")


def files_of(namespace: str) -> Path:
    """The folder of what programs started with `ip netns exec` see in /etc."""
    folder = _FILES / namespace
    while True:
        with contextlib.suppress(FileNotFoundError):  # another lab has just taken away the folder above, with its own
            folder.mkdir(parents=True, exist_ok=True)
            return folder


def find_namespaces(tag: str) -> list[str]:
    """Names of the namespaces of one lab."""
    return sorted({path.name for path in _listed() if path.name.startswith(f"{tag}-")})


def find_stale() -> list[str]:
    """Tags of labs whose process is gone."""
    tags = {found[1]: found[2] for path in _listed() if (found := _TAGGED.fullmatch(path.name))}
    return sorted(tag for tag, pid in tags.items() if not Path(f"/proc/{pid}").exists())


@contextlib.asynccontextmanager
async def sweeping() -> AsyncIterator[None]:
    """While this lasts nobody else removes what labs left behind: one of two side by side would find it gone."""
    with _SWEEPING.open("wb") as lock:  # noqa: ASYNC230 - of memory
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(0.05)
        yield


async def sweep() -> None:
    """Removes what labs left behind whose process is gone."""
    async with sweeping():
        for tag in find_stale():
            await remove(tag)


def _listed() -> list[Path]:
    return [path for folder in (_NAMED, _FILES) if folder.is_dir() for path in folder.iterdir()]


async def remove(tag: str) -> None:
    """Takes away all namespaces of a lab, after the processes in them."""
    names = find_namespaces(tag)
    _end_processes(names)
    existing = [name for name in names if (_NAMED / name).exists()]
    if existing:
        await run_ip(f"netns delete {name}" for name in existing)
    _remove_files(names)


def _remove_files(namespaces: Iterable[str]) -> None:
    for name in namespaces:
        shutil.rmtree(_FILES / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # others' files are there, or it never was
        _FILES.rmdir()


def _end_processes(namespaces: Sequence[str]) -> None:
    """Kills every process in these namespaces, and waits until none is left."""
    inodes = {(_NAMED / name).stat().st_ino for name in namespaces if (_NAMED / name).exists()}
    end = time.monotonic() + _PATIENCE_S
    while (found := _processes(inodes)) and time.monotonic() < end:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes(inodes: set[int]) -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _network(path) in inodes]


def _network(process: Path) -> int | None:
    """The namespace that a process is in; `None` where it has ended."""
    try:
        return (process / "ns" / "net").stat().st_ino
    except OSError:
        return None
