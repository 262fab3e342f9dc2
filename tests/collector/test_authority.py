"""Authorities of single targets: read, and watched to their end."""

from datetime import timedelta
from time import time

import pytest
import trustme

from rabta_collector.authority import MARGIN_S, ends_at, parse_authority, standing
from rabta_collector.catalogue import Target
from rabta_collector.targets import default_catalogue
from support.authorities import make_root, root_of, written

DAY_S = 86_400.0
WEEK = make_root(ends_in=timedelta(days=7))


def target(url: str, authority: bytes = b"") -> Target:
    return Target(url=url, platform="x", authority=authority)


def test_a_certificate_is_read_as_it_is_written() -> None:
    root = root_of(trustme.CA())
    assert root == parse_authority(written(root))
    assert pytest.approx(time() + 7 * DAY_S, abs=60) == ends_at(make_root(ends_in=timedelta(days=7)))


@pytest.mark.parametrize(
    "text", ["", "nothing", "bm90aGluZw==", written(WEEK)[:-8], written(make_root(ends_in=timedelta(1), issues=False))]
)
def test_what_is_no_authority_s_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_authority(text)


def test_a_target_is_left_out_before_its_authority_ends() -> None:
    plain, pinned, end = target("https://x.com/"), target("tls://chat.x.com", WEEK), ends_at(WEEK)
    assert [plain, pinned] == list(standing([plain, pinned], end - MARGIN_S))
    assert [plain] == list(standing([plain, pinned], end - MARGIN_S + 1))
    assert (plain,) == standing((plain,), end)


def test_signal_s_authority_stands_in_the_default_catalogue() -> None:
    (signal,) = [one for one in default_catalogue().targets if one.authority]
    assert ("signal", "tls://chat.signal.org") == (signal.platform, signal.url)
    assert 1_958_517_950 == ends_at(signal.authority)  # 2032-01-24 00:45:50 UTC
