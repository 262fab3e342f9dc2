"""From a peer to its ISP."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from rabta_collector.document import InvalidFileError
from rabta_collector.isps import default_isps
from rabta_collector.networks import Networks, address_of, open_networks


class Table:
    """A database of two networks."""

    def get(self, address: str) -> object:
        ip_address(address)  # like the real one it raises ValueError
        return {
            "192.0.2.1": {"autonomous_system_number": 17557},
            "192.0.2.2": {"autonomous_system_number": 64500},
            "192.0.2.3": {"city": "a"},
        }.get(address)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:4711", "192.0.2.1"),
        ("ipv6:[2001:db8::1]:4711", "2001:db8::1"),
        ("ipv6:%5B2001:db8::1%5D:4711", "2001:db8::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:4711", "192.0.2.1"),
        ("ipv6:[fe80::1%25eth0]:4711", "fe80::1"),
        ("unix:", ""),
        ("ipv4:999.0.2.1:1", ""),
        ("", ""),
    ],
)
def test_a_peer_has_an_address_or_none(peer: str, address: str) -> None:
    assert address == address_of(peer)


@pytest.mark.parametrize(
    ("peer", "isp"),
    [("ipv4:192.0.2.1:1", "ptcl"), ("ipv4:192.0.2.2:1", ""), ("ipv4:192.0.2.3:1", ""), ("ipv4:192.0.2.9:1", "")],
)
def test_an_address_belongs_to_an_isp_of_ours_or_to_none(peer: str, isp: str) -> None:
    assert isp == Networks(default_isps(), Table()).isp_of(peer)


@pytest.mark.parametrize(
    ("address", "asn"),
    [
        ("192.0.2.1", 17557),
        ("192.0.2.2", 64500),
        ("192.0.2.3", None),
        ("192.0.2.9", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_an_address_is_announced_by_a_network_or_by_none_that_is_known(address: str, asn: int | None) -> None:
    assert asn == Networks(default_isps(), Table()).asn_of(address)


def test_without_a_database_nothing_is_known() -> None:
    networks = open_networks(default_isps(), None)
    assert ("", None) == (networks.isp_of("ipv4:192.0.2.1:1"), networks.asn_of("192.0.2.1"))


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "asn.mmdb"
    with pytest.raises(InvalidFileError, match="No such file"):
        open_networks(default_isps(), file)
    file.write_bytes(b"no database")
    with pytest.raises(InvalidFileError, match="not a MaxMind database"):
        open_networks(default_isps(), file)
