"""What a trace of the path saw, as frozen values; part of the model (model.py)."""

from dataclasses import dataclass

from rabta_proto.vocabulary import AddressSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A RST that bears the server's address. `ip_id` is `None` over IPv6."""

    ttl: int
    ip_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One connection of a trace: first words that may pass `ttl` routers, sent `sent` times, and what came back.

    `answer_ttl`: TTL of the first packet from the server's address that was no RST; `first_resets`: four at most.
    """

    ttl: int
    connected: bool = True
    sent: int = 0
    expired: bool = False
    answered: bool = False
    answer_ttl: int | None = None
    resets: int = 0
    first_resets: tuple[Reset, ...] = ()
    first_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTrace:
    """Connections whose first words, under one name, pass so many routers and no more. locating.py reads it.

    `isolation`: an innocuous name; `tls`: a ClientHello, else an HTTP request.
    """

    address: str
    port: int
    server_name: str
    source: AddressSource
    isolation: bool = False
    tls: bool = True
    steps: tuple[TraceStep, ...] = ()
