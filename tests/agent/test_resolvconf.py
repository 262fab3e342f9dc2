from pathlib import Path

from rabta_agent.network import Vantage
from rabta_agent.resolvconf import read_system_resolvers


def test_resolvers_that_were_set_go_before_the_machines(tmp_path: Path) -> None:
    vantage = Vantage(system_resolvers=("127.0.0.53:5353",))
    assert ("127.0.0.53:5353",) == read_system_resolvers(vantage, tmp_path / "none")


def test_the_machines_resolvers_are_the_first_three_that_are_addresses(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# comment\nsearch lan\nnameserver 192.168.1.1\nnameserver\nnameserver nonsense\n"
        "nameserver fe80::1%eth0\nnameserver 8.8.8.8\nnameserver 9.9.9.9\n\xff",
        encoding="latin-1",
    )
    assert ("192.168.1.1", "fe80::1%eth0", "8.8.8.8") == read_system_resolvers(Vantage(), path)


def test_a_machine_without_the_file_asks_its_platform(tmp_path: Path) -> None:
    assert None is read_system_resolvers(Vantage(), tmp_path / "none")
