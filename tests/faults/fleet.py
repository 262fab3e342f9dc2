"""A collector in parts, each a process of its own on one journal on NATS: some take agents, and some decide."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from faults.asked import PATIENCE_S
from faults.rig import BEAT_S, CHECKPOINT, Answer, Rig, _ask
from faults.tellers import Turn, turns_of
from lab.programs import COLLECTOR, Program, environment
from lab.system import free_port
from lab.waiting import until
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.jetstream.place import Place

LOOK_S = 0.1
KEYS = ("plan.key", "import.key")


class Part:
    """One process."""

    def __init__(self, fleet: "Fleet", role: str, number: int, grpc: int, share: IspShare = WHOLE) -> None:
        self.role, self.name, self.data = role, f"{role}{number}", fleet.root / f"{role}{number}"
        self.share = share
        self.grpc, self.http = grpc, free_port()
        where = [f"--grpc=127.0.0.1:{self.grpc}", f"--http=127.0.0.1:{self.http}"]
        files = [f"--targets={fleet.targets}", f"--config={fleet.settings}"]
        shared = [] if share.whole else [f"--share={share}"]
        command = [COLLECTOR, role, f"--data={self.data}", *where, *files, *shared, "--lab"]
        self.program = Program(command, fleet.environment, fleet.logs / f"{self.name}.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.grpc}"

    async def start(self) -> None:
        await self.program.start()
        await self.until_ready()

    async def until_ready(self) -> None:
        async def ready() -> bool:
            assert self.program.running, f"{self.name} ended: {self.program.last_words()}"
            return (await self.ask("readyz")).status == 200

        await until(ready, within=PATIENCE_S, beat=BEAT_S)

    async def ask(self, path: str) -> Answer:
        return await asyncio.to_thread(_ask, f"http://127.0.0.1:{self.http}/{path}", "")

    async def sum_of(self, name: str, **labels: str) -> float:
        """Of all series of a metric with these labels."""
        families = text_string_to_metric_families((await self.ask("metrics")).text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())


class Fleet(Rig):
    """All of them, and their agents. What `Rig` says of the collector holds for none of these."""

    def __init__(
        self,
        root: Path,
        stream: Place,
        *,
        ingests: int = 2,
        decides: int = 2,
        shares: int = 1,
        checkpoint: str = CHECKPOINT,
        settings: str = "",
        **how: Any,
    ) -> None:
        """`decides`: processes of each share of the ISPs. `checkpoint`: between two of theirs.

        `settings`: further lines of the configuration.
        """
        super().__init__(root, stream=stream, **how)
        self.settings = root / "collector.toml"
        self.settings.write_text(settings, encoding="utf-8")
        ports = [free_port() for _ in range(ingests)]
        endpoints = ",".join(f"http://127.0.0.1:{port}" for port in ports)
        self.environment = environment(
            RABTA_CHECKPOINT=checkpoint, RABTA_JOURNAL=str(stream), RABTA_ENDPOINTS=endpoints
        )
        self.ingests = [Part(self, "ingest", number, port) for number, port in enumerate(ports)]
        self.shares = [IspShare(number, shares) for number in range(1, shares + 1)]
        dealt = [share for share in self.shares for _ in range(decides)]
        self.decides = [Part(self, "decide", number, 0, share) for number, share in enumerate(dealt)]

    @property
    def parts(self) -> list[Part]:
        return [*self.ingests, *self.decides]

    def where(self) -> list[str]:
        return [f"--journal={self.journal}"]

    async def start(self) -> None:
        first, *others = self.ingests
        await first.start()
        for part in others:
            part.data.mkdir(mode=0o700)
            for key in KEYS:
                shutil.copy(first.data / key, part.data / key)
        await asyncio.gather(*(part.start() for part in (*others, *self.decides)))

    def of_share(self, share: IspShare) -> list[Part]:
        """Those that decide on it."""
        return [part for part in self.decides if part.share == share]

    async def ruler(self, share: IspShare = WHOLE) -> Part:
        """The one that tells Prometheus of a share of the country."""
        found: list[Part] = []

        async def rules() -> bool:
            found[:] = [part for part in self.of_share(share) if part.program.running and await tells(part)]
            return len(found) == 1  # one may begin between two looks, after another one has ended

        await until(rules, within=PATIENCE_S, beat=LOOK_S)
        (ruler,) = found
        return ruler

    def turns(self, share: IspShare = WHOLE) -> list[Turn]:
        """When each began to tell of a share of the country, or told no more, as their logs have it so far."""
        logs = ((part.name, part.program.log.read_text(encoding="utf-8")) for part in self.of_share(share))
        return [turn for name, log in logs for turn in turns_of(name, log[: log.rfind("\n") + 1])]

    async def counted(self, step: str, operations: int) -> None:
        """Until so many operations of a step are counted by all shares, at each that decides; then these end."""
        for _ in self.of_share(self.shares[0]):
            found: list[tuple[Part, float]] = []

            async def all_of_them(found: list[tuple[Part, float]] = found) -> bool:
                rulers = [await self.ruler(share) for share in self.shares]
                found[:] = [(one, await one.sum_of("rabta_measurements_total", step=step)) for one in rulers]
                return sum(count for _, count in found) == operations

            try:
                await until(all_of_them, within=PATIENCE_S, beat=0.5)
            except TimeoutError:
                told = " and ".join(f"{one.name} {count:.0f}" for one, count in found)
                raise AssertionError(f"counted of {operations} {step}: {told}") from None
            for ruler, _ in found:
                await ruler.program.stop()

    async def end(self) -> None:
        await super().end()
        await asyncio.gather(*(part.program.stop() for part in self.parts))


async def tells(part: Part) -> bool:
    """Whether this process tells Prometheus of the country."""
    return "rabta_isp_info{" in (await part.ask("metrics")).text


async def one_tells(parts: Iterable[Part]) -> bool:
    """Whether one of these does, and no other."""
    return 1 == sum([await tells(part) for part in parts])


@contextlib.asynccontextmanager
async def fleet(root: Path, stream: Place, **how: Any) -> AsyncIterator[Fleet]:
    """Ends every process in the end."""
    made = Fleet(root, stream, **how)
    try:
        yield made
    finally:
        await made.end()
