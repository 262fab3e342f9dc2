"""Colours, where a terminal shows them and nobody has asked for none (https://no-color.org)."""

import os
import sys
from typing import TextIO

GREEN, RED, YELLOW, BOLD, DIM = 32, 31, 33, 1, 2


def paints(stream: TextIO | None = None) -> bool:
    """Whether colours may be written there; standard output where none is given."""
    stream = sys.stdout if stream is None else stream
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: int, *, on: bool) -> str:
    """A text in a colour, or as it is."""
    return f"\x1b[{colour}m{text}\x1b[0m" if on else text
