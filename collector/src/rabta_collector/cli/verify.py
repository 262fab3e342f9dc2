"""`verify`: whether the journal is what was written, or with `--archive` whether the archive is what was sealed.

With `--page`, too, whether the archive says what a page says that was printed and kept.
"""

import argparse
import sys
from collections.abc import Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rabta_collector.archive.pages import Printed
from rabta_collector.archive.sealing import ArchiveError
from rabta_collector.archive.verifying import Verification
from rabta_collector.cli.archive import head_of
from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.cli.progress import Progress
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.record.reading import reading
from rabta_collector.registries import open_registry
from rabta_collector.rows import Where, open_to_read, where_of
from rabta_collector.signing import load_signer

CHUNK = 500
HERE = "-"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("verify", help="check the journal, or with --archive the archive")
    add_config(command, ("data", "journal"))
    command.add_argument(
        "--archive", metavar="DIR", nargs="?", const=HERE, help="check an archive; by default that of --data"
    )
    command.add_argument(
        "--page", metavar="FILE", type=Path, help="hold the data of a page against the archive, which is checked, too"
    )
    command.add_argument("--key", metavar="PEM", type=Path, help="the key that must have signed it, from elsewhere")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if options.archive in (None, HERE):
        config = config_of(options, environment)
        data = existing_data(config)
        if options.archive is None and options.page is None:
            return _verify_journal(where_of(config))
        return _verify_own(config, data, options.key, options.page)
    key, root = None if options.key is None else _read_key(options.key), Path(options.archive)
    page = None if options.page is None else Printed(file=options.page, root=root)
    return _tell(Verification(root=root, public_key=key), page)


def _verify_own(config: Config, data: DataDir, key: Path | None, file: Path | None) -> int:
    """With what the collector knows itself: its key, its record, and the newest checkpoint that it sealed."""
    with closing(open_registry(config)) as registry:
        day, _, digest = (registry.fact(head_of(config, data)) or "").partition(" ")
    own = load_signer(data.plan_key).public_key if key is None else _read_key(key)
    verification = Verification(root=data.archive, public_key=own, head=(day, digest) if day else None)
    if file is None or not data.record.exists():
        return _tell(verification, None if file is None else Printed(file=file, root=data.archive))
    with reading(data.record) as record:
        return _tell(verification, Printed(file=file, root=data.archive, record=record.text_of))


def _read_key(file: Path) -> bytes:
    try:
        found = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as wrong:
        raise ArchiveError(f"{file}: no public key: {wrong}") from None
    if not isinstance(found, Ed25519PublicKey):
        raise ArchiveError(f"{file}: no key of Ed25519")
    return found.public_bytes_raw()


def _tell(verification: Verification, page: Printed | None) -> int:
    wrong = 0
    for problem in chain(() if page is None else page.problems(), verification.problems()):
        wrong += 1
        sys.stdout.write(f"{problem}\n")
    said = f"{verification.checkpoints} checkpoints, {verification.files} files"
    if page is not None:
        sys.stdout.write(f"{page.digest}  {page.file}: the SHA-256 that the printed page has to bear\n")
        said = f"{page.sealed} changes of the page in the archive, {page.open} not sealed yet; {said}"
    sys.stdout.write(f"{said}: {'nothing was altered' if not wrong else f'{wrong} problems'}\n")
    return 1 if wrong else 0


def _verify_journal(where: Where) -> int:
    """Every row against its checksum, and their numbers."""
    wrong = rows = 0
    with closing(Progress()) as progress, closing(open_to_read(where)) as journal:
        last = max(0, journal.first_position()[0] - 1)
        while chunk := journal.read_after(last, CHUNK):
            for row, sound in chunk:
                if row.id != last + 1:
                    wrong += 1
                    sys.stdout.write(f"rows {last + 1} to {row.id - 1}: missing\n")
                if not sound:
                    wrong += 1
                    sys.stdout.write(f"row {row.id}: damaged\n")
                last, rows = row.id, rows + 1
            progress.tell(lambda: f"{rows} rows")  # noqa: B023 - called now
    sys.stdout.write(f"{rows} rows: {'all as they were written' if not wrong else f'{wrong} problems'}\n")
    return 1 if wrong else 0
