"""`rabta-agent join`: by flags alone, or guided by questions on a terminal."""

import argparse
import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rabta_agent.ceilings import Ceilings
from rabta_agent.cli import guide
from rabta_agent.cli.invitation import read_link
from rabta_agent.cli.lines import say, table, terminal_width
from rabta_agent.cli.progress import showing
from rabta_agent.cli.setting import setting
from rabta_agent.cli.started import is_service, typed
from rabta_agent.config import Config, InvalidConfigError, set_keys
from rabta_agent.diary import Diary, compare
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint
from rabta_agent.enrol import enroll
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential, Home
from rabta_agent.line import Road
from rabta_agent.pin import InvalidPinError, split_invitation
from rabta_agent.plan import stored_plan
from rabta_agent.version import agent_version
from rabta_agent.words import tr
from rabta_proto.v1.collector_pb2 import EnrollRequest

KEPT = ("bytes_per_day", "leave_out", "take_in", "quiet_hours", "least_charge", "through_vpn", "when_metered", "lang")


def join(options: argparse.Namespace) -> ExitCode:
    """Exchanges an invitation for a credential. A home joins once: its spool belongs to one pseudonym."""
    home, config = setting(options)
    link = read_link(options.url)
    endpoint = _endpoint(link.url, lab=config.lab)
    token, pin = _invitation(options.invite, link.token)
    answers = guide.Answers(province=options.province)
    if not options.agree and guide.on_a_terminal():
        _never_twice(home)
        guide.consent(str(endpoint))
        answers = guide.choose(config, options.province)
    request = EnrollRequest(
        invite_token=token,
        isp=options.isp or link.isp,
        province=answers.province,
        agent_version=agent_version(),
        lab=config.lab,
    )
    keys = {key: getattr(config, key) for key in KEPT if getattr(options, key, None) is not None}
    credential = _enrol(home, config, (endpoint, pin), request)
    _keep(home, keys | answers.keys)
    _tell(endpoint, credential)
    return ExitCode.GOOD


def _tell(endpoint: Endpoint, credential: Credential) -> None:
    """As whom it has joined, and what to type next."""
    known = {"endpoint": endpoint, "id": credential.agent_id}
    if credential.role == "probe":
        isp = credential.isp or tr("not known")
        say(tr("Joined {endpoint} as {id}, a name drawn at random; ISP {isp}.", isp=isp, **known))
    else:
        say(tr("Joined {endpoint} as {id}, a control.", **known))
    if is_service():
        rows = [(typed("status"), tr("the service measures from now on; this says what it does"))]
    else:
        rows = [
            (typed("run"), tr("measure in this window, until Ctrl-C")),
            (typed("service", "install"), tr("measure in the background, from now on")),
            (typed("status"), tr("see what it does, and what is known of each platform")),
        ]
    rows.append((typed("leave"), tr("erase everything")))
    print()
    print("\n".join(table(rows, terminal_width())))


def _enrol(home: Home, config: Config, where: tuple[Endpoint, str], request: EnrollRequest) -> Credential:
    """Asks, and keeps what it gives. `where`: the collector, and the pin of its key."""
    endpoint, pin = where
    home.make()
    with home.locked():
        _never_twice(home)
        export_key = Ed25519PrivateKey.generate()
        request.export_public_key = export_key.public_key().public_bytes_raw()
        asking = enroll(endpoint, request, Road(proxy=config.proxy, pin=pin))
        try:
            enrolment = asyncio.run(showing(asking, tr("Asking {endpoint}", endpoint=endpoint)))
        except CommandError:
            _forsake(home)
            raise
        if enrolment.plan is not None:
            home.save_plan(enrolment.plan.SerializeToString())
            _write_down(home, config, enrolment.credential)
        credential = replace(enrolment.credential, export_key=export_key.private_bytes_raw().hex())
        home.save_credential(credential)  # last: with it the home has joined
    return credential


def _forsake(home: Home) -> None:
    """Takes a home away that was made in vain: its lock, and the directory if nothing else is in it."""
    with suppress(OSError):
        (home.path / "lock").unlink()
        home.path.rmdir()


def _write_down(home: Home, config: Config, credential: Credential) -> None:
    """The first plan, for `log`; one that is not good is no plan, as everywhere."""
    key, limits = bytes.fromhex(credential.plan_public_key), Ceilings.of(lab=config.lab, left_out=config.left_out)
    plan = stored_plan(home.plan(), public_key=key, agent_id=credential.agent_id, limits=limits)
    if plan is not None:
        Diary(home.diary_file).keep_plan(compare(None, plan, datetime.now(UTC)))


def _never_twice(home: Home) -> None:
    if (former := home.credential()) is not None:
        raise CommandError(
            tr(
                "this home has joined {endpoint} already; give another --home, or remove {home}",
                endpoint=former.endpoints[0],
                home=home.path,
            )
        )


def _keep(home: Home, keys: dict[str, object]) -> None:
    try:
        if keys:
            set_keys(home.config_file, keys)
    except InvalidConfigError as wrong:
        raise CommandError(str(wrong)) from None


def _endpoint(url: str, *, lab: bool) -> Endpoint:
    try:
        return parse_endpoint(url, lab=lab)
    except InvalidEndpointError as wrong:
        raise CommandError(str(wrong), ExitCode.USAGE) from None


def _invitation(flag: str | None, linked: str) -> tuple[str, str]:
    """Token and pin, of the flag or else of the link."""
    if flag is None and not linked:
        raise CommandError(tr("the link holds no invitation; give it with --invite TOKEN"), ExitCode.USAGE)
    try:
        token, pin = split_invitation(linked if flag is None else flag.strip())
    except InvalidPinError as wrong:
        raise CommandError(f"--invite: {wrong}", ExitCode.USAGE) from None
    if not token:
        raise CommandError(tr("--invite: the token is empty"), ExitCode.USAGE)
    return token, pin
