"""The pages over HTTP, as browsers without scripts and search engines read them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from rabta_collector.pages.render import POLICY
from rabta_collector.state import Event, Snapshot
from rabta_collector.timeline import Span
from rabta_collector.web import make_app
from rabta_proto.vocabulary import IspState, Mechanism, State
from support.country import ISPS, NOW, PLATFORMS, Country, make_event, make_snapshot, make_verdict

Client = TestClient[web.Request, web.Application]
PAGES = ("/", "/platform/x", "/platform/x?days=90", "/isp/telenor", "/cell/x/ptcl", "/event/2", "/event/9")
TEXTS = ("/about", "/method", "/join")


def serve(country: Country) -> Client:
    return TestClient(TestServer(make_app(country)))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serve(Country()) as client:
        yield client


def text_of(html: str) -> str:
    """What is read, without what is only seen."""

    class Reader(HTMLParser):
        hidden = False

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.hidden = tag in ("style", "script")
            words.append("" if tag in ("wbr", "bdi", "a", "strong") else " ")

        def handle_endtag(self, tag: str) -> None:
            self.hidden = False

        def handle_data(self, data: str) -> None:
            words.append("" if self.hidden else data)

    words: list[str] = []
    Reader().feed(html)
    return " ".join("".join(words).split())


async def read(client: Client, path: str) -> str:
    answer = await client.get(path)
    assert 200 == answer.status, path
    return await answer.text()


async def main_of(country: Country, path: str = "/") -> str:
    async with serve(country) as client:
        return await read(client, f"{path}{'&' if '?' in path else '?'}part=main")


def showing(snapshot: Snapshot) -> Country:
    return Country(current=snapshot)


# The country


async def test_every_cell_says_its_state_in_a_symbol_and_a_word() -> None:
    html = await main_of(Country())
    cells = re.findall(r'<td role="cell" class="cell (\w+)" data-cell.*?</td>', html, re.DOTALL)
    assert len(ISPS) * len(PLATFORMS) == len(cells)
    text = text_of(html)
    assert "PTCL ✕ blocked tls.reset.sni 9 agents, 98% since 17 Feb 22:00" in text
    assert "Transworld (TES) ◐ disrupted 9 agents, 98% since 17 Feb 22:58 4 of 9 agents reach it" in text


async def test_text_of_operators_and_engine_is_never_markup() -> None:
    hostile = '<script>alert("1")</script>'
    verdict = replace(make_verdict("x", "ptcl"), note=hostile)
    country = Country()
    platforms = (replace(country.catalogue.platforms[0], name=hostile),)
    isps = (replace(make_snapshot().isps[0], name=hostile),)
    country.catalogue = replace(country.catalogue, platforms=platforms)
    country.current = Snapshot(at=NOW, verdicts=(verdict,), isps=isps)
    for path in ("/", "/platform/x", "/isp/ptcl", "/cell/x/ptcl", "/event/2"):
        html = await main_of(country, path)
        assert "&lt;script&gt;" in html
        assert "<script" not in html


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (Snapshot(at=NOW), "No agent has connected yet"),
        (replace(make_snapshot(), controls_connected=0), "No control agent is connected"),
        (Snapshot(at=NOW, isps=make_snapshot().isps[:1], controls_connected=2), "No trouble is known."),
    ],
)
async def test_the_page_says_what_is_missing(snapshot: Snapshot, said: str) -> None:
    assert said in text_of(await main_of(showing(snapshot)))


async def test_what_is_not_known_is_told_below_the_troubles() -> None:
    text = text_of(await main_of(Country()))
    assert text.index("VOA Urdu at PTCL") < text.index("? inconclusive Wikipedia at Optix, since 17 Feb 22:50")


async def test_where_nothing_is_wrong_what_is_not_known_is_told_all_the_same() -> None:
    calm = tuple(make_verdict("signal", isp) for isp, _, _ in ISPS if isp != "telenor")
    unknown = replace(calm[0], state=State.INCONCLUSIVE)
    isps = tuple(replace(isp, state=IspState.UP) for isp in make_snapshot().isps)
    text = text_of(await main_of(showing(replace(make_snapshot(), isps=isps, verdicts=calm))))
    assert "Now No trouble is known. Platforms by ISP" in text
    text = text_of(await main_of(showing(replace(make_snapshot(), isps=isps, verdicts=(unknown, *calm[1:])))))
    assert "Now No trouble is known. ? inconclusive Every platform at PTCL" in text


async def test_a_page_says_of_which_day_it_is(client: Client) -> None:
    assert "as of 17 Feb 2024 23:00:00 PKT" in text_of(await read(client, "/"))


async def test_a_mechanism_can_be_read_by_a_person() -> None:
    verdict = replace(make_verdict("x", "ptcl"), mechanism=Mechanism.HTTP_TIMEOUT_HOST)
    snapshot = replace(make_snapshot(), verdicts=(verdict,))
    assert "http.<wbr>timeout.<wbr>host" in await main_of(showing(snapshot))
    told = text_of(await main_of(showing(snapshot), "/cell/x/ptcl"))
    assert "The connection falls silent after the page is asked for." in told


# From one page to the next


async def test_a_verdict_s_page_says_how_much_was_measured_each_day_and_on_which_nothing_was(client: Client) -> None:
    said = text_of(await read(client, "/cell/x/ptcl"))
    assert "Day by day, with numbers Day (UTC) Measurements Agents ok inconclusive down throttled blocked" in said
    assert "17 Feb 10 3 10 – – – – 16 Feb 10 3 10 – – – – 15 Feb 0 0 – – – – – 14 Feb 10 3" in said
    assert "کتنی پیمائش ہوئی" in text_of(await read(client, "/ur/cell/x/ptcl"))


async def test_from_the_line_that_says_blocked_at_ptcl_to_the_evidence_is_one_click(client: Client) -> None:
    line = next(line for line in (await read(client, "/")).splitlines() if line.startswith("<li>") and "PTCL" in line)
    assert "blocked" in line
    (target,) = re.findall(r'href="([^"]+)"><?b?d?i?>?PTCL', line.replace("<bdi>", "").replace("</bdi>", ""))
    text = text_of(await read(client, "/" + target))
    assert "X (Twitter) at PTCL ✕ blocked since 17 Feb 2024 22:00 PKT" in text
    assert "8 agents: blocked, 1 agent: ok" in text
    assert "TCP worked; ClientHello got RST." in text


async def test_a_verdict_and_an_event_say_where_on_the_way_it_is_cut_off_in_both_languages(client: Client) -> None:
    for path in ("/cell/x/ptcl", "/event/2"):
        text = text_of(await read(client, path))
        assert "The connection is reset 5 hops away. The server is 9 hops away." in text
        assert "RST: 2; TTL 61, 61; IP-ID 7, 8" in text
        assert "No verdict rests on it" in text
        urdu = text_of(await read(client, f"/ur{path}"))
        assert "رابطہ 5 پڑاؤ دور کاٹ دیا جاتا ہے۔ سرور 9 پڑاؤ دور ہے۔" in urdu
    assert "Where on the way" not in text_of(await read(client, "/cell/whatsapp/ptcl"))


@pytest.mark.parametrize("path", [*PAGES, *TEXTS])
async def test_every_link_of_every_page_leads_somewhere_in_both_languages(client: Client, path: str) -> None:
    for prefix in ("", "/ur"):
        html = await read(client, prefix + path)
        base = client.make_url(prefix + path)
        kinds: dict[str, list[str]] = {}  # a few links of each kind: those of a matrix are all alike
        for href in sorted({*re.findall(r'href="([^"#]+)', html)}):
            kinds.setdefault(re.sub(r"^[./]*(ur/)?", "", href).split("/")[0], []).append(href)
        for href in (href for kind, some in kinds.items() if not kind.startswith("data:") for href in some[:2]):
            answer = await client.get(base.join(URL(href.replace("&amp;", "&"))).path_qs)
            assert 200 == answer.status, (prefix + path, href)


@pytest.mark.parametrize(
    "path",
    ["/platform/none", "/isp/none", "/cell/x/none", "/cell/none/ptcl", "/event/999", "/event/-1", "/ur/isp/no"],
)
async def test_a_page_of_something_unknown_says_so(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (404, "text/html") == (answer.status, answer.content_type)
    assert POLICY == answer.headers["Content-Security-Policy"]


def block(id_: int, days: float, state: str) -> Event:
    """Of DW at Jazz, that many days ago."""
    other = "blocked" if state == "reachable" else "reachable"
    return make_event(id_, days * 86_400, ("dw", "jazz"), (other, state, None))


async def test_what_is_no_longer_in_memory_is_shown_from_the_record() -> None:
    recorded = (block(930, 60, "blocked"), block(931, 30, "reachable"))
    async with serve(Country(recorded=recorded)) as client:
        told = text_of(await read(client, "/platform/dw?days=90"))
        assert "19 Dec 2023 23:00 Deutsche Welle at Jazz reachable → ✕ blocked" in told
        story = text_of(await read(client, f"/event/{recorded[0].id}"))
        assert "Deutsche Welle at Jazz" in story
        assert "on 19 Dec 2023 23:00 PKT" in story
        assert 404 == (await client.get("/event/999")).status
        found = await (await client.get(f"/api/v1/evidence?event={recorded[0].id}")).json()
        assert "no_evidence" == found["error"]["code"]
        listed = await (await client.get("/api/v1/events?platform=dw&isp=jazz")).json()
        assert [event.id for event in recorded] == [event["id"] for event in listed["events"]]


async def test_what_others_measured_has_its_page_too() -> None:
    span = Span(
        platform="x", isp="ptcl", state="blocked", mechanism=None, since=NOW - 6e6, until=NOW - 5e6, revised=True
    )
    async with serve(Country(past=(span,))) as client:
        html = await read(client, "/platform/x?days=90")
        over, began = re.findall(r'href="[^"]*/event/(-\d+)"', html)
        assert "✕ blocked → ? inconclusive" in text_of(await read(client, f"/event/{over}"))
        told = text_of(await read(client, f"/event/{began}"))
        assert "? inconclusive → ✕ blocked" in told
        assert "This is from measurements of others, imported later." in told


# How they are sent


@pytest.mark.parametrize("path", [*PAGES, *TEXTS])
async def test_a_page_asks_no_other_host_for_anything(client: Client, path: str) -> None:
    html = await read(client, path)
    addresses = re.findall(r"(?:src|href|action)=[\"']?([^\"' >]+)", html)
    assert addresses
    assert [] == [address for address in addresses if re.match(r"(?!data:)[a-z]+:|//", address)]
    assert [] == re.findall(r"url\(|@import", html)


@pytest.mark.parametrize("path", [*PAGES, *TEXTS])
async def test_nothing_of_a_page_needs_what_its_policy_forbids(client: Client, path: str) -> None:
    assert re.search(r" style=| on[a-z]+=", await read(client, path)) is None


def test_the_policy_allows_no_other_script_or_style() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'; script-src 'sha256-")


async def test_without_scripts_the_waiting_page_reloads_itself() -> None:
    async with serve(Country(is_ready=False)) as client:
        for path in ("/", "/ur/", "/platform/x"):
            answer = await client.get(path)
            assert 503 == answer.status
            assert '<noscript><meta http-equiv="refresh"' in await answer.text()


async def test_a_page_does_not_reload_itself_under_its_reader(client: Client) -> None:
    """Whoever reads it aloud would begin anew each time (WCAG 2.2.1)."""
    assert 'http-equiv="refresh"' not in await read(client, "/")


async def test_an_open_page_is_told_that_nothing_changed() -> None:
    country = Country()
    async with serve(country) as client:
        whole = await read(client, "/cell/x/ptcl")
        (tag,) = re.findall(r'data-tag="([^"]+)"', whole)
        known = {"If-None-Match": f'W/"{tag}"'}
        assert 304 == (await client.get("/cell/x/ptcl?part=main", headers=known)).status
        verdict = replace(make_verdict("x", "ptcl"), state=State.REACHABLE, mechanism=None)
        country.current = replace(country.current, at=NOW + 60, verdicts=(verdict,))
        assert 200 == (await client.get("/cell/x/ptcl?part=main", headers=known)).status


async def test_more_measurements_alone_do_not_change_the_country_that_is_shown() -> None:
    """Else every open page would load everything again and again."""
    country = Country()
    async with serve(country) as client:
        tags = []
        for later in (0, 2.5, 60):
            verdicts = tuple(replace(v, measurements=v.measurements + 9, updated=NOW) for v in country.current.verdicts)
            country.current = replace(country.current, at=NOW + later, verdicts=verdicts)
            tags.append((await client.get("/?part=main")).headers["ETag"])
        assert 1 == len(set(tags))


async def test_a_printed_page_names_its_address_and_a_hostile_host_is_none(client: Client) -> None:
    said = "Printed from: http://rabta.example/cell/x/ptcl"
    html = await (await client.get("/cell/x/ptcl", headers={"Host": "rabta.example"})).text()
    assert said in text_of(html)
    html = await (await client.get("/cell/x/ptcl", headers={"Host": "a<b>.example"})).text()
    assert "Printed from" not in html


# What is public


@pytest.mark.parametrize("path", PAGES)
async def test_times_are_cut_to_the_minute(path: str) -> None:
    verdicts = tuple(replace(v, since=v.since + 17.25) for v in make_snapshot().verdicts)
    events = tuple(replace(event, at=event.at + 17.25) for event in Country().events)
    html = await main_of(Country(current=replace(make_snapshot(), verdicts=verdicts), events=events), path)
    assert [] == [at for at in re.findall(r"\d\d:\d\d:\d\d(?:\.\d+)?", html) if at != f"{at[:5]}:00.000"]
    assert [] == re.findall(r"%3A\d\d%3A(?!00(?:\.000)?Z)\d\d", html)


@pytest.mark.parametrize("path", ["/", "/platform/x", "/isp/telenor", "/event/9"])
async def test_nobody_is_counted_by_province_but_where_evidence_may(client: Client, path: str) -> None:
    html = await read(client, path)
    assert [] == re.findall("Punjab|Sindh|Khyber|Balochistan|Islamabad|Gilgit|Kashmir", html)
    assert "Agents by province, where there are three or more: Punjab 5" in text_of(await read(client, "/cell/x/ptcl"))
