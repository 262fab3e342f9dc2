"""What others say when something fails."""

import errno
import os
import socket
from pathlib import Path

import pytest

import rabta_collector
from rabta_agent.strangers import KNOWN, OF_COLLECTORS, in_words, retell
from rabta_agent.words import lookup, use


@pytest.fixture
def urdu() -> object:
    use("ur")
    yield
    use("en")


def test_the_systems_words_are_its_own_and_not_asyncios() -> None:
    assert "Connection refused" == in_words(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('x', 1)"))
    assert "Name or service not known" == in_words(socket.gaierror(-2, "Name or service not known"))
    assert "two lines" == in_words(OSError("two\nlines"))
    assert "the connection broke" == in_words(OSError())


def test_known_words_are_told_in_the_volunteers_language(urdu: object) -> None:
    assert lookup("Connection refused") == in_words(ConnectionRefusedError(errno.ECONNREFUSED, ""))
    assert lookup("the invitation is used up") == retell("the invitation is used up")
    assert retell("no such ISP; one of: ptcl, zong").startswith(f"\u2068{lookup('no such ISP')}\u2069")
    assert "what nobody expected" == retell("what nobody expected")


def test_choices_stand_in_english_as_they_came() -> None:
    assert "no such ISP; one of: ptcl, zong" == retell("no such ISP; one of: ptcl, zong")


def test_a_collector_that_says_the_volunteers_address_back_is_not_quoted_on_it() -> None:
    assert "39.32.10.7" not in retell("no room for 39.32.10.7")


def test_the_systems_words_are_those_of_this_system() -> None:
    said = {os.strerror(number) for number in errno.errorcode}
    assert len([text for text in KNOWN if text in said]) >= 14


def test_what_collectors_say_is_what_ours_says() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in Path(rabta_collector.__file__).parent.rglob("*.py"))
    assert [] == [text for text in OF_COLLECTORS if text not in source]
