"""Work done by a copy of this process, which has everything in memory as it was at that moment; the original goes on.

fork(2) shares pages until one side writes to them, so that the copy is there within milliseconds. It has one thread,
and whatever others held locked stays locked in it for ever: what it does must compute and write files, and leave
SQLite, gRPC and the log alone. It keeps no descriptor of the original's: no port stays bound and no lock held by it.
"""

import gc
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

LONGEST = 1 << 20  # of what one side says to the other
STDERR = 2
NICE = 19
Ask = Callable[[], bytes]
"""Waits for what the original says; `EOFError` where it gave up."""


class Copy:
    """A copy at work. To be finished or given up."""

    def __init__(self, work: Callable[[Ask], bytes], *, steps_back: bool = True) -> None:
        """`work` is what the copy does; what it returns is told. Raises `OSError` where there is no room for one.

        `steps_back`: behind all others that want a processor.
        """
        ours, theirs = socket.socketpair()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads; see above
            self._pid = os.fork()
        if self._pid == 0:
            _be_the_copy(work, theirs.detach(), NICE if steps_back else 0)
        theirs.close()
        self._line = ours
        self._ending = threading.Lock()  # of whoever waits, and whoever gives up meanwhile
        self._status: int | None = None

    def finish(self, word: bytes) -> bytes:
        """Tells it what it asks for; what it came to. Waits; raises `OSError` with its words where it failed."""
        try:
            told = b""
            with suppress(ConnectionError):  # it was killed
                self._line.sendall(word)
                self._line.shutdown(socket.SHUT_WR)
                told = _read(self._line)
        finally:
            status = self._end()
        if status != 0:
            raise OSError(told.decode(errors="replace") or f"the copy of the process ended with {status}")
        return told

    def give_up(self) -> None:
        """What it does is not wanted any more; nothing where it has ended. Returns when it has."""
        with self._ending:
            if self._status is None:
                os.kill(self._pid, signal.SIGKILL)
        self._end()

    def _end(self) -> int:
        with self._ending:
            if self._status is None:
                self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
                self._line.close()
            return self._status


def _be_the_copy(work: Callable[[Ask], bytes], line: int, niceness: int) -> NoReturn:
    status, told = 1, b""
    try:
        with suppress(OSError):  # a service may be kept from it
            os.nice(niceness)
        gc.disable()  # which would write to every page
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(STDERR + 1, line)
        os.closerange(line + 1, os.sysconf("SC_OPEN_MAX"))
        told, status = work(lambda: _ask(line)), 0
    except BaseException as wrong:
        told = str(getattr(wrong, "strerror", None) or repr(wrong)).encode()
    finally:
        with suppress(OSError):
            left = socket.socket(fileno=line)
            left.sendall(told[:LONGEST])
            left.shutdown(socket.SHUT_WR)
            _read(left)  # what it did not ask for: a line that is closed before that is broken
        os._exit(status)


def _ask(line: int) -> bytes:
    with socket.socket(fileno=os.dup(line)) as asking:
        word = _read(asking)
    if not word:
        raise EOFError
    return word


def _read(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(65_536):
        parts.append(part)
    return b"".join(parts)
