"""Where a measurement of the past belongs."""

import pytest

from rabta_collector.catalogue import Catalogue, Isp, Need, Platform, Target
from rabta_collector.history.places import Reason, make_places, read_places, site_of
from rabta_collector.isps import default_isps
from rabta_collector.targets import default_catalogue
from rabta_proto.vocabulary import IspKind


def platform(id_: str, *urls: str, need: Need = Need.ALL, optional: tuple[str, ...] = ()) -> Platform:
    targets = [Target(url=url, platform=id_) for url in urls]
    targets += [Target(url=url, platform=id_, required=False) for url in optional]
    return Platform(id=id_, name=id_, category="NEWS", targets=tuple(targets), need=need)


CATALOGUE = Catalogue(
    platforms=(
        platform("x", "https://x.com/", "https://www.twitter.com/", optional=("quic://x.com/", "https://cdn.x.com/")),
        platform("news", "http://news.example/page?id=7", need=Need.ANY),
        platform("odd", "https://odd.example:8443/", "tcp://odd.example:25", "https://xn--mnchen-3ya.example/"),
        platform("late", "https://x.com/other"),
    )
)
PLACES = make_places(CATALOGUE, (Isp(id="ptcl", name="PTCL", kind=IspKind.FIXED, asns=(17557, 45595)),))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.com/", "x"),
        ("https://x.com", "x"),
        ("https://X.COM./", "x"),
        ("https://x.com:443/", "x"),
        ("https://www.x.com/home?a=b", "x"),
        ("https://twitter.com/", "x"),
        ("http://twitter.com/", "x"),
        ("http://twitter.com/somebody", Reason.ONE_PAGE),
        ("http://twitter.com/?q=1", Reason.ONE_PAGE),
        ("http://news.example/page?id=7", "news"),
        ("http://news.example/page?id=8", Reason.ONE_PAGE),
        ("https://news.example/any", "news"),
        ("https://odd.example:8443/", "odd"),
        ("https://odd.example/", Reason.OTHER_HOST),
        ("https://münchen.example/", "odd"),
        ("https://cdn.x.com/", Reason.OTHER_HOST),
        ("https://m.x.com/", Reason.OTHER_HOST),
        ("https://nobody.example/", Reason.OTHER_HOST),
        ("tcp://odd.example:25", Reason.NO_URL),
        ("https://[::1", Reason.NO_URL),
        ("https://x.com:0/", Reason.NO_URL),
        ("https:///", Reason.NO_URL),
        ("", Reason.NO_URL),
    ],
)
def test_a_url_is_the_platform_s_whose_host_it_names(url: str, expected: str) -> None:
    assert expected == PLACES.platform_of(url)


def test_a_network_is_the_isp_s_that_has_its_number() -> None:
    assert ("ptcl", Reason.OTHER_NETWORK, Reason.OTHER_NETWORK) == tuple(map(PLACES.isp_of, (45595, 1, 0)))


def test_places_are_kept_as_a_text_and_are_the_same_again() -> None:
    again = read_places(PLACES.to_json())
    assert PLACES == again
    assert PLACES.to_json() == again.to_json()
    assert {"x": Need.ALL, "news": Need.ANY, "odd": Need.ALL, "late": Need.ALL} == again.needs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.x.com/a?b", "https://x.com"),
        ("http://X.com/", "http://x.com"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example"),
        ("dns:x.com", ""),
    ],
)
def test_a_site_is_scheme_and_host(url: str, expected: str) -> None:
    assert expected == site_of(url)


def test_the_default_catalogue_has_a_place_for_each_platform() -> None:
    places = make_places(default_catalogue(), default_isps())
    assert {platform.id for platform in default_catalogue().platforms} == set(places.needs)
    assert "x" == places.platform_of("https://x.com/")
    assert "ptcl" == places.isp_of(17557)
