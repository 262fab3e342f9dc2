"""Writes one agent's plan as the signed message that it will accept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rabta_collector.catalogue import Catalogue
from rabta_collector.share import Share, estimate_bytes
from rabta_collector.signing import Signer
from rabta_collector.verdict.fingerprints import Mark
from rabta_collector.whereabouts import Directory
from rabta_proto.model import Measurement
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Depth

LIFETIME_S = 14 * 86_400.0
NO_BOUND = 2**62  # bytes a day of a control, whose operator pays: its own cap still holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all plans have in common. `newest_agent`: version of the agent that is handed out now; empty: not known."""

    catalogue: Catalogue
    marks: Sequence[Mark]
    newest_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What tells one plan from the next. `directory`: where controls find the targets; empty in a control's own."""

    agent: str
    version: int
    now: float
    bytes_per_day: int
    directory: Directory = field(default_factory=dict)


def sign_plan(frame: Frame, issue: Issue, shares: Sequence[Share], signer: Signer) -> wire.SignedPlan:
    """The plan of one agent, signed."""
    plan = write_plan(frame, issue, shares).SerializeToString(deterministic=True)
    return wire.SignedPlan(plan=plan, signature=signer.sign(plan))


def write_plan(frame: Frame, issue: Issue, shares: Sequence[Share]) -> wire.Plan:
    """The plan of one agent."""
    catalogue, deadlines = frame.catalogue, frame.catalogue.deadlines
    categories = {platform.id: platform.category for platform in catalogue.platforms}
    plan = wire.Plan(
        version=issue.version,
        assignments=[
            _assignment(share, issue.directory, categories.get(share.target.platform, ""), catalogue.reference_object)
            for share in shares
        ],
        newest_agent_version=frame.newest_agent,
        resolvers=wire.Resolvers(doh=catalogue.resolvers.doh, udp=catalogue.resolvers.udp),
        deadlines=wire.Deadlines(
            dns_ms=_ms(deadlines.dns_s),
            tcp_ms=_ms(deadlines.tcp_s),
            tls_ms=_ms(deadlines.tls_s),
            quic_ms=_ms(deadlines.quic_s),
            http_ms=_ms(deadlines.http_s),
            repeat_pause_ms=_ms(deadlines.repeat_pause_s),
            transfer_ms=_ms(deadlines.transfer_s),
        ),
        innocuous_names=catalogue.innocuous_names,
        bytes_per_day=issue.bytes_per_day,
        agent_id=issue.agent,
        marks=[wire.Mark(id=mark.id, text=mark.text) for mark in frame.marks],
        portal_check=catalogue.portal_check,
    )
    plan.issued_at.FromMilliseconds(int(issue.now * 1000))
    plan.expires_at.FromMilliseconds(int((issue.now + LIFETIME_S) * 1000))
    return plan


def _assignment(share: Share, directory: Directory, category: str, reference_url: str) -> wire.Assignment:
    return wire.Assignment(
        platform=share.target.platform,
        target=share.target.url,
        interval_ms=max(1, _ms(share.interval_s)),
        phase_ms=_ms(share.phase_s),
        full_every=share.full_every,
        priority=share.target.priority,
        control_addresses=directory.get(share.target.url, ()),
        category=category,
        transfer=_transfer(share, reference_url),
        authority=share.target.authority,
        trace=share.target.trace and bool(share.target.platform),
    )


def _transfer(share: Share, reference_url: str) -> wire.TransferPlan | None:
    """What is read against the clock; of a reference nothing is, but in rounds of others."""
    transfer = share.target.transfer
    if transfer is None or not share.target.platform:
        return None
    return wire.TransferPlan(
        url=transfer.url,
        bytes=transfer.bytes,
        control_name=transfer.control_name,
        reference_url=reference_url,
        every=share.transfer_every,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class Costs:
    """What a measurement of a target costs, in bytes both ways: an estimate until it was measured.

    An exponential mean, within bounds: one agent that lies moves it by a twentieth of the bound.
    """

    WEIGHT = 0.05
    LEAST, MOST = 500.0, 60_000.0

    def __init__(self, catalogue: Catalogue) -> None:
        self._means = {
            (target.url, depth): estimate_bytes(target.url, depth)
            for target in catalogue.targets
            for depth in (Depth.FULL, Depth.LIGHT)
        }

    def learn(self, measurement: Measurement) -> None:
        """Takes a measurement into account."""
        key = (measurement.target, measurement.depth)
        count = measurement.bytes_sent + measurement.bytes_received
        if count and (mean := self._means.get(key)) is not None:
            self._means[key] = mean + self.WEIGHT * (min(max(count, self.LEAST), self.MOST) - mean)

    def of(self, url: str, depth: Depth) -> float:
        return self._means.get((url, depth), estimate_bytes(url, depth))
