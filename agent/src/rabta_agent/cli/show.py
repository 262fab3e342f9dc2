"""`rabta-agent status`, `log` and `config`: what the volunteer may see, which is everything."""

import argparse
import json
from datetime import UTC, datetime

from rabta_agent.cli.setting import setting
from rabta_agent.config import to_toml
from rabta_agent.contacts import Contact
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.spool import SpoolError, read_contacts, reading
from rabta_agent.status import Facts, read_status


def status(options: argparse.Namespace) -> ExitCode:
    home, effective = setting(options)
    try:
        facts = read_status(home, effective, datetime.now(UTC))
    except SpoolError as wrong:
        raise CommandError(str(wrong)) from None
    print(json.dumps(facts) if options.json else _status_text(facts))
    return ExitCode.GOOD if facts["joined"] else ExitCode.NOT_JOINED


def log(options: argparse.Namespace) -> ExitCode:
    home, _ = setting(options)
    try:
        with reading(home.spool_file) as connection:
            contacts = read_contacts(connection, options.lines) if connection else []
    except SpoolError as wrong:
        raise CommandError(str(wrong)) from None
    for contact in contacts:
        print(_contact_json(contact) if options.json else _contact_text(contact))
    return ExitCode.GOOD


def config(options: argparse.Namespace) -> ExitCode:
    home, effective = setting(options)
    print(f"# home: {home.path}\n{to_toml(effective)}", end="")
    return ExitCode.GOOD


def _status_text(facts: Facts) -> str:
    if not facts["joined"]:
        return f"Not joined: no credential in {facts['home']}."
    state = "connected" if facts["connected"] else "not connected" if facts["running"] else "not running"
    plan = "none yet"
    if facts["plan_version"] is not None:
        plan = f"{facts['plan_targets']} targets, version {facts['plan_version']}, until {facts['plan_expires']}"
    rows = [
        ("agent", f"{facts['agent_id']}, {facts['role']}, ISP {facts['isp'] or 'not known'}"),
        ("collector", f"{facts['collector']}, {state}" + (f": {facts['trouble']}" if facts["trouble"] else "")),
        ("plan", plan),
        (
            "today",
            f"{facts['measured_today']} measurements, {_size(facts['bytes_today'])} of {_size(facts['bytes_cap'])}",
        ),
        (
            "ever",
            f"{facts['produced']} measured, {facts['acked']} delivered, {facts['waiting']} waiting, "
            f"{facts['dropped']} dropped{_causes(facts)}, {facts['rejected']} rejected",
        ),
        ("home", str(facts["home"]) + (" (lab)" if facts["lab"] else "")),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)


def _causes(facts: Facts) -> str:
    """Why measurements were dropped, where any was."""
    old, damaged = int(facts["dropped_old"] or 0), int(facts["dropped_damaged"] or 0)
    full = int(facts["dropped"] or 0) - old - damaged
    causes = [f"{count} {cause}" for count, cause in ((full, "full"), (old, "too old"), (damaged, "damaged")) if count]
    return f" ({', '.join(causes)})" if causes else ""


def _size(count: object) -> str:
    return f"{int(str(count)) / 1e6:.2f} MB"


def _contact_text(contact: Contact) -> str:
    peers = ", ".join(contact.peers) or "nobody"
    return (
        f"{contact.at:%Y-%m-%dT%H:%M:%SZ}  {contact.purpose}  {peers}  "
        f"{contact.bytes_sent} bytes sent, {contact.bytes_received} received"
    )


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
