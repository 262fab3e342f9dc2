"""What the real agent notes in its place, by the rules that volunteers' agents run under."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.netns.lab import NetnsLab
from lab.programs import AGENT, ProgramError, environment, run
from lab.scenario import Scenario
from rabta_proto.vocabulary import Failure, Step

pytestmark = pytest.mark.root

NOTED: Mapping[str, tuple[Step, Failure | None]] = {
    "plain-https": (Step.HTTP, None),
    "plain-quic": (Step.QUIC, None),
    "vpn-open": (Step.HTTP, None),
    "broken-ipv6": (Step.HTTP, None),
    "tcp-reset-https": (Step.TCP, Failure.CONNECTION_RESET),
    "ip-prohibited-https": (Step.TCP, Failure.HOST_UNREACHABLE),
    "dns-private-https": (Step.TCP, Failure.SPECIAL_ADDRESS),
    "sni-reset": (Step.TLS, Failure.CONNECTION_RESET),
    "sni-alert": (Step.TLS, Failure.SSL_FAILED_HANDSHAKE),
    "tls-forged": (Step.TLS, Failure.SSL_UNKNOWN_AUTHORITY),
    "old-roots": (Step.TLS, Failure.SSL_UNKNOWN_AUTHORITY),
    "host-close": (Step.HTTP, Failure.EOF),
    "quic-refused": (Step.QUIC, Failure.CONNECTION_REFUSED),
}
INJECTED = "dns-injected-https"
OVER_UDP = ("RESOLVER_KIND_SYSTEM", "RESOLVER_KIND_UDP")
AT_ONCE = 3
WITHIN_S = 180.0

Measurements = Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def measured(lab: NetnsLab, scenarios: tuple[Scenario, ...], tmp_path_factory: pytest.TempPathFactory) -> Measurements:
    """`rabta-agent probe --json` of each of these scenarios, by its id."""
    wanted = [scenario for scenario in scenarios if scenario.id in {*NOTED, INJECTED}]
    home = tmp_path_factory.mktemp("home")

    async def probe_all() -> list[dict[str, Any]]:
        turn = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(_probe(lab, scenario, home, turn) for scenario in wanted))

    return dict(zip((scenario.id for scenario in wanted), asyncio.run(probe_all()), strict=True))


async def _probe(lab: NetnsLab, scenario: Scenario, home: Path, turn: asyncio.Semaphore) -> dict[str, Any]:
    place = lab.agent(scenario.vantage, 1)
    env = environment(**place.env, RABTA_HOME=str(home))
    async with turn:
        said = await run(*place.prefix, AGENT, "probe", lab.target(scenario), "--json", env=env, within=WITHIN_S)
    measurement: dict[str, Any] = json.loads(said)
    return measurement


@pytest.mark.parametrize(("id_", "step", "failure"), [(id_, *noted) for id_, noted in NOTED.items()])
def test_what_a_censor_does_is_noted_as_what_it_is(
    measured: Measurements, id_: str, step: Step, failure: Failure | None
) -> None:
    found = {o.get("failure") for o in measured[id_]["observations"] if step in o}
    assert failure in found
    if failure is None:
        assert {None} == found


def test_both_answers_of_an_injection_are_noted(measured: Measurements, lab: NetnsLab) -> None:
    """Of one question at least: who injects is a program, and may be held up between a lie and the truth behind it."""
    true = lab.world.address(f"{INJECTED}.example")
    asked = [o["dns"] for o in measured[INJECTED]["observations"] if "dns" in o]
    injected = [one for one in asked if one.get("resolverKind") in OVER_UDP and one.get("answers")]
    assert not any(true in str(one["answers"]) for one in injected)
    later = [one.get("laterReplies", []) for one in injected]
    assert any(1 == len(replies) and true in str(replies) for replies in later)


def test_a_vpn_is_known_for_one_and_nothing_else_is(measured: Measurements) -> None:
    assert {"vpn-open"} == {id_ for id_, measurement in measured.items() if measurement["network"]["vpn"]}


def test_no_switch_of_the_lab_is_in_use(measured: Measurements) -> None:
    assert not any(measurement["network"].get("lab") for measurement in measured.values())


async def test_plain_http_to_a_collector_is_refused_as_anywhere(lab: NetnsLab, tmp_path: Path) -> None:
    place = lab.control(1)
    env = environment(**place.env, RABTA_HOME=str(tmp_path))
    with pytest.raises(ProgramError, match="not encrypted"):
        await run(*place.prefix, AGENT, "join", "http://collector-0.example", "--invite", "x", env=env)
