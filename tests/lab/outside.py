"""What is around the machines of a trial: their network, the world's way to them, and volunteers in it."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from lab.netns.namespaces import files_of, new_tag, run_ip, write_settings
from lab.netns.volunteer import PORTAL, SITE
from lab.programs import AGENT, ProgramError, environment
from rabta_agent.config import Config
from rabta_agent.home import Home
from rabta_agent.status import read_status

NAME = "collector.example"


class Network:
    """The machines' own (10.0.0.0/24), the world's way to them (20.50.0.0/24), and a volunteer's line to that."""

    def __init__(self) -> None:
        self.tag = new_tag()
        self.core, self.volunteer = f"{self.tag}-core", f"{self.tag}-agent"

    def of(self, number: int) -> str:
        return f"{self.tag}-n{number}"

    async def open(self) -> None:
        await run_ip(f"netns add {name}" for name in (self.core, self.volunteer))
        site = [f"addr add {one}/32 dev lo" for one in (SITE, PORTAL)]
        both = ["addr add 10.0.0.254/24 dev lan0", "addr add 20.50.0.254/24 dev lan0"]
        await run_ip(["link set lo up", *site, "link add name lan0 type bridge", "link set lan0 up", *both], self.core)
        write_settings(self.core, {"ipv4/ip_forward": "1"})
        await run_ip([f"link add c netns {self.core} type veth peer name wlan0 netns {self.volunteer}"])
        await run_ip(["addr add 39.32.0.1/24 dev c", "link set c up"], self.core)
        near = ["addr add 39.32.0.2/24 dev wlan0", "link set wlan0 up", "link set lo up"]
        await run_ip([*near, "route add default via 39.32.0.1"], self.volunteer)
        self.names(1)

    async def plug(self, number: int) -> None:
        """A machine's own namespace."""
        own = self.of(number)
        await run_ip([f"netns add {own}", f"link add m{number} netns {self.core} type veth peer name eth0 netns {own}"])
        await run_ip([f"link set m{number} master lan0", f"link set m{number} up"], self.core)
        addresses = [f"addr add {net}.{number}/24 dev eth0" for net in ("10.0.0", "20.50.0")]
        await run_ip(["link set lo up", *addresses, "link set eth0 up", "route add default via 20.50.0.254"], own)

    def site(self) -> subprocess.Popen[bytes]:
        """What volunteers measure, until it is killed."""
        command = ("ip", "netns", "exec", self.core, sys.executable, "-m", "lab.netns.answering", SITE, PORTAL, "204")
        env = environment(PYTHONPATH=str(Path(__file__).parents[1]))
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def names(self, *numbers: int) -> None:
        """Which machines the collector's name leads volunteers to."""
        folder = files_of(self.volunteer)
        lines = ["127.0.0.1 localhost", *(f"20.50.0.{number} {NAME}" for number in numbers)]
        (folder / "hosts").write_text("\n".join(lines) + "\n", encoding="ascii")
        (folder / "resolv.conf").write_text("nameserver 39.32.0.1\n", encoding="ascii")


class Volunteer:
    """An agent of its own, on the volunteer's line."""

    def __init__(self, network: Network, folder: Path, roots: Path) -> None:
        self.home, self._log = folder / "home", folder / "agent.log"
        folder.mkdir()
        self._command = ("ip", "netns", "exec", network.volunteer, AGENT)
        self._env = environment(RABTA_HOME=str(self.home), SSL_CERT_FILE=str(roots))
        self._runs: subprocess.Popen[bytes] | None = None

    def join(self, token: str) -> None:
        command = (*self._command, "join", f"https://{NAME}", "--invite", token)
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProgramError(f"join: {done.stderr}")

    def run(self) -> None:
        with self._log.open("ab") as log:
            self._runs = subprocess.Popen((*self._command, "run"), env=self._env, stdout=log, stderr=log)

    @property
    def acknowledged(self) -> int:
        assert self._runs is not None
        if self._runs.poll() is not None:
            raise ProgramError(f"an agent ended: {self._log.read_text(encoding='utf-8')[-1000:]}")
        return int(read_status(Home(path=self.home), Config(), datetime.now(UTC))["acked"])

    def end(self) -> None:
        if self._runs is not None:
            self._runs.kill()
            self._runs.wait()
