"""Configuration: precedence, the file's errors, and that what is printed can be read again."""

from datetime import time
from pathlib import Path

import pytest

from rabta_agent.categories import RISKY
from rabta_agent.config import Config, InvalidConfigError, load_config, parse_bytes, parse_resolver, set_keys, to_toml


def load(tmp_path: Path, text: str = "", *, environment: dict[str, str] | None = None, **flags: str) -> Config:
    file = tmp_path / "agent.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(flags=flags, environment=environment or {}, file=file)


def test_a_file_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert Config() == load_config(flags={}, environment={}, file=tmp_path / "none.toml")


def test_environment_goes_before_the_file_and_flags_before_both(tmp_path: Path) -> None:
    text = 'bytes_per_day = 1000000\nlog_level = "error"\nsource_address = "127.1.0.1"'
    environment = {"RABTA_LOG_LEVEL": "debug", "RABTA_SOURCE_ADDRESS": "127.2.0.1"}
    config = load(tmp_path, text, environment=environment, source_address="127.3.0.1")
    assert (1_000_000, "debug", "127.3.0.1") == (config.bytes_per_day, config.log_level, config.source_address)


def test_resolvers_are_a_list_in_the_file_and_commas_in_the_environment(tmp_path: Path) -> None:
    expected = ("127.1.0.53:5353", "[::1]:53")
    assert expected == load(tmp_path, 'resolver = ["127.1.0.53:5353", "[::1]:53"]').resolver
    assert expected == load(tmp_path, environment={"RABTA_RESOLVER": "127.1.0.53:5353, [::1]:53"}).resolver


def test_only_the_environment_switches_the_lab_on(tmp_path: Path) -> None:
    assert load(tmp_path, environment={"RABTA_LAB": "1"}).lab
    with pytest.raises(InvalidConfigError, match="only the environment"):
        load(tmp_path, "lab = true")


def test_the_lab_has_bytes_enough_and_a_volunteer_15_mb(tmp_path: Path) -> None:
    assert 15_000_000 == load(tmp_path).day_allowance
    assert load(tmp_path, environment={"RABTA_LAB": "1"}).day_allowance > 10**9
    assert 500_000 == load(tmp_path, "bytes_per_day = 500000", environment={"RABTA_LAB": "1"}).day_allowance


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("color = 1", 'unknown key "color"'),
        ("log_level = 3", "log_level"),
        ("bytes_per_day = true", "bytes_per_day"),
        ('bytes_per_day = "much"', "bytes_per_day"),
        ("bytes_per_day = 5", "less than"),
        ('resolver = "one.one"', "resolver"),
        ("spool_days = 0", "days"),
        ("spool_days = 1.5", "days"),
        ("backlog_bytes_per_s = 999", "less than 1000"),
        ('backlog_bytes_per_s = "1MB"', "more than 250000"),
        ("resolver = []", "resolver"),
        ("resolver = [1]", "resolver"),
        ('source_address = "here"', "source_address"),
        ("[table]\nx = 1", 'unknown key "table"'),
        ("log_level =", "not TOML"),
        ("log_level = " + 2000 * "[", "not TOML"),
    ],
)
def test_a_wrong_file_names_the_file_and_the_key_on_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidConfigError, match=message) as raised:
        load(tmp_path, text)
    assert "agent.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidConfigError, match="not TOML"):
        load_config(flags={}, environment={}, file=file)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="cannot be read"):
        load_config(flags={}, environment={}, file=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("RABTA_LAB", "maybe"), ("RABTA_BYTES_PER_DAY", "-1"), ("RABTA_LOG_LEVEL", "loud")]
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(InvalidConfigError, match=name):
        load(tmp_path, environment={name: value})


def test_a_wrong_flag_is_named_as_it_is_typed(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="--source-address"):
        load(tmp_path, source_address="x")


@pytest.mark.parametrize(
    ("text", "count"), [("15MB", 15_000_000), ("1.5 gb", 1_500_000_000), ("12", 12), ("3kB", 3000)]
)
def test_bytes_may_have_a_decimal_unit(text: str, count: int) -> None:
    assert count == parse_bytes(text)


@pytest.mark.parametrize("text", ["", "MB", "1 PB", "1e9", "-5", "٣"])
def test_other_words_are_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="no number of bytes"):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:5353"])
def test_a_resolver_is_an_address_with_or_without_a_port(text: str) -> None:
    assert text == parse_resolver(text)


@pytest.mark.parametrize(
    "text", ["", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:70000", "[::1]53", "[::1]:x", "dns.example:53"]
)
def test_anything_else_is_no_resolver(text: str) -> None:
    with pytest.raises(ValueError, match=r"resolver|port"):
        parse_resolver(text)


def test_what_the_volunteer_wants_is_read(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('leave_out = ["news"]\ntake_in = ["LGBT"]\nquiet_hours = "22:30-6:00"\nthrough_vpn = true\n')
    config = load_config(flags={"least_charge": "35%"}, environment={"RABTA_LANG": "ur"}, file=file)
    assert {"NEWS", "PORN"} <= config.left_out
    assert "LGBT" not in config.left_out
    wishes = config.wishes
    assert (True, True, 35) == (wishes.through_vpn, wishes.when_metered, wishes.least_charge)
    assert ((time(22, 30), time(6)), "ur") == (wishes.quiet, config.lang)


def test_risky_categories_are_off_until_chosen() -> None:
    assert RISKY == Config().left_out
    assert "NEWS" not in Config().left_out


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("quiet_hours", "late"),
        ("quiet_hours", "25:00-06:00"),
        ("quiet_hours", "06:00-06:00"),
        ("least_charge", "101"),
        ("through_vpn", "perhaps"),
        ("lang", "de"),
        ("leave_out", "NEWS;x"),
    ],
)
def test_a_wish_that_cannot_be_read_is_named(tmp_path: Path, key: str, text: str) -> None:
    with pytest.raises(InvalidConfigError, match=f"--{key.replace('_', '-')}"):
        load_config(flags={key: text}, environment={}, file=tmp_path / "none")


def test_keys_are_written_in_the_place_of_their_old_lines(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("# mine\nbytes_per_day = 5000000\nlog_level = 'debug'\n")
    set_keys(file, {"bytes_per_day": 3_000_000, "leave_out": ("NEWS",), "through_vpn": True})
    assert "# mine" == file.read_text().splitlines()[0]
    config = load_config(flags={}, environment={}, file=file)
    assert (3_000_000, "debug", ("NEWS",), True) == (
        config.bytes_per_day,
        config.log_level,
        config.leave_out,
        config.through_vpn,
    )
    with pytest.raises(InvalidConfigError, match="cannot be written"):
        set_keys(tmp_path / "none" / "agent.toml", {"lang": "ur"})


def test_what_is_printed_gives_the_same_configuration(tmp_path: Path) -> None:
    config = Config(resolver=("127.0.0.1:53",), bytes_per_day=2_000_000, log_level="debug")
    assert config == load(tmp_path, to_toml(config))
    assert Config() == load(tmp_path, to_toml(Config()))
