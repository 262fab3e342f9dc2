"""Parts of a country, put together, are what one process would know: lists, their parts and pages are the same."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector import parts
from rabta_collector.api import LISTINGS
from rabta_collector.backfill import Voices
from rabta_collector.history.fold import Found
from rabta_collector.listing import Listing, Rendered, Source, render
from rabta_collector.pages.gather import PAGES_REACH_S, STRIPS_REACH_S, Gatherer
from rabta_collector.pages.sheet import Material
from rabta_collector.parts import Look, Part, Wanted, merge, of_isps, since
from rabta_collector.plain import from_plain, to_plain
from rabta_collector.query import Form, Query, parse_query
from rabta_collector.state import Event
from rabta_collector.taking import take
from rabta_collector.timeline import Span, overlaps
from rabta_proto.vocabulary import Judgement, Mechanism, State
from support.country import ISPS, NOW, PLATFORMS, Country, make_event

IDS = [isp for isp, _, _ in ISPS]
NAMES = [platform for platform, _, _ in PLATFORMS]
STATES = st.sampled_from([State.REACHABLE, State.BLOCKED, State.INCONCLUSIVE])
AGES = st.integers(1, 5 * 86_400).map(lambda halves: halves / 2)
CELLS = st.tuples(st.sampled_from(NAMES[:3]), st.sampled_from(IDS))


def blocked(state: State) -> Mechanism | None:
    return Mechanism.TLS_RESET_SNI if state is State.BLOCKED else None


@st.composite
def events(draw: st.DrawFn) -> tuple[Event, ...]:
    """Of some cells, some of them decided at the same moment; numbers grow with time."""
    drawn = draw(st.lists(st.tuples(AGES, CELLS, STATES, STATES), max_size=30))
    ordered = sorted(drawn, key=lambda one: -one[0])
    return tuple(
        Event(
            id=number,
            at=NOW - age,
            platform=platform,
            isp=isp,
            from_state=before,
            to_state=after,
            mechanism=blocked(after),
            detected_after_seconds=2.0,
        )
        for number, (age, (platform, isp), before, after) in enumerate(ordered, start=1)
    )


@st.composite
def pasts(draw: st.DrawFn) -> tuple[Span, ...]:
    """What others measured: a span of each of some cells."""
    drawn = draw(st.lists(st.tuples(CELLS, AGES, AGES, STATES), max_size=6, unique_by=lambda one: one[0]))
    spans = (
        Span(
            platform=platform,
            isp=isp,
            state=state,
            mechanism=blocked(state),
            since=NOW - begun - lasted,
            until=NOW - begun,
            revised=True,
        )
        for (platform, isp), begun, lasted, state in drawn
    )
    return tuple(sorted(spans, key=lambda span: (span.isp, span.platform or "")))


@st.composite
def come_late(draw: st.DrawFn) -> Voices:
    drawn = draw(st.dictionaries(CELLS, AGES, max_size=4))
    return {
        (isp, platform): (
            Found(started=NOW - age, site=f"https://{platform}.example", judgement=Judgement.OK, rule="none"),
        )
        for (platform, isp), age in sorted(drawn.items(), key=lambda one: (one[0][1], one[0][0]))
    }


@st.composite
def countries(draw: st.DrawFn) -> Country:
    known = draw(events())
    forgotten = draw(st.integers(0, len(known)))
    return Country(events=known[forgotten:], recorded=known[:forgotten], past=draw(pasts()), late=draw(come_late()))


SHARES = st.lists(st.integers(0, 2), min_size=len(IDS), max_size=len(IDS))


def split(country: Country, wanted: Wanted, shares: Sequence[int]) -> Part:
    """What three processes say of their ISPs, each as it goes over the wire, put together."""
    whole = take(country, wanted)()
    owned = [{isp for isp, its in zip(IDS, shares, strict=True) if its == number} for number in range(3)]
    known = (since(of_isps(whole, isps.__contains__), wanted.since) for isps in owned)
    told = [from_plain(Part, to_plain(part)) for part in known]
    return merge(told, isps=IDS, platforms=NAMES, limit=wanted.query.limit)


@pytest.fixture(autouse=True, scope="module")
def few_newest() -> Iterator[None]:
    """So that something is left out in so small a country."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "NEWEST", 3)
        yield


@given(
    countries(),
    SHARES,
    st.sampled_from(LISTINGS),
    st.sampled_from([None, *NAMES[:2]]),
    st.sampled_from([1, 3, 1000]),
    st.none() | AGES,
)
@settings(max_examples=200)
def test_lists_are_the_same_from_the_first_part_to_the_last(
    country: Country, shares: list[int], listing: Listing, platform: str | None, limit: int, age: float | None
) -> None:
    query = Query(limit=limit, since=None if age is None else NOW - age)
    if "platform" in listing.parameters:
        query = replace(query, platform=platform)
    for form in Form:
        whole, shared = (list(pages(country, listing, replace(query, form=form), one)) for one in (None, shares))
        assert whole == shared


def pages(country: Country, listing: Listing, query: Query, shares: Sequence[int] | None) -> Iterator[Rendered]:
    """A list part by part, by the cursors that are given out."""
    while True:
        wanted = listing.wants(query)
        known = take(country, wanted)() if shares is None else split(country, wanted, shares)
        source = Source(
            catalogue=country.catalogue,
            snapshot=known.snapshot,
            events=(*known.older, *known.events),
            past=known.past,
            late=known.late,
            counts=known.counts,
        )
        yield (rendered := render(listing, source, query))
        if rendered.next is None or listing.from_counts:  # the country of these tests knows no cursor of counts
            return
        given_out = parse_query([("cursor", rendered.next)], listing.parameters)
        query = replace(query, cursor=given_out.cursor)


class Shared(Country):
    """Its readers are told what three processes know."""

    shares: Sequence[int] = ()

    async def gather(self, wanted: Wanted) -> Look:
        return lambda: split(self, wanted, self.shares)


@given(countries(), SHARES, st.sampled_from([None, "x"]))
@settings(max_examples=100)
def test_pages_are_made_of_the_same(country: Country, shares: list[int], platform: str | None) -> None:
    shared = Shared(events=country.events, recorded=country.recorded, past=country.past, late=country.late)
    shared.shares = shares

    async def gather(views: Country) -> Material:
        gatherer = Gatherer(views)
        return (await (gatherer.take_country() if platform is None else gatherer.take(Query(platform=platform))))()

    whole, told = asyncio.run(gather(country)), asyncio.run(gather(shared))
    begin = NOW - (STRIPS_REACH_S if platform is None else PAGES_REACH_S)
    assert shown(whole.spans, begin) == shown(told.spans, begin)
    assert since_then(whole.events, begin) == since_then(told.events, begin)
    assert latest(whole.events) == latest(told.events)
    assert [event.at for event in told.events] == sorted(event.at for event in told.events)
    assert (whole.snapshot.verdicts, whole.snapshot.isps) == (told.snapshot.verdicts, told.snapshot.isps)


def shown(spans: Sequence[Span], begin: float) -> list[Span]:
    return [span for span in spans if overlaps(span, begin, None)]


def since_then(events: Sequence[Event], begin: float) -> list[Event]:
    return sorted((event for event in events if event.at >= begin), key=place)


def latest(events: Sequence[Event]) -> list[Event]:
    return sorted((event for event in events if event.id > 0), key=place)[-3:]


def place(event: Event) -> tuple[float, int]:
    return event.at, event.id


def test_who_is_behind_says_up_to_when_everything_is_decided() -> None:
    country = Country()
    known = take(country, Wanted(events=True))()
    ahead, behind = (of_isps(known, owned.__contains__) for owned in (set(IDS[1:]), set(IDS[:1])))
    late = replace(behind, snapshot=replace(behind.snapshot, at=NOW - 100))
    merged = merge([ahead, late], isps=IDS, platforms=NAMES, limit=1)
    assert NOW - 100 == merged.snapshot.at
    assert [event for event in country.events if event.at <= NOW - 100] == list(merged.events)


@pytest.mark.parametrize("limit", [1, 5, 200])
def test_counts_are_cut_where_one_process_would_cut_them(limit: int) -> None:
    country = Country()
    whole = take(country, Wanted(counts=True))().counts
    merged = split(country, Wanted(query=Query(limit=limit), counts=True), [number % 3 for number in range(len(IDS))])
    assert whole[: limit + 1] == merged.counts


def test_of_events_from_before_a_moment_each_cell_s_last_is_left_and_what_is_among_the_newest() -> None:
    cells = [("x", "ptcl"), ("x", "jazz"), (None, "ptcl")]
    known = tuple(
        make_event(number, 100.0 - number, cells[number % 3], ("reachable", "blocked", None)) for number in range(11)
    )
    part = replace(take(Country(), Wanted())(), events=(*known, make_event(11, 1.0, cells[1], ("x", "y", None))))

    def left(age: float) -> list[int]:
        return [event.id for event in since(part, NOW - age).events]

    assert [4, 5, 6, 7, 8, 9, 10, 11] == left(100.0 - 7)
    assert [8, 9, 10, 11] == left(0.0)
    assert part == since(part, None)
    lone = make_event(50, 500.0, ("dw", "zong"), ("reachable", "down", None))
    part = replace(part, events=(lone, *part.events))
    assert [50, 8, 9, 10, 11] == left(0.0)
