"""Whose plan an agent follows, and what is left of it under the ceilings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rabta_agent import ceilings
from rabta_agent.ceilings import Ceilings
from rabta_agent.plan import CONTEXT, InvalidPlanError, Plan, accept, open_plan, stored_plan
from rabta_agent.probes import quic
from rabta_agent.task import Settings
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import plan_pb2 as wire
from support.authorities import root_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
X = wire.Assignment(platform="x", target="https://x.com/", interval_ms=120_000, phase_ms=7_000, priority=1)


def plan_of(*assignments: wire.Assignment, version: int = 5, agent_id: str = "me") -> wire.Plan:
    expires_at = to_timestamp(NOW + timedelta(days=14))
    return wire.Plan(version=version, agent_id=agent_id, expires_at=expires_at, assignments=assignments)


def signed(plan: wire.Plan, key: Ed25519PrivateKey = KEY, context: bytes = CONTEXT) -> wire.SignedPlan:
    text = plan.SerializeToString()
    return wire.SignedPlan(plan=text, signature=key.sign(context + text))


def opened(plan: wire.Plan, *, lab: bool = False) -> Plan:
    return open_plan(signed(plan), public_key=PUBLIC, agent_id="me", limits=Ceilings.of(lab=lab))


def refused(offered: wire.SignedPlan) -> str:
    with pytest.raises(InvalidPlanError) as raised:
        open_plan(offered, public_key=PUBLIC, agent_id="me", limits=Ceilings())
    return str(raised.value)


def test_a_signed_plan_is_followed() -> None:
    plan = opened(plan_of(X))
    (assignment,) = plan.assignments
    assert (5, 0, NOW + timedelta(days=14)) == (plan.version, plan.refused, plan.expires_at)
    assert ("x", "https://x.com/", 120_000, 7_000, 1) == (
        assignment.platform,
        assignment.target,
        assignment.interval_ms,
        assignment.phase_ms,
        assignment.full_every,
    )


def test_another_key_is_refused() -> None:
    assert "not signed by" in refused(signed(plan_of(X), key=Ed25519PrivateKey.generate()))


def test_a_signature_over_the_bytes_alone_is_refused() -> None:
    assert "not signed by" in refused(signed(plan_of(X), context=b""))


@pytest.mark.parametrize("position", [0, 3, -1])
def test_a_plan_with_a_changed_byte_is_refused(position: int) -> None:
    good = signed(plan_of(X))
    text = bytearray(good.plan)
    text[position] ^= 1
    assert "not signed by" in refused(wire.SignedPlan(plan=bytes(text), signature=good.signature))


def test_a_signed_text_that_is_no_plan_is_refused() -> None:
    text = b"\xff\xff\xff"
    assert "cannot be read" in refused(wire.SignedPlan(plan=text, signature=KEY.sign(CONTEXT + text)))


def test_a_plan_for_another_agent_is_refused() -> None:
    assert "another agent" in refused(signed(plan_of(X, agent_id="you")))


def test_a_plan_that_is_too_large_is_refused_before_it_is_read() -> None:
    assert "larger than" in refused(wire.SignedPlan(plan=b"x" * (ceilings.PLAN_BYTES + 1)))


@pytest.mark.parametrize("version", [4, 5])
def test_a_plan_that_is_not_newer_changes_nothing(version: int) -> None:
    with pytest.raises(InvalidPlanError, match="not newer"):
        accept(opened(plan_of(X, version=version)), opened(plan_of(X, version=5)), NOW)


def test_a_newer_plan_takes_the_place_of_an_older_one() -> None:
    accept(opened(plan_of(X, version=6)), opened(plan_of(X, version=5)), NOW)
    accept(opened(plan_of(X, version=1)), None, NOW)


def test_a_plan_that_has_ended_is_refused() -> None:
    with pytest.raises(InvalidPlanError, match="ended at 2026-01-15"):
        accept(opened(plan_of(X)), None, NOW + timedelta(days=14))


def test_a_plan_ends_at_its_expiry_and_not_before() -> None:
    plan = opened(plan_of(X))
    assert [False, True] == [plan.expired(plan.expires_at + timedelta(seconds=s)) for s in (-1, 0)]


def test_outside_of_the_lab_no_target_is_measured_more_often_than_every_minute() -> None:
    hasty = wire.Assignment(target="https://x.com/", interval_ms=500, phase_ms=400)
    assert 60_000 == opened(plan_of(hasty)).assignments[0].interval_ms
    assert 500 == opened(plan_of(hasty), lab=True).assignments[0].interval_ms


@pytest.mark.parametrize(
    "target",
    [
        *("", "x.com", "ftp://x.com/", "https://", "https:///path", "https://x.com:0/", "x" * 5000),
        *("dns:1.1.1.1", "tcp://x.com", "https://me@x.com/"),
    ],
)
def test_a_target_that_this_agent_cannot_measure_is_left_out_and_counted(target: str) -> None:
    plan = opened(plan_of(wire.Assignment(target=target, interval_ms=60_000), X))
    assert (["https://x.com/"], 1) == ([entry.target for entry in plan.assignments], plan.refused)


@pytest.mark.parametrize("target", ["http://x.com/", "quic://x.com/", "tcp://x.com:5222", "dns:x.com"])
def test_a_target_of_each_scheme_is_kept(target: str) -> None:
    plan = opened(plan_of(wire.Assignment(target=target, interval_ms=60_000)))
    assert ([target], 0) == ([entry.target for entry in plan.assignments], plan.refused)


def test_quic_is_left_out_and_counted_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "available", lambda: False)
    plan = opened(plan_of(wire.Assignment(target="quic://x.com/", interval_ms=60_000), X))
    assert (["https://x.com/"], 1) == ([entry.target for entry in plan.assignments], plan.refused)


def controls(*addresses: str, lab: bool = False) -> tuple[str, ...]:
    entry = wire.Assignment(target="https://x.com/", interval_ms=60_000, control_addresses=addresses)
    return opened(plan_of(entry), lab=lab).assignments[0].control_addresses


def test_addresses_from_controls_are_canonical_and_few() -> None:
    assert ("104.244.42.1", "2606:4700::1") == controls("104.244.42.1", "2606:4700:0::0001", "104.244.42.65")
    assert ("104.244.42.1",) == controls("x.com", "", "104.244.42.1", "104.244.42.1")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fe80::1%eth0", "64:ff9b::1.1.1.1"]
)
def test_a_special_address_from_controls_is_dropped_outside_of_the_lab(address: str) -> None:
    assert () == controls(address)
    assert ("104.244.42.1",) == controls(address, "104.244.42.1")
    assert 1 == len(controls(address, lab=True))


def test_an_assignment_without_an_interval_is_left_out() -> None:
    assert () == opened(plan_of(wire.Assignment(target="https://x.com/"))).assignments


def test_the_same_target_twice_counts_once() -> None:
    assert (1, 1) == (len(opened(plan_of(X, X)).assignments), opened(plan_of(X, X)).refused)


def test_there_is_a_most_of_assignments() -> None:
    many = [wire.Assignment(target=f"https://x.com/{n}", interval_ms=60_000) for n in range(ceilings.ASSIGNMENTS + 5)]
    plan = opened(plan_of(*many))
    assert (ceilings.ASSIGNMENTS, 5) == (len(plan.assignments), plan.refused)


def test_odd_numbers_are_brought_into_range() -> None:
    odd = wire.Assignment(target="https://x.com/", interval_ms=60_000, phase_ms=61_000, full_every=0, priority=77)
    (entry,) = opened(plan_of(odd)).assignments
    assert (1_000, 1, 3) == (entry.phase_ms, entry.full_every, entry.priority)


def with_plan(change: Callable[[wire.Plan], object]) -> Settings:
    plan = plan_of(X)
    change(plan)
    return opened(plan).settings


def test_what_a_plan_does_not_say_is_the_agents_own() -> None:
    assert Settings(doh=(), udp=()) == opened(plan_of(X)).settings


def test_deadlines_come_from_the_plan_up_to_a_ceiling() -> None:
    settings = with_plan(
        lambda plan: plan.deadlines.MergeFrom(
            wire.Deadlines(dns_ms=250, tcp_ms=10**9, tls_ms=1000, quic_ms=1250, http_ms=1500, repeat_pause_ms=10**9)
        )
    )
    assert (0.25, ceilings.STEP_SECONDS, 1.0, 1.25, 1.5, ceilings.PAUSE_SECONDS) == (
        settings.dns_s,
        settings.tcp_s,
        settings.tls_s,
        settings.quic_s,
        settings.http_s,
        settings.repeat_pause_s,
    )


def test_resolvers_and_names_come_from_the_plan_up_to_a_number() -> None:
    def change(plan: wire.Plan) -> None:
        plan.resolvers.udp.extend(["192.0.2.1"] * 50)
        plan.resolvers.doh.extend(["https://192.0.2.1/dns-query"])
        plan.innocuous_names.extend(f"n{n}.example" for n in range(50))

    settings = with_plan(change)
    assert ceilings.RESOLVERS == len(settings.udp)
    assert ("https://192.0.2.1/dns-query",) == settings.doh
    assert ceilings.INNOCUOUS_NAMES == len(settings.innocuous_names)


@pytest.mark.parametrize("url", ["http://check.example/204", "http://1.1.1.1/", "http://[2606:4700::1]:8080/x"])
def test_what_asks_for_a_captive_portal_comes_from_the_plan(url: str) -> None:
    assert url == with_plan(lambda plan: setattr(plan, "portal_check", url)).portal_check


@pytest.mark.parametrize(
    "url",
    [
        "https://check.example/",
        "http://192.168.1.1/",
        "http://[::1]/",
        "http://",
        "check.example",
        "http://me:me@x.com/",
    ],
)
def test_what_would_ask_another_way_or_at_home_is_passed_over(url: str) -> None:
    assert "" == with_plan(lambda plan: setattr(plan, "portal_check", url)).portal_check


def test_a_mark_that_is_too_long_or_empty_is_left_out() -> None:
    def change(plan: wire.Plan) -> None:
        for identifier, text in (("a", "prohibited"), ("b", "é" * 101), ("", "text"), ("c", "")):
            plan.marks.add(id=identifier, text=text)

    assert (("a", "prohibited"),) == with_plan(change).marks


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_truncated_plan_on_disk_is_none(cut: int) -> None:
    stored = signed(plan_of(X)).SerializeToString()
    assert stored_plan(stored, public_key=PUBLIC, agent_id="me", limits=Ceilings()) == opened(plan_of(X))
    assert stored_plan(stored[:cut], public_key=PUBLIC, agent_id="me", limits=Ceilings()) is None
    assert stored_plan(None, public_key=PUBLIC, agent_id="me", limits=Ceilings()) is None


def with_transfer(**fields: object) -> wire.Assignment:
    transfer = wire.TransferPlan(url="https://x.com/o", bytes=50_000, control_name="www.example.com", every=9)
    for name, value in fields.items():
        setattr(transfer, name, value)
    return wire.Assignment(platform="x", target="https://x.com/", interval_ms=120_000, transfer=transfer)


def test_an_object_to_read_is_taken_over() -> None:
    (assignment,) = opened(plan_of(with_transfer(reference_url="https://r.example/o"))).assignments
    transfer = assignment.transfer
    assert transfer is not None
    assert ("https://x.com/o", 50_000, "www.example.com", "https://r.example/o", 9) == (
        str(transfer.url),
        transfer.bytes,
        transfer.control_name,
        str(transfer.reference),
        assignment.transfer_every,
    )


def test_no_plan_has_more_read_than_the_ceiling() -> None:
    (assignment,) = opened(plan_of(with_transfer(bytes=2**31))).assignments
    assert assignment.transfer is not None
    assert ceilings.READ_BYTES == assignment.transfer.bytes


@pytest.mark.parametrize("url", ["", "ftp://x.com/", "https://127.0.0.1/o", "https://10.1.2.3/o", "quic://x.com/"])
def test_an_object_that_is_none_or_in_a_private_place_is_left_out(url: str) -> None:
    (assignment,) = opened(plan_of(with_transfer(url=url))).assignments
    assert assignment.transfer is None


@pytest.mark.parametrize("name", ["", "not a name", "1.2.3.4", "//x.com", "x.com/path"])
def test_what_is_no_name_is_never_said_in_place_of_one(name: str) -> None:
    (assignment,) = opened(plan_of(with_transfer(control_name=name))).assignments
    assert assignment.transfer is not None
    assert "" == assignment.transfer.control_name


def test_without_an_object_nothing_is_read() -> None:
    (assignment,) = opened(plan_of(X)).assignments
    assert (None, 0) == (assignment.transfer, assignment.transfer_every)


def test_an_authority_of_a_target_is_taken_over_and_what_is_none_is_not_measured() -> None:
    """Held against the system's roots instead, its server would look like somebody else's."""
    root = root_of(trustme.CA())
    entries = [
        wire.Assignment(platform="x", target=f"tls://{name}.x.com", interval_ms=120_000, authority=der)
        for name, der in (("a", root), ("b", b"nothing"), ("c", root + bytes(9000)))
    ]
    plan = opened(plan_of(*entries))
    assert [root] == [one.authority for one in plan.assignments]
    assert 2 == plan.refused
