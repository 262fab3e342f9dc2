"""Rows as CSV, RFC 4180 with a header. Pure.

What has no value is an empty field; a list is its words with spaces between; a witness is `rule=count`, a part
`part=state`.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """One line per row, after the line of the columns' names."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_field(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _field(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case {"rule": rule, "count": count}:
            return f"{rule}={count}"
        case {"part": part, "state": state}:
            return f"{part}={state}"
        case list() | tuple():
            return " ".join(map(_field, value))
        case _:
            return str(value)
