"""Where a ClientHello is cut to be sent in two segments: within its server name (RFC 6066 section 3).

What inspects single segments finds the name in neither, what puts the stream together finds it as ever. Pure.
"""

_HOST_NAME = b"\x00"  # NameType


def cut(data: bytes, server_name: str) -> tuple[bytes, ...]:
    """Bytes of a handshake in two pieces, of which neither holds the name; in one where the name is not in them.

    An address as the server name is never sent, and therefore never cut.
    """
    name = server_name.encode("ascii", "replace")
    entry = _HOST_NAME + len(name).to_bytes(2) + name
    found = data.find(entry)
    if not name or found < 0:
        return (data,)
    middle = found + len(entry) - len(name) + _find_middle(name)
    return data[:middle], data[middle:]


def _find_middle(name: bytes) -> int:
    """In the last label but one: the middle of `www.x.com` would leave the `x.com` that a censor looks for whole."""
    labels = name.split(b".")
    last = len(labels[-1]) + 1 if len(labels) > 1 else 0
    return len(name) - last - len(labels[-2:][0]) // 2
