"""Which line of a record each message of the stream of events is: kept beside it by whoever writes down what is said.

heard       message: its number in the stream; record: the line; taken_us: when the stream took it, since 1970
"""

import sqlite3

from rabta_collector.record.reading import microseconds

SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (
    message INTEGER PRIMARY KEY, record INTEGER NOT NULL, taken_us INTEGER NOT NULL
) STRICT
"""


def note(connection: sqlite3.Connection, message: int, record: int, taken_us: int) -> None:
    """To be called in the transaction that writes the line."""
    connection.execute("INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (message, record, taken_us))


def forget(connection: sqlite3.Connection) -> None:
    """Where it is another stream that is heard from now on."""
    connection.execute("DELETE FROM heard")


def last_heard(connection: sqlite3.Connection) -> int:
    """The last message; 0: nothing was heard yet."""
    return _first_of(connection, "SELECT max(message) FROM heard")


def sealed_up_to(connection: sqlite3.Connection, record: int) -> int:
    """The message up to which all are in lines up to one; 0: none."""
    after = _first_of(connection, "SELECT min(message) FROM heard WHERE record > ?", record)
    return after - 1 if after else last_heard(connection)


def heard_before(connection: sqlite3.Connection, moment: float) -> int:
    """The last message that the stream took before a moment (Unix seconds); 0: there is none."""
    return _first_of(connection, "SELECT max(message) FROM heard WHERE taken_us < ?", microseconds(moment))


def _first_of(connection: sqlite3.Connection, query: str, *values: int) -> int:
    table = "SELECT count(*) FROM sqlite_schema WHERE name = 'heard'"
    if not connection.execute(table).fetchone()[0]:
        return 0  # a record that was made of other things
    return int(connection.execute(query, values).fetchone()[0] or 0)
