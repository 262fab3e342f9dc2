"""The lab opens, is played in by real programs, and leaves nothing behind, whatever becomes of it."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from lab.netns.client import abroad, at
from lab.netns.lab import TESTS, NetnsLab
from lab.netns.namespaces import find_namespaces, find_stale, run_ip, sweeping
from lab.programs import AGENT, COLLECTOR, Program, ProgramError, environment, run
from lab.scenario import Scenario, Scheme, Vantage
from lab.waiting import until

pytestmark = pytest.mark.root

FEW = ("plain-https", "sni-reset", "slow-resolver")
OPENS_WITHIN_S, CLOSES_WITHIN_S = 60.0, 30.0
"""Beside other tests on two cores; alone it takes a few seconds."""

IN_TIME_S = 60.0


@pytest.fixture
def few(root: None, scenarios: tuple[Scenario, ...]) -> Sequence[Scenario]:
    return [scenario for scenario in scenarios if scenario.id in FEW]


@contextlib.asynccontextmanager
async def opened(scenarios: Sequence[Scenario], folder: Path) -> AsyncIterator[NetnsLab]:
    lab = NetnsLab()
    await lab.open(scenarios, folder)
    try:
        yield lab
    finally:
        await lab.close()


def outside() -> str:
    """Everything of this machine's own network that a lab could change."""
    commands = (["iptables-save"], ["ip6tables-save"], ["ip", "-o", "link"], ["ip", "-o", "addr"], ["ip", "route"])
    texts = [subprocess.run(c, capture_output=True, check=True, text=True).stdout for c in commands]
    moving = r"^#.*|\[\d+:\d+\]|\w+_lft \w+"  # dates, counters, and for how long addresses are lent
    return re.sub(moving, "", "".join(texts), flags=re.MULTILINE)


def processes_in(namespaces: Sequence[str]) -> list[str]:
    inodes = {(Path("/run/netns") / name).stat().st_ino for name in namespaces}
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (process / "ns/net").stat().st_ino in inodes:
                found.append(process.name)
    return found


async def sleeping(lab_namespace: str, *command: str) -> asyncio.subprocess.Process:
    """A program of somebody's that runs in a namespace for long, and is there."""
    sleeper = await asyncio.create_subprocess_exec(*command, "sleep", "1000")

    async def there() -> bool:
        return str(sleeper.pid) in processes_in([lab_namespace])

    await until(there, within=IN_TIME_S)
    return sleeper


async def test_nothing_is_left_of_it(few: Sequence[Scenario], tmp_path: Path) -> None:
    before = outside()
    async with opened(few, tmp_path) as lab:
        tag = lab.world.tag
        assert set(lab.world.namespaces) == set(find_namespaces(tag))
        place = lab.agent(Vantage.PLAIN, 1)
        sleeper = await sleeping(place.prefix[-1], *place.prefix)
        assert before == outside()
    assert -signal.SIGKILL == await sleeper.wait()
    assert [] == find_namespaces(tag)
    assert before == outside()


async def test_it_opens_and_closes_in_seconds(root: None, scenarios: tuple[Scenario, ...], tmp_path: Path) -> None:
    lab = NetnsLab()
    async with asyncio.timeout(OPENS_WITHIN_S):
        await lab.open(scenarios, tmp_path)
    async with asyncio.timeout(CLOSES_WITHIN_S):
        await lab.close()


async def test_a_lab_that_cannot_be_opened_says_why_and_leaves_nothing(few: Sequence[Scenario], tmp_path: Path) -> None:
    lab = NetnsLab()
    await run_ip([f"netns add {lab.world.tag}-plain-2"])  # stands in the way
    with pytest.raises(ProgramError, match="File exists"):
        await lab.open(few, tmp_path)
    assert [] == find_namespaces(lab.world.tag)


async def test_what_a_killed_lab_left_is_removed_at_the_next_start(few: Sequence[Scenario], tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path; from lab.netns.lab import NetnsLab;"
        "from lab.scenario import load_scenarios; lab = NetnsLab();"
        "asyncio.run(lab.open([s for s in load_scenarios() if s.id == 'sni-reset'], Path(sys.argv[1])));"
        "print(lab.world.tag, flush=True); sys.stdin.read()"
    )
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path / "killed")),
        env=environment(PYTHONPATH=str(TESTS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert killed.stdout is not None
    tag = (await killed.stdout.readline()).decode().strip()
    left = find_namespaces(tag)
    sleeper = await sleeping(f"{tag}-plain-1", "ip", "netns", "exec", f"{tag}-plain-1")
    assert tag not in find_stale()

    async def servers_ended() -> bool:
        return not processes_in([f"{tag}-core"])

    async with sweeping():  # tests beside this one would take it away, too
        killed.kill()
        await killed.wait()
        await until(servers_ended, within=IN_TIME_S)
        assert tag in find_stale()
        assert left == find_namespaces(tag)
    async with opened(few, tmp_path / "next"):
        assert [] == find_namespaces(tag)
        assert -signal.SIGKILL == await sleeper.wait()
        assert tag not in find_stale()


async def test_two_labs_stand_side_by_side(lab: NetnsLab, few: Sequence[Scenario], tmp_path: Path) -> None:
    async with opened(few, tmp_path) as other:
        for each in (lab, other):
            (said,) = at(each, Vantage.PLAIN).ask("sni-reset.example")
            assert (each.world.address("sni-reset.example"),) == said.addresses
            assert 200 == abroad(each, 1).get_tls(*said.addresses, "sni-reset.example").status
    assert at(lab, Vantage.PLAIN).ask("sni-reset.example")


async def test_servers_that_cannot_start_are_named(few: Sequence[Scenario], tmp_path: Path) -> None:
    lab = NetnsLab()
    (tmp_path / "authorities").mkdir()
    (tmp_path / "authorities" / "usual.cert.pem").mkdir()
    with pytest.raises(OSError, match=r"usual\.cert\.pem"):
        await lab.open(few, tmp_path)
    assert [] == find_namespaces(lab.world.tag)


@pytest.mark.parametrize(
    ("scheme", "target"),
    [
        (Scheme.HTTPS, "https://plain-https.example/"),
        (Scheme.HTTP, "http://plain-http.example/"),
        (Scheme.QUIC, "quic://plain-quic.example/"),
        (Scheme.TCP, "tcp://plain-tcp.example:5222"),
        (Scheme.DNS, "dns:plain-dns.example"),
    ],
)
def test_targets_are_written_as_a_targets_file_has_them(
    scenarios: tuple[Scenario, ...], scheme: Scheme, target: str
) -> None:
    scenario = next(s for s in scenarios if s.id == f"plain-{scheme}")
    assert target == NetnsLab().target(scenario)


async def test_fetching_from_nobody_is_an_os_error(lab: NetnsLab) -> None:
    with pytest.raises(OSError, match="refused"):
        await lab.fetch(3, "/api/v1/verdicts")


@pytest.mark.parametrize("vantage", [Vantage.PLAIN, Vantage.PORTAL, Vantage.VPN, Vantage.OLD_ROOTS, None])
async def test_agents_join_a_collector_over_tls(lab: NetnsLab, tmp_path: Path, vantage: Vantage | None) -> None:
    hub, data = lab.hub(0), ["--data", str(tmp_path / "data")]
    place = lab.control(1) if vantage is None else lab.agent(vantage, 1)
    env = environment(**place.env, RABTA_HOME=str(tmp_path / "home"))
    command = [*hub.place.prefix, COLLECTOR, "serve", *data, *hub.arguments]
    collector = Program(command, environment(**hub.place.env), tmp_path / "collector.log")
    await collector.start()
    try:
        await until(_answers(lab, collector), within=IN_TIME_S)
        invite = ["--role", "control"] if vantage is None else ["--role", "probe", "--isp", "ptcl"]
        token = (await run(COLLECTOR, "invite", *data, *invite)).strip()
        await run(*place.prefix, AGENT, "join", hub.url, "--invite", token, env=env)
    finally:
        await collector.stop()


def _answers(lab: NetnsLab, collector: Program) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        assert collector.running, collector.last_words()
        try:
            return b"verdicts" in await lab.fetch(0, "/api/v1/verdicts")
        except OSError:
            return False

    return answers
