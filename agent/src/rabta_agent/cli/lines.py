"""Lines that a person reads: broken between words, at the width of the terminal, and set in behind their heads.

Nothing is broken where no terminal is: what a pipe gets is one line for each thing. Columns are counted as terminals
do (`words.width`), so that marks which show nothing take no room.
"""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rabta_agent.cli.paint import BOLD, paint
from rabta_agent.words import padded, width

LEAST = 30  # columns for a text, however narrow the terminal is


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Columns of the terminal that a stream is, standard output where none is given; `None`: it is no terminal."""
    stream = sys.stdout if stream is None else stream
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None
    except (OSError, ValueError):
        return None


def say(text: str) -> None:
    """A sentence for a person, on standard output."""
    print("\n".join(fold(text, terminal_width())))


def fold(text: str, most: int | None) -> list[str]:
    """A text in lines of so many columns at the most; a word that is longer stays whole."""
    if most is None:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if not lines[-1] or width(longer) <= most:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def hang(head: str, text: str, most: int | None, colour: int | None = None) -> str:
    """A text behind its head, its further lines set in below it; in a colour where one is given."""
    room = None if most is None else max(LEAST, most - width(head))
    painted = [part if colour is None else paint(part, colour, on=True) for part in fold(text, room)]
    return head + f"\n{' ' * width(head)}".join(painted)


def table(rows: Sequence[tuple[str, str]], most: int | None, *, colour: bool = False) -> list[str]:
    """Names, and what there is to say of each."""
    columns = max(width(name) for name, _ in rows)
    told = [(padded(name, columns) + "  ", text) for name, text in rows]
    return [paint(head, BOLD, on=colour) + hang(head, text, most).removeprefix(head) for head, text in told]
