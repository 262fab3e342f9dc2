"""`make run`: a collector and one agent on this machine's real network, with the default targets, until Ctrl-C.

Everything is kept under build/run and used again the next time. RABTA_GRPC_PORT and RABTA_HTTP_PORT set the ports;
`make run ISP=ptcl` says whose network this is.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
NOT_JOINED = 3
READY_S = 60.0
STOPPED_S = 15.0
BEAT_S = 0.2


class RunError(RuntimeError):
    """What keeps it from running, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where everything is kept, and where the collector listens."""

    folder: Path
    grpc: int
    http: int

    @property
    def data(self) -> Path:
        return self.folder / "collector"

    @property
    def home(self) -> Path:
        return self.folder / "agent"

    @property
    def join_url(self) -> str:
        return f"http://127.0.0.1:{self.grpc}"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.http}/"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


class Stopper:
    """Counts how often somebody asked to stop: once is enough, and twice is at once."""

    def __init__(self) -> None:
        self._times = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    @property
    def asked(self) -> bool:
        return self._times > 0

    @property
    def at_once(self) -> bool:
        return self._times > 1

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._times += 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--isp", default=os.environ.get("ISP", ""), help="your ISP's id, for instance ptcl")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "run", help="where everything is kept")
    arguments = parser.parse_args()
    try:
        place = Place(folder=arguments.folder, grpc=port("RABTA_GRPC_PORT", 50051), http=port("RABTA_HTTP_PORT", 8080))
        return run(place, arguments.isp)
    except RunError as error:
        say(f"run: {error}")
        return 1


def run(place: Place, isp: str) -> int:
    """Runs both until asked to stop; raises RunError when one of them cannot."""
    stopper = Stopper()
    place.folder.mkdir(parents=True, exist_ok=True)
    for name, number in (("RABTA_GRPC_PORT", place.grpc), ("RABTA_HTTP_PORT", place.http)):
        check_free(name, number)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        running["collector"] = start(place, "rabta-collector", "serve", "--data", str(place.data), *listen(place))
        wait_until_ready(place, running["collector"], stopper)
        if not stopper.asked:
            join(place, isp)
            running["agent"] = start(place, "rabta-agent", "run", "--home", str(place.home))
            introduce(place)
        while not stopper.asked:
            check_alive(place, running)
            time.sleep(BEAT_S)
        say("Stopping ...")
        return 0
    finally:
        for name in ("agent", "collector"):  # the agent first: it hands over what it has
            if name in running:
                stop(running[name], stopper)


def listen(place: Place) -> tuple[str, ...]:
    return ("--grpc", f"127.0.0.1:{place.grpc}", "--http", f"127.0.0.1:{place.http}")


def join(place: Place, isp: str) -> None:
    """Invites and joins the agent, unless it has joined this collector before."""
    status = command("rabta-agent", "status", "--json", "--home", str(place.home), accept=(0, NOT_JOINED))
    if status.returncode == 0:
        joined = str(json.loads(status.stdout).get("collector", ""))
        if joined and not joined.endswith(f":{place.grpc}"):
            raise RunError(f"the agent has joined {joined}; set RABTA_GRPC_PORT to that port or remove {place.folder}")
        return
    bound = ("--isp", isp) if isp else ()
    token = command("rabta-collector", "invite", "--data", str(place.data), *bound).stdout.strip()
    command("rabta-agent", "join", place.join_url, "--invite", token, "--home", str(place.home))


def introduce(place: Place) -> None:
    say(f"page     {place.page}")
    say(f"metrics  {place.page}metrics")
    say(f"kept in  {place.folder} (logs: {place.log('collector').name}, {place.log('agent').name})")
    say("One agent without controls abroad: what only a control could tell stays inconclusive.")
    say("Ctrl-C stops both.")


def start(place: Place, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a program out of reach of the terminal's Ctrl-C, its output going to a file."""
    with place.log(program.removeprefix("rabta-")).open("ab") as log:
        return subprocess.Popen(
            [str(BIN / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def stop(program: subprocess.Popen[bytes], stopper: Stopper) -> None:
    program.terminate()
    deadline = time.monotonic() + STOPPED_S
    while program.poll() is None and time.monotonic() < deadline and not stopper.at_once:
        time.sleep(BEAT_S)
    program.kill()
    program.wait()


def command(program: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(BIN / program), *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in accept:
        raise RunError(f"{program} {arguments[0]} failed: {last_line(done.stderr or done.stdout)}")
    return done


def wait_until_ready(place: Place, collector: subprocess.Popen[bytes], stopper: Stopper) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and not stopper.asked:
        check_alive(place, {"collector": collector})
        try:
            with urllib.request.urlopen(f"{place.page}readyz", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(BEAT_S)
    if not stopper.asked:
        raise RunError(f"the collector is not ready after {READY_S:g} s: {last_words(place, 'collector')}")


def check_alive(place: Place, running: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, program in running.items():
        if (code := program.poll()) is not None:
            raise RunError(f"the {name} ended ({code}): {last_words(place, name)}")


def last_words(place: Place, name: str) -> str:
    return last_line(place.log(name).read_text(encoding="utf-8", errors="replace"))


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def check_free(name: str, number: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            raise RunError(f"port {number} is in use on 127.0.0.1; set {name} to another") from None


def port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise RunError(f"{name} is {text!r}, which is not a port")
    return int(text)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
