"""A plan on the wire."""

from dataclasses import replace
from pathlib import Path

from rabta_collector.catalogue import Catalogue, Deadlines, Platform, Resolvers, Target, Transfer
from rabta_collector.plan import LIFETIME_S, Costs, Frame, Issue, sign_plan, write_plan
from rabta_collector.share import Share
from rabta_collector.signing import load_signer, verifies
from rabta_collector.verdict.fingerprints import Mark
from rabta_proto.model import Measurement
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Depth
from support.collector_server import CATALOGUE

FRAME = Frame(
    catalogue=Catalogue(
        platforms=(),
        resolvers=Resolvers(doh=("https://1.1.1.1/dns-query",), udp=("8.8.8.8",)),
        deadlines=Deadlines(dns_s=2.5),
        innocuous_names=("example.com",),
        portal_check="http://portal.example/204",
    ),
    marks=(Mark(id="pta", text="Surf Safely"),),
)
ISSUE = Issue(agent="a1", version=5, now=1_000_000.0, bytes_per_day=15_000_000)
SHARE = Share(
    target=Target(url="https://x.com/", platform="x", priority=1), interval_s=90.5, phase_s=0.25, full_every=4
)


def test_a_plan_asks_for_traces_of_targets_alone() -> None:
    for platform, asked in (("x", True), ("", False)):
        traced = replace(SHARE, target=Target(url="https://x.com/", platform=platform, trace=True))
        assert asked is write_plan(FRAME, ISSUE, [traced]).assignments[0].trace
    assert not write_plan(FRAME, ISSUE, [SHARE]).assignments[0].trace


def test_a_plan_has_the_authority_of_a_target() -> None:
    pinned = replace(SHARE, target=Target(url="tls://chat.x.com", platform="x", authority=b"der"))
    assert [b"", b"der"] == [one.authority for one in write_plan(FRAME, ISSUE, [SHARE, pinned]).assignments]


def test_a_plan_says_what_to_measure_and_how_long_it_holds() -> None:
    plan = write_plan(FRAME, ISSUE, [SHARE])
    assert [
        wire.Assignment(
            platform="x", target="https://x.com/", interval_ms=90_500, phase_ms=250, full_every=4, priority=1
        )
    ] == list(plan.assignments)
    assert (5, "a1", 15_000_000) == (plan.version, plan.agent_id, plan.bytes_per_day)
    assert LIFETIME_S == plan.expires_at.seconds - plan.issued_at.seconds
    assert (["https://1.1.1.1/dns-query"], ["8.8.8.8"]) == (list(plan.resolvers.doh), list(plan.resolvers.udp))
    assert (2500, 8_000) == (plan.deadlines.dns_ms, plan.deadlines.tcp_ms)
    assert (8_000, "http://portal.example/204") == (plan.deadlines.quic_ms, plan.portal_check)
    assert (["example.com"], "Surf Safely") == (list(plan.innocuous_names), plan.marks[0].text)


def test_a_plan_says_what_each_platform_is_and_which_agent_is_the_newest() -> None:
    platforms = (Platform(id="x", name="X", category="SOCIAL", targets=(SHARE.target,)),)
    frame = replace(FRAME, catalogue=replace(FRAME.catalogue, platforms=platforms), newest_agent="0.2.0")
    plan = write_plan(frame, ISSUE, [SHARE])
    assert ("0.2.0", ["SOCIAL"]) == (plan.newest_agent_version, [one.category for one in plan.assignments])


def test_a_plan_says_where_controls_find_each_target() -> None:
    other = replace(SHARE, target=Target(url="https://y.com/", platform="y"))
    issue = replace(ISSUE, directory={"https://x.com/": ("192.0.2.1", "2001:db8::1"), "https://z.com/": ("192.0.2.9",)})
    plan = write_plan(FRAME, issue, [SHARE, other])
    assert [["192.0.2.1", "2001:db8::1"], []] == [list(one.control_addresses) for one in plan.assignments]


def test_the_very_bytes_are_signed(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "key")
    signed = sign_plan(FRAME, ISSUE, [SHARE], signer)
    assert verifies(signer.public_key, signed.plan, signed.signature)
    assert write_plan(FRAME, ISSUE, [SHARE]) == wire.Plan.FromString(signed.plan)


def measured(count: int, url: str = "https://x.com/") -> Measurement:
    from datetime import UTC, datetime

    return Measurement(
        target=url, started_at=datetime(2026, 1, 1, tzinfo=UTC), duration_us=1, agent_version="0", bytes_received=count
    )


def test_costs_are_learned_slowly_and_within_bounds() -> None:
    costs = Costs(CATALOGUE)
    costs.learn(measured(10**12))
    assert 9_000 < costs.of("https://x.com/", Depth.FULL) < 12_000
    for _ in range(200):
        costs.learn(measured(20_000))
    assert 19_900 < costs.of("https://x.com/", Depth.FULL) < 20_100
    assert 5_000 == costs.of("https://x.com/", Depth.LIGHT)


def test_before_it_was_measured_a_target_costs_what_its_kind_does() -> None:
    target = Target(url="dns:x.com", platform="x")
    costs = Costs(Catalogue(platforms=(Platform(id="x", name="X", category="", targets=(target,)),)))
    assert 2_000 == costs.of("dns:x.com", Depth.FULL)


def test_what_is_not_in_the_catalogue_is_not_learned() -> None:
    costs = Costs(CATALOGUE)
    costs.learn(measured(20_000, "https://other.example/"))
    assert 9_000 == costs.of("https://other.example/", Depth.FULL)


def test_a_plan_says_what_to_read_against_the_clock() -> None:
    transfer = Transfer(url="https://x.com/object", bytes=98_304, control_name="www.example.com")
    reference = Target(url="https://r.example/", transfer=Transfer(url="https://r.example/object", bytes=98_304))
    frame = replace(FRAME, catalogue=replace(FRAME.catalogue, references=(reference,)))
    timed = replace(SHARE, target=replace(SHARE.target, transfer=transfer), transfer_every=40)
    of_reference = replace(timed, target=reference)
    asked, none = write_plan(frame, ISSUE, [timed, of_reference]).assignments
    assert not none.HasField("transfer")
    assert (
        wire.TransferPlan(
            url="https://x.com/object",
            bytes=98_304,
            control_name="www.example.com",
            reference_url="https://r.example/object",
            every=40,
        )
        == asked.transfer
    )
