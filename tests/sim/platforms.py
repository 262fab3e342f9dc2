"""Fifty platforms, ten of priority 1, and references: the catalogue that the simulated operator runs with. Pure.

Intervals are what twenty agents' bytes suffice for, with a tenth left for the closed loop: priority 1 every 28 s, the
others every 4 min; with fewer agents they stretch, the lower priorities first. One target each, but for X (its old
name) and WhatsApp (its media hosts, which travel apart from text, and where an object is read against the clock once
an hour).
"""

from rabta_collector.catalogue import Catalogue, Platform, Target, Transfer
from support.timed import WANTED

INTERVALS_S = {1: 28.0, 2: 240.0, 3: 240.0}
FIRST = ("x", "whatsapp", "youtube", "facebook", "instagram", "tiktok", "telegram", "signal", "google", "messenger")
SECOND = ("wikipedia", "bluesky", "linkedin", "reddit", "threads", "snapchat", "discord", "zoom", "teams", "skype")
THIRD = ("dw", "bbc", "voa-urdu", "dawn", "geo", "ary", "cnn", "al-jazeera", "reuters", "fact-focus")
COUNT = 50
SECOND_COUNT = 25
MORE = {
    "x": Target(url="https://twitter.com/", platform="x", interval_s=600.0, priority=2),
    "whatsapp": Target(
        url="https://mmg.whatsapp.net/",
        platform="whatsapp",
        interval_s=300.0,
        priority=1,
        transfer=Transfer(url="https://mmg.whatsapp.net/object", bytes=WANTED, control_name="www.example.com"),
    ),
}
MEDIA = MORE["whatsapp"].url


def make_catalogue() -> Catalogue:
    """All of it."""
    platforms = tuple(_platform(name, priority) for name, priority in _named())
    references = tuple(
        Target(url=f"https://reference-{n}.example/", interval_s=interval_s, priority=1)
        for n, interval_s in enumerate((300.0, 300.0, 600.0), 1)
    )
    return Catalogue(platforms=platforms, references=references)


def choose(catalogue: Catalogue, names: frozenset[str]) -> Catalogue:
    """The same catalogue with these platforms alone, references kept."""
    return Catalogue(
        platforms=tuple(one for one in catalogue.platforms if one.id in names), references=catalogue.references
    )


def _named() -> list[tuple[str, int]]:
    second = [*SECOND, *(f"service-{n:02}" for n in range(1, SECOND_COUNT - len(SECOND) + 1))]
    third = [*THIRD, *(f"news-{n:02}" for n in range(1, COUNT - len(FIRST) - SECOND_COUNT - len(THIRD) + 1))]
    return [(name, priority) for priority, names in ((1, FIRST), (2, second), (3, third)) for name in names]


def _platform(name: str, priority: int) -> Platform:
    host = "x.com" if name == "x" else f"www.{name}.com"
    first = Target(url=f"https://{host}/", platform=name, interval_s=INTERVALS_S[priority], priority=priority)
    targets = (first, MORE[name]) if name in MORE else (first,)
    return Platform(id=name, name=name, category="SOCIAL", targets=targets)
