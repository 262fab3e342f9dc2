"""Where on the path a name is cut off, as a page says it, in both languages."""

from dataclasses import replace
from typing import Any

import pytest

from rabta_collector.pages.languages import languages
from rabta_collector.pages.paths import DOUBTS, SHOWN, make_paths
from rabta_collector.paths import Sighting, to_rows
from rabta_proto.locating import Cut, Doubt, Location
from rabta_proto.trace import Reset
from support.country import NOW, make_path

KNOWN = Location(cut=Cut.RESET, begins=5, after=4, server=9, by_name=True)
SILENT = replace(KNOWN, cut=Cut.SILENCE)


def sentences(found: Location) -> tuple[str, ...]:
    (line,) = make_paths(to_rows([Sighting(started=NOW, url="https://x.com/", location=found)]), NOW)
    return line.sentences


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (KNOWN, ("The connection is reset 5 hops away.", "The server is 9 hops away.")),
        (SILENT, ("The connection falls silent 5 hops away.", "The server is 9 hops away.")),
        (
            replace(SILENT, after=2),
            ("The connection falls silent between 2 and 5 hops away.", "The server is 9 hops away."),
        ),
        (
            replace(KNOWN, begins=9, after=8),
            ("The connection is reset 9 hops away.", "The server is 9 hops away, too: it may do that itself."),
        ),
        (
            replace(KNOWN, server=None, by_name=False),
            (
                "The connection is reset 5 hops away.",
                "How far away the server is, is not known.",
                "Another name is cut off there, too.",
            ),
        ),
        (
            Location(cut=Cut.RESET, doubt=Doubt.ONCE),
            ("Where on the way it is cut off is not known: it showed only once.",),
        ),
        (Location(doubt=Doubt.NOT_CUT), ("When it was looked for, nothing was cut off.",)),
    ],
)
def test_it_is_said_in_plain_words_that_every_language_knows(found: Location, said: tuple[str, ...]) -> None:
    assert said == sentences(found)
    for language in languages():
        assert all(language.knows(sentence) for sentence in said)


def test_every_doubt_has_words_in_every_language() -> None:
    assert set(Doubt) == set(DOUBTS)
    for language in languages():
        assert all(map(language.knows, DOUBTS.values()))
        both = (replace(KNOWN, after=1), replace(SILENT, after=1))
        assert all(language.knows(sentence) for found in both for sentence in sentences(found))


def test_what_was_written_in_resets_stands_beside_it() -> None:
    resets = (Reset(ttl=250, ip_id=0), Reset(ttl=61, ip_id=54321))
    told = replace(KNOWN, resets=7, first_resets=resets)
    (line,) = make_paths(to_rows([Sighting(started=NOW, url="u", location=told)]), NOW)
    assert "RST: 7; TTL 250, 61; IP-ID 0, 54321" == line.resets
    six = replace(told, first_resets=(Reset(ttl=61),))
    (line,) = make_paths(to_rows([Sighting(started=NOW, url="u", location=six)]), NOW)
    assert "RST: 7; TTL 61" == line.resets
    (line,) = make_paths(to_rows([Sighting(started=NOW, url="u", location=SILENT)]), NOW)
    assert "" == line.resets


def test_a_few_are_shown() -> None:
    rows: list[dict[str, Any]] = [make_path("x")] * (SHOWN + 3)
    assert SHOWN == len(make_paths(rows, NOW))
