"""The services' units: known to systemd, and closed as far as they can be."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from rabta_collector.config import load_config
from rabta_collector.isp_share import parse_share
from rabta_collector.jetstream.place import parse_place
from support.programs import require

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
# systemd's own measure of what a service could do to the machine: 0 nothing, 10 everything.
EXPOSED_AT_MOST = {
    "rabta-agent.service": 1.2,
    "rabta-collector.service": 1.0,
    "rabta-ingest.service": 1.0,
    "rabta-decide.service": 1.0,
    "rabta-decide@.service": 1.0,
    "rabta-archive.service": 1.0,
}
INSTANCE = "1-3"
"""As systemd writes the share 1/3 in a unit's name; `%I` is the share again."""

CONFIGURED = {"collector": DEPLOY / "collector.toml"} | {
    part: DEPLOY / "scale" / f"{part}.toml" for part in ("ingest", "decide", "archive")
}


@pytest.mark.parametrize("unit", sorted(EXPOSED_AT_MOST))
def test_a_service_can_do_little_to_the_machine(unit: str) -> None:
    command = [require("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager", str(UNITS / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert told, done.stdout
    assert float(told[1]) <= EXPOSED_AT_MOST[unit]


@pytest.mark.parametrize("unit", sorted(EXPOSED_AT_MOST))
def test_systemd_knows_every_line(unit: str, tmp_path: Path) -> None:
    """Its program is not installed here, so another stands in its place."""
    text, name = (UNITS / unit).read_text(encoding="utf-8"), unit.replace("@.", f"@{INSTANCE}.")
    (tmp_path / name).write_text(re.sub(r"/opt/rabta/bin/\S+", "/bin/true", text), encoding="utf-8")
    command = [require("systemd-analyze", "systemd"), "verify", "--man=no", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, "".join(line for line in done.stderr.splitlines(True) if name in line))


@pytest.mark.parametrize("unit", sorted(EXPOSED_AT_MOST.keys() - {"rabta-agent.service", "rabta-ingest.service"}))
def test_what_is_in_no_hurry_may_step_back(unit: str) -> None:
    """Who writes a checkpoint or seals a day does (setpriority(2), which is among @resources)."""
    filters = re.findall(r"^SystemCallFilter=(.*)$", (UNITS / unit).read_text(encoding="utf-8"), re.MULTILINE)
    assert "setpriority" in filters[-1].split()


def test_every_service_has_a_user_and_the_state_directory_of_its_own() -> None:
    users = re.findall(r"^u (\S+) ", (UNITS / "rabta.sysusers").read_text(encoding="utf-8"), re.MULTILINE)
    for unit in EXPOSED_AT_MOST:
        service = configparser.ConfigParser(strict=False, interpolation=None)
        service.optionxform = str  # type: ignore[assignment,method-assign] # systemd's keys are told apart by case
        service.read(UNITS / unit, encoding="utf-8")
        assert service["Service"]["User"] in users
        assert "0700" == service["Service"]["StateDirectoryMode"]


@pytest.mark.parametrize("part", sorted(CONFIGURED))
def test_a_collector_keeps_its_data_where_its_unit_lets_it(part: str) -> None:
    config = load_config(file=CONFIGURED[part], flags={}, environment={})
    unit = (UNITS / f"rabta-{part}.service").read_text(encoding="utf-8")
    assert config.data == Path("/var/lib") / re.findall(r"^StateDirectory=(\S+)$", unit, re.MULTILINE)[0]
    assert re.findall(r"--config (\S+)$", unit, re.MULTILINE) == [f"/etc/rabta/{part}.toml"]


def test_a_share_is_decided_on_as_the_whole_is_by_a_unit_of_its_own() -> None:
    whole, share = ((UNITS / f"rabta-{name}.service").read_text(encoding="utf-8") for name in ("decide", "decide@"))
    new = [line for line in share.splitlines() if line not in whole.splitlines() and not line.startswith("#")]
    begins = "ExecStart=/opt/rabta/bin/rabta-collector decide --config /etc/rabta/decide.toml"
    assert [
        "Description=Rabta decide: share %I of the ISPs",
        "StateDirectory=rabta-decide-%i",
        "EnvironmentFile=-/etc/rabta/decide-%i.env",
        f"{begins} --data /var/lib/rabta-decide-%i --share %I",
    ] == new
    command = [require("systemd-escape", "systemd"), "--unescape", INSTANCE]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert "1/3" == str(parse_share(said))


@pytest.mark.parametrize("part", ["ingest", "decide", "archive"])
def test_a_part_runs_its_own_command_with_its_own_account_and_reaches_this_machine_alone(part: str) -> None:
    unit = (UNITS / f"rabta-{part}.service").read_text(encoding="utf-8")
    command = "archive --keep" if part == "archive" else part
    assert f"ExecStart=/opt/rabta/bin/rabta-collector {command} --config" in unit
    assert "IPAddressAllow=localhost\nIPAddressDeny=any\n" in unit
    place = parse_place(load_config(file=CONFIGURED[part], flags={}, environment={}).journal)
    assert (part, 3, 3, True) == (place.user, place.replicas, len(place.servers), place.tls)
