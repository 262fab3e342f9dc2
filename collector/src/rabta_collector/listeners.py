"""Where the collector listens: gRPC for agents, HTTP for readers. A port that cannot be had is a one-line error."""

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import grpc
import structlog
from aiohttp import web
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import aio

from rabta_collector import service
from rabta_collector.admit import MAX_MESSAGE_BYTES
from rabta_collector.config import Config, Endpoint
from rabta_collector.doorway import Bounds, Doorway
from rabta_collector.guard import Guarded, Refusal
from rabta_collector.openings import Openings
from rabta_proto.v1 import collector_pb2

MAX_CALLS = 25_000  # sessions and others together; beyond them a call gets RESOURCE_EXHAUSTED
MAX_STREAMS = 16  # on one connection; an agent has one or two, and a proxy that has more opens more connections
STOP_GRACE_S = 2.0
HANDSHAKE_S = 10.0  # for TLS of the web side
OPTIONS = (
    ("grpc.so_reuseport", 0),  # or a second collector would take half of the first one's agents in silence
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),  # also bounds what compression unfolds to
    # What gRPC reads ahead is memory that nobody counts: one window for each stream, and it must not grow by itself.
    ("grpc.http2.lookahead_bytes", 64 * 1024),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_concurrent_streams", MAX_STREAMS),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # Agents come again by a new connection now and then (gRPC spreads it by a tenth): a new address or certificate
    # of the same name is found. What was on its way is sent again, and known for a duplicate.
    ("grpc.max_connection_age_ms", 12 * 3_600_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
)


log = structlog.get_logger()


class ListenError(RuntimeError):
    """The port or the certificate cannot be had; the message is one line for the operator."""


def grpc_credentials(cert: Path | None, key: Path | None) -> object | None:
    """Credentials of a TLS listener; `None` for a plain one. Raises `ListenError`."""
    if cert is None or key is None:
        return None
    try:
        chain, secret = cert.read_bytes(), key.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except ssl.SSLError as wrong:
        reason = (wrong.reason or str(wrong)).replace("_", " ").lower()
        raise ListenError(f"{cert}, {key}: not a certificate and its key in PEM form ({reason})") from None
    except OSError as wrong:
        raise ListenError(f"{wrong.filename}: {wrong.strerror}") from None
    credentials: object = grpc.ssl_server_credentials(((secret, chain),))
    return credentials


def web_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS for the web side, of files that `grpc_credentials` has found good; `None` without them."""
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _why_not(endpoint: Endpoint) -> str:
    """Why gRPC, which does not say, could not listen there: what the system says to the same wish."""
    try:
        for family, kind, number, _, place in socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, number) as trial:
                trial.bind(place)
    except OSError as wrong:
        return _reason(wrong)
    return "cannot listen there"


def _reason(wrong: OSError) -> str:
    """In the system's words; asyncio puts its own before them. Numbers of name resolution are negative."""
    if wrong.errno is not None and wrong.errno > 0:
        return os.strerror(wrong.errno)
    return wrong.strerror or "cannot listen there"


class GrpcListener:
    """The agents' side, with the standard health and reflection services."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: object | None,
        *,
        connections: int = MAX_CALLS,
        options: Sequence[tuple[str, int]] = OPTIONS,
    ) -> None:
        """Binds; more `connections` at once are closed as they come. Raises `ListenError`."""
        options = (*options, ("grpc.max_allowed_incoming_connections", connections))
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_CALLS)
        self._health = health.aio.HealthServicer()
        try:
            if credentials is None:
                port = self._server.add_insecure_port(str(endpoint))
            else:
                port = self._server.add_secure_port(str(endpoint), credentials)
        except RuntimeError:
            port = 0
        if not port:
            raise ListenError(f"{endpoint} (agents): {_why_not(endpoint)}; see --grpc, RABTA_GRPC_PORT")
        self.endpoint = Endpoint(host=endpoint.host, port=port)

    async def start(self, handlers: object, refused: Refusal = lambda _: None) -> None:
        """Takes calls from now on. `refused` is told of those whose message did not come whole."""
        guarded = Guarded(self._server, Openings(), refused)
        guarded.add_generic_rpc_handlers((handlers,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, guarded)
        names = (service.NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        assert service.NAME in collector_pb2.DESCRIPTOR.services_by_name["Collector"].full_name
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(aio.ReflectionServicer(names), guarded)
        await self._server.start()
        for name in ("", service.NAME):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def refuse(self) -> None:
        """Says that the end is near, to whoever watches health."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        await self._server.stop(STOP_GRACE_S)


class HttpListener:
    """One side of HTTP, plain and over TLS. `whose`: who is served there; `see`: what sets the plain place."""

    def __init__(
        self,
        app: web.Application,
        *,
        whose: str = "readers",
        see: str = "--http, RABTA_HTTP_PORT",
        bounds: Bounds | None = None,
    ) -> None:
        # It makes the application's server, whose place our own takes; where to listen is ours to say, too.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        self._whose, self._see = whose, see
        self._bounds = bounds or Bounds()
        self._doorway: Doorway | None = None
        self._servers: list[asyncio.Server] = []
        self._sweeping: asyncio.Task[None] | None = None
        self.endpoint = Endpoint(host="", port=0)

    async def start(self, endpoint: Endpoint, context: ssl.SSLContext | None = None) -> None:
        """Binds and serves. Raises `ListenError`."""
        await self._runner.setup()
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        self._doorway = Doorway(self._runner.server, self._bounds, loop.time)
        self.endpoint = await self._listen(endpoint, context, self._see)
        self._sweeping = loop.create_task(self._doorway.keep_sweeping())

    async def start_tls(self, endpoint: Endpoint, context: ssl.SSLContext) -> Endpoint:
        """The same over TLS, besides; where it listens. Raises `ListenError`."""
        return await self._listen(endpoint, context, "--https")

    async def _listen(self, endpoint: Endpoint, context: ssl.SSLContext | None, see: str) -> Endpoint:
        assert self._doorway is not None
        patience_s = None if context is None else HANDSHAKE_S
        try:
            server = await asyncio.get_running_loop().create_server(
                self._doorway,
                endpoint.host,
                endpoint.port,
                ssl=context,
                ssl_handshake_timeout=patience_s,
                backlog=128,
            )
        except OSError as wrong:
            raise ListenError(f"{endpoint} ({self._whose}): {_reason(wrong)}; see {see}") from None
        self._servers.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return Endpoint(host=str(host), port=int(port))

    async def stop(self) -> None:
        async with asyncio.timeout(5):
            for server in self._servers:
                server.close()
            if self._sweeping is not None:
                self._sweeping.cancel()
                await asyncio.wait({self._sweeping})
            if self._doorway is not None:
                await asyncio.sleep(0)  # requests that came at this moment are taken
                self._doorway.pre_shutdown()
                await self._doorway.shutdown(1.0)
            await self._runner.cleanup()


class Sides:
    """The readers' side, its twin over TLS, and the operators', as they are configured."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._listeners: list[HttpListener] = []

    async def start(self, pages: web.Application, operators: web.Application) -> str:
        """Where readers are taken, HOST:PORT. Raises `ListenError`."""
        config, readers = self._config, HttpListener(pages)
        self._listeners.append(readers)
        await readers.start(config.http)
        if config.https is not None and (context := web_context(config.tls_cert, config.tls_key)) is not None:
            log.info("web.tls", endpoint=str(await readers.start_tls(config.https, context)))
        if config.admin is not None:
            await self._start_admin(
                HttpListener(operators, whose="operators", see="--admin, RABTA_ADMIN"), config.admin
            )
        return str(readers.endpoint)

    async def _start_admin(self, listener: HttpListener, admin: Endpoint) -> None:
        """Plain on this machine itself: no certificate is made out to 127.0.0.1.

        And where it is wished: one that is made out to the name that agents know is none for a machine's own.
        """
        self._listeners.append(listener)
        plain = admin.loopback or not self._config.admin_tls
        context = None if plain else web_context(self._config.tls_cert, self._config.tls_key)
        await listener.start(admin, context)
        log.info("admin.ready", endpoint=str(listener.endpoint), tls=context is not None)

    async def stop(self) -> None:
        for listener in self._listeners:
            await listener.stop()
