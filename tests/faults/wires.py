"""An agent's place behind a NAT, and a collector beyond it: three network namespaces, and what can happen to the way.

    TAG-agent 10.77.0.2 ── 10.77.0.1 TAG-nat 10.77.1.2 ── 10.77.1.1 TAG-core

The NAT is the kernel's own (MASQUERADE): when its address changes it forgets its connections, as a router does whose
provider gives it another one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.netns.namespaces import new_tag, remove, run, run_ip, sweep, write_settings

COLLECTOR = "10.77.1.1"
SLOW = "tbf rate 32kbit burst 3000 latency 1s"


class Wires:
    """The way between them, and its faults."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.agent, self.nat, self.core = (f"{tag}-{name}" for name in ("agent", "nat", "core"))
        self._address = 2

    async def lay(self) -> None:
        names = (self.agent, self.nat, self.core)
        await run_ip(f"netns add {name}" for name in names)
        await run_ip(
            [
                f"link add in netns {self.nat} type veth peer name wan netns {self.agent}",
                f"link add out netns {self.nat} type veth peer name lan netns {self.core}",
            ]
        )
        await run_ip(["link set lo up", "address add 10.77.0.2/24 dev wan", "link set wan up"], self.agent)
        await run_ip(["route add default via 10.77.0.1"], self.agent)
        await run_ip(["address add 10.77.0.1/24 dev in", "link set in up"], self.nat)
        await run_ip(["address add 10.77.1.2/24 dev out", "link set out up"], self.nat)
        await run_ip(["link set lo up", f"address add {COLLECTOR}/24 dev lan", "link set lan up"], self.core)
        write_settings(self.nat, {"ipv4/ip_forward": "1"})
        await self._nat("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "out", "-j", "MASQUERADE")

    async def cut(self) -> None:
        """The cable is pulled."""
        await run_ip(["link set out down"], self.nat)

    async def mend(self) -> None:
        await run_ip(["link set out up"], self.nat)

    async def drop(self, *, towards_agent: bool) -> None:
        """Half-open: packets one way are lost, and nobody is told."""
        await self._nat("iptables", "-A", "FORWARD", "-o", "in" if towards_agent else "out", "-j", "DROP")

    async def drop_no_more(self) -> None:
        await self._nat("iptables", "-F", "FORWARD")

    async def slow_down(self) -> None:
        """32 kbit/s, both ways."""
        for device in ("in", "out"):
            await self._nat("tc", "qdisc", "add", "dev", device, "root", *SLOW.split())

    async def speed_up(self) -> None:
        for device in ("in", "out"):
            await self._nat("tc", "qdisc", "del", "dev", device, "root")

    async def rebind(self) -> None:
        """The NAT gets another address: connections that stand come from elsewhere from now on."""
        before, self._address = self._address, 2 + (self._address - 1) % 200
        await run_ip([f"address del 10.77.1.{before}/24 dev out"], self.nat)
        await run_ip([f"address add 10.77.1.{self._address}/24 dev out"], self.nat)

    async def _nat(self, *command: str) -> None:
        await run("ip", "netns", "exec", self.nat, *command)


@asynccontextmanager
async def wires() -> AsyncIterator[Wires]:
    """Taken away in the end with all processes in them; what a killed run left behind goes first."""
    await sweep()
    tag = new_tag()
    try:
        laid = Wires(tag)
        await laid.lay()
        yield laid
    finally:
        await remove(tag)
