"""`rabta-agent status`, `log` and `config`: what the volunteer may see, which is everything."""

import argparse
import json
from datetime import UTC, datetime

from rabta_agent.cli.dashboard import to_table
from rabta_agent.cli.lines import hang, say, terminal_width
from rabta_agent.cli.paint import paints
from rabta_agent.cli.setting import setting
from rabta_agent.config import to_toml
from rabta_agent.contacts import Contact
from rabta_agent.diary import PlanChange, read_plans
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.spool import SpoolError, read_contacts, reading
from rabta_agent.status import read_status
from rabta_agent.words import listed, lookup, tr


def status(options: argparse.Namespace) -> ExitCode:
    home, effective = setting(options)
    try:
        facts = read_status(home, effective, datetime.now(UTC))
    except SpoolError as wrong:
        raise CommandError(str(wrong)) from None
    if options.json:
        print(json.dumps(facts))
    elif facts["joined"]:
        print(to_table(facts, colour=paints(), most=terminal_width()))
    else:
        say(tr("Not joined: no credential in {home}.", home=facts["home"]))
    return ExitCode.GOOD if facts["joined"] else ExitCode.NOT_JOINED


def log(options: argparse.Namespace) -> ExitCode:
    """Contacts and changes of the plan, in the order of time."""
    home, _config = setting(options)
    try:
        with reading(home.spool_file) as connection:
            contacts = read_contacts(connection, options.lines) if connection else []
    except SpoolError as wrong:
        raise CommandError(str(wrong)) from None
    told: list[tuple[datetime, str]] = [
        (contact.at, _contact_json(contact) if options.json else _contact_text(contact)) for contact in contacts
    ]
    told += [
        (change.at, _plan_json(change) if options.json else _plan_text(change))
        for change in read_plans(home.diary_file, options.lines)
    ]
    for _at, text in sorted(told, key=lambda entry: entry[0])[-options.lines :]:
        print(text)
    if not told and not options.json:
        print(tr("Nobody was contacted yet."))
    return ExitCode.GOOD


def config(options: argparse.Namespace) -> ExitCode:
    home, effective = setting(options)
    print(f"# home: {home.path}\n{to_toml(effective)}", end="")
    return ExitCode.GOOD


def _plan_text(change: PlanChange) -> str:
    """A change of the plan, on one line for each address that came or went."""
    head = tr(
        "plan {version}: {added} added, {removed} removed, {altered} at other times",
        version=change.version,
        added=len(change.added),
        removed=len(change.removed),
        altered=len(change.altered),
    )
    named = [f"  + {target}" for target in change.added] + [f"  - {target}" for target in change.removed]
    return "\n".join([f"{_local(change.at)}  {head}", *named])


def _plan_json(change: PlanChange) -> str:
    at = f"{change.at:%Y-%m-%dT%H:%M:%SZ}"
    targets = {"added": change.added, "removed": change.removed, "altered": change.altered}
    return json.dumps({"at": at, "plan": change.version, **targets})


def _contact_text(contact: Contact) -> str:
    peers = listed(map(lookup, contact.peers)) or tr("nobody")
    cost = tr("{sent} bytes sent, {received} received", sent=contact.bytes_sent, received=contact.bytes_received)
    what = tr("{purpose}: {peers}; {cost}", purpose=lookup(contact.purpose), peers=peers, cost=cost)
    return hang(f"{_local(contact.at)}  ", what, terminal_width())


def _local(moment: datetime) -> str:
    """As the clock of this machine shows it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _contact_json(contact: Contact) -> str:
    return json.dumps(
        {
            "at": f"{contact.at:%Y-%m-%dT%H:%M:%SZ}",
            "purpose": contact.purpose,
            "peers": contact.peers,
            "bytes_sent": contact.bytes_sent,
            "bytes_received": contact.bytes_received,
        }
    )
