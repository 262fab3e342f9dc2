"""`rabta-agent export` and `leave`: what is carried off by hand, and how everything ends."""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from rabta_agent.channel import trouble
from rabta_agent.cli.lines import hang, say, terminal_width
from rabta_agent.cli.progress import showing
from rabta_agent.cli.setting import setting
from rabta_agent.cli.started import typed
from rabta_agent.config import Config
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint, ways
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.export import export as write_export
from rabta_agent.home import Credential
from rabta_agent.line import Road
from rabta_agent.post import CallError
from rabta_agent.stream import RefusedError
from rabta_agent.words import listed, tr
from rabta_proto.v1.collector_pb2 import DELETION_UNLINKED, LeaveRequest, LeaveResponse

LEAVE_S = 20.0
TELL_S = 2.0


def export(options: argparse.Namespace) -> ExitCode:
    """Works beside a running agent."""
    home, _config = setting(options)
    credential = home.joined()
    told = time.monotonic()

    def tell(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            print(tr("rabta-agent: {count} measurements", count=count), file=sys.stderr, flush=True)

    count = write_export(credential, home.spool_file, Path(options.file), tell=tell)
    say(tr("{count} measurements are in {file}, for the collector's eyes only.", count=count, file=options.file))
    say(tr("They stay here, too, until the collector acknowledges them."))
    return ExitCode.GOOD


def leave(options: argparse.Namespace) -> ExitCode:
    """The credential there first, so that nothing is left that nobody can take back any more."""
    home, config = setting(options)
    credential = home.joined()
    if home.in_use():
        raise CommandError(
            tr("the agent runs: end it first (Ctrl-C where it runs, or {command})", command=typed("service", "remove"))
        )
    with home.locked():
        wish = LeaveRequest(delete_measurements=options.delete_measurements)
        farewell = asyncio.run(showing(_revoke(config, credential, wish), tr("Telling the collector")))
        if farewell.problem and not options.force:
            raise CommandError(
                tr(
                    "the collector cannot be told ({problem}); again later, or with --force erase only what is here",
                    problem=farewell.problem,
                ),
                ExitCode.UNREACHABLE,
            )
        erased, left = home.erase()
    if farewell.problem:
        warning = tr("warning: the credential lives on at the collector: {problem}", problem=farewell.problem)
        print(hang("rabta-agent: ", warning, terminal_width(sys.stderr)), file=sys.stderr)
    else:
        _tell_farewell(credential, farewell, asked=options.delete_measurements)
    say(tr("Erased in {home}: {files}.", home=home.path, files=listed(erased)))
    if left:
        say(tr("Left there, because it is not the agent's: {files}.", files=listed(left)))
    return ExitCode.GOOD


def _tell_farewell(credential: Credential, farewell: "_Farewell", *, asked: bool) -> None:
    """What became of the credential, and of what was delivered."""
    agent = credential.agent_id
    say(tr("The credential of {id} is revoked at the collector; what was delivered stays there.", id=agent))
    if farewell.unlinked:
        say(
            tr(
                "The collector has forgotten the invitation, the province, all times and keys of {id}. The "
                "measurements stay: verdicts must be provable from them. Nothing leads from them to you any more.",
                id=agent,
            )
        )
    elif asked:
        say(tr("The collector does not say that it forgot anything: it is an older one."))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Farewell:
    """How a collector took it.

    `problem`: why it could not be told; empty: it was, or has no such agent any more. `unlinked`: nothing leads from
    what was delivered to a volunteer any more.
    """

    problem: str = ""
    unlinked: bool = False


async def _revoke(config: Config, credential: Credential, wish: LeaveRequest) -> _Farewell:
    """By the first way that leads there; the problem is that of the first of them."""
    dialler = Dialler(Road(proxy=config.proxy, pin=credential.pin))
    authorization = f"Bearer {credential.agent_id}.{credential.secret}"
    problem = ""
    for way in ways(_endpoints(credential, lab=config.lab)):
        try:
            async with asyncio.timeout(LEAVE_S):
                answer = await dialler.call(way, "Leave", wish.SerializeToString(), authorization)
        except TimeoutError:
            problem = problem or tr("no answer within {seconds:g} s", seconds=LEAVE_S)
        except CallError as wrong:
            if isinstance(trouble(wrong.code, str(wrong)), RefusedError):
                return _Farewell()
            problem = problem or str(wrong)
        else:
            return _Farewell(unlinked=_unlinked(answer))
    return _Farewell(problem=problem or tr("no address of it can be used"))


def _unlinked(answer: bytes) -> bool:
    try:
        return LeaveResponse.FromString(answer).deletion == DELETION_UNLINKED
    except DecodeError:
        return False


def _endpoints(credential: Credential, *, lab: bool) -> list[Endpoint]:
    usable: list[Endpoint] = []
    for url in credential.endpoints:
        try:
            usable.append(parse_endpoint(url, lab=lab))
        except InvalidEndpointError:
            continue
    return usable
