"""Events as a feed, Atom (RFC 4287): what readers of feeds and news desks subscribe to. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from rabta_collector.rfc3339 import format_minute
from rabta_collector.state import Event

NAMESPACE = "http://www.w3.org/2005/Atom"
CONTENT_TYPE = "application/atom+xml; charset=utf-8"
ENTRIES = 100
"""The newest that a feed holds."""


def write_feed(events: Iterable[Event], names: Mapping[str, str], isps: Mapping[str, str], at: float) -> str:
    """The feed, newest first. `names`, `isps`: what platforms and ISPs are called; `at`: until when it is complete.

    `events`: more than the feed holds, at best all, since those of one minute are told apart by how many came before.
    """
    feed = ElementTree.Element("feed", {"xmlns": NAMESPACE, "xml:lang": "en"})
    named = _name(sorted(events, key=lambda event: (event.at, event.id)))[-ENTRIES:]
    for tag, text in (
        ("id", "urn:rabta:events"),
        ("title", "Rabta: what platforms do at Pakistan's ISPs"),
        ("updated", format_minute(named[-1][1].at if named else at)),
    ):
        ElementTree.SubElement(feed, tag).text = text
    ElementTree.SubElement(feed, "link", {"rel": "self", "href": "/api/v1/events.atom"})
    ElementTree.SubElement(ElementTree.SubElement(feed, "author"), "name").text = "Rabta"
    for urn, event in reversed(named):
        _write_entry(feed, urn, event, names, isps)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode") + "\n"


def _name(events: Iterable[Event]) -> list[tuple[str, Event]]:
    """Each with a name for ever, which its number is not: a replay may give it another."""
    seen: Counter[str] = Counter()
    named = []
    for event in events:
        urn = f"urn:rabta:event:{event.isp}:{event.platform or ''}:{format_minute(event.at)}:{event.to_state}"
        seen[urn] += 1
        named.append((urn if seen[urn] == 1 else f"{urn}:{seen[urn]}", event))
    return named


def _write_entry(
    feed: ElementTree.Element, urn: str, event: Event, names: Mapping[str, str], isps: Mapping[str, str]
) -> None:
    place = isps.get(event.isp, event.isp)
    subject = place if event.platform is None else f"{names.get(event.platform, event.platform)} at {place}"
    how = "" if event.mechanism is None else f" ({event.mechanism})"
    entry = ElementTree.SubElement(feed, "entry")
    texts = {
        "id": urn,
        "title": f"{subject}: {event.to_state}{how}",
        "updated": format_minute(event.at),
        "summary": f"{subject} was {event.from_state} and is {event.to_state}{how} since {format_minute(event.at)}.",
    }
    for tag, text in texts.items():
        ElementTree.SubElement(entry, tag).text = text
    if event.platform is not None:
        link = {"rel": "related", "href": f"/api/v1/evidence?event={event.id}", "title": "evidence"}
        ElementTree.SubElement(entry, "link", link)
