"""What a producer saw, line by line, in a file of its own: neither spool nor journal has a hand in it.

A line is written with one call, after what it tells of, so it outlives a SIGKILL; a last line that is torn is none:

    produced EPOCH SEQUENCE MARK     the spool gave a measurement its number; the mark is in the measurement itself
    settled EPOCH SEQUENCE           an acknowledgement said that the collector has it, or has had it
    rejected EPOCH SEQUENCE          an acknowledgement said that the collector will never take it
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Key = tuple[int, int]
"""Epoch and sequence number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """What was read of it. `produced` has the mark of each measurement."""

    produced: Mapping[Key, int] = field(default_factory=dict)
    settled: frozenset[Key] = frozenset()
    rejected: frozenset[Key] = frozenset()


class Writer:
    """Appends to a diary, or begins one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def produced(self, key: Key, mark: int) -> None:
        self._write([f"produced {key[0]} {key[1]} {mark}"])

    def settled(self, keys: Iterable[Key]) -> None:
        self._write(f"settled {epoch} {sequence}" for epoch, sequence in keys)

    def rejected(self, keys: Iterable[Key]) -> None:
        self._write(f"rejected {epoch} {sequence}" for epoch, sequence in keys)

    def _write(self, lines: Iterable[str]) -> None:
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        os.close(self._file)


def read_diary(path: Path) -> Diary:
    """Everything that was written whole; nothing where there is no file."""
    text = path.read_text(encoding="ascii") if path.exists() else ""
    produced: dict[Key, int] = {}
    told: dict[str, set[Key]] = {"settled": set(), "rejected": set()}
    for line in text[: text.rfind("\n") + 1].splitlines():
        word, epoch, sequence, *mark = line.split()
        if word == "produced":
            produced[int(epoch), int(sequence)] = int(mark[0])
        else:
            told[word].add((int(epoch), int(sequence)))
    return Diary(produced=produced, settled=frozenset(told["settled"]), rejected=frozenset(told["rejected"]))
