"""Writes a file as a whole or not at all: beside its place, under another name, and then renamed.

Plain or gzip, by the name's end; `-` is standard output, which nobody can take back.
"""

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Write = Callable[[str], None]
"""Takes text, whole lines of it."""

STDOUT = "-"


class UnwritableError(RuntimeError):
    """The file cannot be written; the message is one line for the operator."""


@contextmanager
def writing(place: str) -> Iterator[Write]:
    """The way to write to a place. Raises `UnwritableError`; then, and after any other error, nothing is there."""
    if place == STDOUT:
        yield _write_out
        sys.stdout.flush()
        return
    path = Path(place)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as stream:
            if path.name.endswith(".gz"):
                with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packed:
                    yield lambda text: _discard(packed.write(text.encode()))
            else:
                yield lambda text: _discard(stream.write(text.encode()))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as wrong:
        raise UnwritableError(f"{path}: {wrong.strerror or wrong}") from None
    finally:
        draft.unlink(missing_ok=True)


def _write_out(text: str) -> None:
    sys.stdout.write(text)


def _discard(_: int) -> None:
    """Both streams take everything, or raise."""
