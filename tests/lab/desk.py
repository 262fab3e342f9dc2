"""Types what pages say on machines: whole blocks, or those lines that a trial has a place for."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import trustme

from lab.disks import ROOT
from lab.machines import Machine
from lab.netns.volunteer import TARGETS
from lab.outside import NAME, Network
from lab.programs import ProgramError

HERE = "/root/rabta"
PATIENCE_S = 300.0  # a turn comes once in 60 s
PRINTS = re.compile(r"#\s+(ready|\{\"status\":\"ok\"\})")
"""What a line says that it prints, at once or later."""


def section(page: str, heading: str) -> str:
    text = (ROOT / "deploy" / f"{page}.md").read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(page: str, heading: str) -> list[str]:
    """What a section has to type, as it stands there."""
    return re.findall(r"```(?:sh|yaml)\n(.*?)```", section(page, heading), re.DOTALL)


def wait(what: str, condition: Callable[[], object]) -> None:
    """Raises `ProgramError` where it never holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise ProgramError(f"never: {what}")
        time.sleep(0.5)


class Desk:
    """Machines by their numbers; `roots`: whom volunteers trust."""

    def __init__(self, network: Network, base: Path, wheels: Path, folder: Path) -> None:
        self._network, self._base, self._wheels, self._folder = network, base, wheels, folder
        self._authority = trustme.CA()
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(self._authority.cert_pem.bytes())
        archived = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
        self._repository = archived.stdout
        self._machines: dict[int, Machine] = {}
        self._made: list[Machine] = []

    @property
    def standing(self) -> list[int]:
        return sorted(self._machines)

    def boot(self, number: int, others: tuple[int, ...]) -> None:
        """An empty machine, with a copy of the repository, and names that lead to the others."""
        namespace = self._network.of(number)
        folder = self._folder / f"disk{len(self._made)}"
        machine = Machine(f"n{number}", self._base, folder, namespace, shows={"/wheels": self._wheels})
        self._made.append(machine)
        machine.make()
        issued = self._authority.issue_cert(NAME)
        known = [f"10.0.0.{other} n{other}.nats.example\n20.50.0.{other} {NAME}" for other in others]
        machine.put(
            {
                "/etc/hosts": "\n".join(["127.0.0.1 localhost", *known, ""]).encode(),
                "/etc/pip.conf": b"[global]\nno-index = true\nfind-links = /wheels\n",
                "/etc/rabta/targets.toml": TARGETS.encode(),
                f"{HERE}/fullchain.pem": b"".join(blob.bytes() for blob in issued.cert_chain_pems),
                f"{HERE}/privkey.pem": issued.private_key_pem.bytes(),
                f"{HERE}/repository.tar": self._repository,
                "/usr/local/share/ca-certificates/trial.crt": self.roots.read_bytes(),
            }
        )
        machine.start()
        self._machines[number] = machine
        machine.type(f"cd {HERE} && tar -x -f repository.tar")
        machine.type("update-ca-certificates")
        machine.type("systemctl disable --now nats-server haproxy nginx")  # as if they were not installed yet

    def type(self, number: int, block: str, *, put: Mapping[str, str] | None = None, leave: str = "") -> str:
        """All that was printed. `put`: what the page asks to be replaced. `leave`: lines that begin so are not typed.

        A line that says what it prints is typed until it does. Raises `ProgramError`.
        """
        for old, new in (put or {}).items():
            block = block.replace(old, new)
        lines = [line for line in block.splitlines() if not (leave and re.match(leave, line))]
        said, pending = "", ""
        for line in lines:
            if (told := PRINTS.search(line)) is None:
                pending += f"{line}\n"
                continue
            said += self._machines[number].type(pending)
            pending = ""
            wait(f"n{number}: {line}", partial(self._prints, number, line.split("  #")[0], told[1]))
        return said + self._machines[number].type(pending)

    def _prints(self, number: int, command: str, told: str) -> bool:
        return self.look(number, command).startswith(told)

    def look(self, number: int, command: str) -> str:
        """What it prints, whether or not it fails."""
        return self._machines[number].type(command, fails=True).split("FAILED: ")[0].strip()

    def carry(self, source: int, path: str, target: int, to: str = "") -> None:
        """A file or a folder, by a way that is trusted."""
        there = self._machines[target].root / (to or path).removeprefix("/")
        here = self._machines[source].root / path.removeprefix("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if here.is_dir() else shutil.copy2)(here, there)

    def pull(self, number: int) -> None:
        """For good."""
        self._machines.pop(number).kill()

    def remove(self) -> None:
        for machine in self._made:
            machine.remove()
