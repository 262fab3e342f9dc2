"""The file of the registry: its format, and how a file of an older one becomes one of this.

Agents, invitations and facts. Opened by several processes at once: whoever comes first brings it up to date.
"""

import sqlite3
from pathlib import Path

from rabta_collector.transaction import transaction

APPLICATION_ID = 0x52425231  # "RBR1"
FORMAT = 3
SCHEMA = """
CREATE TABLE IF NOT EXISTS invites (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, role TEXT NOT NULL, isp TEXT NOT NULL, uses_left INTEGER NOT NULL,
    made_at REAL NOT NULL, expires_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS agents (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, role TEXT NOT NULL, isp TEXT NOT NULL, province TEXT NOT NULL,
    invite TEXT NOT NULL, enrolled_at REAL NOT NULL, revoked_at REAL, last_seen REAL, version TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""  # of format 1; what came later is in MIGRATIONS, for new files, too
MIGRATIONS = {
    2: """
ALTER TABLE agents ADD COLUMN pending BLOB NOT NULL DEFAULT x'';
ALTER TABLE agents ADD COLUMN secret_at REAL NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN offered_at REAL;
UPDATE agents SET secret_at = enrolled_at;
CREATE TABLE asked (platform TEXT NOT NULL, target TEXT NOT NULL, until REAL, PRIMARY KEY (platform, target)) STRICT;
""",
    3: "CREATE TABLE export_keys (agent TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT",
}
"""What leads from the format before to the one under whose number it stands.

`pending` holds digests of new secrets, one after the other; `asked` every target that agents were ever asked to measure
within the last month, with the time until which, and none where they still are; `export_keys` agents' public
keys, of those that gave one.
"""


class UnusableRegistryError(RuntimeError):
    """The file cannot be used; the message is one line for the operator."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the file, or brings it up to date. Raises `UnusableRegistryError`, `sqlite3.Error`."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if owner not in (0, APPLICATION_ID) or version > FORMAT:
        raise UnusableRegistryError(f"{path}: not a registry of this version of Rabta")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if version == FORMAT:
        return
    with transaction(connection):  # another process may have done it meanwhile
        if not (version := connection.execute("PRAGMA user_version").fetchone()[0]):
            _run(connection, SCHEMA)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        for number in range(max(version, 1) + 1, FORMAT + 1):
            _run(connection, MIGRATIONS[number])
        connection.execute(f"PRAGMA user_version={FORMAT}")


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in filter(str.strip, script.split(";")):
        connection.execute(statement)
