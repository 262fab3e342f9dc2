"""Whether two responses are the same page."""

from typing import Any

import pytest

from rabta_collector.verdict.pages import is_challenge, same_page
from rabta_proto.model import HttpRoundTrip


def page(**facts: Any) -> HttpRoundTrip:
    return HttpRoundTrip(
        **{"address": "192.0.2.1", "port": 80, "url": "http://x.com/", "tls": False, "status": 200, **facts}
    )


BASE = page(body_bytes=1000, title="Breaking headlines", header_names=("date", "x-site"), body_sha256=b"1" * 32)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (page(body_bytes=701), True),
        (page(body_bytes=700), False),
        (page(body_bytes=1420), True),
        (page(body_bytes=10, body_sha256=b"1" * 32), True),
        (page(body_bytes=10, header_names=("server", "x-site")), True),
        (page(body_bytes=10, header_names=("date",)), False),
        (page(body_bytes=10, title="More HEADLINES"), True),
        (page(body_bytes=10, title="News"), False),
        (page(body_bytes=1000, status=403), False),
    ],
)
def test_any_likeness_makes_pages_the_same(other: HttpRoundTrip, same: bool) -> None:
    assert same is same_page(BASE, other)
    assert same is same_page(other, BASE)


def test_pages_cut_at_the_cap_are_not_alike_for_that() -> None:
    cut = page(body_bytes=4096, truncated=True)
    assert not same_page(cut, page(body_bytes=4096, truncated=True))
    assert same_page(page(body_bytes=4096, truncated=True, declared_bytes=9000), page(body_bytes=8000))


def test_two_empty_pages_are_alike() -> None:
    assert same_page(page(status=302, body_bytes=0), page(status=302, body_bytes=0))


def test_no_body_is_no_likeness_by_digest() -> None:
    assert not same_page(page(body_bytes=0, body_sha256=b""), page(body_bytes=10, body_sha256=b""))


@pytest.mark.parametrize(
    ("told", "challenge"),
    [
        (page(status=403, header_names=("cf-ray",)), True),
        (page(status=503, server="Cloudflare"), True),
        (page(status=429, server="AkamaiGHost"), True),
        (page(status=403, server="nginx"), False),
        (page(status=200, header_names=("cf-ray",)), False),
    ],
)
def test_a_challenge_is_known_by_status_and_sender(told: HttpRoundTrip, challenge: bool) -> None:
    assert challenge is is_challenge(told)
