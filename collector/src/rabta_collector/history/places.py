"""Which platform an address on the web belongs to, and which ISP a network, as far as the past is concerned. Pure.

A URL is a platform's where its host (with or without `www.`) and port are those of a target that the platform needs.
Over https nobody in between sees the path, so any page stands for the site; over http a page may be blocked by itself,
so only the front page or the target's own does.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from rabta_collector.catalogue import Catalogue, Isp, Need

PLACES = "places"
"""Fact of the registry under which a collector that serves keeps its places."""

WEB_PORTS = {"http": 80, "https": 443}


class Reason(StrEnum):
    """Why a measurement has no place in the history; the words stand in what importing prints."""

    OTHER_TEST = "of other tests than web_connectivity"
    NO_URL = "whose input is no URL over http or https"
    OTHER_HOST = "of hosts that no platform has"
    ONE_PAGE = "of single pages over http"
    OTHER_NETWORK = "from networks that no ISP has"
    NO_TIME = "without a time that can be read"
    FUTURE = "of the future"
    REFERENCE = "of references"
    OTHER_TARGET = "of targets that no platform needs"
    OTHER_ISP = "of ISPs that are not watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A host of a platform. `paths`: pages over http, beside the front page, that stand for it."""

    platform: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Sites by host and port, ISPs by AS number, and how a platform's sites make up the platform.

    `targets`: platforms of required targets that are no sites, by URL. `names`: of all ISPs.
    """

    sites: Mapping[str, Site]
    isps: Mapping[int, str]
    needs: Mapping[str, Need]
    targets: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def platform_of(self, url: str) -> str | Reason:
        """The platform of a URL, or why it has none."""
        parts = _split(url)
        if parts is None:
            return Reason.NO_URL
        site = self.sites.get(_key(parts))
        if site is None:
            return Reason.OTHER_HOST
        front = parts.path in ("", "/") and not parts.query
        if parts.scheme == "https" or front or _page(parts) in site.paths:
            return site.platform
        return Reason.ONE_PAGE

    def isp_of(self, asn: int) -> str | Reason:
        """The ISP that a network belongs to, or why there is none."""
        return self.isps.get(asn) or Reason.OTHER_NETWORK

    def platform_of_target(self, url: str) -> str | Reason:
        """The platform of whatever agents may measure, or why it has none."""
        if _split(url) is not None:
            return self.platform_of(url)
        return self.targets.get(url) or Reason.OTHER_TARGET

    def to_json(self) -> str:
        """One text for equal places, and `read_places` gives them back."""
        sites = {host: [site.platform, *site.paths] for host, site in self.sites.items()}
        isps = {str(asn): isp for asn, isp in self.isps.items()}
        told = {"sites": sites, "isps": isps, "needs": dict(self.needs)}
        return json.dumps(told | {"targets": dict(self.targets), "names": sorted(self.names)}, sort_keys=True)


def make_places(catalogue: Catalogue, isps: Collection[Isp]) -> Places:
    """The places of a catalogue. A host of two platforms is the first one's."""
    sites: dict[str, Site] = {}
    others: dict[str, str] = {}
    for target in (t for platform in catalogue.platforms for t in platform.targets if t.required):
        parts = _split(target.url)
        if parts is None:
            others.setdefault(target.url, target.platform)
            continue
        known = sites.setdefault(_key(parts), Site(platform=target.platform))
        if known.platform == target.platform and parts.scheme == "http":
            paths = tuple(dict.fromkeys((*known.paths, _page(parts))))
            sites[_key(parts)] = Site(platform=target.platform, paths=paths)
    return Places(
        sites={**sites, **_other_scheme(sites)},
        isps={asn: isp.id for isp in isps for asn in isp.asns},
        needs={platform.id: platform.need for platform in catalogue.platforms},
        targets=others,
        names=frozenset(isp.id for isp in isps),
    )


def read_places(text: str) -> Places:
    """Places that `to_json` wrote."""
    found = json.loads(text)
    return Places(
        sites={host: Site(platform=told[0], paths=tuple(told[1:])) for host, told in found["sites"].items()},
        isps={int(asn): isp for asn, isp in found["isps"].items()},
        needs={platform: Need(need) for platform, need in found["needs"].items()},
        targets=found.get("targets", {}),
        names=frozenset(found.get("names", ())),
    )


def site_of(url: str) -> str:
    """Scheme and host of a URL: what is judged as one in the past. Empty for what is none."""
    parts = _split(url)
    return "" if parts is None else f"{parts.scheme}://{_host(parts)}"


def _other_scheme(sites: Mapping[str, Site]) -> dict[str, Site]:
    """The same hosts at the usual port of the other scheme: the past was measured over both."""
    found: dict[str, Site] = {}
    for key, site in sites.items():
        host, _, port = key.rpartition(":")
        if int(port) in WEB_PORTS.values():
            for other in WEB_PORTS.values():
                if f"{host}:{other}" not in sites:
                    found[f"{host}:{other}"] = site
    return found


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in WEB_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return ""
    return host.removeprefix("www.")


def _key(parts: SplitResult) -> str:
    return f"{_host(parts)}:{parts.port or WEB_PORTS[parts.scheme]}"


def _page(parts: SplitResult) -> str:
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
