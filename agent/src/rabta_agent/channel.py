"""Opens gRPC channels to a collector: options, proxy, trust, and what a status means to an agent.

Option names are those of grpc/impl/channel_arg_names.h: misspelt ones are ignored in silence.
"""

import re

import grpc
import grpc.aio

from rabta_agent.ceilings import PLAN_BYTES
from rabta_agent.endpoint import Endpoint
from rabta_agent.exits import ExitCode
from rabta_agent.line import Road, roots
from rabta_agent.pin import Leaf
from rabta_agent.proxy import Proxy, ProxyKind
from rabta_agent.strangers import retell
from rabta_agent.stream import RefusedError, SessionEndedError
from rabta_agent.words import tr

KEEPALIVE_MS = 120_000  # heartbeats keep the way open; this finds a peer that hangs
KEEPALIVE_TIMEOUT_MS = 15_000  # also the kernel's patience with unacknowledged bytes (TCP_USER_TIMEOUT)
MESSAGE_BYTES = PLAN_BYTES + 64 * 1024  # a plan is the largest of a collector's messages
OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)
# What gRPC's core puts before a cause: a status of its own, the address, and that it was connecting.
_UNRESOLVED = re.compile("^errors resolving |lookup failed for ")
_NO_HTTP2 = "Failed parsing HTTP/2"
_PREAMBLE = re.compile(r"^(?:[A-Z_]+: )?(?:ipv[46]:\S+: )?(?:Failed to connect to remote host: )?")


def open_channel(endpoint: Endpoint, road: Road | None = None, leaf: Leaf | None = None) -> grpc.aio.Channel:
    """A channel of its own: none of its state (back-off, connections) is shared with an earlier one.

    `leaf`: the certificate to trust in place of the roots, whose key was pinned. Raises `CommandError` for settings
    that cannot be used, and `SessionEndedError` for a proxy that gRPC cannot speak to.
    """
    options = [*OPTIONS, *_proxying((road or Road()).proxy_for(endpoint))]
    if not endpoint.tls:
        return grpc.aio.insecure_channel(endpoint.authority, options=options)
    if leaf is not None and leaf.names and endpoint.host not in leaf.names:
        options.append(("grpc.ssl_target_name_override", leaf.names[0]))  # also the name that is sent (SNI)
    credentials = grpc.ssl_channel_credentials(leaf.pem if leaf is not None else roots())
    return grpc.aio.secure_channel(endpoint.authority, credentials, options=options)


def _proxying(proxy: Proxy | None) -> list[tuple[str, str | int]]:
    if proxy is None:
        return [("grpc.enable_http_proxy", 0)]
    if proxy.kind is not ProxyKind.HTTP:
        raise SessionEndedError(tr("gRPC cannot go through {proxy}: only POST can", proxy=proxy))
    return [("grpc.http_proxy", proxy.url)]


def trouble(code: grpc.StatusCode, details: str | None) -> SessionEndedError | RefusedError:
    """What a status that is not OK means to an agent."""
    text = brief(details)
    # A proxy's or portal's 401 or 403 arrives as these codes too: it is no word of the collector's.
    spoken = "http2 header with status" not in text
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED) and spoken:
        whole = tr("the collector does not take this agent any more: {cause}", cause=text)
        return RefusedError(whole, ExitCode.NOT_JOINED)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return RefusedError(tr("the collector refuses this agent: {cause}", cause=text))
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return SessionEndedError(tr("what answers there is no Rabta collector"))
    return SessionEndedError(f"{code.name.lower()}: {text}")


def brief(details: str | None) -> str:
    """The cause within the text of a status, on one line."""
    text = " ".join((details or tr("no reason given")).split())
    if _UNRESOLVED.search(text):
        return tr("no address is known for its name")
    if _NO_HTTP2 in text:
        return tr("what answers there speaks no gRPC")
    return retell(_PREAMBLE.sub("", text.rpartition("last error: ")[2]))
