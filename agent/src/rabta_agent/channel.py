"""Opens gRPC channels to a collector: options, roots, and what a status means to an agent.

Option names are those of grpc/impl/channel_arg_names.h: misspelt ones are ignored in silence.
"""

import os
import re
import ssl
from pathlib import Path

import grpc
import grpc.aio

from rabta_agent.endpoint import Endpoint
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.stream import RefusedError, SessionEndedError

KEEPALIVE_MS = 120_000  # heartbeats keep the way open; this finds a peer that hangs
KEEPALIVE_TIMEOUT_MS = 15_000  # also the kernel's patience with unacknowledged bytes (TCP_USER_TIMEOUT)
MESSAGE_BYTES = 4 * 1024 * 1024
# What gRPC's core puts before a cause: a status of its own, the address, and that it was connecting.
_PREAMBLE = re.compile(r"^(?:[A-Z_]+: )?(?:ipv[46]:\S+: )?(?:Failed to connect to remote host: )?")


def open_channel(endpoint: Endpoint) -> grpc.aio.Channel:
    """A channel of its own: none of its state (back-off, connections) is shared with an earlier one."""
    options = [
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0 if endpoint.loopback else 1),
    ]
    if not endpoint.tls:
        return grpc.aio.insecure_channel(endpoint.authority, options=options)
    return grpc.aio.secure_channel(endpoint.authority, grpc.ssl_channel_credentials(_roots()), options=options)


def _roots() -> bytes | None:
    """Roots in PEM: of `SSL_CERT_FILE`, else the system's, else (`None`) gRPC's own. Raises `CommandError`."""
    if file := os.environ.get("SSL_CERT_FILE"):
        try:
            return Path(file).read_bytes()
        except OSError as wrong:
            raise CommandError(f"SSL_CERT_FILE: {file}: {wrong.strerror}", ExitCode.USAGE) from None
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, roots)).encode() or None


def trouble(code: grpc.StatusCode, details: str | None) -> SessionEndedError | RefusedError:
    """What a status that is not OK means to an agent."""
    text = brief(details)
    # A proxy's or portal's 401 or 403 arrives as these codes too: it is no word of the collector's.
    spoken = "http2 header with status" not in text
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED) and spoken:
        return RefusedError(f"the collector does not take this agent any more: {text}", ExitCode.NOT_JOINED)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return RefusedError(f"the collector refuses this agent: {text}")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return SessionEndedError("what answers there is no Rabta collector")
    return SessionEndedError(f"{code.name.lower()}: {text}")


def brief(details: str | None) -> str:
    """The cause within the text of a status, on one line."""
    text = " ".join((details or "no reason given").split())
    return _PREAMBLE.sub("", text.rpartition("last error: ")[2])[:300]
