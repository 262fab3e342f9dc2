"""Machines with a Debian and a systemd of their own on one network: systemd-nspawn, over a root that debootstrap made.

What is typed on one goes into one shell, as root's: folder, umask and variables stay, as they do for whoever types.
"""

import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab.programs import ProgramError

CGROUPS = Path("/sys/fs/cgroup")
START_S, TYPED_S = 90.0, 600.0
DONE = "=== typed ==="
SHELL = (
    *("env", "-i", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"),
    *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "bash"),
)


class Machine:
    """From `start` to `stop`; `root` is its whole disk, seen from outside."""

    def __init__(self, name: str, base: Path, folder: Path, namespace: str, *, shows: Mapping[str, Path]) -> None:
        """`shows`: folders of ours that it may read, by their paths there."""
        self.name, self._base, self._folder, self._namespace = name, base, folder / name, namespace
        self._shows = shows
        self.root = self._folder / "root"
        self._booted: subprocess.Popen[bytes] | None = None
        self._shell: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Its disk: what is written to it does not reach the base."""
        parts = {name: self._folder / name for name in ("lower", "upper", "work", "root")}
        for name in ("upper", "work", "root"):
            parts[name].mkdir(parents=True)
        layers = f"lowerdir={self._base},upperdir={parts['upper']},workdir={parts['work']}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)], check=True)
        (self.root / "etc" / "machine-id").unlink(missing_ok=True)
        (self.root / "etc" / "hostname").write_text(f"{self.name}\n", encoding="ascii")

    def start(self) -> None:
        """Raises `ProgramError` where it does not come up."""
        kinds = [CGROUPS / kind for kind in ("systemd", "unified") if (CGROUPS / kind).exists()]
        groups = [kind / self._namespace for kind in kinds or [CGROUPS]]
        for group in groups:
            group.mkdir(exist_ok=True)
        enter = "".join(f"echo $$ > {group}/cgroup.procs; " for group in groups)
        command = f"{enter}exec systemd-nspawn -q -D {self.root} --machine={self.name} --register=no --keep-unit "
        command += f"--network-namespace-path=/run/netns/{self._namespace} --boot"
        command += "".join(f" --bind-ro={ours}:{there}" for there, ours in self._shows.items())
        with (self._folder / "boot.log").open("wb") as log:
            self._booted = subprocess.Popen(
                ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_S
        while not self._running():
            if time.monotonic() > end or self._booted.poll() is not None:
                raise ProgramError(f"{self.name} does not come up: {(self._folder / 'boot.log').read_text()[-2000:]}")
            time.sleep(0.5)
        pipe = subprocess.PIPE
        self._shell = subprocess.Popen(
            [*self._inside(), *SHELL], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0
        )
        self.type("set -E; trap 'echo \"FAILED: $BASH_COMMAND\"' ERR")

    def _inside(self) -> list[str]:
        assert self._booted is not None
        listed = subprocess.run(["pgrep", "-P", str(self._booted.pid)], capture_output=True, text=True, check=False)
        return ["nsenter", "-t", listed.stdout.strip() or "0", "-a", "-r", "-w"]

    def _running(self) -> bool:
        inside = self._inside()
        if inside[2] == "0":
            return False
        state = subprocess.run([*inside, "systemctl", "is-system-running"], capture_output=True, text=True, check=False)
        return state.stdout.strip() in ("running", "degraded")

    def type(self, lines: str, *, fails: bool = False) -> str:
        """What it printed. Raises `ProgramError` where a command failed; `fails`: that is looked at by the caller."""
        assert self._shell is not None
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{lines}\necho; echo '{DONE}'\n".encode())
        said = self._until_done()
        if not fails and "FAILED: " in said:
            logged = self.type("journalctl --no-pager -n 40", fails=True)
            raise ProgramError(f"{self.name}: {lines}\n{said}\n{logged}")
        return said

    def _until_done(self) -> str:
        assert self._shell is not None
        assert self._shell.stdout is not None
        said, end = b"", time.monotonic() + TYPED_S
        while not said.endswith(f"{DONE}\n".encode()):
            ready, _, _ = select.select([self._shell.stdout], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._shell.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise ProgramError(f"{self.name}: no end of what was typed: {said.decode(errors='replace')}")
            said += more
        return said.decode(errors="replace").removesuffix(f"{DONE}\n").strip()

    def put(self, files: Mapping[str, bytes]) -> None:
        """Files on its disk, by their paths there."""
        for path, content in files.items():
            file = self.root / path.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def kill(self) -> None:
        """As a cable that is pulled: nothing on it stops in order."""
        if self._shell is not None:
            self._shell.kill()
            self._shell.wait()
        if self._booted is not None:
            subprocess.run(["pkill", "-KILL", "-P", str(self._booted.pid)], check=False)
            self._booted.wait()

    def remove(self) -> None:
        self.kill()
        subprocess.run(["umount", "-R", str(self.root)], check=False)
