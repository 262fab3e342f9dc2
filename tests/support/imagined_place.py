"""What each question gets at a place of the imagined country, scenario by scenario: see imagined.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lab.scenario import CensorKind, Scenario, SiteKind, Vantage
from rabta_proto.vocabulary import Failure, ResolverKind
from support.telling import certificate

FIRST, SECOND, ABROAD, SIX = "93.184.216.1", "93.184.216.2", "151.101.1.1", "2606:2800:220::1"
OTHER, PAGE = "93.184.217.9", "39.32.0.80"
"""Addresses of the site and of its edge abroad; of another site, and of a server of block pages."""
NEXT_ADDRESS, WARNING_ADDRESS = "93.184.218.1", "39.32.0.81"
RESET, SILENCE, EOF = Failure.CONNECTION_RESET, Failure.GENERIC_TIMEOUT, Failure.EOF

_LIES = {
    CensorKind.DNS_BOGON: "127.0.0.1",
    CensorKind.DNS_PRIVATE: "10.10.34.36",
    CensorKind.DNS_BLOCKPAGE: PAGE,
    CensorKind.DNS_KNOWN_BLOCKPAGE: "203.82.48.83",
    CensorKind.DNS_FAMILY_FILTER: "203.82.48.86",
    CensorKind.DNS_OTHER: OTHER,
    CensorKind.DNS_INJECTED: OTHER,
}
_DENIALS = {
    CensorKind.DNS_NXDOMAIN: (Failure.DNS_NXDOMAIN, 3),
    CensorKind.DNS_INJECTED_NXDOMAIN: (Failure.DNS_NXDOMAIN, 3),
    CensorKind.DNS_REFUSED: (Failure.DNS_REFUSED, 5),
    CensorKind.DNS_SERVFAIL: (Failure.DNS_SERVFAIL, 2),
    CensorKind.DNS_SILENCE: (SILENCE, None),
    CensorKind.DNS_EMPTY: (Failure.DNS_NO_ANSWER, 0),
}
_INJECTED = (CensorKind.DNS_INJECTED, CensorKind.DNS_INJECTED_NXDOMAIN)
_CONNECTING = {
    CensorKind.TCP_SILENCE: SILENCE,
    CensorKind.TCP_REFUSED: Failure.CONNECTION_REFUSED,
    CensorKind.TCP_RESET: RESET,
    CensorKind.IP_UNREACHABLE: Failure.HOST_UNREACHABLE,
    CensorKind.IP_PROHIBITED: Failure.HOST_UNREACHABLE,
}
_SHAKING = {
    CensorKind.SNI_RESET: RESET,
    CensorKind.SNI_RESET_RESIDUAL: RESET,
    CensorKind.SNI_SILENCE: SILENCE,
    CensorKind.SNI_CLOSE: EOF,
    CensorKind.SNI_ALERT: Failure.SSL_FAILED_HANDSHAKE,
    CensorKind.NEXT_SNI_RESET: RESET,
}
_SHAKING_ANY = {CensorKind.TLS_RESET: RESET, CensorKind.TLS_SILENCE: SILENCE, CensorKind.TLS_CLOSE: EOF}
_ASKING = {CensorKind.HOST_RESET: RESET, CensorKind.HOST_SILENCE: SILENCE, CensorKind.HOST_CLOSE: EOF}
_CERTIFICATES = {
    SiteKind.EXPIRED: Failure.SSL_INVALID_CERTIFICATE,
    SiteKind.WRONG_NAME: Failure.SSL_INVALID_HOSTNAME,
    SiteKind.UNTRUSTED: Failure.SSL_UNKNOWN_AUTHORITY,
}
CERTIFICATE_FAILURES = frozenset(_CERTIFICATES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A resolver's answer; `later` is a second one."""

    addresses: tuple[str, ...] = ()
    failure: str | None = None
    rcode: int | None = 0
    later: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Place:
    """What questions get at one place, inside of the country or abroad. `cut`: addresses that have become silent."""

    scenario: Scenario
    inside: bool = True
    censor: CensorKind = CensorKind.NONE
    cut: set[str] = field(default_factory=set)

    @property
    def site(self) -> SiteKind:
        return self.scenario.site

    @property
    def vantage(self) -> Vantage:
        return self.scenario.vantage if self.inside else Vantage.DUAL_STACK

    # Names

    def resolve(self, name: str, kind: ResolverKind, query_type: str) -> Said:
        if kind is ResolverKind.DOH and self.vantage in (Vantage.PORTAL, Vantage.OFFICE):
            return Said(failure=Failure.SSL_INVALID_HOSTNAME, rcode=None)
        if name != self.scenario.host:
            return self._answer((NEXT_ADDRESS if name.startswith("next") else WARNING_ADDRESS,), query_type)
        truth = self._answer(self._zone(local=kind is ResolverKind.SYSTEM), query_type)
        injected = self.censor in _INJECTED and kind is not ResolverKind.DOH
        if not injected and kind is not ResolverKind.SYSTEM:
            return truth
        later = truth.addresses if injected else ()
        if (lie := _LIES.get(self.censor)) is not None:
            return replace(self._answer((lie,), query_type), later=later)
        if (denial := _DENIALS.get(self.censor)) is not None:
            return Said(failure=denial[0], rcode=denial[1], later=later)
        return truth

    def _zone(self, *, local: bool) -> tuple[str, ...]:
        special = {
            SiteKind.CDN: (FIRST if self.inside and local else ABROAD,),
            SiteKind.HALF_DEAD: (SECOND, FIRST),
            SiteKind.TWO_ADDRESSES: (SECOND, FIRST),
            SiteKind.DUAL_STACK: (FIRST, SIX),
            SiteKind.IPV6_ONLY: (SIX,),
            SiteKind.BOGON: ("127.0.0.1",),
            SiteKind.DEAD_NAME: (),
        }
        return special.get(self.site, (FIRST,))

    def _answer(self, addresses: Sequence[str], query_type: str) -> Said:
        if not addresses:
            return Said(failure=Failure.DNS_NXDOMAIN, rcode=3)
        fitting = tuple(a for a in addresses if (":" in a) is (query_type == "AAAA"))
        return Said(addresses=fitting, failure=None if fitting else Failure.DNS_NO_ANSWER)

    # Connections

    def connect(self, address: str) -> str | None:
        if address.startswith(("127.", "10.")):
            return Failure.SPECIAL_ADDRESS
        if address in self.cut or (":" in address and self.vantage is Vantage.BROKEN_IPV6):
            return SILENCE
        if self.vantage is Vantage.PORTAL:
            return None  # it answers in everybody's place
        if address in (FIRST, SECOND, ABROAD, SIX):
            return self._connect_to_site(address)
        dead = address == NEXT_ADDRESS and self.site is SiteKind.REDIRECTS_TO_DEAD
        return Failure.CONNECTION_REFUSED if dead else None

    def _connect_to_site(self, address: str) -> str | None:
        if self.site is SiteKind.DEAD or (self.site is SiteKind.HALF_DEAD and address == SECOND):
            return Failure.CONNECTION_REFUSED
        silent = self.site is SiteKind.SILENT
        silent = silent or (self.censor is CensorKind.TCP_SILENCE_FIRST and address == SECOND)
        silent = silent or (self.censor is CensorKind.TCP_SILENCE_IPV6 and address == SIX)
        return SILENCE if silent else _CONNECTING.get(self.censor)

    def shake(self, address: str, name: str) -> dict[str, Any]:
        """A TLS handshake."""
        if (failure := self._censor_handshake(address, name)) is not None:
            return failure
        if self.vantage is Vantage.PORTAL or address in (OTHER, PAGE, "203.82.48.83", "203.82.48.86"):
            return self._foreign(Failure.SSL_INVALID_HOSTNAME)
        if self.vantage is Vantage.OFFICE or (self.censor is CensorKind.TLS_FORGED and name == self.scenario.host):
            return self._foreign(Failure.SSL_UNKNOWN_AUTHORITY)
        if name != self.scenario.host and not name.startswith(("next", "warning")):
            return {"server_answered": True}
        if name == self.scenario.host and self.site in _CERTIFICATES:
            return self._foreign(_CERTIFICATES[self.site], "The site", 2)
        if self.site is SiteKind.NEW_AUTHORITY and self.vantage is Vantage.OLD_ROOTS:
            return self._foreign(Failure.SSL_UNKNOWN_AUTHORITY, "New CA", 1)
        return {"server_answered": True, "verified": True, "certificate": certificate()}

    def _foreign(self, failure: str, issuer: str = "Somebody else", key: int = 66) -> dict[str, Any]:
        return {"failure": failure, "server_answered": True, "certificate": certificate(issuer, key)}

    def _censor_handshake(self, address: str, name: str) -> dict[str, Any] | None:
        if address in (FIRST, SECOND, ABROAD, SIX) and self.censor in _SHAKING_ANY:
            return {"failure": _SHAKING_ANY[self.censor]}
        wanted = "next" if self.censor is CensorKind.NEXT_SNI_RESET else self.scenario.host
        if not name.startswith(wanted) or self.censor not in _SHAKING:
            return None
        if self.censor is CensorKind.SNI_RESET_RESIDUAL:
            self.cut.add(address)
        alert = {"alert": 112, "server_answered": True} if self.censor is CensorKind.SNI_ALERT else {}
        return {"failure": _SHAKING[self.censor], **alert}

    def shake_over_quic(self, address: str) -> dict[str, Any]:
        cut = self.vantage in (Vantage.NO_UDP, Vantage.OFFICE) or self.censor is CensorKind.QUIC_SILENCE
        if cut or self.site is SiteKind.SILENT:
            return {"failure": SILENCE}
        if self.censor is CensorKind.QUIC_REFUSED:
            return {"failure": Failure.CONNECTION_REFUSED}
        return {"server_answered": True, "verified": True, "certificate": certificate()}

    # Pages

    def ask(self, address: str, name: str, *, tls: bool) -> dict[str, Any]:
        if not tls and (answer := self._censor_request(address, name)) is not None:
            return answer
        if name.startswith("next"):
            return _page(title="The next site of them", body_bytes=700)
        served = self._serve(tls=tls)
        return served if "failure" in served else _page() | served

    def _censor_request(self, address: str, name: str) -> dict[str, Any] | None:
        if self.vantage is Vantage.PORTAL:
            return _login() if name.startswith("portal") else _redirect("http://portal.example/login")
        if address == OTHER:
            return _page(title="Gardening", body_bytes=311, header_names=("date",))
        if address == PAGE:
            return _page(title="Surf Safely", body_bytes=400, header_names=("date",), marks=("pk.surf-safely",))
        if name.startswith("warning"):
            return _page(title="Not available", body_bytes=120, header_names=())
        if name != self.scenario.host:
            return None
        answers = {
            CensorKind.HOST_BLOCKPAGE: _page(title="Surf Safely", body_bytes=400, header_names=("date",)),
            CensorKind.HOST_BLOCKPAGE_UNKNOWN: _page(title="Forbidden zone", body_bytes=200, header_names=("date",)),
            CensorKind.HOST_REDIRECT: _redirect("http://restrict.wateen.net/") | _SOMEBODY_S,
            CensorKind.HOST_REDIRECT_UNKNOWN: _redirect("http://warning.invalid/") | _SOMEBODY_S,
        }
        failure = _ASKING.get(self.censor)
        return {"failure": failure} if failure else answers.get(self.censor)

    def _serve(self, *, tls: bool) -> dict[str, Any]:
        scheme = "https" if tls else "http"
        here = f"{scheme}://{self.scenario.host}/"
        if self.inside:
            refusals: dict[SiteKind, dict[str, Any]] = {
                SiteKind.CHALLENGE: {"status": 403, "header_names": ("cf-ray",), "title": "Just a moment"},
                SiteKind.GEO_403: {"status": 403, "title": "No", "body_bytes": 90},
                SiteKind.GEO_451: {"status": 451, "title": "Law", "body_bytes": 90},
                SiteKind.CDN: {"body_bytes": 5600},
                SiteKind.CHANGING: {"body_bytes": 9500},
                SiteKind.GEO_REDIRECT: _redirect(f"{scheme}://warning.example/"),
                SiteKind.GEO_CLOSE: {"failure": EOF} if tls else {},
            }
            if self.site in refusals:
                return refusals[self.site]
        served: dict[SiteKind, dict[str, Any]] = {
            SiteKind.LOOP: _redirect(here),
            SiteKind.BROKEN_REDIRECT: _redirect("http://"),
            SiteKind.REDIRECTS_TO: _redirect(f"{scheme}://next.example/"),
            SiteKind.REDIRECTS_TO_DEAD: _redirect(f"{scheme}://next.example/"),
            SiteKind.BIG: {"body_bytes": 4096, "truncated": True, "declared_bytes": 100_000_000},
        }
        if self.site is SiteKind.UPGRADE and not tls:
            return _redirect(f"https://{self.scenario.host}/")
        return served.get(self.site, {})


_SOMEBODY_S: dict[str, Any] = {"header_names": ("date",)}  # without the header that is the site's own


def _page(**facts: Any) -> dict[str, Any]:
    return {
        "status": 200,
        "title": "Welcome to the site",
        "body_bytes": 5000,
        "header_names": ("date", "x-site"),
        **facts,
    }


def _redirect(location: str) -> dict[str, Any]:
    return _page(status=302, location=location, title="", body_bytes=0)


def _login() -> dict[str, Any]:
    return _page(title="Please log in", body_bytes=900, header_names=("date",))
