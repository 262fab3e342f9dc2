"""Agents and invitations as the values of a bucket: JSON, with secrets as digests. Pure."""

import json
from dataclasses import asdict
from typing import Any

from rabta_collector.registry import Agent, Invite
from rabta_proto.vocabulary import Role


def of_invite(invite: Invite, kept: bytes) -> bytes:
    """`kept`: the digest of its secret."""
    return to_json(asdict(invite) | {"role": str(invite.role), "digest": kept.hex()})


def of_agent(agent: Agent, export_key: bytes) -> bytes:
    """`export_key`: its public key, or nothing."""
    found = asdict(agent) | {"role": str(agent.role), "digest": agent.digest.hex(), "export_key": export_key.hex()}
    return to_json(found | {"pending": [one.hex() for one in agent.pending]})


def to_agent(value: bytes) -> Agent:
    """Raises `ValueError`, `KeyError`, `TypeError`."""
    found: dict[str, Any] = json.loads(value)
    del found["export_key"]
    pending = tuple(map(bytes.fromhex, found["pending"]))
    return Agent(**found | {"role": Role(found["role"]), "digest": bytes.fromhex(found["digest"]), "pending": pending})


def to_json(value: object) -> bytes:
    """As short as can be."""
    return json.dumps(value, separators=(",", ":")).encode()


def to_invite(value: bytes) -> tuple[bytes, Invite]:
    """The digest of its secret, and what it gives."""
    found: dict[str, Any] = json.loads(value)
    kept = bytes.fromhex(found.pop("digest"))
    return kept, Invite(**found | {"role": Role(found["role"])})
