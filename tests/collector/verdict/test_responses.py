"""What pages came back, beside those of the controls."""

from typing import Any

import pytest

from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.fingerprints import Known
from rabta_collector.verdict.responses import Responses, brand
from support.factories import FORGED, NEAR, NOON, PLAIN, Story, story, works

OTHER: dict[str, Any] = {"title": "", "header_names": ("date",), "body_bytes": 300}


def plain(**page: Any) -> Story:
    return story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, **page)


def responses(told: Story, *controls: Story) -> Responses:
    looks = [control.measurement(at=NOON + 1) for control in controls]
    return Facts(measurement=told.measurement(), controls=looks).responses


def test_a_page_is_as_the_controls_where_any_control_was_given_it() -> None:
    assert responses(plain(), plain(**OTHER), plain()).as_controls
    assert not responses(plain(), plain(**OTHER)).as_controls
    assert not responses(plain()).as_controls
    assert responses(plain(), plain(status=403), plain()).status_as_controls


def test_another_page_needs_controls_that_agree_and_the_same_status() -> None:
    assert responses(plain(**OTHER), plain(), plain()).another
    assert not responses(
        plain(**OTHER), plain(), plain(title="Gardening at home", header_names=(), body_bytes=9)
    ).another
    unlike = plain(title="Gardening at home", header_names=(), body_bytes=9)
    assert not responses(plain(**OTHER), plain(), plain(), unlike).another
    assert not responses(plain(status=403, **OTHER), plain()).another
    assert not responses(plain(**OTHER)).another


def test_a_page_that_was_not_read_to_its_end_is_not_known_to_be_another() -> None:
    cut = OTHER | {"truncated": True}
    assert not responses(plain(**cut), plain()).another
    assert not responses(plain(**OTHER), plain(truncated=True)).another
    assert responses(plain(**cut, declared_bytes=300), plain()).another


def test_a_redirect_that_leads_nowhere_is_not_another_page() -> None:
    moved = {"status": 302, "title": "", "header_names": ()}
    told = responses(plain(**moved, body_bytes=10), plain(**moved, body_bytes=1000))
    assert told.redirecting
    assert not told.another


def test_a_refusal_here_and_not_abroad_is_a_refusal_of_service() -> None:
    assert responses(plain(status=403), plain()).refused_service
    assert responses(plain(status=403), plain(status=403), plain()).refused_service
    assert not responses(plain(status=403), plain(status=403)).refused_service
    assert not responses(plain(status=404), plain()).refused_service


def test_what_nobody_vouches_for_is_looked_through_for_marks() -> None:
    assert "the mark pk.prohibited" == responses(plain(marks=("pk.prohibited",))).block_page
    assert responses(plain(marks=("pk.prohibited",)), plain(marks=("pk.prohibited",))).block_page is None
    secure = story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, marks=("pk.prohibited",))
    assert responses(secure).block_page is None


def test_one_page_that_is_known_to_be_harmless_clears_the_chain() -> None:
    told = plain(status=302, location="http://y.com/").follows("y.com").names(NEAR).connects(NEAR)
    measurement = told.answers(NEAR, marks=("op.parking",)).measurement()
    known = Known(harmless=frozenset({"op.parking"}))
    assert [True, False] == [Facts(measurement=measurement, known=k).responses.harmless for k in (known, Known())]


def test_a_redirect_with_a_header_that_is_the_site_s_own_is_the_site_s() -> None:
    """The last one of the site's own; what stands in common headers, or comes from where it led, shows nothing."""

    def told(*names: str) -> Story:
        away = plain(status=302, title="", header_names=names, location="http://y.com/")
        return away.follows("y.com").names(FORGED).connects(FORGED).answers(FORGED, header_names=("x-site",))

    assert responses(told("date", "x-site"), plain()).diverted_by_server
    assert not responses(told("date", "server"), plain()).diverted_by_server
    assert not responses(told("date", "x-site")).diverted_by_server
    assert not responses(told("date", "x-other"), plain()).diverted_by_server


def test_a_host_of_block_pages_that_controls_are_sent_to_is_the_site_s_choice() -> None:
    def told() -> Story:
        return plain(status=302, location="http://restrict.wateen.net/").follows("restrict.wateen.net").names(NEAR)

    assert "restrict.wateen.net" == responses(told(), plain()).block_host
    assert responses(told(), told()).block_host is None


def test_a_site_is_alive_where_it_gave_the_controls_page() -> None:
    told = story(PLAIN).names(FORGED).connects(NEAR).answers(NEAR)
    assert responses(told, works(PLAIN)).alive_at({NEAR})
    assert not responses(told, works(PLAIN)).alive_at({FORGED})
    assert not responses(told).alive_at({NEAR})


@pytest.mark.parametrize(
    ("host", "word"), [("www.bbc.co.uk", "bbc"), ("x.com", "x"), ("m.x.com", "x"), ("localhost", "localhost"), ("", "")]
)
def test_a_brand_is_the_label_by_which_a_site_is_known(host: str, word: str) -> None:
    assert word == brand(host)
