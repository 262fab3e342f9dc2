"""The measurements that wait, into a sealed file: as the spool is at one moment, beside a running agent too.

Nothing is taken out of the spool: a file can get lost. What the collector took from one is a duplicate when it comes
by the link later, and is deleted then.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rabta_agent.exits import CommandError
from rabta_agent.home import Credential
from rabta_agent.inflight import Waiting, to_batch
from rabta_agent.sealed import Sealer
from rabta_agent.spool import SpoolError, reading
from rabta_agent.strangers import in_words
from rabta_agent.words import tr

BATCH_MEASUREMENTS = 200
BATCH_BYTES = 256 * 1024


def export(credential: Credential, spool: Path, file: Path, *, tell: Callable[[int], None] = lambda _: None) -> int:
    """How many measurements were written; `tell` hears how many so far. The file is whole or not there.

    Raises `CommandError`.
    """
    if not credential.import_public_key or not credential.export_key:
        raise CommandError(tr("the collector gave this agent no key to export with when it joined: join again"))
    draft = file.with_name(f".{file.name}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            sealer = Sealer(
                stream,
                recipient=bytes.fromhex(credential.import_public_key),
                agent_id=credential.agent_id,
                signer=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(credential.export_key)),
            )
            count = 0
            for batch in _batches(spool):
                sealer.add(to_batch(batch).SerializeToString())
                count += len(batch)
                tell(count)
            sealer.close()
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException as wrong:
        with suppress(OSError):
            draft.unlink()
        if isinstance(wrong, SpoolError | ValueError):
            raise CommandError(str(wrong)) from None
        if isinstance(wrong, OSError):
            raise CommandError(tr("{path}: cannot be written: {cause}", path=file, cause=in_words(wrong))) from None
        raise
    return count


def _batches(spool: Path) -> Iterator[list[Waiting]]:
    """What waits, oldest first, each batch of one epoch. Raises `SpoolError`."""
    with reading(spool) as connection:
        if connection is None:
            return
        batch: list[Waiting] = []
        size = 0
        for one in _waiting(connection):
            size += len(one.payload)
            full = len(batch) >= BATCH_MEASUREMENTS or size > BATCH_BYTES
            if batch and (full or one.epoch != batch[0].epoch):
                yield batch
                batch, size = [], len(one.payload)
            batch.append(one)
        if batch:
            yield batch


def _waiting(connection: sqlite3.Connection) -> Iterator[Waiting]:
    """In one transaction, so that what is measured or acknowledged meanwhile changes nothing."""
    (own,) = connection.execute("SELECT epoch FROM identity").fetchone()
    rows = connection.execute(
        "SELECT row, epoch, sequence, payload, offset_us "
        "FROM measurement LEFT JOIN era ON era.id = measurement.era ORDER BY row"
    )
    for row, epoch, sequence, payload, offset_us in rows:
        yield Waiting(
            row=row,
            epoch=own if epoch is None else epoch,
            sequence=row if sequence is None else sequence,
            payload=payload,
            clock_offset_us=offset_us,
        )
