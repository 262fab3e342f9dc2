"""The agent's home: one directory that only its owner reads, and everything the agent keeps.

    agent.toml        configuration, written by the volunteer
    credential.json   who this agent is to its collector: pseudonym, secret, role, ISP, and keys
    plan.bin          the last good plan, a serialised `rabta.v1.SignedPlan`
    plan_floor.json   the newest plan that this agent has followed, by its version: none below it is followed again
    spool.sqlite      measurements that wait, counters, what was contacted (spool_file.py has the format)
    link.json         whether the running agent is connected, for `status`
    pause.json        until when the volunteer wants nothing done; none: go on
    standing.json     what the collector last said of platforms and ISPs, for `status`
    now.json          what the running agent sees of its surroundings, for `status`
    traces.json       what was traced today, and why nothing is
    diary.sqlite      the last measurement of each target, and changes of the plan (diary.py has the format)
    lock              held by the one process that runs, measures and sends from here

Files are replaced whole or not at all. Removing the directory removes every trace of the agent from the machine.
"""

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.strangers import in_words
from rabta_agent.words import tr

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_NOTES = ("pause.json", "standing.json", "now.json", "traces.json")
_OWN = {"agent.toml", "credential.json", "plan.bin", "plan_floor.json", "link.json", "lock", *_NOTES}
_OWN_PREFIXES = ("spool.sqlite", "diary.sqlite", ".writable-", *(f".{name}.new" for name in sorted(_OWN)))
_LOCK_TRIES = 4
_LOCK_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What enrolment gave. `plan_public_key` is hexadecimal; `endpoints` are URLs in the order to try, never empty.

    `pin`: the collector's key as the invitation pinned it (pin.py). Empty: its certificate is checked by the roots.
    `export_key` (Ed25519, private) signs sealed files, `import_public_key` (X25519) is whom they are sealed to; both
    hexadecimal. Empty: this agent can write none.
    """

    agent_id: str
    secret: str = field(repr=False)
    role: str
    isp: str
    plan_public_key: str
    endpoints: tuple[str, ...]
    pin: str = ""
    export_key: str = field(default="", repr=False)
    import_public_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whether the agent was connected, as it last wrote it. `since` is Unix seconds, `trouble` a line or empty.

    `worked`: the way that last led to the collector, where the next run begins. Empty: none.
    """

    connected: bool
    endpoint: str
    since: float
    trouble: str = ""
    worked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Paths within a home, and what is read from and written to them."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / "agent.toml"

    @property
    def spool_file(self) -> Path:
        return self.path / "spool.sqlite"

    @property
    def diary_file(self) -> Path:
        return self.path / "diary.sqlite"

    def make(self) -> None:
        """Makes the directory, or takes one that is there, for its owner alone. Raises `CommandError`."""
        try:
            self.path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self.path.chmod(_DIRECTORY_MODE)
            probe = self.path / f".writable-{os.getpid()}"
            probe.touch(mode=_FILE_MODE)
            probe.unlink()
        except OSError as wrong:
            raise CommandError(
                tr("{path}: not a directory this agent can write to: {cause}", path=self.path, cause=in_words(wrong))
            ) from None

    def credential(self) -> Credential | None:
        """`None`: not joined. Raises `CommandError` for a file that cannot be used."""
        file = self.path / "credential.json"
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
            endpoints = tuple(table.pop("endpoints"))
            credential = Credential(endpoints=endpoints, **table)
            for key in (credential.plan_public_key, credential.export_key, credential.import_public_key):
                bytes.fromhex(key)
            if not all(isinstance(text, str) for text in (*endpoints, *table.values())) or not endpoints:
                raise ValueError
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as wrong:
            raise CommandError(tr("{path}: cannot be read: {cause}", path=file, cause=in_words(wrong))) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise CommandError(tr("{path}: damaged; remove it and join again", path=file)) from None
        return credential

    def joined(self) -> Credential:
        """The credential. Raises `CommandError` where there is none."""
        if (credential := self.credential()) is None:
            raise CommandError(
                tr("not joined: no credential in {path}; `rabta-agent join URL --invite TOKEN` first", path=self.path),
                ExitCode.NOT_JOINED,
            )
        return credential

    def save_credential(self, credential: Credential) -> None:
        self._write("credential.json", json.dumps(asdict(credential), indent=1).encode())

    def plan(self) -> bytes | None:
        """The last good plan as it came, or `None`."""
        try:
            return (self.path / "plan.bin").read_bytes()
        except OSError:
            return None  # none, or none that can be read: the collector hands out another

    def save_plan(self, signed: bytes) -> None:
        self._write("plan.bin", signed)

    def plan_floor(self, agent_id: str) -> int:
        """Version of the newest plan that was followed as this agent; 0 where none was, or the file is unreadable."""
        try:
            noted = json.loads((self.path / "plan_floor.json").read_text(encoding="utf-8"))
            return int(noted["version"]) if noted["agent_id"] == agent_id else 0
        except (OSError, ValueError, TypeError, KeyError):
            return 0  # the plan's own version is still there

    def save_plan_floor(self, agent_id: str, version: int) -> None:
        self._write("plan_floor.json", json.dumps({"agent_id": agent_id, "version": version}).encode())

    def link(self) -> Link | None:
        try:
            return Link(**json.loads((self.path / "link.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save_link(self, link: Link) -> None:
        with suppress(OSError):  # for `status` only: a full disk must not end a session
            self._write("link.json", json.dumps(asdict(link)).encode(), sync=False)

    def paused_until(self) -> float | None:
        """Unix seconds, infinite where the volunteer set no end; `None`: no pause."""
        until = self.note("pause").get("until")
        return float(until) if isinstance(until, int | float) else math.inf if "until" in self.note("pause") else None

    def pause(self, until: float | None) -> None:
        """`None`: until `resume`. Raises `CommandError`."""
        try:
            self._write("pause.json", json.dumps({"until": until}).encode())
        except OSError as wrong:
            raise CommandError(
                tr("{path}: cannot be written: {cause}", path=self.path, cause=in_words(wrong))
            ) from None

    def resume(self) -> None:
        with suppress(FileNotFoundError):
            (self.path / "pause.json").unlink()

    def note(self, name: str) -> dict[str, object]:
        """What was last noted under a name, `standing`, `now` or `traces`; empty: nothing that can be read."""
        try:
            noted = json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def save_note(self, name: str, noted: dict[str, object]) -> None:
        with suppress(OSError):  # of no more use than to `status`, or for a day
            self._write(f"{name}.json", json.dumps(noted).encode(), sync=False)

    def erase(self) -> tuple[list[str], list[str]]:
        """Removes every file of the agent's, and the directory if nothing else is in it and it may; names of both.

        To be called with the lock held. Raises `CommandError`.
        """
        erased: list[str] = []
        try:
            for file in sorted(self.path.iterdir()):
                if file.name in _OWN or file.name.startswith(_OWN_PREFIXES):
                    file.unlink()
                    erased.append(file.name)
            left = sorted(file.name for file in self.path.iterdir())
            if not left:
                with suppress(PermissionError):  # of a service, whose home lies where it may make nothing
                    self.path.rmdir()
        except OSError as wrong:
            raise CommandError(
                tr("{path}: cannot be removed: {cause}", path=wrong.filename, cause=in_words(wrong))
            ) from None
        return erased, left

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the home for this process. Raises `CommandError` when another one has it."""
        with (self.path / "lock").open("a+b") as file:
            for _ in range(_LOCK_TRIES):
                if _try_lock(file.fileno()):
                    break
                time.sleep(_LOCK_PAUSE_S)  # `status` holds the lock for an instant when it looks
            else:
                raise CommandError(
                    tr("another agent runs on {path}; give this one a --home of its own", path=self.path)
                )
            yield

    def in_use(self) -> bool:
        """Whether an agent runs here."""
        try:
            with (self.path / "lock").open("r+b") as file:
                return not _try_lock(file.fileno())
        except OSError:
            return False  # no lock was ever taken here

    def _write(self, name: str, content: bytes, *, sync: bool = True) -> None:
        draft = self.path / f".{name}.new"
        with suppress(FileNotFoundError):
            draft.unlink()
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as stream:
            stream.write(content)
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        draft.replace(self.path / name)
        if sync:
            _sync_directory(self.path)


if sys.platform == "win32":
    import msvcrt

    def _sync_directory(path: Path) -> None:
        """Windows has no such call."""

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _sync_directory(path: Path) -> None:
        """Makes a new name in it survive a power cut."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def find_home(flag: str | None, environment: dict[str, str]) -> Home:
    """The home that `--home`, `RABTA_HOME` or the platform names, in this order."""
    if chosen := flag or environment.get("RABTA_HOME"):
        return Home(path=Path(chosen).expanduser().absolute())
    import platformdirs  # only where it decides: it reads the platform's own settings

    return Home(path=platformdirs.user_data_path("rabta-agent", appauthor=False))
