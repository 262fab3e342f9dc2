"""`import`: takes in files, beside a running collector or without one: those that agents sealed, and exports.

What an agent sealed goes the way of all measurements, into the journal; what was exported (JSON lines, CSV, Parquet,
OONI's form) is anonymous and was judged before, and goes into the history. A file's beginning says which it is.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.cli.past import import_past
from rabta_collector.cli.progress import Progress
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir, DataDirError
from rabta_collector.export.reading import kind_of
from rabta_collector.handed import HandIn, Outcome, take
from rabta_collector.journal import Member
from rabta_collector.ooni.prints import Prints
from rabta_collector.registries import AnyRegistry, open_registry
from rabta_collector.registry import Agent
from rabta_collector.rows import where_of
from rabta_collector.sealed import InvalidSealedFileError, batches, check
from rabta_collector.signing import load_secret

PATIENCE_S = 60.0  # for one batch
POLL_S = 0.02
Take = Callable[[Member, bytes], Awaitable[Outcome]]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("import", help="take in files: what agents sealed, and what was exported")
    add_config(command, ("data", "journal", "targets", "isps", "lab"))
    command.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="as rabta-agent export or rabta-collector export wrote it"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    data = existing_data(config)
    kinds = {file: kind for file in options.files if (kind := kind_of(file)) is not None}
    sealed = [file for file in options.files if file not in kinds]
    code = asyncio.run(_import(data, config, sealed)) if sealed else 0
    return max(code, import_past(config, tuple(kinds), kinds, Prints()) if kinds else 0)


async def _import(data: DataDir, config: Config, files: list[Path]) -> int:
    secret = load_secret(data.import_key)
    refused = 0
    with closing(open_registry(config)) as registry:
        async with _taking(data, config, registry) as taking:
            for file in files:
                try:
                    said = await _import_one(file, secret, registry, taking)
                except (InvalidSealedFileError, OSError) as wrong:
                    refused += 1
                    problem = wrong.strerror if isinstance(wrong, OSError) else wrong
                    print(f"rabta-collector: {file}: {problem}; nothing of it was taken", file=sys.stderr)
                else:
                    sys.stdout.write(f"{file}: {said}\n")
    return 1 if refused else 0


async def _import_one(file: Path, secret: bytes, registry: AnyRegistry, taking: Take) -> str:
    agents = {agent.id: agent for agent in registry.agents()}
    with file.open("rb") as stream:
        agent = check(stream, secret, lambda name: _key_of(name, agents, registry))
        known = agents[agent]
        member = Member(agent=agent, isp=known.isp, role=known.role)
        accepted = duplicate = rejected = 0
        problems: set[str] = set()
        size = os.fstat(stream.fileno()).st_size
        with closing(Progress()) as progress:
            for body in batches(stream, secret):
                outcome = await taking(member, body)
                accepted, duplicate = accepted + outcome.accepted, duplicate + outcome.duplicate
                rejected += outcome.rejected
                problems |= {outcome.problem} - {""}
                progress.tell(
                    lambda: f"{file}: {accepted + duplicate + rejected} measurements",  # noqa: B023 - called now
                    lambda: stream.tell() / size,
                )
    text = f"agent {agent}: {accepted} accepted, {duplicate} duplicate, {rejected} rejected"
    if problems:
        raise InvalidSealedFileError(f"{text}; then {'; '.join(sorted(problems))}; import it again for the rest")
    return text + ("" if accepted or rejected else " (nothing new: it was imported or delivered before)")


def _key_of(name: str, agents: Mapping[str, Agent], registry: AnyRegistry) -> bytes:
    if (agent := agents.get(name)) is None:
        raise InvalidSealedFileError("is of an agent that is not known here")
    if agent.revoked_at is not None:
        raise InvalidSealedFileError(f"is of the agent {name}, whose credential was revoked")
    return registry.export_key(name)


@asynccontextmanager
async def _taking(data: DataDir, config: Config, registry: AnyRegistry) -> AsyncIterator[Take]:
    """By the collector that serves, or where none does by a journal of our own."""
    if data.is_served():
        yield _handing(HandIn(data.handed))
        return
    if where_of(config) != data.journal:
        raise DataDirError(f"{data.path}: the journal is on NATS; import beside the collector that serves")
    from rabta_collector import journal_file  # what follows needs the collector's own parts
    from rabta_collector.entries import Entry
    from rabta_collector.ingest import Ingest
    from rabta_collector.journal import Journal
    from rabta_collector.replay import Known, replay
    from rabta_collector.state import IngestStats

    with data.locked():
        journal_file.prepare(data.journal)
        stats = IngestStats()

        def committed(entry: Entry, epoch: int) -> None:
            ingest.remember(entry, epoch)

        journal = Journal(data.journal, stats=stats, committed=committed)
        joined = {agent.id: agent.enrolled_at for agent in registry.agents()}
        ingest = Ingest(
            journal=journal,
            stats=stats,
            lab=config.lab,
            asked=registry.asked(),
            joined_at=lambda agent: joined.get(agent, 0.0),
        )
        await replay(data.journal, committed, Known(), stop=lambda: False)
        journal.start()
        try:
            yield lambda member, body: take(ingest, member, body)
        finally:
            await journal.close()


def _handing(hand: HandIn) -> Take:
    async def handed(member: Member, body: bytes) -> Outcome:
        number = await asyncio.to_thread(hand.put, member, body)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if (outcome := await asyncio.to_thread(hand.outcome, number)) is not None:
                return outcome
            await asyncio.sleep(POLL_S)
        raise DataDirError(f"the collector that serves took nothing within {PATIENCE_S:g} s; import again later")

    return handed
