"""The throw-away certificate authority that the country trusts, and another that nobody does."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; `roots` is what a client must trust to believe them."""

    def __init__(self, name: str = "Rabta laboratory") -> None:
        self._ca = trustme.CA(organization_name=name)

    def roots(self, folder: Path) -> Path:
        """Writes the root to a file that `SSL_CERT_FILE` can name."""
        path = folder / "laboratory-root.pem"
        self._ca.cert_pem.write_to_path(str(path))
        return path

    def trust(self, context: ssl.SSLContext) -> None:
        self._ca.configure_trust(context)

    def server(self, *identities: str, days_ahead: int = 0) -> ssl.SSLContext:
        """A server's context, HTTP/1.1 only; with `days_ahead` its certificate is from the future."""
        begin = datetime.now(UTC) + timedelta(days=days_ahead) - timedelta(hours=1)
        certificate = self._ca.issue_cert(*identities, not_before=begin, not_after=begin + timedelta(days=90))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(context)
        return context
