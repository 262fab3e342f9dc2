"""An invitation as an operator hands it on, and as an agent takes it."""

import pytest

from rabta_agent.cli.invitation import read_link
from rabta_collector.invitation import InvalidAddressError, Invitation, parse_address

TOKEN = "rabta-0123456789abcdefABCDEF_-0123456789"
PIN = "@sha256-" + "Ab_-" * 10 + "abc"


@pytest.mark.parametrize("address", ["https://c.example", "https+post://c.example:8443", "http://127.0.0.1:50051"])
@pytest.mark.parametrize("token", [TOKEN, TOKEN + PIN])
def test_an_agent_reads_a_link_as_it_was_meant(address: str, token: str) -> None:
    made = Invitation(address=address, token=token)
    assert (address, token, "") == ((read := read_link(made.link)).url, read.token, read.isp)
    assert f"rabta-agent join {address} --invite {token}" == made.line


def test_the_code_fits_a_terminal_also_with_a_pin() -> None:
    lines = Invitation(address="https://collector.province.example.pk:8443", token=TOKEN + PIN).code.splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) < 40
    assert set("".join(lines)) == set("█▀▄ ")


def test_the_code_holds_the_link() -> None:
    """Its modules are those of the library's own matrix for the link: two rows in each line."""
    import segno

    made = Invitation(address="https://c.example", token=TOKEN)
    rows = [bytes(row) for row in segno.make(made.link, micro=False).matrix_iter(border=2)]
    rows += [bytes(len(rows[0]))] * (len(rows) % 2)
    drawn = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    for number, line in enumerate(made.code.splitlines()):
        upper, lower = rows[2 * number], rows[2 * number + 1]
        assert [drawn[letter][0] for letter in line] == list(upper)
        if number < len(rows) // 2 - 1:
            assert [drawn[letter][1] for letter in line] == list(lower)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://c.example/", "https://c.example"),
        (" https://c.example:8443 ", "https://c.example:8443"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"),
    ],
)
def test_an_address_is_written_as_agents_write_it(text: str, address: str) -> None:
    assert address == parse_address(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("c.example", "is no address of a collector"),
        ("ftp://c.example", "is no address of a collector"),
        ("https://", "is no address of a collector"),
        ("https://c.example:port", "is no URL"),
        ("https://c.example/join", "only scheme, host and port"),
        ("https://me@c.example", "only scheme, host and port"),
    ],
)
def test_what_is_no_address_is_named(text: str, problem: str) -> None:
    with pytest.raises(InvalidAddressError, match=problem):
        parse_address(text)
