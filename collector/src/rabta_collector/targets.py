"""What to measure, from the operator's file: TOML as in the collector's README, or a Citizen Lab test list (CSV).

Raises `InvalidFileError`, which names file, line and key. The default catalogue is part of the package.
"""

import csv
import io
import re
from collections.abc import Collection
from importlib import resources
from ipaddress import ip_address
from pathlib import Path

from rabta_collector.authority import parse_authority
from rabta_collector.catalogue import Catalogue, Deadlines, Need, Part, Platform, Resolvers, Target, Transfer
from rabta_collector.document import InvalidFileError, Table, parse_toml, read_text
from rabta_collector.isps import identifier
from rabta_collector.locators import SCHEMES, WEB, Locator, is_host_name, parse_locator, scheme_of

DAY_S = 86400.0
TRACED = ("https", "http", "tls")
CSV_INTERVAL_S = 3600.0  # test lists are long: each URL once an hour per ISP, behind everything else
CSV_PRIORITY = 3


def default_catalogue() -> Catalogue:
    """The catalogue that comes with the package."""
    text = (resources.files("rabta_collector") / "data" / "targets.toml").read_text(encoding="utf-8")
    return parse_catalogue(parse_toml(text, "targets.toml"))


def load_catalogue(file: Path | None) -> Catalogue:
    """The catalogue of a file, or the default one."""
    if file is None:
        return default_catalogue()
    text = read_text(file)
    if file.suffix.lower() == ".csv":
        return parse_test_list(text, str(file))
    return parse_catalogue(parse_toml(text, str(file)))


def parse_catalogue(root: Table) -> Catalogue:
    """The catalogue of a root table."""
    urls: set[str] = set()
    platforms: dict[str, Platform] = {}
    for table in root.tables("platform"):
        platform = _platform(table, urls)
        if platform.id in platforms:
            raise table.error("id", f'"{platform.id}" is taken by a platform above')
        platforms[platform.id] = platform
    references = tuple(_target(table, "", urls) for table in root.tables("reference"))
    catalogue = Catalogue(
        platforms=tuple(platforms.values()),
        references=references,
        resolvers=_resolvers(root.table("resolvers")),
        deadlines=_deadlines(root.table("deadlines")),
        innocuous_names=_innocuous(root),
        portal_check=_url(root, "portal_check", ("http",)) if root.has("portal_check") else "",
    )
    root.close()
    if not platforms:
        raise root.error("platform", "missing; expected at least one [[platform]]")
    return catalogue


def _platform(table: Table, urls: set[str]) -> Platform:
    id_ = identifier(table)
    parts: dict[str, Part] = {}
    for entry in table.tables("part"):
        part = _part(entry)
        if part.id in parts:
            raise entry.error("id", f'"{part.id}" is taken by a part above')
        parts[part.id] = part
    targets = tuple(_target(entry, id_, urls, parts) for entry in table.tables("target"))
    for part_id in parts.keys() - {target.part for target in targets}:
        raise table.error("part", f'no target belongs to the part "{part_id}"')
    if not targets:
        raise table.error("target", "missing; expected at least one [[platform.target]]")
    platform = Platform(
        id=id_,
        name=table.text("name", id_),
        category=table.text("category", ""),
        need=_need(table),
        targets=targets,
        parts=tuple(parts.values()),
    )
    table.close()
    return platform


def _part(table: Table) -> Part:
    id_ = identifier(table)
    part = Part(
        id=id_,
        name=table.text("name", id_),
        need=_need(table),
        required=table.get("required", bool, "true or false", True),
    )
    table.close()
    return part


def _need(table: Table) -> Need:
    return Need(table.choice("need", [str(need) for need in Need], str(Need.ALL)))


def _target(table: Table, platform: str, urls: set[str], parts: Collection[str] = ()) -> Target:
    url = _url(table)
    if url in urls:
        raise table.error("url", f"{url} stands above already")
    urls.add(url)
    transfer = _transfer(table.table("transfer")) if table.has("transfer") else None
    target = Target(
        url=url,
        platform=platform,
        interval_s=table.seconds("interval", 300.0, least=0.1, most=DAY_S),
        priority=table.integer("priority", 2, least=1, most=3),
        required=table.get("required", bool, "true or false", True),
        transfer=transfer,
        part=table.text("part", ""),
        authority=_authority(table, url),
        trace=_trace(table, url),
    )
    if target.part and target.part not in parts:
        raise table.error("part", f'"{target.part}" is no part of this platform')
    table.close()
    return target


def _trace(table: Table, url: str) -> bool:
    wanted = table.get("trace", bool, "true or false", False)
    if wanted and scheme_of(url) not in TRACED:
        raise table.error("trace", "only a https://, http:// or tls:// target has a name that can be traced")
    return wanted


def _authority(table: Table, url: str) -> bytes:
    text = table.text("authority", "")
    if text and scheme_of(url) != "tls":
        raise table.error("authority", "only a tls:// target has an authority of its own")
    try:
        return parse_authority(text) if text else b""
    except ValueError:
        raise table.error("authority", "expected an authority's certificate, its DER form in base64") from None


def _url(table: Table, key: str = "url", schemes: tuple[str, ...] = SCHEMES) -> str:
    text = table.text(key)
    try:
        parse_locator(text, schemes)
    except ValueError as wrong:
        raise table.error(key, str(wrong)) from None
    return text


def _transfer(table: Table) -> Transfer:
    name = table.text("control_name", "")
    if name and not (name.isascii() and is_host_name(name)):
        raise table.error("control_name", f'"{name}" is no host name')
    transfer = Transfer(
        url=_url(table, schemes=WEB),
        bytes=table.integer("bytes", least=1024, most=16 * 1024 * 1024),
        control_name=name,
        interval_s=table.seconds("interval", 3600.0, least=0.1, most=DAY_S),
    )
    table.close()
    return transfer


def _resolvers(table: Table) -> Resolvers:
    doh, udp = table.words("doh"), table.words("udp")
    for url in doh:
        try:
            parse_locator(url, ("https",))
        except ValueError as wrong:
            raise table.error("doh", str(wrong)) from None
    for address in udp:
        if not _is_endpoint(address):
            raise table.error("udp", f'"{address}" is no address such as 8.8.8.8 or [2001:4860:4860::8888]:53')
    table.close()
    return Resolvers(doh=doh, udp=udp)


def _is_endpoint(text: str) -> bool:
    host, port = text, "53"
    if bracketed := re.fullmatch(r"\[(.+)\](?::(\d+))?", text):
        host, port = bracketed[1], bracketed[2] or "53"
    elif text.count(":") == 1:
        host, port = text.split(":")
    try:
        ip_address(host)
    except ValueError:
        return False
    return port.isascii() and port.isdigit() and 0 < int(port) < 65536


def _deadlines(table: Table) -> Deadlines:
    usual = Deadlines()
    deadlines = Deadlines(
        dns_s=table.seconds("dns", usual.dns_s, least=0.1, most=60),
        tcp_s=table.seconds("tcp", usual.tcp_s, least=0.1, most=60),
        tls_s=table.seconds("tls", usual.tls_s, least=0.1, most=60),
        quic_s=table.seconds("quic", usual.quic_s, least=0.1, most=60),
        http_s=table.seconds("http", usual.http_s, least=0.1, most=60),
        transfer_s=table.seconds("transfer", usual.transfer_s, least=0.1, most=10),
        repeat_pause_s=table.seconds("repeat_pause", usual.repeat_pause_s, least=0, most=60),
    )
    table.close()
    return deadlines


def _innocuous(root: Table) -> tuple[str, ...]:
    names = root.words("innocuous")
    for name in names:
        if not (name.isascii() and is_host_name(name)):
            raise root.error("innocuous", f'"{name}" is no host name')
    return names


def parse_test_list(text: str, file: str) -> Catalogue:
    """A catalogue in which each URL of a Citizen Lab test list is a platform of its own, named after its host."""
    rows = csv.DictReader(io.StringIO(text))
    if "url" not in (rows.fieldnames or ()):
        raise InvalidFileError(f"{file}:1: url: missing; expected a column of that name")
    platforms: dict[str, Platform] = {}
    urls: set[str] = set()
    try:
        for row in rows:
            url = (row["url"] or "").strip()
            if url and url not in urls:
                urls.add(url)
                id_ = _free(_identifier_of(parse_locator(url, WEB)), platforms)
                platforms[id_] = _listed(id_, url, (row.get("category_code") or "").strip())
    except (ValueError, csv.Error) as wrong:
        raise InvalidFileError(f"{file}:{rows.line_num}: url: {wrong}") from None
    if not platforms:
        raise InvalidFileError(f"{file}:1: url: the list is empty")
    return Catalogue(platforms=tuple(platforms.values()), resolvers=default_catalogue().resolvers)


def _listed(id_: str, url: str, category: str) -> Platform:
    name = url.partition("://")[2].removesuffix("/").removeprefix("www.")
    target = Target(url=url, platform=id_, interval_s=CSV_INTERVAL_S, priority=CSV_PRIORITY)
    return Platform(id=id_, name=name, category=category, targets=(target,))


def _identifier_of(locator: Locator) -> str:
    return re.sub(r"[^a-z0-9]+", "-", locator.host.removeprefix("www.")).strip("-")[:56] or "site"


def _free(wanted: str, taken: dict[str, Platform]) -> str:
    if wanted not in taken:
        return wanted
    return next(name for name in (f"{wanted}-{number}" for number in range(2, 100_000)) if name not in taken)
