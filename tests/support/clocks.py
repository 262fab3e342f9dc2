"""Times that are finer than a minute, wherever they stand in what is sent to readers."""

import re
from urllib.parse import unquote

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?P<seconds>:\d\d(?:\.\d+)?)?")
_UNIX = re.compile(r"(?<![\w.-])1[5-9]\d{8}(?:\.\d+|\d{3}|\d{6})?(?![\w.])")


def finer_than_minutes(text: str) -> list[str]:
    """Each such time: by the calendar with seconds that are not zero, or in Unix seconds, of 2017 to 2033."""
    found = [
        match[0]
        for match in _TIME.finditer(unquote(text))
        if match["seconds"] is not None and float(match["seconds"][1:]) != 0.0
    ]
    return found + [match[0] for match in _UNIX.finditer(text) if float(match[0][:10]) % 60 or "." in match[0]]
