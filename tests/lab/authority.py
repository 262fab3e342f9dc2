"""Throw-away certificate authorities: those that the lab trusts, and those that nobody does."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import trustme

LIFETIME = timedelta(days=90)


class Authority:
    """Issues certificates; `roots` is what a client must trust to believe them."""

    def __init__(self, name: str = "Rabta laboratory") -> None:
        self._ca = trustme.CA(organization_name=name)

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """One that `save` wrote, so that another process issues in its name."""
        authority = cls.__new__(cls)
        certificate, key = (folder / f"{name}.{kind}.pem" for kind in ("cert", "key"))
        authority._ca = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        return authority

    def save(self, folder: Path, name: str) -> None:
        self._ca.cert_pem.write_to_path(str(folder / f"{name}.cert.pem"))
        self._ca.private_key_pem.write_to_path(str(folder / f"{name}.key.pem"))

    def roots(self, folder: Path) -> Path:
        """Writes the root to a file that `SSL_CERT_FILE` can name."""
        return write_roots(folder / "laboratory-root.pem", [self])

    @property
    def root_pem(self) -> bytes:
        return self._ca.cert_pem.bytes()

    def trust(self, context: ssl.SSLContext) -> None:
        self._ca.configure_trust(context)

    def issue(self, *identities: str, days_ahead: int = 0) -> trustme.LeafCert:
        """A certificate of 90 days from today; `days_ahead` moves them, below -90 it has expired."""
        begin = datetime.now(UTC) + timedelta(days=days_ahead) - timedelta(hours=1)
        return self._ca.issue_cert(*identities, not_before=begin, not_after=begin + LIFETIME)

    def server(self, *identities: str, days_ahead: int = 0) -> ssl.SSLContext:
        """The context of a server with a certificate of its own."""
        return serving(self.issue(*identities, days_ahead=days_ahead))

    def forger(self) -> ssl.SSLContext:
        """A server's context that shows a certificate for whatever name it is asked for."""
        made: dict[str, ssl.SSLContext] = {}

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name is not None:
                if name not in made:
                    made[name] = self.server(name)
                connection.context = made[name]

        context = self.server("forger.example")
        context.sni_callback = choose
        return context


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context, HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    return context


def write_roots(path: Path, authorities: Iterable[Authority]) -> Path:
    """A trust store of these roots alone."""
    path.write_bytes(b"".join(authority.root_pem for authority in authorities))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Who signs what in a lab. `usual` and `newest` are what a client trusts, `usual` alone is what an old one does."""

    usual: Authority = field(default_factory=Authority)
    newest: Authority = field(default_factory=lambda: Authority("Rabta laboratory, second root"))
    unknown: Authority = field(default_factory=lambda: Authority("Nobody's authority"))
    forger: Authority = field(default_factory=lambda: Authority("Somebody in between"))

    def save(self, folder: Path) -> None:
        """Writes them for another process of the lab, keys included."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _NAMES:
            getattr(self, name).save(folder, name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(**{name: Authority.load(folder, name) for name in _NAMES})

    def roots(self, folder: Path) -> Path:
        """Today's trust store, as a file for `SSL_CERT_FILE`."""
        return write_roots(folder / "roots.pem", [self.usual, self.newest])

    def old_roots(self, folder: Path) -> Path:
        """That of a machine that was never updated."""
        return write_roots(folder / "old-roots.pem", [self.usual])


_NAMES = ("usual", "newest", "unknown", "forger")
