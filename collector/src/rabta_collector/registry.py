"""Who may speak to the collector: agents and invitations, in `state.sqlite` of the data directory.

Secrets are kept as SHA-256 only (they are random, 192 bits and more: no salt, no slow hash is needed) and compared in
constant time. Several processes use the file at once: `serve`, and the commands beside it. An agent is a random
pseudonym; nothing here tells who or where it is beyond its ISP and the province that its volunteer chose to name.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rabta_collector.registry_file import UnusableRegistryError, prepare
from rabta_collector.transaction import transaction
from rabta_proto.vocabulary import Role

MAX_PENDING = 4  # new secrets that an agent was given and has not used yet
DIGEST_BYTES = 32
MARK = "rabta"  # what a token begins with, so that people and scanners know one
AGENT_COLUMNS = (
    "id, digest, role, isp, province, enrolled_at, revoked_at, last_seen, version, pending, secret_at, offered_at, "
    "invite"
)


Asked: TypeAlias = tuple[str, str]
"""Platform (empty for a reference) and target, as plans name them."""


class UnreachableRegistryError(RuntimeError):
    """Nobody answers for the registry; the message is one line for the operator."""


FAILING = (sqlite3.Error, UnreachableRegistryError)
"""What a registry raises where it cannot be read or written just now."""


class InvitationError(ValueError):
    """An invitation that nothing can be had for; the message is one line for the volunteer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent. Times are Unix seconds; `digest` is of its secret, `pending` of new ones that it has not used yet.

    `secret_at`: when the secret was handed out; `offered_at`: when the last new one was. `invite`: by which invitation.
    """

    id: str
    digest: bytes
    role: Role
    isp: str
    province: str
    enrolled_at: float
    revoked_at: float | None
    last_seen: float | None
    version: str
    pending: tuple[bytes, ...] = ()
    secret_at: float = 0.0
    offered_at: float | None = None
    invite: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """What an invitation gives."""

    role: Role = Role.PROBE
    isp: str = ""
    uses: int = 1
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """What a volunteer says when joining; `isp` counts only where the invitation names none."""

    isp: str
    province: str
    version: str
    export_key: bytes = b""
    """Ed25519 public key with which it signs what is carried by hand. Empty: none."""


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, kept: bytes) -> bool:
    """Whether a secret is the one of which this was kept, in constant time."""
    return hmac.compare_digest(digest(secret), kept)


def check_use(mark: str, secret: str, kept: bytes | None, *, uses: int, expires_at: float, now: float) -> None:
    """Whether an invitation may be used. `kept`: of its secret; `None`: it is not known. Raises `InvitationError`."""
    fits = matches(secret, digest("") if kept is None else kept)
    if not fits or kept is None or not secret or mark != MARK:
        raise InvitationError("the invitation is not known here")
    if uses < 1:
        raise InvitationError("the invitation is used up")
    if expires_at <= now:
        raise InvitationError("the invitation has expired")


def make_agent(role: Role, isp: str, newcomer: Newcomer, *, invite: str, now: float) -> tuple[Agent, str]:
    """A new agent and its secret, which nobody keeps but itself."""
    secret = secrets.token_urlsafe(32)
    agent = Agent(
        id=secrets.token_hex(8),
        digest=digest(secret),
        role=role,
        isp="" if role is Role.CONTROL else isp,  # controls stand outside of every ISP of the country
        province=newcomer.province,
        enrolled_at=now,
        revoked_at=None,
        last_seen=None,
        version=newcomer.version,
        secret_at=now,
        invite=invite,
    )
    return agent, secret


def _split(pending: bytes) -> tuple[bytes, ...]:
    return tuple(pending[at : at + DIGEST_BYTES] for at in range(0, len(pending), DIGEST_BYTES))


class Registry:
    """One connection to the file; not to be used from two threads at once."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises `UnusableRegistryError`."""
        try:
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            prepare(self._connection, path)
        except sqlite3.Error as wrong:
            raise UnusableRegistryError(f"{path}: {wrong}; restore it from a backup, or move it away") from None

    def close(self) -> None:
        self._connection.close()

    def invite(self, invite: Invite, *, now: float) -> str:
        """Makes an invitation; its token is given out here and never again."""
        id_, secret = secrets.token_hex(4), secrets.token_urlsafe(24)
        self._connection.execute(
            "INSERT INTO invites VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id_, digest(secret), str(invite.role), invite.isp, invite.uses, now, invite.expires_at),
        )
        return f"{MARK}-{id_}-{secret}"

    def enrol(self, token: str, newcomer: Newcomer, *, now: float) -> tuple[Agent, str]:
        """Uses an invitation up by one: the new agent and its secret. Raises `InvitationError`."""
        mark, _, rest = token.partition("-")
        id_, _, secret = rest.partition("-")
        with transaction(self._connection):
            found = self._connection.execute(
                "SELECT digest, role, isp, uses_left, expires_at FROM invites WHERE id = ?", (id_,)
            ).fetchone()
            kept, role, isp, uses, expires_at = found or (None, "", "", 0, 0.0)
            check_use(mark, secret, kept, uses=uses, expires_at=expires_at, now=now)
            self._connection.execute("UPDATE invites SET uses_left = uses_left - 1 WHERE id = ?", (id_,))
            return self._add(Role(role), isp or newcomer.isp, newcomer, id_, now)

    def _add(self, role: Role, isp: str, newcomer: Newcomer, invite: str, now: float) -> tuple[Agent, str]:
        agent, secret = make_agent(role, isp, newcomer, invite=invite, now=now)
        self._connection.execute(
            "INSERT INTO agents (id, digest, role, isp, province, invite, enrolled_at, version, secret_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (agent.id, agent.digest, str(role), agent.isp, newcomer.province, invite, now, newcomer.version, now),
        )
        if newcomer.export_key:
            self._connection.execute("INSERT INTO export_keys VALUES (?, ?)", (agent.id, newcomer.export_key))
        return agent, secret

    def agents(self) -> tuple[Agent, ...]:
        """Every agent that ever joined, in the order they did."""
        rows = self._connection.execute(f"SELECT {AGENT_COLUMNS} FROM agents ORDER BY enrolled_at, id")  # noqa: S608
        return tuple(
            Agent(
                id=row[0],
                digest=row[1],
                role=Role(row[2]),
                isp=row[3],
                province=row[4],
                enrolled_at=row[5],
                revoked_at=row[6],
                last_seen=row[7],
                version=row[8],
                pending=_split(row[9]),
                secret_at=row[10],
                offered_at=row[11],
                invite=row[12],
            )
            for row in rows
        )

    def invitations(self) -> tuple[tuple[str, bytes, Invite], ...]:
        """Every invitation, each with its id and the digest of its secret."""
        rows = self._connection.execute("SELECT id, digest, role, isp, uses_left, expires_at FROM invites ORDER BY id")
        return tuple((r[0], r[1], Invite(role=Role(r[2]), isp=r[3], uses=r[4], expires_at=r[5])) for r in rows)

    def facts(self) -> dict[str, str]:
        """Every fact that was kept."""
        return dict(self._connection.execute("SELECT key, value FROM facts"))

    def offer(self, agent: str, *, now: float) -> str:
        """Makes a new secret for an agent, to be used beside the others until it uses one of the new ones."""
        secret = secrets.token_urlsafe(32)
        with transaction(self._connection):
            (pending,) = self._connection.execute("SELECT pending FROM agents WHERE id = ?", (agent,)).fetchone()
            kept = (*_split(pending), digest(secret))[-MAX_PENDING:]
            self._connection.execute(
                "UPDATE agents SET pending = ?, offered_at = ? WHERE id = ?", (b"".join(kept), now, agent)
            )
        return secret

    def promote(self, agent: str, used: bytes, *, now: float) -> None:
        """Notes that an agent has used a new secret, given by its digest: every other one is void from now on."""
        self._connection.execute(
            "UPDATE agents SET digest = ?, pending = x'', secret_at = ? WHERE id = ? AND instr(pending, ?)",
            (used, now, agent, used),
        )

    def keep_asked(self, targets: Iterable[Asked], *, now: float, kept_s: float) -> frozenset[Asked]:
        """Notes what agents are asked to measure from now on; everything that they were within the last `kept_s`."""
        wanted = frozenset(targets)
        with transaction(self._connection):
            known = dict.fromkeys(self._connection.execute("SELECT platform, target FROM asked WHERE until IS NULL"))
            self._connection.executemany(
                "UPDATE asked SET until = ? WHERE platform = ? AND target = ?",
                [(now, *gone) for gone in known if gone not in wanted],
            )
            self._connection.executemany("INSERT OR REPLACE INTO asked VALUES (?, ?, NULL)", sorted(wanted))
            self._connection.execute("DELETE FROM asked WHERE until <= ?", (now - kept_s,))
            return self.asked()

    def asked(self) -> frozenset[Asked]:
        """What `keep_asked` last returned."""
        return frozenset(self._connection.execute("SELECT platform, target FROM asked"))

    def export_key(self, agent: str) -> bytes:
        """The public key with which an agent signs what is carried by hand; empty: none is known."""
        found = self._connection.execute("SELECT key FROM export_keys WHERE agent = ?", (agent,)).fetchone()
        return bytes(found[0]) if found else b""

    def revoke(self, agent: str, *, now: float) -> bool:
        """Revokes a credential for ever; false where no such agent is known."""
        changed = self._connection.execute(
            "UPDATE agents SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", (now, agent)
        )
        return changed.rowcount == 1

    def forget(self, agent: str, *, now: float) -> None:
        """Revokes an agent and forgets by which invitation and when it came, its province, its version and its keys.

        Its pseudonym, role and ISP stay, for the journal's measurements count by them.
        """
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE agents SET digest = x'', pending = x'', province = '', invite = 'forgotten-' || id, "
                "version = '', enrolled_at = 0, secret_at = 0, offered_at = NULL, last_seen = NULL, "
                "revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
                (now, agent),
            )
            self._connection.execute("DELETE FROM export_keys WHERE agent = ?", (agent,))

    def saw(self, agents: Sequence[tuple[str, str]], *, now: float) -> None:
        """Notes that agents were seen, each with its version, unless they are forgotten."""
        with transaction(self._connection):
            self._connection.executemany(
                "UPDATE agents SET last_seen = ?, version = ? WHERE id = ? AND digest != x''",
                [(now, version, agent) for agent, version in agents],
            )

    def heard(self, moments: Mapping[str, float]) -> None:
        """Notes when each agent was heard of, unless it was seen since, or is forgotten."""
        with transaction(self._connection):
            self._connection.executemany(
                "UPDATE agents SET last_seen = max(coalesce(last_seen, 0), ?) WHERE id = ? AND digest != x''",
                [(at, agent) for agent, at in moments.items()],
            )

    def change_mark(self) -> int:
        """A number that differs after another process has changed the file."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def fact(self, key: str) -> str | None:
        """A fact that was kept under this key."""
        found = self._connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def keep_fact(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))
