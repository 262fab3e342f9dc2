"""`rabta-agent join`."""

import argparse
import asyncio
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rabta_agent.cli.setting import setting
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint
from rabta_agent.enrol import enroll
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.line import Road
from rabta_agent.pin import InvalidPinError, split_invitation
from rabta_agent.version import agent_version
from rabta_proto.v1.collector_pb2 import EnrollRequest


def join(options: argparse.Namespace) -> ExitCode:
    """Exchanges an invitation for a credential. A home joins once: its spool belongs to one pseudonym."""
    home, config = setting(options)
    endpoint = _endpoint(options.url, lab=config.lab)
    token, pin = _invitation(options.invite.strip())
    home.make()
    with home.locked():
        if (former := home.credential()) is not None:
            raise CommandError(
                f"this home has joined {former.endpoints[0]} already; give another --home, or remove {home.path}"
            )
        export_key = Ed25519PrivateKey.generate()
        request = EnrollRequest(
            invite_token=token,
            isp=options.isp,
            province=options.province,
            agent_version=agent_version(),
            lab=config.lab,
            export_public_key=export_key.public_key().public_bytes_raw(),
        )
        enrolment = asyncio.run(enroll(endpoint, request, Road(proxy=config.proxy, pin=pin)))
        if enrolment.plan is not None:
            home.save_plan(enrolment.plan.SerializeToString())
        credential = replace(enrolment.credential, export_key=export_key.private_bytes_raw().hex())
        home.save_credential(credential)  # last: with it the home has joined
    print(f"Joined {endpoint} as {credential.agent_id}, role {credential.role}, ISP {credential.isp or 'not known'}.")
    print("Start measuring with: rabta-agent run")
    return ExitCode.GOOD


def _endpoint(url: str, *, lab: bool) -> Endpoint:
    try:
        return parse_endpoint(url, lab=lab)
    except InvalidEndpointError as wrong:
        raise CommandError(str(wrong), ExitCode.USAGE) from None


def _invitation(text: str) -> tuple[str, str]:
    """Token and pin."""
    try:
        token, pin = split_invitation(text)
    except InvalidPinError as wrong:
        raise CommandError(f"--invite: {wrong}", ExitCode.USAGE) from None
    if not token:
        raise CommandError("--invite: the token is empty", ExitCode.USAGE)
    return token, pin
