"""The plan: who may give one, and what is left of it under the agent's ceilings.

A plan counts only when the key pinned at enrolment signed it (Ed25519, RFC 8032), when it was made for this agent, and
when its version is above that of the plan it replaces and not below any that was ever followed: an old plan, replayed,
changes nothing, not even after the current one was lost. What is signed is `rabta.v1.Plan` in ASCII, a zero byte, and
the plan's bytes.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import DecodeError

from rabta_agent import ceilings
from rabta_agent.addresses import canonical, find_special
from rabta_agent.probes import quic
from rabta_agent.probes.tlscontexts import is_authority
from rabta_agent.task import Settings, TransferTask
from rabta_agent.urls import DnsName, InvalidTarget, QuicUrl, WebUrl, parse_check, parse_target, parse_url
from rabta_agent.words import tr
from rabta_proto.codec import from_timestamp
from rabta_proto.v1 import plan_pb2 as wire

CONTEXT = b"rabta.v1.Plan\x00"


class InvalidPlanError(ValueError):
    """A plan that this agent does not follow; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One target of a plan; one in `full_every` of its measurements is full. Milliseconds as in `rabta.v1.Plan`.

    One in `transfer_every` has timed reads of `transfer`, too; zero: only those that the collector asks for.
    `control_addresses` are in canonical form, and none of them is special outside of the lab.
    `trace`: a trace may follow where it was cut off (tracer.py).
    """

    target: str
    platform: str = ""
    interval_ms: int
    phase_ms: int = 0
    full_every: int = 1
    priority: int = 1
    control_addresses: tuple[str, ...] = ()
    transfer: TransferTask | None = None
    transfer_every: int = 0
    category: str = ""
    authority: bytes = b""
    trace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that was checked and cut down. `refused` counts assignments that this agent will not or cannot do.

    `newest_agent`: the version that is handed out now; empty: not known.
    """

    version: int
    expires_at: datetime
    assignments: tuple[Assignment, ...]
    settings: Settings
    refused: int = 0
    newest_agent: str = ""

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at


def open_plan(signed: wire.SignedPlan, *, public_key: bytes, agent_id: str, limits: ceilings.Ceilings) -> Plan:
    """The plan within, as this agent will follow it. Raises `InvalidPlanError`."""
    if len(signed.plan) > ceilings.PLAN_BYTES:
        raise InvalidPlanError(tr("the plan is larger than {count} bytes", count=ceilings.PLAN_BYTES))
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signed.signature, CONTEXT + signed.plan)
    except (InvalidSignature, ValueError):
        raise InvalidPlanError(tr("the plan is not signed by the collector that this agent joined")) from None
    try:
        plan = wire.Plan.FromString(signed.plan)
        expires_at = from_timestamp(plan.expires_at)
    except (DecodeError, ValueError):
        raise InvalidPlanError(tr("the plan cannot be read")) from None
    if plan.agent_id != agent_id:
        raise InvalidPlanError(tr("the plan was made for another agent"))
    return _cut_down(plan, expires_at, limits)


def stored_plan(stored: bytes | None, *, public_key: bytes, agent_id: str, limits: ceilings.Ceilings) -> Plan | None:
    """The plan that was kept on disk as it came; `None`: none that this agent would follow."""
    if stored is None:
        return None
    try:
        return open_plan(wire.SignedPlan.FromString(stored), public_key=public_key, agent_id=agent_id, limits=limits)
    except (DecodeError, InvalidPlanError):
        return None  # a truncated file, or one from before this agent joined: the collector hands out another


def accept(offered: Plan, current: Plan | None, now: datetime, *, floor: int = 0) -> None:
    """Raises `InvalidPlanError` unless the plan offered takes the place of the current one, or of one lost.

    `floor`: the version of the newest plan that was ever followed.
    """
    if offered.version < floor:
        raise InvalidPlanError(
            tr(
                "plan {version} is older than plan {other}, which was followed already",
                version=offered.version,
                other=floor,
            )
        )
    if current is not None and offered.version <= current.version:
        raise InvalidPlanError(
            tr("plan {version} is not newer than plan {other}", version=offered.version, other=current.version)
        )
    if offered.expired(now.astimezone(UTC)):
        moment = f"{offered.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidPlanError(tr("plan {version} ended at {moment}", version=offered.version, moment=moment))


def _cut_down(plan: wire.Plan, expires_at: datetime, limits: ceilings.Ceilings) -> Plan:
    kept: dict[tuple[str, str], Assignment] = {}
    for entry in plan.assignments[: ceilings.ASSIGNMENTS]:
        if _can_measure(entry, limits):
            kept.setdefault((entry.platform, entry.target), _assignment(entry, limits))
    return Plan(
        version=plan.version,
        expires_at=expires_at,
        assignments=tuple(kept.values()),
        settings=_settings(plan, limits),
        refused=len(plan.assignments) - len(kept),
        newest_agent=_version(plan.newest_agent_version),
    )


def _version(text: str) -> str:
    """A version, or nothing where it is none: it is shown to the volunteer."""
    return text if re.fullmatch(r"\d{1,5}(\.\d{1,5}){1,3}", text, re.ASCII) else ""


def _can_measure(entry: wire.Assignment, limits: ceilings.Ceilings) -> bool:
    if entry.category.upper() in limits.left_out:
        return False
    try:
        target = parse_target(entry.target)
    except InvalidTarget:
        return False
    if entry.authority and not is_authority(entry.authority):
        return False
    return entry.interval_ms > 0 and (quic.available() or not isinstance(target, QuicUrl))


def _assignment(entry: wire.Assignment, limits: ceilings.Ceilings) -> Assignment:
    interval_ms = max(entry.interval_ms, int(limits.same_target_s * 1000))
    return Assignment(
        target=entry.target,
        platform=entry.platform,
        interval_ms=interval_ms,
        phase_ms=entry.phase_ms % interval_ms,
        full_every=max(1, entry.full_every),
        priority=min(3, max(1, entry.priority)),
        control_addresses=_control_addresses(entry, limits),
        transfer=_transfer(entry, limits),
        transfer_every=entry.transfer.every,
        category=entry.category,
        authority=entry.authority,
        trace=entry.trace,
    )


def _transfer(entry: wire.Assignment, limits: ceilings.Ceilings) -> TransferTask | None:
    """The object to be read, where it is one that this agent would read; of names, those it would say."""
    if not entry.HasField("transfer"):
        return None
    wanted = entry.transfer
    url, reference = _web_url(wanted.url, limits), _web_url(wanted.reference_url, limits)
    if url is None or not wanted.bytes:
        return None
    return TransferTask(
        url=url,
        bytes=min(wanted.bytes, ceilings.READ_BYTES),
        control_name=_name(wanted.control_name),
        reference=reference,
    )


def _web_url(text: str, limits: ceilings.Ceilings) -> WebUrl | None:
    try:
        url = parse_url(text)
    except InvalidTarget:
        return None
    special = url.address is not None and find_special(url.address) is not None
    return None if special and not limits.any_address else url


def _name(text: str) -> str:
    """A host name that may be said in place of another; empty for anything else."""
    try:
        parsed = parse_target(f"dns:{text}")
    except InvalidTarget:
        return ""
    return parsed.host if isinstance(parsed, DnsName) else ""


def _control_addresses(entry: wire.Assignment, limits: ceilings.Ceilings) -> tuple[str, ...]:
    named = filter(None, map(canonical, entry.control_addresses[: 4 * ceilings.CONTROL_ADDRESSES]))
    kept = [address for address in dict.fromkeys(named) if limits.any_address or find_special(address) is None]
    return tuple(kept[: ceilings.CONTROL_ADDRESSES])


def _settings(plan: wire.Plan, limits: ceilings.Ceilings) -> Settings:
    """What the plan sets, over the agent's own. Which resolvers are asked is the plan's alone to say."""
    own = Settings()
    within = plan.deadlines
    return replace(
        own,
        doh=tuple(plan.resolvers.doh)[: ceilings.RESOLVERS],
        udp=tuple(plan.resolvers.udp)[: ceilings.RESOLVERS],
        dns_s=_seconds(within.dns_ms, ceilings.STEP_SECONDS, own.dns_s),
        tcp_s=_seconds(within.tcp_ms, ceilings.STEP_SECONDS, own.tcp_s),
        tls_s=_seconds(within.tls_ms, ceilings.STEP_SECONDS, own.tls_s),
        quic_s=_seconds(within.quic_ms, ceilings.STEP_SECONDS, own.quic_s),
        http_s=_seconds(within.http_ms, ceilings.STEP_SECONDS, own.http_s),
        transfer_s=_seconds(within.transfer_ms, ceilings.READ_SECONDS, own.transfer_s),
        repeat_pause_s=_seconds(within.repeat_pause_ms, ceilings.PAUSE_SECONDS, own.repeat_pause_s),
        innocuous_names=tuple(plan.innocuous_names)[: ceilings.INNOCUOUS_NAMES] or own.innocuous_names,
        marks=tuple((mark.id, mark.text) for mark in plan.marks if _mark_fits(mark))[: ceilings.MARKS],
        portal_check=_portal_check(plan.portal_check, limits),
    )


def _portal_check(text: str, limits: ceilings.Ceilings) -> str:
    """The URL of the check, or nothing where it is none that this agent would ask."""
    url = parse_check(text)
    if url is None or (url.address is not None and find_special(url.address) is not None and not limits.any_address):
        return ""
    return text


def _seconds(milliseconds: int, most: float, own: float) -> float:
    return min(milliseconds / 1000, most) if milliseconds else own


def _mark_fits(mark: wire.Mark) -> bool:
    return bool(mark.id and mark.text) and len(mark.text.encode()) <= ceilings.MARK_BYTES
