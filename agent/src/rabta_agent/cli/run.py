"""`rabta-agent run`."""

import argparse
import asyncio
import sys
from dataclasses import replace
from random import SystemRandom

import structlog

from rabta_agent import log
from rabta_agent.app import Agent, Parts
from rabta_agent.cli.lines import fold, terminal_width
from rabta_agent.cli.setting import make_prober, setting, vantage_of
from rabta_agent.cli.started import typed
from rabta_agent.clock import SystemClock
from rabta_agent.config import Config
from rabta_agent.diary import Diary
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.holds import Wishes
from rabta_agent.home import Credential, Home
from rabta_agent.measure import Prober
from rabta_agent.probes.ear import find_obstacle
from rabta_agent.session import Pace
from rabta_agent.spool import Spool, SpoolError
from rabta_agent.spool_thread import SpoolThread, tell
from rabta_agent.stopping import stopping_on_signals
from rabta_agent.surroundings import Surroundings
from rabta_agent.tracer import NOTE, Tracer
from rabta_agent.version import agent_version
from rabta_agent.words import lookup, tr

logger = structlog.get_logger()


def run(options: argparse.Namespace) -> ExitCode:
    """Measures until a signal, or with `--once` through the plan."""
    home, config = setting(options)
    log.set_up(config.log_level)
    credential = home.joined()
    home.make()
    with home.locked():
        if sys.stderr.isatty() and not options.once:
            _greet(credential)
        asyncio.run(_run(home, config, credential, once=options.once))
    return ExitCode.GOOD


def _greet(credential: Credential) -> None:
    """For a person who looks on; what follows is the log."""
    told = tr(
        "Measuring for {collector}, until Ctrl-C. To see what it does, type in another window: {command}",
        collector=credential.endpoints[0],
        command=typed("status"),
    )
    print("\n".join(fold(told, terminal_width(sys.stderr))), file=sys.stderr, flush=True)


async def _run(home: Home, config: Config, credential: Credential, *, once: bool) -> None:
    clock, rng, vantage = SystemClock(), SystemRandom(), vantage_of(config)
    surroundings = Surroundings(
        isp=credential.isp,
        vantage=vantage,
        wishes=_wishes(config, credential),
        paused_until=home.paused_until,
        note=lambda noted: home.save_note("now", noted),
    )
    surroundings.look()
    diary = Diary(home.diary_file)
    prober = make_prober(vantage)
    spool = _open_spool(home, config, clock)
    try:
        agent = Agent(
            Parts(
                home=home,
                config=config,
                credential=credential,
                spool=spool,
                measurer=prober,
                network=surroundings.network,
                clock=clock,
                rng=rng,
                pace=Pace.of(lab=config.lab, backlog_bytes_per_s=config.backlog_bytes_per_s),
                surroundings=None if once else surroundings,
                diary=diary,
                tracer=_make_tracer(home, config, credential, prober),
            )
        )
        with stopping_on_signals(agent.stop):
            counts = spool.counts
            logger.info("agent.start", version=agent_version(), epoch=counts.epoch, waiting=counts.waiting)
            await (agent.once() if once else agent.run())
            logger.info("agent.stop", waiting=spool.counts.waiting)
    finally:
        diary.flush()
        await prober.close()
        await spool.close()


def _make_tracer(home: Home, config: Config, credential: Credential, prober: Prober) -> Tracer | None:
    """What follows measurements with traces, if the volunteer lets the agent trace, and the system lets it listen."""
    if not config.trace_path or credential.role != "probe":
        return None
    obstacle = find_obstacle()
    home.save_note(NOTE, {**home.note(NOTE), "obstacle": obstacle})
    if obstacle:
        logger.warning("trace.unavailable", reason=lookup(obstacle))
        return None
    return Tracer(prober, read=lambda: home.note(NOTE), write=lambda noted: home.save_note(NOTE, noted))


def _wishes(config: Config, credential: Credential) -> Wishes:
    """A control stands abroad, on a server whose lines have all kinds of names: nothing of it counts for an ISP."""
    return config.wishes if credential.role == "probe" else replace(config.wishes, through_vpn=True)


def _open_spool(home: Home, config: Config, clock: SystemClock) -> SpoolThread:
    def anew() -> Spool:
        return Spool(
            home.spool_file,
            limit_bytes=config.spool_bytes,
            limit_s=config.spool_days * 86_400.0,
            today=clock.now,
        )

    try:
        spool = anew()
    except SpoolError as wrong:
        raise CommandError(str(wrong)) from None
    if spool.damage is not None:
        tell(spool.damage)
    return SpoolThread(spool, anew=anew)
