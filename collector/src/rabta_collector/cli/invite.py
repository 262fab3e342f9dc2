"""`invite`: makes invitations, one token per line; each is shown this once.

On a terminal each comes with all that a volunteer can be given: the line to type, a link, and its QR code.
"""

import argparse
import difflib
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rabta_collector.cli.options import add_config, config_of
from rabta_collector.config import InvalidConfigError, InvalidFlagError
from rabta_collector.document import parse_duration
from rabta_collector.invitation import InvalidAddressError, Invitation, parse_address
from rabta_collector.isps import load_isps
from rabta_collector.pin import pin_of
from rabta_collector.registries import open_registry
from rabta_collector.registry import Invite
from rabta_proto.vocabulary import Role

MAX_USES = 100_000
TOKEN, LINK, ALL = "token", "link", "all"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("invite", help="make an invitation for volunteers or controls")
    add_config(command, ("data", "journal", "isps"))
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
    command.add_argument(
        "--at", metavar="URL", help="where agents find this collector, https://HOST[:PORT]; the first of its endpoints"
    )
    command.add_argument(
        "--show", choices=(TOKEN, LINK, ALL), help="of each invitation; on a terminal all (line, link, QR), else token"
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
    with closing(open_registry(config)) as registry:
        if options.isp:
            served = registry.fact("isps")
            known = served.split() if served and config.isps is None else [isp.id for isp in load_isps(config.isps)]
            _check_isp(options.isp, known)
        address = _address(options.at, (*config.endpoints, *(registry.fact("endpoints") or "").split()))
        form = _form(options.show, address)
        invite = Invite(role=role, isp=options.isp, uses=options.uses, expires_at=now + options.expires)
        for _ in range(options.count):
            made = Invitation(address=address, token=registry.invite(invite, now=now) + pin)
            shown = _whole(made, invite) if form == ALL else made.link if form == LINK else made.token
            sys.stdout.write(shown + "\n")
    return 0


def _address(flag: str | None, handed_out: Sequence[str]) -> str:
    """Where agents are to be sent; empty where nobody has said. Raises `InvalidFlagError`, `InvalidConfigError`."""
    try:
        if flag is not None:
            return parse_address(flag)
        return parse_address(handed_out[0]) if handed_out else ""
    except InvalidAddressError as wrong:
        if flag is not None:
            raise InvalidFlagError(f"--at: {wrong}") from None
        raise InvalidConfigError(f"endpoints: {wrong}") from None


def _form(wanted: str | None, address: str) -> str:
    if wanted in (LINK, ALL) and not address:
        raise InvalidFlagError(f"--show {wanted}: no address is known that agents could be sent to; see --at")
    if wanted is None and sys.stdout.isatty():
        if address:
            return ALL
        sys.stderr.write("no link: no address is known that agents could be sent to; see --at\n")
    return wanted or TOKEN


def _whole(made: Invitation, invite: Invite) -> str:
    """All that can be handed on, and what it is good for."""
    until = f"{datetime.fromtimestamp(invite.expires_at, UTC):%Y-%m-%d %H:%M} UTC"
    who = "one agent" if invite.uses == 1 else f"{invite.uses} agents"
    isp = f" at {invite.isp}" if invite.isp else ""
    good = f"For {who}{isp} ({invite.role}), until {until}. Shown this once: only a digest of it is kept."
    return f"{made.token}\n\n  {made.line}\n  {made.link}\n\n{made.code}\n\n{good}\n"


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
