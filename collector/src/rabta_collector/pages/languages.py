"""The languages of the pages: a catalogue of texts, keyed by the English one. Pure, but for reading its own file.

`data/ur.toml` holds one table, `[texts]`; "#" in a key stands for any number. A text that is not in it is shown in
English, and marked as such where it stands for itself; a test finds those that the pages use.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """`prefix`: what its addresses begin with. `name`: in itself."""

    code: str
    name: str
    direction: str
    prefix: str
    texts: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)

    def say(self, text: str) -> str:
        """The text in this language, or as it is."""
        return self.texts.get(text) or self._say_with_numbers(text) or text

    def _say_with_numbers(self, text: str) -> str | None:
        """A text in which numbers stand, such as "4 of 9 agents reach it"."""
        pattern = self.texts.get(_NUMBER.sub("#", text))
        if pattern is None:
            return None
        numbers = iter(_NUMBER.findall(text))
        return re.sub("#", lambda _: next(numbers), pattern)

    def say_many(self, one: str, many: str, number: int) -> str:
        """Urdu and English tell one from more, and nothing else."""
        return self.say(one if number == 1 else many)

    def knows(self, text: str) -> bool:
        """Whether a text stands in this language."""
        return self.code == ENGLISH.code or text in self.texts or _NUMBER.sub("#", text) in self.texts


ENGLISH = Language(code="en", name="English", direction="ltr", prefix="")


@cache
def languages() -> tuple[Language, ...]:
    """English first."""
    return (ENGLISH, Language(code="ur", name="اردو", direction="rtl", prefix="/ur", texts=read_texts("ur")))


def read_texts(code: str) -> Mapping[str, str]:
    """The catalogue of a language."""
    file = files("rabta_collector").joinpath("data", f"{code}.toml")
    texts: Mapping[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))["texts"]
    return texts
