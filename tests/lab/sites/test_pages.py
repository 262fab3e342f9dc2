"""Pages of different sites differ in all that the comparison of pages looks at; those of one site do not."""

import re

import pytest

from lab.scenario import Scenario, SiteKind, load_scenarios
from lab.sites.pages import OBJECT_BYTES, OBJECT_PATH, Request, Response, respond
from lab.sites.site import Site, StandIn
from rabta_collector.verdict.pages import COMMON_HEADERS

SCENARIOS = [scenario for scenario in load_scenarios() if scenario.site is SiteKind.PLAIN]
SHAM = (StandIn.OTHER, StandIn.BLOCKPAGE, StandIn.NOTICE, StandIn.PORTAL, StandIn.FORGER)


def page(site: Site) -> Response:
    return respond(site, Request(headers={"host": "login.portal.example"}), inside=True)


def title_words(response: Response) -> set[str]:
    found = re.search(rb"<title>(.*?)</title>", response.body)
    assert found
    return {word for word in found[1].decode().lower().split() if len(word) >= 5}


def uncommon(response: Response) -> set[str]:
    names = {line.partition(":")[0].lower() for line in response.head.decode().splitlines()[1:] if line}
    return names - COMMON_HEADERS


@pytest.mark.parametrize("kind", SHAM)
def test_what_stands_in_for_a_site_looks_like_none_of_them(kind: StandIn) -> None:
    sham = page(Site(host="sham.example", kind=kind))
    for scenario in SCENARIOS:
        true = page(Site(host=scenario.host))
        assert not title_words(true) & title_words(sham), scenario.id
        assert not uncommon(true) & uncommon(sham), scenario.id
        assert len(sham.body) < 0.5 * len(true.body), scenario.id


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.id))
def test_a_site_has_a_header_of_its_own_and_a_title_and_keeps_them(scenario: Scenario) -> None:
    first, again = page(Site(host=scenario.host)), page(Site(host=scenario.host))
    assert 1 == len(uncommon(first))
    assert 3 == len(title_words(first))
    assert first == again


def asked(kind: SiteKind = SiteKind.PLAIN, **headers: str) -> Response:
    return respond(Site(host="a.example", kind=kind), Request(path=OBJECT_PATH, headers=headers), inside=True)


def test_an_object_comes_whole_or_its_first_part() -> None:
    whole, part = asked(), asked(range="bytes=0-999")
    assert (b"HTTP/1.1 200", OBJECT_BYTES) == (whole.head[:12], whole.total)
    assert (b"HTTP/1.1 206", 1000) == (part.head[:12], part.total)
    assert f"Content-Range: bytes 0-999/{OBJECT_BYTES}".encode() in part.head
    assert asked(range="bytes=5-9").total == OBJECT_BYTES


def test_a_slow_server_is_slow_for_everybody() -> None:
    assert asked(SiteKind.SLOW_OBJECT).rate is not None
    assert asked().rate is None
