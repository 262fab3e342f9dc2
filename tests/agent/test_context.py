import socket
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_agent import context
from rabta_agent.context import (
    Interface,
    NetworkIdentity,
    has_changed,
    identify_network,
    judge_kind,
    judge_vpn,
    network_context,
)
from rabta_agent.network import Vantage
from rabta_proto.model import NetworkContext
from rabta_proto.vocabulary import NetworkKind


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        (Interface(name="wlp2s0", wireless=True), NetworkKind.WIFI),
        (Interface(name="odd0", device_type="wlan"), NetworkKind.WIFI),
        (Interface(name="wwan0"), NetworkKind.MOBILE),
        (Interface(name="odd0", device_type="wwan"), NetworkKind.MOBILE),
        (Interface(name="rmnet_data0"), NetworkKind.MOBILE),
        (Interface(name="usb0"), NetworkKind.MOBILE),
        (Interface(name="enp3s0"), NetworkKind.ETHERNET),
        (Interface(name="eth0"), NetworkKind.ETHERNET),
        (Interface(name="tun0"), NetworkKind.UNKNOWN),
    ],
)
def test_an_interface_tells_its_kind(interface: Interface, kind: NetworkKind) -> None:
    assert kind == judge_kind(interface)


@pytest.mark.parametrize(
    ("interface", "vpn"),
    [
        (Interface(name="tun0", tunnel=True, mtu=1500), True),
        (Interface(name="work", tunnel=True, mtu=1500), True),
        (Interface(name="work", device_type="wireguard", mtu=1420), True),
        (Interface(name="wg0", mtu=1420), True),
        (Interface(name="ppp0", mtu=1400), True),
        (Interface(name="ppp0", mtu=1492), False),
        (Interface(name="ppp0", mtu=1500), False),
        (Interface(name="eth0", mtu=1500), False),
        (Interface(name="wlan0", wireless=True, mtu=1400), False),
    ],
    ids=lambda value: value.name if isinstance(value, Interface) else str(value),
)
def test_a_tunnel_is_told_from_a_line(interface: Interface, vpn: bool) -> None:
    assert vpn is judge_vpn(interface)


def test_an_interface_is_read_from_sysfs(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / "phy80211").mkdir(parents=True)
    (folder / "uevent").write_text("DEVTYPE=wlan\nINTERFACE=work\nodd line\n")
    (folder / "mtu").write_text("1420\n")
    (folder / "tun_flags").write_text("0x1001\n")
    expected = Interface(name="work", wireless=True, device_type="wlan", mtu=1420, tunnel=True)
    assert expected == context._read_interface("work", tmp_path)


def test_an_interface_that_is_gone_is_only_its_name(tmp_path: Path) -> None:
    assert Interface(name="gone") == context._read_interface("gone", tmp_path)


def test_a_device_is_read_once_but_for_the_mtu_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def read(name: str) -> Interface:
        looks.append(name)
        return Interface(name=name, mtu=1400)

    monkeypatch.setattr(context, "_read_interface", read)
    monkeypatch.setattr(context, "_read_mtu", lambda name: 1492)
    monkeypatch.setattr(socket, "if_nametoindex", {"ppp7": 7, "eth7": 8}.__getitem__)
    seen = [context._look_at(name).mtu for name in ("ppp7", "ppp7", "eth7", "eth7")]
    monkeypatch.setattr(socket, "if_nametoindex", {"eth7": 9}.__getitem__)
    context._look_at("eth7")
    assert ([1492, 1492, 1400, 1400], ["ppp7", "eth7", "eth7"]) == (seen, looks)


def test_in_the_lab_loopback_is_the_internet_and_no_vpn() -> None:
    seen = network_context("ptcl", Vantage(lab=True, source_address="127.11.1.1"))
    assert NetworkContext(isp="ptcl", vpn=False, ipv4=True, ipv6=False, lab=True) == seen


def test_a_source_that_is_not_ours_has_no_route() -> None:
    seen = network_context("ptcl", Vantage(source_address="192.0.2.77"))
    assert (False, False, None) == (seen.ipv4, seen.ipv6, seen.vpn)


def test_the_interface_towards_the_internet_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_source_towards", lambda family, vantage: "10.8.0.2")
    monkeypatch.setattr(context, "_find_interface", lambda address: "tun0")
    monkeypatch.setattr(context, "_read_interface", lambda name: Interface(name=name, tunnel=True))
    assert NetworkContext(isp="zong", vpn=True, ipv4=True, ipv6=True) == network_context("zong", Vantage())


HERE = NetworkIdentity(interface="wlan0", ipv4="192.168.1.7", ipv6_prefix="2400:adc0::/64")


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[socket.AddressFamily, str | None]:
    """The addresses that the kernel would choose; to be changed."""
    chosen: dict[socket.AddressFamily, str | None] = {socket.AF_INET: "192.168.1.7", socket.AF_INET6: "2400:adc0::1:7"}
    monkeypatch.setattr(context, "_source_towards", lambda family, vantage: chosen[family])
    monkeypatch.setattr(context, "_find_interface", lambda address: "wlan0")
    return chosen


def test_a_network_is_its_interface_and_the_addresses_on_it(
    sources: dict[socket.AddressFamily, str | None],
) -> None:
    assert HERE == identify_network(Vantage())
    sources[socket.AF_INET6] = None
    assert replace(HERE, ipv6_prefix=None) == identify_network(Vantage())


def test_a_new_ipv6_address_of_the_day_is_no_new_network(sources: dict[socket.AddressFamily, str | None]) -> None:
    sources[socket.AF_INET6] = "2400:adc0::2:8"
    assert HERE == identify_network(Vantage())
    sources[socket.AF_INET6] = "2400:adc0:0:1::2:8"
    assert HERE != identify_network(Vantage())


def test_no_route_and_the_lab_have_no_identity(sources: dict[socket.AddressFamily, str | None]) -> None:
    assert None is identify_network(Vantage(lab=True))
    sources.update({socket.AF_INET: None, socket.AF_INET6: None})
    assert None is identify_network(Vantage())


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (HERE, HERE, False),
        (HERE, replace(HERE, interface="eth0"), True),
        (HERE, replace(HERE, ipv4="10.1.2.3"), True),
        (HERE, None, True),
        (None, HERE, True),
        (None, None, None),
    ],
)
def test_a_network_that_became_another_is_seen(
    before: NetworkIdentity | None, after: NetworkIdentity | None, changed: bool | None
) -> None:
    assert changed is has_changed(before, after)


def test_without_an_interface_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_find_interface", lambda address: None)
    seen = network_context("", Vantage())
    assert (NetworkKind.UNKNOWN, None) == (seen.kind, seen.vpn)


def test_loopback_has_an_interface() -> None:
    assert context._find_interface("127.0.0.1") in ("lo", None)
    assert None is context._find_interface("192.0.2.77")


def test_this_machine_is_described_without_an_exception() -> None:
    assert isinstance(network_context("", Vantage()), NetworkContext)
