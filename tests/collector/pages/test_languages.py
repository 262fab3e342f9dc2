"""Every text of the pages in every language."""

import re
from collections.abc import Iterator
from importlib.resources import files

from rabta_collector.pages.headlines import WHOLE, WHOLE_NETWORK
from rabta_collector.pages.languages import ENGLISH, languages
from rabta_collector.pages.moments import MONTHS
from rabta_collector.pages.render import _environment
from rabta_collector.pages.steps import RESOLVERS
from rabta_collector.pages.words import GREETINGS, ISP_MEANINGS, KINDS, MEANINGS, MECHANISMS, PARTS, STEPS, SYMBOLS
from rabta_collector.provinces import PROVINCES
from rabta_collector.targets import default_catalogue
from rabta_proto.vocabulary import IspKind, IspState, Judgement, Mechanism, State, Step

URDU = next(language for language in languages() if language.code == "ur")


def in_templates() -> Iterator[str]:
    """Texts that templates ask for."""
    environment = _environment(ENGLISH)
    for file in files("rabta_collector").joinpath("templates").iterdir():
        if file.name.endswith(".html"):
            for _, _, found in environment.extract_translations(file.read_text(encoding="utf-8")):  # type: ignore[attr-defined]
                yield from (found,) if isinstance(found, str) else filter(None, found)


def in_words() -> set[str]:
    """Texts that come from the vocabulary."""
    said = {
        *MEANINGS.values(),
        *ISP_MEANINGS.values(),
        *KINDS.values(),
        *MECHANISMS.values(),
        *STEPS.values(),
        *GREETINGS.values(),
    }
    states = {*map(str, SYMBOLS), *map(str, Judgement)}
    return said | states | {*WHOLE.values(), WHOLE_NETWORK, *MONTHS, *RESOLVERS.values(), *PROVINCES, *PARTS}


def test_every_text_of_the_templates_is_there_in_urdu() -> None:
    assert set() == set(in_templates()) - set(URDU.texts)


def test_every_word_of_the_vocabulary_is_there_in_urdu() -> None:
    assert set() == in_words() - set(URDU.texts)


def test_every_word_of_the_vocabulary_has_a_meaning() -> None:
    assert set(State) == set(MEANINGS)
    assert set(IspState) == set(ISP_MEANINGS)
    assert set(IspKind) == set(KINDS)
    assert set(Mechanism) == set(MECHANISMS)
    assert set(Step) == set(STEPS)


def test_every_part_of_the_default_catalogue_has_a_name_in_every_language() -> None:
    assert {part.name for platform in default_catalogue().platforms for part in platform.parts} == set(PARTS)


def test_what_is_put_into_a_text_is_put_into_the_other_language_too() -> None:
    for text, urdu in URDU.texts.items():
        assert sorted(re.findall(r"%\(\w+\)s|%%|#", text)) == sorted(re.findall(r"%\(\w+\)s|%%|#", urdu)), text


def test_urdu_is_written_in_its_own_letters() -> None:
    spoken = {text for text in URDU.texts if re.search("[A-Za-z]", re.sub(r"%\(\w+\)s", "", text))}
    assert [] == [text for text in spoken if not re.search("[ء-ے]", URDU.texts[text])]


def test_a_text_in_which_numbers_stand_keeps_them_in_their_order() -> None:
    said = URDU.say("4 of 9 agents reach it")
    assert ["4", "9"] == re.findall(r"\d+", said)
    assert URDU.knows("4 of 9 agents reach it")


def test_a_text_that_is_not_known_stays_as_it_is() -> None:
    assert "odd" == URDU.say("odd")
    assert not URDU.knows("odd")
    assert ENGLISH.knows("odd")
