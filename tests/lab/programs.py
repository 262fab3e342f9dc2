"""The programs of the system as real processes: the collector, agents, and the commands that set them up.

A program that was started is ended with its starter, whatever becomes of that one. Its output goes to a file.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
COLLECTOR = str(BIN / "rabta-collector")
AGENT = str(BIN / "rabta-agent")
_LEASH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")))


class ProgramError(RuntimeError):
    """A program did not do what it was asked to; one line that says so in its own words."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what belongs to Rabta or to proxies, and with what is given."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith("RABTA_") and "proxy" not in key.lower()
    }
    return kept | more


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Lets the first ProgramError of a TaskGroup, however deep, stand for all of them."""
    try:
        yield
    except BaseExceptionGroup as group:
        found: BaseException = group
        while isinstance(found, BaseExceptionGroup):
            found = next((e for e in found.exceptions if isinstance(e, ProgramError)), found.exceptions[0])
        if isinstance(found, ProgramError):
            raise found from None
        raise


async def run(*command: str, env: Mapping[str, str] | None = None, within: float = 60.0) -> str:
    """Runs a command to its end and returns what it printed; raises ProgramError when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment() if env is None else env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            out, errors = await process.communicate()
    except TimeoutError:
        await _end(process)
        raise ProgramError(f"{_named(command)} took longer than {within:g} s") from None
    except asyncio.CancelledError:
        await _end(process)
        raise
    if process.returncode:
        raise ProgramError(f"{_named(command)} failed ({process.returncode}): {_last_line(errors or out)}")
    return out.decode()


class Program:
    """One long-running program. It may be started again after it ended."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._command = tuple(command)
        self._env = dict(env)
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_LEASH,
                str(os.getpid()),
                *self._command,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the starter, who ends the others in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ended(self) -> int:
        """Waits until it ends by itself or by somebody's hand; negative: the number of the signal."""
        assert self._process is not None, "not started"
        return await self._process.wait()

    def last_words(self) -> str:
        return _last_line(self.log.read_bytes())

    def kill(self) -> None:
        if self._process is not None and self.running:
            self._process.kill()

    async def stop(self, within: float = 60.0) -> int:
        """Asks it to end, and makes it after a while; returns its exit code."""
        if self._process is None:
            return 0
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
        process.kill()
    await process.wait()


def _named(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:2]])


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
