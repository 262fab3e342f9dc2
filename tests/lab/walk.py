"""`make deb-test`: a volunteer's ways to install, walked on an empty Debian, from nothing to verdicts and away again.

The root is made by debootstrap; the .deb, the wheels (by pipx) and the .pyz are installed in it, each starts one of an
ISP's three agents in the simulated country, and the collector has to find every platform reachable there by their word.
Then all of it is removed, and what is left in the root is compared with what was there. It needs root, and is to be
started in a mount namespace of its own (the Makefile does), with which its mounts go.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.atlas import PAKISTAN, Atlas
from lab.country import Country
from lab.disks import empty_debian, say
from lab.ledger import balance
from lab.programs import COLLECTOR, ProgramError, one_error, run
from lab.system import Files, Ports, System, free_port
from lab.waiting import until
from lab.watch import Watch

BUILD = Path(__file__).resolve().parents[2] / "build"
PACKAGES = "python3,python3-venv,pipx,ca-certificates"
VOLUNTEER = "saba"
SERVICE_HOME = Path("var/lib/rabta-agent")
VERDICTS_S = 180.0
# What package managers write down of their own, whatever is installed and removed.
_OTHERS = ("var/lib/dpkg", "var/log", "var/cache", "run", "tmp", "proc", "sys", "dev", "lab", "wheels")
_BACKUPS = tuple(f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"))
_PIPX = tuple(f"home/{VOLUNTEER}/{name}" for name in (".local/pipx", ".local/share/pipx", ".local/state", ".cache/pip"))


class Root:
    """An empty Debian, and what is done in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, user: str = "root", **more: str) -> str:
        """Raises `ProgramError` with what the command said."""
        home = "/root" if user == "root" else f"/home/{user}"
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        env = {
            "PATH": os.defpath + ":/usr/sbin:/sbin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        done = subprocess.run(
            ["chroot", str(self.path), *who, *command], env=env | more, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ProgramError(f"{' '.join(command)}: {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def starter(self, folder: Path, name: str, user: str, *program: str) -> str:
        """A program outside that is one inside, started by a user there."""
        file = folder / name
        words = ["chroot", str(self.path), "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        words += ["env", f"HOME=/home/{user}", *program]
        file.write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    def listing(self) -> dict[str, str]:
        """Every file with what it is; accounts with their content."""
        found: dict[str, str] = {}
        for folder, folders, files in os.walk(self.path):
            here = Path(folder).relative_to(self.path)
            folders[:] = [name for name in folders if str(here / name) not in (*_OTHERS, *_PIPX)]
            for name in (*folders, *files):
                path = here / name
                kept = str(path) in ("etc/passwd", "etc/group")
                found[str(path)] = (self.path / path).read_text() if kept else ""
        return {name: content for name, content in found.items() if name not in _BACKUPS}


class Walk:
    """The steps, in order."""

    def __init__(self, root: Root, folder: Path) -> None:
        self._root = root
        self._folder = folder
        (self._deb,) = BUILD.glob("rabta-agent_*.deb")
        (self._pyz,) = BUILD.glob("rabta-agent-*.pyz")

    async def walk(self) -> None:
        root = self._root
        before = root.listing()
        self._install()
        isp = next(network for network in PAKISTAN.networks if network.kind is not None)
        abroad = [network for network in PAKISTAN.networks if network.kind is None]
        atlas = Atlas(networks=(isp, *abroad), sites=PAKISTAN.sites)
        lab = root.path / "lab"
        files, ports = Files(root=lab), Ports(grpc=free_port(), http=free_port())
        async with Country(atlas, lab, collector=("127.0.0.1", ports.grpc)) as country:
            system = System(country, files, ports, commands=self._starters())
            files.homes.chmod(0o1777)  # agents run as two users
            try:
                async with Watch(ports.page) as watch:
                    await self._until_verdicts(system, watch, isp.id)
                await system.stop_agents()
                ledger = await balance(system)
                say(f"Count: {ledger}.")
                if not ledger.balanced:
                    raise ProgramError("the count does not balance")
                await self._service(system, isp.id)
                await system.stop()
            finally:
                system.kill()
        self._remove()
        after = root.listing()
        if left := sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)):
            raise ProgramError(f"left behind: {', '.join(left[:10])}")
        say(f"Removed: the root's {len(after)} files are what they were.")

    def _install(self) -> None:
        root = self._root
        shutil.copy(self._deb, root.path / "tmp" / "agent.deb")
        root.run("dpkg", "--install", "/tmp/agent.deb")
        say(f"dpkg --install {self._deb.name}: {root.run('rabta-agent', 'version').strip()}")
        shutil.copytree(BUILD / "wheels", root.path / "wheels", dirs_exist_ok=True)
        options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
        root.run("pipx", "install", "rabta-agent", user=VOLUNTEER, **options)
        version = root.run(f"/home/{VOLUNTEER}/.local/bin/rabta-agent", "version", user=VOLUNTEER)
        say(f"pipx install rabta-agent: {version.strip()}")
        shutil.copy(self._pyz, root.path / "home" / VOLUNTEER / "rabta-agent.pyz")
        version = root.run("python3", f"/home/{VOLUNTEER}/rabta-agent.pyz", "version", user=VOLUNTEER)
        say(f"python3 {self._pyz.name}: {version.strip()}")

    def _starters(self) -> list[str]:
        home = f"/home/{VOLUNTEER}"
        start = self._root.starter
        return [
            start(self._folder, "by-deb", "rabta-agent", "/usr/bin/rabta-agent"),
            start(self._folder, "by-pipx", VOLUNTEER, f"{home}/.local/bin/rabta-agent"),
            start(self._folder, "by-pyz", VOLUNTEER, "python3", f"{home}/rabta-agent.pyz"),
        ]

    async def _until_verdicts(self, system: System, watch: Watch, isp: str) -> None:
        await system.start(watch)
        for agent in system.agents:
            say(f"{agent.name}: {Path(agent.command).name}, process {agent.program.pid}")
        wanted = {site.platform for site in system.country.atlas.sites if site.platform}

        async def reachable() -> bool:
            told = await watch.listed("verdicts", isp=isp)
            return wanted == {v["platform"] for v in told if v["state"] == "reachable" and v["agents"] == 3}

        try:
            await until(reachable, within=VERDICTS_S)
        except TimeoutError:
            told = [
                f"{v['platform']} {v['state']} ({v['agents']} agents)" for v in await watch.listed("verdicts", isp=isp)
            ]
            raise ProgramError(f"no verdict of three agents within {VERDICTS_S:g} s: {', '.join(told)}") from None
        say(f"Verdicts: {len(wanted)} platforms reachable at {isp} by the word of all three agents.")

    async def _service(self, system: System, isp: str) -> None:
        """The package's own agent, as root joins it and its unit would run it."""
        agent = next(agent for agent in system.agents if agent.network.id == isp)
        data = ["--data", str(system.files.data)]
        token = (await run(COLLECTOR, "invite", *data, "--role", "probe", "--isp", isp, "--uses", "1")).strip()
        place = {
            key: agent.env[key] for key in ("RABTA_LAB", "RABTA_SOURCE_ADDRESS", "RABTA_RESOLVER", "SSL_CERT_FILE")
        }
        url = system.country.relay(agent.network)

        async def do(*words: str) -> str:
            return await asyncio.to_thread(self._root.run, "rabta-agent", *words, **place)

        await do("join", url, "--invite", token)
        kept = self._root.path / SERVICE_HOME / "credential.json"
        owner = self._root.run("stat", "--format=%U %a", f"/{SERVICE_HOME}/credential.json").strip()
        if owner != "rabta-agent 600":
            raise ProgramError(f"the service's credential is {owner}")
        await do("run", "--once")
        said = (await do("status")).splitlines()
        await do("leave")
        if kept.exists():
            raise ProgramError("the service's credential is still there after `leave`")
        say("The package's service: " + "; ".join(line.strip() for line in said[:3]))

    def _remove(self) -> None:
        root = self._root
        pyz = Path("home") / VOLUNTEER / "rabta-agent.pyz"
        (unpacked,) = (root.path / "home" / VOLUNTEER / ".cache").glob("rabta-agent-*")
        shutil.rmtree(unpacked)  # what `leave` does, where this user's agent were one of its own
        (root.path / pyz).unlink()
        root.run("pipx", "uninstall", "rabta-agent", user=VOLUNTEER)
        root.run("dpkg", "--purge", "rabta-agent")


def _made(given: Path | None, folder: Path) -> Root:
    """An empty Debian with a volunteer's account."""
    path = empty_debian(given, folder / "root", PACKAGES)
    subprocess.run(["mount", "-t", "proc", "proc", str(path / "proc")], check=True)
    root = Root(path)
    if not (path / "home" / VOLUNTEER).exists():
        root.run("useradd", "--create-home", VOLUNTEER)
    for name in (".local/bin", ".local/share", ".cache"):
        root.run("mkdir", "-p", f"/home/{VOLUNTEER}/{name}", user=VOLUNTEER)
    # What is under the root outside has the same path inside.
    inside = path / str(path.parent).removeprefix("/")
    inside.mkdir(parents=True, exist_ok=True)
    if not (inside / path.name).exists():
        (inside / path.name).symlink_to("/")
    return root


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make deb-test", description="Installs the agent on an empty Debian, and removes it."
    )
    parser.add_argument("--root", type=Path, help="a root that debootstrap made, in place of a new one")
    options = parser.parse_args()
    if os.geteuid() or not shutil.which("debootstrap"):
        print("deb-test: needs root, and the package debootstrap", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="rabta-walk-"))
    folder.chmod(0o755)
    try:
        with one_error():
            asyncio.run(Walk(_made(options.root, folder), folder).walk())
    except (ProgramError, subprocess.CalledProcessError) as wrong:
        print(f"deb-test: {wrong}", file=sys.stderr)
        return 1
    finally:
        root = options.root or folder / "root"
        subprocess.run(["umount", "--quiet", str(root / "proc")], check=False)
        shutil.rmtree(root / "lab", ignore_errors=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)
    print("Walked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
