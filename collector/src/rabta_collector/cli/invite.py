"""`invite`: makes invitations, one token per line; each is shown this once."""

import argparse
import difflib
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.config import InvalidConfigError, InvalidFlagError
from rabta_collector.document import parse_duration
from rabta_collector.isps import load_isps
from rabta_collector.pin import pin_of
from rabta_collector.registry import Invite, Registry
from rabta_proto.vocabulary import Role

MAX_USES = 100_000


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("invite", help="make an invitation for volunteers or controls")
    add_config(command, ("data", "isps"))
    command.add_argument("--role", choices=[str(role) for role in Role], default=str(Role.PROBE))
    command.add_argument("--isp", metavar="ID", default="", help="ISP that its agents count for; none: they say")
    command.add_argument("--uses", metavar="N", type=_uses, default=1, help="agents that may join with it; 1")
    command.add_argument("--expires", metavar="7d", type=_expiry, default="7d", help="for how long; 7d")
    command.add_argument("--count", metavar="N", type=_uses, default=1, help="how many invitations; 1")
    command.add_argument(
        "--pin", action="store_true", help="with the key of the certificate, which agents then insist on"
    )
    command.add_argument(
        "--tls-cert", dest="cert", type=Path, metavar="FILE", help="that certificate; the configuration's"
    )
    command.set_defaults(run=run)


def _uses(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_USES:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 1 to {MAX_USES}')
    return int(text)


def _expiry(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
    if not 1 <= seconds <= 366 * 86_400:
        raise argparse.ArgumentTypeError(f'"{text}" is not within 1s to 366d')
    return seconds


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    now, role = time.time(), Role(options.role)
    pin = _pin(options.cert or config.tls_cert) if options.pin else ""
    if options.isp and role is Role.CONTROL:
        raise InvalidFlagError("--isp: a control stands outside of every ISP of the country; leave it out")
    with closing(Registry(existing_data(config).state)) as registry:
        if options.isp:
            served = registry.fact("isps")
            known = served.split() if served and config.isps is None else [isp.id for isp in load_isps(config.isps)]
            _check_isp(options.isp, known)
        invite = Invite(role=role, isp=options.isp, uses=options.uses, expires_at=now + options.expires)
        for _ in range(options.count):
            sys.stdout.write(registry.invite(invite, now=now) + pin + "\n")
    return 0


def _pin(cert: Path | None) -> str:
    """What pins the key of the agents' side, to be put behind a token. Raises `InvalidConfigError`."""
    if cert is None:
        raise InvalidFlagError("--pin: there is no key to pin; see --tls-cert")
    try:
        return f"@{pin_of(cert.read_bytes())}"
    except OSError as wrong:
        raise InvalidConfigError(f"{cert}: {wrong.strerror}") from None
    except ValueError:
        raise InvalidConfigError(f"{cert}: not a certificate in PEM form") from None


def _check_isp(isp: str, known: list[str]) -> None:
    if isp not in known:
        meant = difflib.get_close_matches(isp, known, 1)
        hint = f"did you mean {meant[0]}?" if meant else f"one of: {', '.join(known)}"
        raise InvalidConfigError(f'--isp: no ISP has the id "{isp}"; {hint}')
