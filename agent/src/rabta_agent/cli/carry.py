"""`rabta-agent export` and `leave`: what is carried off by hand, and how everything ends."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from rabta_agent.channel import trouble
from rabta_agent.cli.setting import setting
from rabta_agent.config import Config
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint, ways
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.export import export as write_export
from rabta_agent.home import Credential
from rabta_agent.line import Road
from rabta_agent.post import CallError
from rabta_agent.stream import RefusedError

LEAVE_S = 20.0
TELL_S = 2.0


def export(options: argparse.Namespace) -> ExitCode:
    """Works beside a running agent."""
    home, _ = setting(options)
    credential = home.joined()
    told = time.monotonic()

    def tell(count: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            print(f"rabta-agent: {count} measurements", file=sys.stderr, flush=True)

    count = write_export(credential, home.spool_file, Path(options.file), tell=tell)
    print(f"{count} measurements are in {options.file}, for the collector's eyes only.")
    print("They stay here, too, until the collector acknowledges them.")
    return ExitCode.GOOD


def leave(options: argparse.Namespace) -> ExitCode:
    """The credential there first, so that nothing is left that nobody can take back any more."""
    home, config = setting(options)
    credential = home.joined()
    with home.locked():
        problem = asyncio.run(_revoke(config, credential))
        if problem and not options.force:
            raise CommandError(
                f"the collector cannot be told ({problem}); again later, or with --force erase only what is here",
                ExitCode.UNREACHABLE,
            )
        erased, left = home.erase()
    if problem:
        print(f"rabta-agent: warning: the credential lives on at the collector: {problem}", file=sys.stderr)
    else:
        print(f"The credential of {credential.agent_id} is revoked at the collector; what was delivered stays there.")
    print(f"Erased in {home.path}: {', '.join(erased)}.")
    if left:
        print(f"Left there, because it is not the agent's: {', '.join(left)}.")
    return ExitCode.GOOD


async def _revoke(config: Config, credential: Credential) -> str:
    """Why the collector could not be told, by the first way; empty: it was, or has no such agent any more."""
    dialler = Dialler(Road(proxy=config.proxy, pin=credential.pin))
    authorization = f"Bearer {credential.agent_id}.{credential.secret}"
    problem = ""
    for way in ways(_endpoints(credential, lab=config.lab)):
        try:
            async with asyncio.timeout(LEAVE_S):
                await dialler.call(way, "Leave", b"", authorization)
        except TimeoutError:
            problem = problem or f"no answer within {LEAVE_S:g} s"
        except CallError as wrong:
            if isinstance(trouble(wrong.code, str(wrong)), RefusedError):
                return ""
            problem = problem or str(wrong)
        else:
            return ""
    return problem or "no address of it can be used"


def _endpoints(credential: Credential, *, lab: bool) -> list[Endpoint]:
    usable: list[Endpoint] = []
    for url in credential.endpoints:
        try:
            usable.append(parse_endpoint(url, lab=lab))
        except InvalidEndpointError:
            continue
    return usable
