"""What is to be measured, and within which bounds. Plain values."""

from dataclasses import dataclass, replace

from rabta_agent.ceilings import MEASUREMENT_MOST_BYTES
from rabta_agent.urls import WebUrl
from rabta_proto.vocabulary import Depth, Step, Trigger

STEP_CEILING_S = 30.0
"""No step takes longer, whatever a plan says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTask:
    """An object to be read against the clock; `control_name` is empty where the server gives it under no other name.

    `reference`: an object of another site, which tells what the line can do. `reads`: no more of them than these are
    made, in the order of a round; 0: a whole round.
    """

    url: WebUrl
    bytes: int
    control_name: str = ""
    reference: WebUrl | None = None
    reads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One measurement to be made; `control_addresses` are those at which controls reached its target.

    `authority`: the certificate (DER) that alone vouches for a tls:// target; empty: the system's roots do.
    `request`: the identifier of the "measure now" that asked for it, or 0.
    Past `byte_limit` bytes, both ways together, no further step begins.
    """

    target: str
    trigger: Trigger
    platform: str = ""
    depth: Depth = Depth.FULL
    plan_version: int = 0
    control_addresses: tuple[str, ...] = ()
    request: int = 0
    byte_limit: int = MEASUREMENT_MOST_BYTES
    transfer: TransferTask | None = None
    authority: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a plan sets for all measurements; the defaults are the agent's own.

    `doh` are URLs, tried in order until one answers; of `udp`, `address` or `address:port`, the first is asked.
    `transfer_s` is how long the body of a timed read is read, from its request.
    `listen_s` is how long a UDP query hears on after its first response. `marks` are pairs of identifier and text.
    `portal_check` is an http URL that answers 204 where no captive portal is in the way; empty: not looked for.
    """

    doh: tuple[str, ...] = ("https://1.1.1.1/dns-query", "https://8.8.8.8/dns-query")
    udp: tuple[str, ...] = ("8.8.8.8",)
    dns_s: float = 5.0
    tcp_s: float = 8.0
    tls_s: float = 8.0
    quic_s: float = 8.0
    http_s: float = 15.0
    transfer_s: float = 4.0
    repeat_pause_s: float = 5.0
    listen_s: float = 0.5
    innocuous_names: tuple[str, ...] = ("www.example.com", "www.iana.org")
    marks: tuple[tuple[str, str], ...] = ()
    portal_check: str = ""

    def hurried(self) -> "Settings":
        """For what the collector asks for at once: half the patience, since others measure the same beside it."""
        return replace(
            self,
            tcp_s=self.tcp_s / 2,
            tls_s=self.tls_s / 2,
            quic_s=self.quic_s / 2,
            http_s=self.http_s / 2,
            transfer_s=self.transfer_s / 2,
            repeat_pause_s=self.repeat_pause_s / 5,
        )

    def seconds_for(self, step: Step) -> float:
        """The deadline of a step, from its beginning."""
        return {
            Step.DNS: self.dns_s,
            Step.TCP: self.tcp_s,
            Step.TLS: self.tls_s,
            Step.QUIC: self.quic_s,
            Step.HTTP: self.http_s,
            Step.VPN: self.quic_s,  # over UDP, as a rule, with the same patience
        }[step]


def own_settings(*, lab: bool) -> Settings:
    """What the agent goes by without a plan. A lab has no Internet: no public resolver is asked there."""
    return Settings(doh=(), udp=()) if lab else Settings()
