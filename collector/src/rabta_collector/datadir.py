"""The data directory: where each file lies, and the lock that lets one collector at a time serve from it.

journal.sqlite   what was measured       state.sqlite   agents and invitations
history.sqlite   what was imported       plan.key       signs plans
handed.sqlite    files on their way in   import.key     opens sealed files
record.sqlite    what was decided
archive/         closed days, chained and signed
checkpoint       what was made of the journal up to some row of it; may be deleted at any time
name             by which other processes know this directory; made once, and never of a meaning
lock             held by the collector that serves
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataDirError(RuntimeError):
    """The directory cannot be used; the message is one line for the operator."""


class DataDir:
    """A data directory, made if it is missing, for its owner's eyes only."""

    def __init__(self, path: Path) -> None:
        """Raises `DataDirError` where nothing can be written there."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.lock_file.open("ab"):
                pass
        except OSError as wrong:
            raise DataDirError(f"{path}: the data directory cannot be written: {wrong.strerror or wrong}") from None

    @property
    def journal(self) -> Path:
        return self.path / "journal.sqlite"

    @property
    def state(self) -> Path:
        return self.path / "state.sqlite"

    @property
    def history(self) -> Path:
        return self.path / "history.sqlite"

    @property
    def record(self) -> Path:
        return self.path / "record.sqlite"

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def plan_key(self) -> Path:
        return self.path / "plan.key"

    @property
    def import_key(self) -> Path:
        return self.path / "import.key"

    @property
    def handed(self) -> Path:
        return self.path / "handed.sqlite"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def name(self) -> str:
        """By which others know it, whichever process it has; made where it is missing. Raises `DataDirError`."""
        file = self.path / "name"
        try:
            if not file.exists():
                draft = file.with_suffix(".new")
                draft.write_text(secrets.token_hex(8), encoding="ascii")
                draft.replace(file)
            return file.read_text(encoding="ascii").strip()
        except OSError as wrong:
            raise DataDirError(f"{file}: {wrong.strerror or wrong}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Serves from this directory alone. Raises `DataDirError` where another collector does."""
        with self.lock_file.open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirError(f"{self.path}: another collector serves from this data directory") from None
            yield  # the lock ends with the file, or with the process however it ends

    def is_served(self) -> bool:
        """Whether a collector serves from this directory now."""
        try:
            with self.locked():
                return False
        except DataDirError:
            return True
