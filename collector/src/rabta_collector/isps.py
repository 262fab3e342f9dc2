"""The country's ISPs, from a TOML file: one `[[isp]]` each with `id`, `name`, `kind` and `asns`.

The default list, for Pakistan, is part of the package. Raises `InvalidFileError`, which names file, line and key.
"""

import re
from importlib import resources
from pathlib import Path

from rabta_collector.catalogue import Isp
from rabta_collector.document import Table, parse_toml, read_toml
from rabta_proto.vocabulary import IspKind

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def default_isps() -> tuple[Isp, ...]:
    """The list that comes with the package."""
    text = (resources.files("rabta_collector") / "data" / "isps.toml").read_text(encoding="utf-8")
    return parse_isps(parse_toml(text, "isps.toml"))


def load_isps(file: Path | None) -> tuple[Isp, ...]:
    """The ISPs of a file, or the default ones."""
    return default_isps() if file is None else parse_isps(read_toml(file))


def parse_isps(root: Table) -> tuple[Isp, ...]:
    """The ISPs of a root table."""
    isps: dict[str, Isp] = {}
    owners: dict[int, str] = {}
    for table in root.tables("isp"):
        isp = _isp(table)
        if isp.id in isps:
            raise table.error("id", f'"{isp.id}" is taken by an ISP above')
        for asn in isp.asns:
            if owners.setdefault(asn, isp.id) != isp.id:
                raise table.error("asns", f"{asn} is {owners[asn]}'s above")
        isps[isp.id] = isp
    root.close()
    if not isps:
        raise root.error("isp", "missing; expected at least one [[isp]]")
    return tuple(isps.values())


def _isp(table: Table) -> Isp:
    asns = table.get("asns", list, "a list of AS numbers", [])
    for asn in asns:
        if not isinstance(asn, int) or isinstance(asn, bool) or not 0 < asn < 2**32:
            raise table.error("asns", f"expected a list of AS numbers, not {asn!r} in it")
    isp = Isp(
        id=identifier(table),
        name=table.text("name"),
        kind=IspKind(table.choice("kind", [str(kind) for kind in IspKind])),
        asns=tuple(asns),
    )
    table.close()
    return isp


def identifier(table: Table) -> str:
    """The `id` of a table: a word for labels and addresses."""
    value = table.text("id")
    if not ID.fullmatch(value):
        raise table.error("id", f'"{value}" is no identifier: small letters, digits, "-" and "_", at most 63')
    return value
