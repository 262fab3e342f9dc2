"""`make scale-test`: the page from one machine to three, typed line by line on machines with a Debian and a systemd.

A collector as vps.md has it, with two agents; then three machines by scale.md, Prometheus over them, one machine that
is pulled and replaced by an empty one, and the way back. Agents run all the while, and each has its measurements taken.
It needs root, debootstrap, systemd-nspawn and a way to what apt and pip fetch, and is to be started in a mount
namespace of its own (the Makefile does), with which its mounts go.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.desk import HERE, Desk, blocks, section, wait
from lab.disks import empty_debian, say, wheels_in
from lab.netns.namespaces import remove
from lab.outside import NAME, Network, Volunteer
from lab.overseer import Overseer
from lab.programs import ProgramError
from lab.shares import Shares

PACKAGES = (
    "systemd,systemd-sysv,dbus,iproute2,ca-certificates,openssl,procps,git,curl,sqlite3,python3-venv,nats-server,haproxy,"
    "nginx-light"
)
"""What the pages have apt install, and what a machine has."""

ALL, LOST = (1, 2, 3), 2
PEERS = {"10.0.0.1 10.0.0.2 10.0.0.3": "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.254"}  # Prometheus is on another machine
TARGETS = 'targets = "/etc/rabta/targets.toml"'
NGINX = {"YOUR.NAME": NAME, "systemctl reload nginx": "systemctl enable --now nginx"}
INVITE = "runuser -u rabta -- /opt/rabta/bin/rabta-collector invite --data /var/lib/rabta"
KEYS = ("plan.key", "import.key")
COUNTED = "runuser -u rabta-agent -- /opt/rabta/bin/rabta-agent status --json --home /var/lib/rabta-agent"


class Story:
    """The pages, in their order."""

    def __init__(self, desk: Desk, network: Network, folder: Path) -> None:
        self._desk, self._network, self._folder = desk, network, folder
        self._began = time.monotonic()
        self._running: list[subprocess.Popen[bytes]] = []
        self._volunteers: list[Volunteer] = []
        self._overseer, self._targets = Overseer(network, folder), ""

    def _says(self, what: str) -> None:
        say(f"{time.monotonic() - self._began:7.1f} s  {what}")

    async def play(self) -> None:
        """Raises `ProgramError` where a line fails, or what it promises does not come."""
        await self._network.open()
        self._running.append(self._network.site())
        for number in ALL:
            await self._network.plug(number)
            self._desk.boot(number, ALL)
        self._one_collector()
        self._says("one collector by vps.md beside two empty machines, two volunteers, and a control")
        self._began = time.monotonic()
        self._three_machines()
        self._says("from one machine to three")
        self._one_is_replaced()
        self._complains()
        self._back()
        self._says("back in one collector, with both volunteers")

    def end(self) -> None:
        self._overseer.end()
        for one in self._volunteers:
            one.end()
        for program in self._running:
            program.kill()
            program.wait()

    def _one_collector(self) -> None:
        """By vps.md, on the first, with nginx in front; two volunteers join."""
        desk, service = self._desk, blocks("vps", "2. The collector as a service")[0]
        desk.type(1, blocks("vps", "1. Programs")[0], leave="apt-get")
        desk.type(1, service, put={"YOUR.NAME": NAME}, leave="systemctl|curl")
        desk.type(1, f"sed -i '1i {TARGETS}' /etc/rabta/collector.toml")
        desk.type(1, service, leave="(?!systemctl|curl)")
        live = f"/etc/letsencrypt/live/{NAME}"
        desk.type(1, f"mkdir -p {live} && cp fullchain.pem privkey.pem {live}/")
        desk.type(1, blocks("vps", "3. TLS in front")[1], put=NGINX, leave="apt-get|certbot")
        for number in range(2):
            volunteer = Volunteer(self._network, self._folder / f"volunteer{number}", desk.roots)
            volunteer.join(desk.type(1, f"{INVITE} --isp ptcl").split()[0])
            volunteer.run()
            self._volunteers.append(volunteer)
        token = desk.type(1, f"{INVITE} --role control").split()[0]
        desk.type(3, blocks("vps", "4. Agents")[1], put={"YOUR.NAME": NAME, "TOKEN": token})
        desk.type(3, f"cd {HERE}")
        self._measured()

    def _measured(self) -> None:
        """Everybody has measured once more, and had it acknowledged."""
        before = self._acknowledged()

        def more() -> bool:
            return all(was < now for was, now in zip(before, self._acknowledged(), strict=True))

        wait("measured by everybody", more)

    def _acknowledged(self) -> list[int]:
        """Of each volunteer, and of the control, which is a service."""
        said = self._desk.look(3, COUNTED)
        control = int(json.loads(said)["acked"]) if said.startswith("{") else 0
        return [*(one.acknowledged for one in self._volunteers), control]

    def _three_machines(self) -> None:
        desk = self._desk
        desk.type(1, blocks("scale", "Certificates and passwords")[0])
        for number in ALL[1:]:
            for path in ("secrets", "fullchain.pem", "privkey.pem"):
                desk.carry(1, f"{HERE}/{path}", number)
        self._nats(*ALL)
        self._says("1. three NATS servers")
        self._programs(*ALL)
        self._says("2. programs and configuration")
        for number in ALL:
            self._keys(1, "/var/lib/rabta", number)
        said = desk.type(1, blocks("scale", "4. The move")[0])
        for line in re.findall(r"`((?:install|cp) [^`]+)`", section("scale", "4. The move")):
            desk.type(1, line if not line.startswith("cp") else line.replace("/var/lib/rabta/archive ", ""))
        self._says(f"4. {said.strip().splitlines()[-1]}")
        self._start(*ALL, archive=1)
        self._says(f"5. all parts run, and n{self._telling()[0]} tells of the country")
        desk.type(1, "systemctl disable --now nginx")
        self._balance(*ALL)
        self._measured()
        operated = desk.type(1, blocks("scale", "6. Agents and readers")[1])
        if operated.count("ptcl") != len(self._volunteers) or "control" not in operated:
            raise ProgramError(f"not all agents are known: {operated}")
        self._says("6. volunteers measure through HAProxy")
        self._prometheus()
        self._says("7. Prometheus finds all seven processes")
        self._shared()

    def _nats(self, *numbers: int) -> None:
        """The last line says that all is well once two of them run."""
        block = blocks("scale", "1. Three NATS servers")[0]
        for number in numbers:
            renamed = {'s/"n1"/"n2"/': f's/"n1"/"n{number}"/'}
            self._desk.type(number, block, put=renamed, leave="apt-get|curl")
        for number in numbers:
            self._desk.type(number, block, leave="(?!curl)")

    def _programs(self, *numbers: int) -> None:
        for number in numbers:
            self._desk.type(number, blocks("scale", "2. Programs and configuration")[0], put=PEERS, leave="apt-get")
            self._desk.type(number, f"sed -i '1i {TARGETS}' /etc/rabta/{{ingest,decide,archive}}.toml")
            self._desk.type(number, "sed -i '1i checkpoint = \"10s\"' /etc/rabta/decide.toml")

    def _keys(self, source: int, folder: str, target: int) -> None:
        for key in KEYS:
            if source != target:
                self._desk.carry(source, f"{folder}/{key}", target, f"/var/lib/rabta/{key}")
        self._desk.type(target, blocks("scale", "3. The keys")[0])

    def _start(self, *numbers: int, archive: int) -> None:
        """Part by part; the archive where it is kept. One process tells of the country."""
        lines = blocks("scale", "5. Start")[0].splitlines()
        first_decides = sorted(numbers, key=lambda number: number != LOST)  # it tells of the country
        for begin, where in ((0, numbers), (2, first_decides), (4, (archive,) if archive in numbers else ())):
            for number in where:
                self._desk.type(number, "\n".join(lines[begin : begin + 2]))
        wait("one tells of the country", lambda: len(self._telling()) == 1)

    def _telling(self) -> list[int]:
        """By the last line of the start, which counts what each tells."""
        line = blocks("scale", "5. Start")[0].splitlines()[6].split("  #")[0]
        said = {number: self._desk.look(number, line) for number in self._desk.standing}
        return [number for number, count in said.items() if count.isdigit() and int(count)]

    def _balance(self, *numbers: int) -> None:
        """With room for fewer agents: a trial's machine may have fewer file descriptors than a machine of its own."""
        for number in numbers:
            self._desk.type(number, "sed -i 's/maxconn 40000/maxconn 400/' deploy/scale/haproxy.cfg")
            self._desk.type(number, blocks("scale", "6. Agents and readers")[0])
        self._network.names(*ALL)

    def _prometheus(self) -> None:
        self._targets = blocks("scale", "7. Prometheus")[0].replace("n3.nats.example:9153", "n1.nats.example:9153")
        self._overseer.watch(self._targets)
        wait("all seven are up", lambda: self._overseer.all_up(7))

    def _shared(self) -> None:
        """The ISPs are shared out among all three, and come together again."""
        shares = Shares(self._desk, self._overseer, self._targets, ALL)
        shares.part()
        self._measured()
        self._says("7a. three shares, each told of by one process of two")
        shares.join()
        wait("one tells of the country", lambda: len(self._telling()) == 1)
        self._says("7b. one share again")

    def _one_is_replaced(self) -> None:
        """Pulled while volunteers measure; then an empty one is there, and goes on from what another one decided."""
        desk, lives = self._desk, 1
        desk.pull(LOST)
        self._network.names(*(number for number in ALL if number != LOST))
        wait("another one tells of the country", lambda: len(self._telling()) == 1)
        self._measured()
        self._says(f"n{LOST} is pulled; n{self._telling()[0]} tells, and volunteers measure")
        desk.boot(LOST, ALL)
        for path in ("secrets", "fullchain.pem", "privkey.pem"):
            desk.carry(lives, f"{HERE}/{path}", LOST)
        self._nats(LOST)
        self._programs(LOST)
        self._keys(lives, "/var/lib/rabta-ingest", LOST)
        wait("a checkpoint", lambda: not desk.look(lives, "test -e /var/lib/rabta-decide/checkpoint || echo none"))
        desk.type(lives, blocks("scale", "Replacing a machine")[0])
        for name in ("checkpoint", "record.sqlite"):
            desk.carry(lives, f"/var/lib/rabta-handed/{name}", LOST, f"/var/lib/rabta-decide/{name}")
        desk.type(LOST, "chmod 700 /var/lib/rabta-decide && chown -R rabta: /var/lib/rabta-decide")
        self._start(LOST, archive=1)
        if "checkpoint.taken_up" not in desk.look(LOST, "journalctl -u rabta-decide"):
            raise ProgramError(f"n{LOST} did not go on from the checkpoint that it was given")
        self._balance(LOST)
        self._measured()
        self._says(f"n{LOST} is replaced, and went on from the checkpoint of n{lives}")

    def _complains(self) -> None:
        """Whether units keep their programs from something that these try."""
        for number in self._desk.standing:
            if said := self._desk.look(
                number, "journalctl --no-pager -u 'rabta-*' | grep -i 'not permitted' | tail -3"
            ):
                raise ProgramError(f"n{number}: {said}")

    def _back(self) -> None:
        """On the first, where the archive is kept, and the collector's service is installed."""
        desk, (copied, swapped) = self._desk, blocks("scale", "Going back")
        for number in ALL:
            desk.type(number, "systemctl disable --now rabta-ingest rabta-decide rabta-archive")
        said = desk.type(1, copied)
        self._says(f"back: {said.strip().splitlines()[0]}")
        desk.type(1, swapped)
        desk.type(1, "systemctl enable --now nginx")
        self._network.names(1)
        self._measured()


async def trial(base: Path | None, folder: Path) -> None:
    network = Network()
    desk = Desk(network, empty_debian(base, folder / "base", PACKAGES), wheels_in(folder / "wheels"), folder)
    story = Story(desk, network, folder)
    try:
        await story.play()
    finally:
        story.end()
        desk.remove()
        await remove(network.tag)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make scale-test", description="Types deploy/scale.md on three machines.")
    parser.add_argument("--root", type=Path, help="a root that debootstrap made, in place of a new one")
    options = parser.parse_args()
    for program, package in (("debootstrap", "debootstrap"), ("systemd-nspawn", "systemd-container")):
        if os.geteuid() or not shutil.which(program):
            print(f"scale-test: needs root, and the package {package}", file=sys.stderr)
            return 1
    folder = Path(tempfile.mkdtemp(prefix="rabta-three-"))
    folder.chmod(0o755)
    try:
        asyncio.run(trial(options.root, folder))
    except (ProgramError, subprocess.CalledProcessError) as wrong:
        print(f"scale-test: {wrong}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("Typed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
