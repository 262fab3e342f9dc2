"""The commands, as an operator types them."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
import trustme

from rabta_collector.cli import run
from rabta_collector.datadir import DataDir
from rabta_collector.outliers import SCORES
from rabta_collector.registry import Newcomer, Registry
from support.authorities import make_root, written

NEWCOMER = Newcomer(isp="zong", province="", version="0.1.0")


class Terminal:
    """Runs a command and keeps what it said."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self._capsys = data, capsys
        self.environment: dict[str, str] = {}

    def _run(self, arguments: tuple[str, ...]) -> object:
        try:
            return run(arguments, {"RABTA_DATA": str(self.data), **self.environment})
        except SystemExit as wrong:
            return wrong.code

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Standard output, or the one line on standard error where `code` is not 0."""
        assert code == self._run(arguments)
        output = self._capsys.readouterr()
        if code:
            assert "" == output.out
            return output.err
        assert "" == output.err
        return output.out


@pytest.fixture
def fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """On a machine where no collector has run."""
    return Terminal(tmp_path / "data", capsys)


@pytest.fixture
def terminal(fresh: Terminal) -> Terminal:
    """Where one has."""
    Registry(DataDir(fresh.data).state).close()
    return fresh


def test_an_invitation_is_a_line(terminal: Terminal) -> None:
    assert 3 == len(terminal("invite", "--isp", "ptcl", "--count", "3").splitlines())


def test_an_invitation_is_a_link_where_that_is_wanted(terminal: Terminal) -> None:
    (link,) = terminal("invite", "--show", "link", "--at", "https://c.example/").splitlines()
    assert re.fullmatch(r"https://c\.example/join#rabta-[\w-]+", link)
    assert "no address is known that agents could be sent to; see --at" in terminal("invite", "--show", "link", code=2)
    assert '--at: "c.example" is no address' in terminal("invite", "--at", "c.example", code=2)


def test_an_invitation_leads_to_the_first_address_of_the_running_collector(terminal: Terminal) -> None:
    with closing(Registry(DataDir(terminal.data).state)) as registry:
        registry.keep_fact("endpoints", "https://c.example https+post://d.example")
    assert terminal("invite", "--show", "link").startswith("https://c.example/join#")


def test_on_a_terminal_an_invitation_is_all_that_can_be_handed_on(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    said = terminal("invite", "--isp", "ptcl", "--uses", "20", "--at", "https://c.example")
    token, _, line, link, *_ = said.splitlines()
    assert [f"  rabta-agent join https://c.example --invite {token}", f"  https://c.example/join#{token}"] == [
        line,
        link,
    ]
    assert "█▄▄▄█" in said  # of the squares in three corners of every code, whatever it says
    assert "For 20 agents at ptcl (probe), until 20" in said


def test_an_invitation_may_pin_the_key_of_the_agents_side(terminal: Terminal, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    trustme.CA().cert_pem.write_to_path(str(cert))
    token, _, pin = terminal("invite", "--pin", "--tls-cert", str(cert)).strip().partition("@")
    assert token.startswith("rabta-")
    assert re.fullmatch("sha256-[A-Za-z0-9_-]{43}", pin)
    assert "--pin: there is no key to pin; see --tls-cert" in terminal("invite", "--pin", code=2)
    cert.write_text("nothing")
    assert "not a certificate in PEM form" in terminal("invite", "--pin", "--tls-cert", str(cert), code=1)


def test_an_invitation_gives_what_was_asked(terminal: Terminal) -> None:
    token = terminal("invite", "--role", "control", "--uses", "2", "--expires", "1h").strip()
    registry = Registry(terminal.data / "state.sqlite")
    for _ in range(2):
        agent, _secret = registry.enrol(token, NEWCOMER, now=0.0)
        assert ("control", "") == (str(agent.role), agent.isp)
    registry.close()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--isp", "ptlc"), 1, '--isp: no ISP has the id "ptlc"; did you mean ptcl?'),
        (("--isp", "???"), 1, "one of: ptcl, nayatel"),
        (("--uses", "0"), 2, '"0" is no number from 1 to'),
        (("--expires", "week"), 2, '"week" is no duration'),
        (("--expires", "500d"), 2, "is not within 1s to 366d"),
        (("--role", "king"), 2, "invalid choice"),
        (("--role", "control", "--isp", "ptcl"), 2, "--isp: a control stands outside of every ISP"),
    ],
)
def test_a_wrong_invitation_is_not_made(
    terminal: Terminal, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert message in terminal("invite", *arguments, code=code)


def test_an_invitation_is_held_against_the_isps_of_the_running_collector(terminal: Terminal) -> None:
    registry = Registry(DataDir(terminal.data).state)
    registry.keep_fact("isps", "alpha beta")
    registry.close()
    assert terminal("invite", "--isp", "alpha")
    assert "did you mean alpha?" in terminal("invite", "--isp", "alpa", code=1)


def test_agents_are_listed_and_revoked(terminal: Terminal) -> None:
    token = terminal("invite", "--isp", "ptcl").strip()
    registry = Registry(terminal.data / "state.sqlite")
    agent, secret = registry.enrol(token, NEWCOMER, now=1_700_000_000.0)
    registry.close()
    (listed,) = json.loads(terminal("agents", "--json"))["agents"]
    assert (agent.id, "ptcl", "2023-11-14T22:13:20Z", None) == (
        listed["agent"],
        listed["isp"],
        listed["enrolled"],
        listed["revoked"],
    )
    assert None is listed["outlier"]
    with closing(Registry(terminal.data / "state.sqlite")) as beside:
        beside.keep_fact(SCORES, json.dumps({agent.id: 0.25}))
    assert 0.25 == json.loads(terminal("agents", "--json"))["agents"][0]["outlier"]
    assert "0.25" in terminal("agents")
    assert f"revoked {agent.id}\n" == terminal("revoke", agent.id)
    listing = terminal("agents")
    assert agent.id in listing
    assert secret not in listing
    assert json.loads(terminal("agents", "--json"))["agents"][0]["revoked"]


def test_a_wrong_agent_is_one_line(terminal: Terminal) -> None:
    terminal("invite")
    assert 'rabta-collector: no agent has the id "x"; `rabta-collector agents` lists them\n' == terminal(
        "revoke", "x", code=1
    )


@pytest.mark.parametrize("arguments", [("agents",), ("revoke", "x"), ("invite",), ("invite", "--role", "control")])
def test_a_directory_of_nobody_is_not_made(fresh: Terminal, arguments: tuple[str, ...]) -> None:
    wrong = fresh(*arguments, code=1)
    assert f"{fresh.data}: no collector's data directory; see --data, or run `rabta-collector serve` first" in wrong
    assert not fresh.data.exists()


def test_a_good_targets_file_is_said_to_be_good(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[platform]]\nid = "x"\n[[platform.target]]\nurl = "https://x.com/"\ninterval = "60s"\n')
    assert "good\n1 platforms with 1 targets, 0 references; about 13 MB a day" in terminal(
        "targets", "check", str(file)
    )


LAB_TARGETS = """\
portal_check = "http://10.9.0.1/204"
[[platform]]
id = "x"
[[platform.target]]
url = "https://x.com/"
[[platform.target]]
url = "https://127.3.0.1/"
[[platform.target]]
url = "quic://x.com/"
required = false
[[reference]]
url = "tcp://[fd00::1]:443"
"""


def test_targets_that_only_a_lab_can_have_are_warned_of(
    terminal: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.toml"
    file.write_text(LAB_TARGETS)
    assert 0 == run(("targets", "check", str(file)), {})
    said = capsys.readouterr()
    assert "1 platforms with 3 targets, 1 of them not required, 1 references; about" in said.out
    assert [
        f"rabta-collector: warning: {url}: no address of the public Internet; agents refuse to dial it outside of the "
        "lab"
        for url in ("https://127.3.0.1/", "tcp://[fd00::1]:443", "http://10.9.0.1/204")
    ] == said.err.splitlines()


def test_a_category_that_no_volunteer_knows_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[platform]]\nid = "x"\ncategory = "FRIENDS"\n[[platform.target]]\nurl = "dns:x.com"\n')
    assert 0 == run(("targets", "check", str(file)), {})
    said = capsys.readouterr()
    assert "platform x: no volunteer knows the category 'FRIENDS'; expected one of ALDR," in said.err
    assert "within 15 MB a day each, 1 agent can keep every interval" in said.out


def test_what_a_targets_file_leaves_out_is_said_with_its_price(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    start, rest = (
        'portal_check = "http://p.example/"\n',
        '[[platform]]\nid = "x"\n[[platform.target]]\nurl = "dns:x.com"\n',
    )
    file.write_text(rest)
    said = terminal("targets", "check", str(file))
    assert "\nno DoH resolver: a lie of DNS shows by the controls alone\nno portal_check: a captive portal" in said
    file.write_text(start + rest + '[resolvers]\ndoh = ["https://1.1.1.1/"]\n')
    said = terminal("targets", "check", str(file))
    assert "DoH" not in said
    assert "portal" not in said


def test_the_default_catalogue_is_good_and_within_the_volunteers_bytes(terminal: Terminal) -> None:
    with resources.as_file(resources.files("rabta_collector") / "data" / "targets.toml") as file:
        said = terminal("targets", "check", str(file))
    assert "33 platforms with 80 targets, 11 of them not required, 4 references; about 96 MB a day" in said
    assert (
        "timed reads of 8 objects: 6 MB a day more for each ISP, at most 3 MB of one agent's 15: fewer than 3" in said
    )
    assert "within 15 MB a day each, 6 agents can keep every interval" in said


@pytest.mark.parametrize(("days", "warned"), [(300, True), (-3, True), (400, False)])
def test_an_authority_that_ends_within_a_year_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int, warned: bool
) -> None:
    file, root = tmp_path / "t.toml", make_root(ends_in=timedelta(days=days))
    file.write_text(
        f'[[platform]]\nid = "x"\n[[platform.target]]\nurl = "tls://x.com"\nauthority = "{written(root)}"\n'
    )
    assert 0 == run(("targets", "check", str(file)), {})
    end = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
    said = capsys.readouterr().err
    assert warned is (f"tls://x.com: its authority's certificate ends on {end}, and for 15 days before that" in said)


def test_an_object_that_nothing_can_be_compared_with_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, read = tmp_path / "t.toml", 'transfer = { url = "https://x.com/o", bytes = 98304%s }\n'
    written = '[[platform]]\nid = "x"\n[[platform.target]]\nurl = "https://x.com/"\n'
    for more, warned in ((read % "", True), (read % ', control_name = "example.com"', False)):
        file.write_text(written + more)
        assert 0 == run(("targets", "check", str(file)), {})
        said = capsys.readouterr()
        assert warned is ("https://x.com/: its transfer has no control_name, and no reference has a" in said.err)
        assert "timed reads of 1 objects: 11 MB a day more for each ISP" in said.out
    file.write_text(written + read % "" + '[[reference]]\nurl = "https://r.org/"\n' + read % "")
    assert 0 == run(("targets", "check", str(file)), {})
    assert "" == capsys.readouterr().err


def test_a_malformed_targets_file_names_file_line_and_key(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[platform]]\nid = "x"\n[[platform.target]]\nurl = "x.com"\n')
    wrong = terminal("targets", "check", str(file), code=1)
    assert f'rabta-collector: {file}:4: platform.target.url: "x.com" has no scheme' in wrong
    assert 1 == wrong.count("\n")


def test_the_effective_configuration_is_printed(terminal: Terminal) -> None:
    shown = terminal("config", "--grpc", "127.0.0.1:1234", "--lab")
    assert 'grpc = "127.0.0.1:1234"' in shown
    assert "lab = true" in shown


def test_wrong_usage_is_code_2(terminal: Terminal) -> None:
    assert "rabta-collector" in terminal("dance", code=2)
    assert "required" in terminal(code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grpc", "nowhere"), '--grpc: "nowhere" is not HOST:PORT'),
        (("--http", "[::1:80"), '--http: "[::1:80" is not HOST:PORT'),
        (("--heartbeat", "often"), '--heartbeat: "often" is no duration'),
        (("--log-level", "loud"), '--log-level: "loud" is none of'),
    ],
)
def test_a_flag_that_cannot_be_used_is_wrong_usage_and_one_line(
    terminal: Terminal, arguments: tuple[str, ...], message: str
) -> None:
    for command in ("serve", "config"):
        wrong = terminal(command, *arguments, code=2)
        assert f"rabta-collector: {message}" in wrong
        assert 1 == wrong.count("\n")


def test_a_configuration_that_cannot_be_used_is_no_wrong_usage(terminal: Terminal) -> None:
    terminal.environment["RABTA_HEARTBEAT"] = "often"
    assert 'RABTA_HEARTBEAT: "often" is no duration' in terminal("config", code=1)


def test_the_version_is_a_line(terminal: Terminal) -> None:
    assert terminal("version").startswith("rabta-collector 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", "missing.toml"), "missing.toml: No such file or directory"),
        (("--targets", "missing.toml"), "missing.toml: No such file or directory"),
        (("--tls-cert", "a", "--tls-key", "b"), "a: No such file or directory"),
        (("--data", "/dev/null/data"), "/dev/null/data: the data directory cannot be written: Not a directory"),
    ],
)
def test_what_keeps_a_collector_from_serving_is_one_line(
    terminal: Terminal, arguments: tuple[str, ...], message: str
) -> None:
    wrong = terminal("serve", *arguments, code=1)
    assert message in wrong
    assert 1 == wrong.count("\n")
