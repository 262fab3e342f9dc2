"""The page in a real browser and without one."""

import asyncio
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from rabta_collector.answers import make_body
from rabta_collector.overview import make_overview
from rabta_collector.page import POLICY, PageMaker, waiting_page, whole_page, write_main
from rabta_collector.state import Event, Snapshot
from rabta_collector.web import make_app
from rabta_proto.vocabulary import IspState, Mechanism, State
from support.country import ISPS, NOW, PLATFORMS, Country, make_catalogue, make_events, make_snapshot, make_verdict
from support.programs import require


def main_of(snapshot: Snapshot) -> str:
    return write_main(make_overview(snapshot, make_catalogue(), make_events()))


def text_of(html: str) -> str:
    """What is read, without what is only seen."""

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            words.append("" if tag == "wbr" else " ")

        def handle_data(self, data: str) -> None:
            words.append(data)

    words: list[str] = []
    Reader().feed(html)
    return " ".join("".join(words).split())


async def make(maker: PageMaker, snapshot: Snapshot, asked: list[Snapshot] | None = None) -> str:
    def latest(snapshot: Snapshot) -> tuple[Event, ...]:
        if asked is not None:
            asked.append(snapshot)
        return make_events()

    return (await maker.main(snapshot, CATALOGUE, latest)).tag


CATALOGUE = make_catalogue()


def test_every_cell_says_its_state_in_a_symbol_and_a_word() -> None:
    cells = re.findall(r'<td role="cell" class="(\w+)" data-cell.*?</td>', main_of(make_snapshot()), re.DOTALL)
    assert len(ISPS) * len(PLATFORMS) == len(cells)
    text = text_of(main_of(make_snapshot()))
    assert "PTCL ✕ blocked tls.reset.sni 9 agents, 98% since 17 Feb 22:00" in text
    assert "Transworld (TES) ◐ disrupted 9 agents, 98% since 17 Feb 22:58 4 of 9 agents reach it" in text


def test_text_of_operators_and_engine_is_never_markup() -> None:
    hostile = '<script>alert("1")</script>'
    verdict = replace(make_verdict("x", "ptcl"), note=hostile)
    platforms = (replace(CATALOGUE.platforms[0], name=hostile),)
    isps = (replace(make_snapshot().isps[0], name=hostile),)
    snapshot = Snapshot(at=NOW, verdicts=(verdict,), isps=isps)
    html = write_main(make_overview(snapshot, replace(CATALOGUE, platforms=platforms), make_events()))
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
def test_the_page_says_what_is_missing(snapshot: Snapshot, said: str) -> None:
    assert said in text_of(main_of(snapshot))


def test_the_page_asks_no_other_host_for_anything() -> None:
    html = whole_page(make_body("text/html", main_of(make_snapshot())), NOW).plain.decode()
    addresses = re.findall(r"(?:src|href|action)=[\"']?([^\"' >]+)", html)
    assert addresses
    assert [] == [address for address in addresses if re.match(r"(?!data:)[a-z]+:|//", address)]
    assert [] == re.findall(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)


def test_what_is_not_known_is_told_below_the_troubles() -> None:
    text = text_of(main_of(make_snapshot()))
    assert text.index("VOA Urdu at PTCL") < text.index("? inconclusive Wikipedia at Optix, since 17 Feb 22:50")


def test_where_nothing_is_wrong_what_is_not_known_is_told_all_the_same() -> None:
    calm = tuple(make_verdict("signal", isp) for isp, _, _ in ISPS if isp != "telenor")
    unknown = replace(calm[0], state=State.INCONCLUSIVE)
    isps = tuple(replace(isp, state=IspState.UP) for isp in make_snapshot().isps)
    text = text_of(main_of(replace(make_snapshot(), isps=isps, verdicts=calm)))
    assert "Now No trouble is known. Platforms by ISP" in text
    text = text_of(main_of(replace(make_snapshot(), isps=isps, verdicts=(unknown, *calm[1:]))))
    assert "Now No trouble is known. ? inconclusive Every platform at PTCL" in text


def test_a_page_says_of_which_day_it_is() -> None:
    html = whole_page(make_body("text/html", ""), NOW).plain.decode()
    assert "as of 17 Feb 2024 23:00:00 PKT" in text_of(html)


def test_the_policy_allows_no_other_script_or_style() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'; script-src 'sha256-")
    assert re.search(r" style=| on[a-z]+=", main_of(make_snapshot())) is None


def test_without_scripts_the_page_reloads_itself() -> None:
    assert '<noscript><meta http-equiv="refresh"' in waiting_page().plain.decode()


async def test_what_changes_is_made_once_for_a_country_that_looks_the_same() -> None:
    maker = PageMaker()
    asked: list[Snapshot] = []
    first = await make(maker, make_snapshot(), asked)
    assert first == await make(maker, make_snapshot(), asked)
    assert first == await make(maker, replace(make_snapshot(), at=NOW + 1), asked)
    assert [NOW, NOW + 1] == [snapshot.at for snapshot in asked]


async def test_another_state_is_another_page() -> None:
    maker = PageMaker()
    first = await make(maker, make_snapshot())
    assert first != await make(maker, replace(make_snapshot(), at=NOW + 1, verdicts=make_snapshot().verdicts[1:]))


@dataclass(slots=True, kw_only=True)
class Turning(Country):
    """A country where X comes back at PTCL as soon as the page was read once."""

    reads: int = 0

    def snapshot(self) -> Snapshot:
        self.reads += 1
        if self.reads == 1:
            return self.current
        back = replace(make_verdict("x", "ptcl"), state=State.REACHABLE, mechanism=None, since=NOW + 1)
        verdicts = (back, *self.current.verdicts[1:])
        return replace(self.current, at=NOW + self.reads, verdicts=verdicts)


async def browse(country: Country, profile: Path) -> tuple[str, str]:
    """The document as the browser has it after some of its seconds, and what it complained of."""
    chromium = require("chromium", "chromium")
    async with TestServer(make_app(country)) as server:
        process = await asyncio.create_subprocess_exec(
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0"),
            *(f"--user-data-dir={profile}", "--virtual-time-budget=7000", "--dump-dom", str(server.make_url("/"))),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    complaints = [line for line in err.decode().splitlines() if "CONSOLE" in line]
    return out.decode(), "\n".join(complaints)


async def test_an_open_page_updates_itself_and_breaks_no_rule_of_its_policy(tmp_path: Path) -> None:
    html, complaints = await browse(Turning(), tmp_path)
    cell = re.search(r'<td[^>]*data-cell="x ptcl"[^>]*>.*?</td>', html, re.DOTALL)
    assert cell
    assert "✓ reachable 9 agents, 98% since 17 Feb 23:00" in text_of(cell[0])
    assert "" == complaints
    moved = re.search(r'<time id="decided" datetime="([^"]+)"', html)
    assert moved
    assert "2024-02-17T18:00:00.500Z" < moved[1]


async def test_a_mechanism_can_be_read_by_a_person() -> None:
    assert "http.<wbr>timeout.<wbr>host" in main_of(
        Snapshot(
            at=NOW,
            isps=make_snapshot().isps,
            verdicts=(replace(make_verdict("x", "ptcl"), mechanism=Mechanism.HTTP_TIMEOUT_HOST),),
        )
    )
