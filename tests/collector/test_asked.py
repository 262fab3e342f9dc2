"""What was asked for is remembered for as long as it may still arrive."""

from pathlib import Path

from rabta_collector.asked import KEPT_S, remember
from rabta_collector.catalogue import Catalogue, Platform, Target
from rabta_collector.registry import Registry

DAY_S = 86_400.0


def catalogue(*urls: str, references: tuple[str, ...] = ()) -> Catalogue:
    targets = tuple(Target(url=url, platform="x") for url in urls)
    return Catalogue(
        platforms=(Platform(id="x", name="X", category="SOCIAL", targets=targets),),
        references=tuple(Target(url=url) for url in references),
    )


def remembered(path: Path, asked: Catalogue, day: float) -> frozenset[tuple[str, str]]:
    """A collector starts on that day."""
    registry = Registry(path / "state.sqlite")
    try:
        return remember(registry, asked, now=day * DAY_S)
    finally:
        registry.close()


def test_targets_and_references_of_the_catalogue_are_asked_for(tmp_path: Path) -> None:
    found = remembered(tmp_path, catalogue("https://a/", references=("https://b/",)), 0)
    assert {("x", "https://a/"), ("", "https://b/")} == found


def test_a_target_that_was_removed_is_still_taken_for_a_month(tmp_path: Path) -> None:
    both, one = catalogue("https://a/", "https://b/"), catalogue("https://a/")
    remembered(tmp_path, both, 0)
    assert ("x", "https://b/") in remembered(tmp_path, one, 100)  # it was asked for until the hundredth day
    assert ("x", "https://b/") in remembered(tmp_path, one, 102)
    month = KEPT_S / DAY_S
    assert ("x", "https://b/") in remembered(tmp_path, one, 99.9 + month)
    assert {("x", "https://a/")} == remembered(tmp_path, one, 100 + month)


def test_a_target_that_comes_back_stays(tmp_path: Path) -> None:
    remembered(tmp_path, catalogue("https://a/", "https://b/"), 0)
    remembered(tmp_path, catalogue("https://a/"), 1)
    remembered(tmp_path, catalogue("https://a/", "https://b/"), 2)
    assert ("x", "https://b/") in remembered(tmp_path, catalogue("https://b/"), 200)


def test_a_target_of_another_platform_is_another(tmp_path: Path) -> None:
    assert ("y", "https://a/") not in remembered(tmp_path, catalogue("https://a/"), 0)
