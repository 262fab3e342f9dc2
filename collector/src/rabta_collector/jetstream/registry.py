"""The registry in a bucket of keys and values, for many processes: what `registry.Registry` is in a file, to the word.

    agent.ID            JSON of an agent, its export key among it; secrets as digests
    invite.ID           JSON of an invitation
    fact.KEY            a fact
    asked               JSON of platforms, targets and until when agents were asked for them
    seen.PROCESS.N      JSON of agents and when each was last heard, by a process; N: the last digit of their names
    moving              see moving.py

Blocking calls, of one thread at a time; a loop on a thread of its own asks for them. An invitation is used up by a
write that hangs on all that was read, and what an agent is by writes that hang on nothing: it is made once.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from rabta_collector.jetstream.background import Background
from rabta_collector.jetstream.buckets import Bucket
from rabta_collector.jetstream.documents import of_agent, of_invite, to_agent, to_invite, to_json
from rabta_collector.jetstream.link import ApiError, NoAnswerError, once_up
from rabta_collector.jetstream.moving import MOVING
from rabta_collector.jetstream.place import Place
from rabta_collector.registry import (
    MARK,
    MAX_PENDING,
    Agent,
    Asked,
    Invite,
    Newcomer,
    Registry,
    UnreachableRegistryError,
    check_use,
    digest,
    make_agent,
)
from rabta_proto.vocabulary import Role

OLD_S = 3600.0
"""After which what another process heard is taken over, for it has ended."""

T = TypeVar("T")


class BucketRegistry:
    """A connection of its own, until `close`."""

    def __init__(self, place: Place) -> None:
        """Makes the bucket where it is missing. Raises `UnreachableRegistryError`."""
        self._background = Background("registry")
        self._bucket, self._process = Bucket(place, "registry"), secrets.token_hex(4)
        self._seen: dict[str, float] = {}
        try:
            self._run(once_up(self._bucket.make))
            self._run(once_up(self._bucket.refresh))
        except BaseException:
            self.close()
            raise

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._background.run(work)
        except (ApiError, NoAnswerError) as wrong:
            raise UnreachableRegistryError(f"the registry on NATS: {wrong}") from None

    def close(self) -> None:
        self._run(self._bucket.close())
        self._background.close()

    def invite(self, invite: Invite, *, now: float) -> str:
        """Makes an invitation; its token is given out here and never again."""
        id_, secret = secrets.token_hex(4), secrets.token_urlsafe(24)
        self._run(self._bucket.put(f"invite.{id_}", of_invite(invite, digest(secret))))
        return f"{MARK}-{id_}-{secret}"

    def enrol(self, token: str, newcomer: Newcomer, *, now: float) -> tuple[Agent, str]:
        """Uses an invitation up by one: the new agent and its secret. Raises `InvitationError`."""
        mark, _, rest = token.partition("-")
        id_, _, secret = rest.partition("-")
        made: list[tuple[Agent, str]] = []

        def use(entries: Mapping[str, bytes]) -> Mapping[str, bytes]:
            found = json.loads(entries.get(f"invite.{id_}", b"{}"))
            kept, uses = bytes.fromhex(found["digest"]) if found else None, found.get("uses", 0)
            check_use(mark, secret, kept, uses=uses, expires_at=found.get("expires_at", 0.0), now=now)
            agent, own = make_agent(Role(found["role"]), found["isp"] or newcomer.isp, newcomer, invite=id_, now=now)
            made[:] = [(agent, own)]
            left = found | {"uses": uses - 1}
            return {f"invite.{id_}": to_json(left), f"agent.{agent.id}": of_agent(agent, newcomer.export_key)}

        self._run(self._bucket.change(use))
        return made[0]

    def agents(self) -> tuple[Agent, ...]:
        """Every agent that ever joined, in the order they did."""
        self._run(self._bucket.refresh())
        entries, seen = self._bucket.entries, self._all_seen()
        found = [to_agent(value) for key, value in entries.items() if key.startswith("agent.")]
        found = [replace(one, last_seen=seen.get(one.id, one.last_seen)) if one.digest else one for one in found]
        return tuple(sorted(found, key=lambda one: (one.enrolled_at, one.id)))

    def _all_seen(self) -> dict[str, float]:
        seen = dict(self._seen)
        for key, value in self._bucket.entries.items():
            if key.startswith("seen."):
                for agent, at in json.loads(value).items():
                    seen[agent] = max(at, seen.get(agent, 0.0))
        return seen

    def invitations(self) -> tuple[tuple[str, bytes, Invite], ...]:
        """Every invitation, each with its id and the digest of its secret."""
        found = sorted(self._bucket.entries.items())
        return tuple((key[7:], *to_invite(value)) for key, value in found if key.startswith("invite."))

    def facts(self) -> dict[str, str]:
        """Every fact that was kept."""
        return {key[5:]: v.decode() for key, v in self._bucket.entries.items() if key.startswith("fact.")}

    def begin_move(self, name: str) -> bool:
        """Whether the registry of the data directory of this name is to be brought: nothing is there, or some of it."""
        self._run(once_up(lambda: self._bucket.change(lambda entries: {} if entries else {MOVING: name.encode()})))
        return self.moved_from() == name

    def is_empty(self) -> bool:
        """Whether nobody has put anything there yet."""
        return not self._bucket.entries

    def moved_from(self) -> str:
        """The name of the data directory from which it is being brought; empty: from none, or all is there."""
        self._run(once_up(self._bucket.refresh))
        return self._bucket.entries.get(MOVING, b"").decode()

    def take_over(self, own: Registry) -> None:
        """All that another registry knows, but for what was asked long ago. After `begin_move`, and repeatable."""
        for id_, kept, invite in own.invitations():
            self._bring(f"invite.{id_}", of_invite(invite, kept))
        for agent in own.agents():
            self._bring(f"agent.{agent.id}", of_agent(agent, own.export_key(agent.id)))
        for name, value in own.facts().items():
            self._bring(f"fact.{name}", value.encode() or b" ")
        self.keep_asked(own.asked(), now=0.0, kept_s=0.0)
        self._bring(MOVING, b"")  # last: from now on it is whole

    def _bring(self, key: str, value: bytes) -> None:
        self._run(once_up(lambda: self._bucket.put(key, value)))

    def _alter(self, agent: str, alter: Callable[[dict[str, Any]], dict[str, Any] | None]) -> bool:
        """Writes an agent anew, unless that makes `None` of it; whether it is known."""
        known: list[bool] = []

        def work(entries: Mapping[str, bytes]) -> Mapping[str, bytes]:
            value = entries.get(f"agent.{agent}")
            known[:] = [value is not None]
            changed = None if value is None else alter(json.loads(value))
            return {} if changed is None else {f"agent.{agent}": to_json(changed)}

        self._run(self._bucket.change(work))
        return known[0]

    def offer(self, agent: str, *, now: float) -> str:
        """Makes a new secret for an agent, to be used beside the others until it uses one of the new ones."""
        secret = secrets.token_urlsafe(32)

        def add(one: dict[str, Any]) -> dict[str, Any]:
            return one | {"pending": [*one["pending"], digest(secret).hex()][-MAX_PENDING:], "offered_at": now}

        self._alter(agent, add)
        return secret

    def promote(self, agent: str, used: bytes, *, now: float) -> None:
        """Notes that an agent has used a new secret, given by its digest: every other one is void from now on."""

        def use(one: dict[str, Any]) -> dict[str, Any] | None:
            if used.hex() not in one["pending"]:
                return None
            return one | {"digest": used.hex(), "pending": [], "secret_at": now}

        self._alter(agent, use)

    def revoke(self, agent: str, *, now: float) -> bool:
        """Revokes a credential for ever; false where no such agent is known."""
        return self._alter(agent, lambda one: None if one["revoked_at"] is not None else one | {"revoked_at": now})

    def forget(self, agent: str, *, now: float) -> None:
        """Revokes an agent and forgets by which invitation and when it came, its province, its version and its keys.

        When it was heard goes first: what fails leaves an agent that can ask again.
        """
        gone = {
            "digest": "",
            "pending": [],
            "province": "",
            "invite": f"forgotten-{agent}",
            "version": "",
            "enrolled_at": 0,
            "secret_at": 0,
            "offered_at": None,
            "last_seen": None,
            "export_key": "",
        }
        self._run(self._bucket.refresh())
        self._seen.pop(agent, None)
        for key in [key for key in self._bucket.entries if key.startswith("seen.") and key.endswith(agent[-1])]:
            heard = json.loads(self._bucket.entries[key])
            if heard.pop(agent, None) is not None:
                self._run(self._bucket.put(key, to_json(heard)))
        self._alter(
            agent, lambda one: {**one, "revoked_at": now if one["revoked_at"] is None else one["revoked_at"]} | gone
        )

    def export_key(self, agent: str) -> bytes:
        """The public key with which an agent signs what is carried by hand; empty: none is known."""
        value = self._bucket.entries.get(f"agent.{agent}")
        return b"" if value is None else bytes.fromhex(json.loads(value)["export_key"])

    def keep_asked(self, targets: Iterable[Asked], *, now: float, kept_s: float) -> frozenset[Asked]:
        """Notes what agents are asked to measure from now on; everything that they were within the last `kept_s`."""
        wanted = frozenset(targets)

        def keep(entries: Mapping[str, bytes]) -> Mapping[str, bytes]:
            before = {(p, t): until for p, t, until in json.loads(entries.get("asked", b"[]"))}
            gone = {one: until or now for one, until in before.items() if one not in wanted}
            gone = {one: until for one, until in gone.items() if until > now - kept_s}
            after = [[*one, None] for one in sorted(wanted)] + [[*one, until] for one, until in sorted(gone.items())]
            return {} if after == json.loads(entries.get("asked", b"[]")) else {"asked": to_json(after)}

        self._run(self._bucket.change(keep))
        return self.asked()

    def asked(self) -> frozenset[Asked]:
        """What `keep_asked` last returned."""
        return frozenset((p, t) for p, t, _ in json.loads(self._bucket.entries.get("asked", b"[]")))

    def saw(self, agents: Sequence[tuple[str, str]], *, now: float) -> None:
        """Notes that agents were seen, each with its version."""
        for agent, version in agents:
            value = self._bucket.entries.get(f"agent.{agent}")
            if value is not None and json.loads(value)["version"] != version:
                self._alter(agent, partial(_of_version, version))
        self._seen |= {agent: now for agent, _ in agents}

    def heard(self, moments: Mapping[str, float]) -> None:
        """Notes when each agent was heard of, unless it was seen since, or is forgotten."""
        self._run(self._bucket.refresh())
        for agent, at in moments.items():
            self._seen[agent] = max(at, self._seen.get(agent, 0.0))
        newest = max(self._seen.values(), default=0.0)
        kept = [key for key in self._bucket.entries if key.startswith("seen.")]
        over = [key for key in kept if self._is_over(key, newest)]
        for key in over:
            for agent, at in json.loads(self._bucket.entries[key]).items():
                self._seen[agent] = max(at, self._seen.get(agent, 0.0))
        self._seen = {agent: at for agent, at in self._seen.items() if not self._is_forgotten(agent)}
        parts: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for agent, at in self._seen.items():
            parts[f"seen.{self._process}.{agent[-1:]}"][agent] = round(at, 3)
        for key, part in parts.items():
            self._run(self._bucket.put(key, to_json(part)))
        for key in kept:
            if key in over or (key.split(".")[1] == self._process and key not in parts):
                self._run(self._bucket.put(key, b""))

    def _is_forgotten(self, agent: str) -> bool:
        value = self._bucket.entries.get(f"agent.{agent}")
        return value is not None and not json.loads(value)["digest"]

    def _is_over(self, key: str, now: float) -> bool:
        others = key.split(".")[1] != self._process
        return others and max(json.loads(self._bucket.entries[key]).values(), default=0.0) < now - OLD_S

    def change_mark(self) -> int:
        """A number that differs after anybody has changed anything."""
        return self._run(self._bucket.newest())

    def fact(self, key: str) -> str | None:
        """A fact that was kept under this key."""
        value = self._bucket.entries.get(f"fact.{key}")
        return None if value is None else value.decode()

    def keep_fact(self, key: str, value: str) -> None:
        if self.fact(key) != value:
            self._run(self._bucket.put(f"fact.{key}", value.encode() or b" "))


def _of_version(version: str, one: Mapping[str, Any]) -> dict[str, Any] | None:
    """An agent, unless it is forgotten meanwhile."""
    return {**one, "version": version} if one["digest"] else None
