"""Flags over environment over file over defaults."""

from pathlib import Path

import pytest

from rabta_collector.config import Config, Endpoint, InvalidConfigError, load_config, parse_endpoint, to_toml
from rabta_collector.limits import Limits


def config(
    tmp_path: Path, file: str = "", environment: dict[str, str] | None = None, flags: dict[str, str] | None = None
) -> Config:
    path = tmp_path / "c.toml"
    path.write_text(file)
    return load_config(flags=flags or {}, environment=environment or {}, file=path)


def test_flags_go_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    file = 'log_level = "error"\n'
    assert "info" == config(tmp_path).log_level
    assert "error" == config(tmp_path, file).log_level
    assert "debug" == config(tmp_path, file, {"RABTA_LOG_LEVEL": "debug"}).log_level
    assert "warning" == config(tmp_path, file, {"RABTA_LOG_LEVEL": "debug"}, {"log_level": "warning"}).log_level


def test_ports_of_the_environment_are_defaults(tmp_path: Path) -> None:
    ports = {"RABTA_GRPC_PORT": "1234", "RABTA_HTTP_PORT": "2345"}
    assert ("127.0.0.1:1234", "127.0.0.1:2345") == (
        str(config(tmp_path, environment=ports).grpc),
        str(config(tmp_path, environment=ports).http),
    )
    assert "[::]:9" == str(config(tmp_path, 'grpc = "[::]:9"', ports).grpc)


def test_other_variables_of_rabta_are_left_alone(tmp_path: Path) -> None:
    assert config(tmp_path, environment={"RABTA_HOME": "/a", "RABTA_TEST_ALL": "1"})


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("lab = true")
    assert load_config(flags={}, environment={"RABTA_CONFIG": str(path)}, file=None).lab


def test_the_lab_hurries(tmp_path: Path) -> None:
    usual, lab = config(tmp_path), config(tmp_path, "lab = true")
    assert lab.heartbeat_s < usual.heartbeat_s
    assert lab.share_pause_s < usual.share_pause_s
    assert 3.0 == config(tmp_path, 'lab = true\nheartbeat = "3s"').heartbeat_s


def test_decisions_have_a_table_of_their_own(tmp_path: Path) -> None:
    assert 0.25 == config(tmp_path, "[decide]\ngrid_s = 0.25").settings.grid_s


def test_limits_have_a_table_of_their_own(tmp_path: Path) -> None:
    limits = config(tmp_path, "[limits]\nsessions = 7\n").limits
    assert (7, Limits().inflight_bytes) == (limits.sessions, limits.inflight_bytes)


@pytest.mark.parametrize(
    ("file", "environment", "flags", "message"),
    [
        ("[limits]\nsession = 1", {}, {}, "c.toml:2: limits.session: unknown key; did you mean sessions?"),
        ("[limits]\nsessions = 0", {}, {}, "c.toml:2: limits.sessions: expected a number above 0"),
        ('gprc = "a:1"', {}, {}, "c.toml:1: gprc: unknown key; did you mean grpc?"),
        ("[decide]\ngrid = 1", {}, {}, "c.toml:2: decide.grid: unknown key; did you mean grid_s?"),
        ('[decide]\ngrid_s = "1"', {}, {}, "c.toml:2: decide.grid_s: expected a number above 0"),
        ("[decide]\ngrid_s = 0", {}, {}, "c.toml:2: decide.grid_s: expected a number above 0"),
        ('grpc = "a"', {}, {}, 'c.toml:1: grpc: "a" is not HOST:PORT'),
        ("lab = 2", {}, {}, 'c.toml:1: lab: "2" is neither true nor false'),
        ("", {"RABTA_GRPC_PORT": "x"}, {}, 'RABTA_GRPC_PORT: "x" is no port'),
        ("", {}, {"http": "a:99999"}, '--http: "a:99999" is not HOST:PORT'),
        ("", {}, {"journal": "amqp://a"}, '--journal: "amqp://a" is no journal; expected sqlite or nats://'),
        ("", {}, {"tls_cert": "a.pem"}, "tls_cert and tls_key go together"),
        ("", {}, {"targets": ""}, "--targets: empty; expected a path"),
        ("", {}, {"heartbeat": "1"}, '--heartbeat: "1" is no duration'),
        ("", {}, {"bytes_per_day": "many"}, '--bytes-per-day: "many" is no number of bytes'),
        ("", {}, {"log_level": "loud"}, '--log-level: "loud" is none of debug, info, warning, error'),
    ],
)
def test_what_is_wrong_is_named_with_its_origin(
    tmp_path: Path, file: str, environment: dict[str, str], flags: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        config(tmp_path, file, environment, flags)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["", ":1", "a", "a:", "a:-1", "a:65536", "[::1]", "[::1:5", "[a]b:5", "a b:5", "999.1.1.1:5", "::g:5", "a..b:5"],
)
def test_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parse_endpoint(text)


@pytest.mark.parametrize("text", ["localhost:1", "0.0.0.0:1", "[::]:1", "collector.example:1", "a_b:1"])
def test_an_endpoint_is_a_name_or_an_address(text: str) -> None:
    assert 1 == parse_endpoint(text).port


def test_an_endpoint_may_be_of_either_family() -> None:
    assert Endpoint(host="::1", port=0) == parse_endpoint("[::1]:0")
    assert parse_endpoint("127.3.2.1:5").loopback
    assert not parse_endpoint("0.0.0.0:5").loopback


def test_what_is_printed_gives_the_same_again(tmp_path: Path) -> None:
    first = config(
        tmp_path,
        'endpoints = ["https://a", "https://b"]\nheartbeat = "500ms"\ndata = \'/a "b"\'\n[decide]\ngrid_s = 0.25\n'
        "[limits]\nsessions = 5\n",
    )
    again = config(tmp_path, to_toml(first))
    assert to_toml(first) == to_toml(again)
    assert (first.endpoints, first.heartbeat, first.data) == (again.endpoints, again.heartbeat, again.data)
    assert first.limits == again.limits


def test_no_environment_opens_a_collector_to_the_lab() -> None:
    assert not load_config(flags={}, environment={"RABTA_LAB": "1"}, file=None).lab
    assert load_config(flags={"lab": "true"}, environment={}, file=None).lab
