"""The checkpoint's file: what was made of the journal up to one of its rows, so that a start reads only the rest.

    RBC1        four bytes
    digest      32 bytes, BLAKE2b of all that follows
    head        what it fits: JSON (`Head`)                      each of the three with its
    looks       measurements that are still of use, pickled      length before it, eight bytes,
    state       everything else, pickled                         the highest first

It is a cache: one that is missing, damaged, or of another journal, program, catalogue or configuration is not used, and
the whole journal is read. So nothing has to be converted, ever. It is written beside its place and renamed, so that a
stop at any moment leaves the old one or the new one.

Pickling is quick, and takes in what is added to the state later without a word here. From a file it makes only objects
of classes of ours and a few plain ones, and it calls no function that the file names.
"""

import hashlib
import io
import json
import os
import pickle
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from types import BuiltinMethodType, MethodType
from typing import Any, NoReturn

from rabta_proto.model import Measurement

MAGIC = b"RBC1"
DIGEST_BYTES, LENGTH_BYTES = 32, 8
PROTOCOL = 5
OURS = ("rabta_collector.", "rabta_proto.")
PLAIN = {
    ("array", "_array_reconstructor"),
    ("array", "array"),
    ("builtins", "frozenset"),
    ("builtins", "int"),
    ("builtins", "set"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
}


class UnfitCheckpointError(ValueError):
    """The checkpoint is not to be used; the message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a checkpoint is of.

    `row`, `at_us`, `crc`: the journal's last row in it, as that stands there. `decided_to`: the moment (Unix seconds)
    up to which was decided. `stamp`: everything else that the state hangs on.
    """

    row: int
    at_us: int
    crc: int
    decided_to: float
    stamp: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The state at one moment: pickled but for its measurements, which never change and can be pickled later."""

    state: bytes
    looks: Sequence[Measurement]


def freeze(state: object, outside: Mapping[str, object]) -> Frozen:
    """Takes the state as it is now. Objects of `outside` are named, and whoever takes up the state supplies them."""
    file = io.BytesIO()
    pickler = _Pickler(file, outside)
    pickler.dump(state)
    return Frozen(state=file.getvalue(), looks=tuple(pickler.looks))


def write(path: Path, head: Head, frozen: Frozen) -> int:
    """Puts a checkpoint in place of the last one; its length in bytes. Raises `OSError`."""
    file = io.BytesIO()
    _Pickler(file, {}, apart=False).dump(frozen.looks)
    parts = (json.dumps(asdict(head)).encode(), file.getvalue(), frozen.state)
    body = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as stream:
            stream.write(MAGIC + _digest(body))
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return len(MAGIC) + DIGEST_BYTES + len(body)


class Stored:
    """A checkpoint that was read and is whole; `head` says whether it fits."""

    def __init__(self, content: bytes) -> None:
        """Raises `UnfitCheckpointError`."""
        body = memoryview(content)[len(MAGIC) + DIGEST_BYTES :]
        if content[: len(MAGIC)] != MAGIC or content[len(MAGIC) : len(MAGIC) + DIGEST_BYTES] != _digest(body):
            raise UnfitCheckpointError("damaged, or of another version")
        parts: list[memoryview] = []
        while body:
            length = int.from_bytes(body[:LENGTH_BYTES], "big")
            parts.append(body[LENGTH_BYTES : LENGTH_BYTES + length])
            body = body[LENGTH_BYTES + length :]
        head, self._looks, self._state = parts
        self.head = Head(**json.loads(bytes(head)))

    def thaw(self, outside: Mapping[str, object]) -> Any:
        """The state, with these objects in place of those that were named. Raises `UnfitCheckpointError`."""
        try:
            looks = _Unpickler(io.BytesIO(self._looks), (), {}).load()
            return _Unpickler(io.BytesIO(self._state), looks, outside).load()
        except Exception as wrong:  # whatever is wrong with it, there is the journal
            raise UnfitCheckpointError(f"cannot be taken up: {wrong!r}") from wrong


def read(path: Path) -> Stored | None:
    """The checkpoint; `None` where there is none. Raises `UnfitCheckpointError`."""
    try:
        return Stored(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as wrong:
        raise UnfitCheckpointError(f"cannot be read: {wrong.strerror}") from None


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, outside: Mapping[str, object], *, apart: bool = True) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._outside = {id(thing): name for name, thing in outside.items()}
        self._apart = apart
        self.looks: list[Measurement] = []

    def reducer_override(self, thing: Any) -> Any:
        """How things are written that pickle would write otherwise, or not at all. Each comes here once."""
        if isinstance(thing, Enum):
            return type(thing), (thing.value,)  # pickle would have getattr called, up to Python 3.11
        if self._apart and type(thing) is Measurement:
            self.looks.append(thing)
            return look, (len(self.looks) - 1,)
        if isinstance(thing, MethodType) or (isinstance(thing, BuiltinMethodType) and type(thing.__self__) is deque):
            return method, (thing.__self__, thing.__name__)
        if (name := self._outside.get(id(thing))) is not None:
            return outsider, (name,)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, looks: Sequence[Measurement], outside: Mapping[str, object]) -> None:
        super().__init__(file)
        self._words = {look: looks.__getitem__, method: _method, outsider: outside.__getitem__}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if not module.startswith(OURS) or "." in name:
            raise pickle.UnpicklingError(f"names {module}.{name}")
        found = super().find_class(module, name)
        if isinstance(found, type):
            return found
        if (word := self._words.get(found)) is None:
            raise pickle.UnpicklingError(f"names {module}.{name}, which is no class")
        return word


def _method(owner: object, name: str) -> object:
    if type(owner) is deque and name != "append":
        raise pickle.UnpicklingError(f"names the method {name}")
    if type(owner) is not deque and not type(owner).__module__.startswith(OURS):
        raise pickle.UnpicklingError(f"names a method of {type(owner)}")
    return getattr(owner, name)


def look(number: int) -> NoReturn:
    """Stands in a pickled state for a measurement; the reader has it."""
    raise NotImplementedError(number)


def method(owner: object, name: str) -> NoReturn:
    """Stands in a pickled state for a bound method."""
    raise NotImplementedError(owner, name)


def outsider(name: str) -> NoReturn:
    """Stands in a pickled state for what whoever reads it supplies."""
    raise NotImplementedError(name)
