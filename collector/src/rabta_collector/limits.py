"""What the collector lets one agent, one prefix and all of them together do: numbers of the configuration's `[limits]`.

The defaults are far above what an honest agent does, whose plan allows one measurement a second and whose backlog
travels at a capped rate; what they bound is somebody who floods.
"""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Rates are a second's; a burst is what may come at once before a rate counts. Bytes are counted unpacked."""

    agent_bytes_per_s: int = 256 * 1024
    agent_burst_bytes: int = 4 * MIB
    agent_messages_per_s: int = 50
    agent_burst_messages: int = 1000
    agent_measurements_per_s: int = 500
    agent_burst_measurements: int = 2000
    prefix_bytes_per_s: int = 4 * MIB
    prefix_burst_bytes: int = 64 * MIB
    prefix_calls_per_s: int = 20
    prefix_burst_calls: int = 600
    prefix_sessions: int = 512
    prefix_enrolments_per_hour: int = 30
    sessions: int = 10_000
    inflight_bytes: int = 8 * MIB
    secret_days: int = 30
