"""A round of timed reads: is this object slower under the target's name than under another, at the same server?

Reads under the target's name (A) and to compare with (B) in the order A-B-B-A, so that a line that gets slower or
faster meanwhile weighs on both alike. B is the same object at the same address under the plan's innocuous name; where
there is no such name, or the server gives something else under it, the object of a reference, which tells what the line
can do.

A round that shows nothing ends there. Where both A are slower than both B by more than half, it is made once more, as
B-A-A-B: four against four can be told from chance, two against two cannot. Where all of them are slow, the reference is
read too, for an address can be slowed whatever name is said; and where that one is faster, A and the reference once
more.

Where a collector only wants to know whether what was held down still is, it asks for a single read under the target's
name (`TransferTask.reads`), which costs a tenth of a round.

Nothing is concluded here: these limits only say how much is measured. No read begins that could take the measurement
past its bytes, and one under the target's name is cut short once it is clear that it takes ten times as long as B.
"""

from dataclasses import dataclass, field

from rabta_agent.ceilings import READ_BYTES, READ_SPARE_BYTES
from rabta_agent.names import find_means
from rabta_agent.notebook import Notebook
from rabta_agent.probes.transfer import WHOLE, Order, read
from rabta_agent.task import TransferTask
from rabta_agent.urls import WebUrl
from rabta_proto.model import Transfer
from rabta_proto.vocabulary import AddressSource, TransferKind

SUSPICIOUS = 0.5
"""Slower by so much under the target's name, the round is worth going on with."""

HANDSHAKE_S = 0.5
"""Longer by so much, and twice as long, a handshake is suspicious, too."""

SLOW = 200_000.0
"""Bytes a second at or above which nobody is said to be held down whatever the name."""

LEAST_S, TIMES = 1.5, 10.0

A, B, R = TransferKind.TARGET, TransferKind.CONTROL, TransferKind.REFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    address: str
    source: AddressSource


@dataclass(slots=True, kw_only=True)
class Round:
    """One round; `run` may be called once."""

    notebook: Notebook
    task: TransferTask
    _places: dict[str, _Place] = field(default_factory=dict)
    _reads: list[Transfer] = field(default_factory=list)
    _over: bool = False

    async def run(self) -> None:
        first, second = await self._read_all(A), await self._compare()
        if first is None or not _served(first) or second is None:
            return
        await self._read_all(second, A)
        if self._is_suspicious(A, second):
            await self._read_all(second, A, A, second)
        elif second is B and self.task.reference is not None and self._is_slow():
            await self._read_all(R, R)
            if self._is_suspicious(A, R):
                await self._read_all(A, R, R, A)

    async def _compare(self) -> TransferKind | None:
        """Reads what is compared with, and says which that is; `None`: nothing."""
        own = self._of(A)
        if not own or not _served(own[0]):
            return None
        if self.task.control_name:
            other = await self._read_all(B)
            if other is not None and _same_object(own[0], other):
                return B
        if self.task.reference is not None:
            other = await self._read_all(R)
            if other is not None and _served(other):
                return R
        return None

    async def _read_all(self, *kinds: TransferKind) -> Transfer | None:
        """Reads one after the other, as long as time and bytes allow; the last of them."""
        last = None
        for kind in kinds:
            last = await self._read(kind)
            if last is None:
                self._over = True
        return last

    async def _read(self, kind: TransferKind) -> Transfer | None:
        settings = self.notebook.settings
        url = self.task.reference if kind is R else self.task.url
        wanted = min(self.task.bytes, READ_BYTES)
        steps = (settings.tcp_s, settings.tls_s, settings.transfer_s)
        full = bool(self.task.reads) and len(self._reads) >= self.task.reads
        if self._over or full or url is None or not self.notebook.allows(*steps):
            return None
        if not self.notebook.affords(wanted + READ_SPARE_BYTES) or (place := await self._place(url)) is None:
            return None
        order = Order(
            kind=kind,
            turn=len(self._reads) + 1,
            address=place.address,
            source=place.source,
            url=url,
            server_name=self.task.control_name if kind is B else url.host,
            wanted=wanted,
            seconds=self._seconds(kind),
        )
        equipment = self.notebook.equipment
        deadline = self.notebook.deadline(sum(steps))
        outcome = await read(self.notebook.scene, equipment.contexts, order, equipment.rng, deadline)
        self.notebook.keep(outcome)
        detail = outcome.observation.detail
        if not isinstance(detail, Transfer):
            return None
        self._reads.append(detail)
        return detail

    def _seconds(self, kind: TransferKind) -> float:
        """What a read is given: under the target's name no more than shows that it is far slower than another.

        Held against another server's, its plateau is what counts, and takes time to show.
        """
        most = self.notebook.settings.transfer_s
        others = [one for one in self._reads if one.kind is B and one.body_bytes >= one.wanted_bytes]
        if kind is not A or not others:
            return most
        return min(most, max(LEAST_S, TIMES * max((one.read_us or 0) / 1e6 for one in others)))

    async def _place(self, url: WebUrl) -> _Place | None:
        """Where a host is, by the machine's own resolver; all reads of a round go to one address."""
        if url.host not in self._places:
            if (literal := url.address) is not None:
                self._places[url.host] = _Place(address=literal, source=AddressSource.LITERAL)
            else:
                deadline = self.notebook.deadline(self.notebook.settings.dns_s)
                for address in (await find_means(self.notebook.scene, url.host, deadline))[:1]:
                    self._places[url.host] = _Place(address=address, source=AddressSource.SYSTEM)
        return self._places.get(url.host)

    def _of(self, kind: TransferKind) -> list[Transfer]:
        return [one for one in self._reads if one.kind is kind]

    def _is_suspicious(self, own: TransferKind, other: TransferKind) -> bool:
        mine, others = self._of(own), self._of(other)
        if len(mine) < 2 or len(others) < 2:
            return False
        slower = max(map(_rate, mine)) < SUSPICIOUS * min(map(_rate, others))
        return slower or min(map(_handshake_s, mine)) > 2 * max(map(_handshake_s, others)) + HANDSHAKE_S

    def _is_slow(self) -> bool:
        return max(map(_rate, self._reads)) < SLOW


def _rate(one: Transfer) -> float:
    """Bytes a second, from the request; nothing where nothing came."""
    return one.body_bytes / max(1, one.read_us or 1) * 1e6


def _handshake_s(one: Transfer) -> float:
    return (one.handshake_us or 0) / 1e6


def _served(one: Transfer) -> bool:
    return one.status in WHOLE


def _same_object(own: Transfer, other: Transfer) -> bool:
    """Whether the server gave the same under both names, as far as its head tells."""
    return other.status == own.status and other.declared_bytes == own.declared_bytes
