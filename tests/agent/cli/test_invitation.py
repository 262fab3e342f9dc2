"""An invitation as a link or the text of a QR code."""

import pytest

from rabta_agent.cli.invitation import Invitation, read_link


@pytest.mark.parametrize(
    ("text", "invitation"),
    [
        ("https://c.example", Invitation(url="https://c.example")),
        ("https://c.example:8443/", Invitation(url="https://c.example:8443")),
        ("https://c.example#rabta-1-x", Invitation(url="https://c.example", token="rabta-1-x")),
        (
            " rabta:https://c.example/join#rabta-1-x@sha256-ab ",
            Invitation(url="https://c.example", token="rabta-1-x@sha256-ab"),
        ),
        ("https+post://c.example#invite=t&isp=ptcl", Invitation(url="https+post://c.example", token="t", isp="ptcl")),
        ("https://c.example/join#isp=ptcl", Invitation(url="https://c.example", isp="ptcl")),
    ],
)
def test_a_link_says_where_to_and_with_what(text: str, invitation: Invitation) -> None:
    assert invitation == read_link(text)
