"""An invitation as an operator hands it on: the line to type, a link, and the link's QR code (ISO/IEC 18004). Pure.

A link is `ADDRESS/join#TOKEN`, which `rabta-agent join` takes in the address's place. What stands behind `#` is never
sent to a server (RFC 3986, section 3.5), so that opening the link in a browser gives nothing away.
"""

import io
from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEMES = ("https", "https+post", "http")
QUIET_ZONE = 2  # modules around the code: half of what the standard asks for, which readers of screens do with


class InvalidAddressError(ValueError):
    """Where no agent could look for a collector; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """`address`: where agents find the collector; `token` with the pin of its key behind it, where it has one."""

    address: str
    token: str

    @property
    def line(self) -> str:
        """What is typed on a volunteer's computer."""
        return f"rabta-agent join {self.address} --invite {self.token}"

    @property
    def link(self) -> str:
        """The same for a message; what it is made of needs no escape."""
        return f"{self.address}/join#{self.token}"

    @property
    def code(self) -> str:
        """The link as a QR code of half blocks, light on dark, for a terminal."""
        import segno  # not for every command of the collector

        drawn = io.StringIO()
        segno.make(self.link, micro=False).terminal(drawn, border=QUIET_ZONE, compact=True)
        return drawn.getvalue().rstrip("\n")


def parse_address(text: str) -> str:
    """An address that agents may join at, as they write it. Raises `InvalidAddressError`."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise InvalidAddressError(f'"{text}" is no URL') from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise InvalidAddressError(f'"{text}" is no address of a collector (https://HOST[:PORT])')
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise InvalidAddressError(f'"{text}": only scheme, host and port belong here')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
