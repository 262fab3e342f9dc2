"""What `status` says, read beside an agent that runs, one that does not, and one that never joined."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rabta_agent.config import Config
from rabta_agent.contacts import contact_of
from rabta_agent.exits import CommandError
from rabta_agent.home import Home, Link
from rabta_agent.spool import Spool, SpoolError
from rabta_agent.status import Facts, read_status
from rabta_proto.model import Measurement
from support.agents import credential
from support.scripted_collector import signed_plan

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PROMISED = {
    "joined", "isp", "role", "running", "connected", "epoch", "produced", "acked", "waiting", "dropped", "rejected",
    "dropped_old", "dropped_damaged",
    "measured_today", "bytes_today", "bytes_cap", "plan_version", "plan_expires", "collector",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(path=tmp_path)


def status(home: Home) -> Facts:
    return read_status(home, Config(), NOW)


def test_every_key_that_was_promised_is_always_there(home: Home) -> None:
    assert status(home).keys() >= PROMISED
    home.save_credential(credential())
    assert status(home).keys() >= PROMISED


def test_a_home_that_never_joined_has_nothing(home: Home) -> None:
    facts = status(home)
    assert (False, False, False, None, None, 0) == (
        facts["joined"],
        facts["running"],
        facts["connected"],
        facts["collector"],
        facts["plan_version"],
        facts["produced"],
    )
    assert [] == list(home.path.iterdir())  # and looking makes nothing


def test_the_numbers_of_the_spool_and_the_plan_are_there(home: Home) -> None:
    home.save_credential(credential())
    home.save_plan(signed_plan("https://x.com/", version=4).SerializeToString())
    spool = Spool(home.spool_file, limit_bytes=10**6, today=lambda: NOW)
    one = Measurement(target="https://x.com/", started_at=NOW, duration_us=1, agent_version="1", bytes_sent=9)
    spool.append(one, contact_of(one))
    facts = status(home)
    assert (spool.epoch, 1, 1, 1, 9) == (
        facts["epoch"],
        facts["produced"],
        facts["waiting"],
        facts["measured_today"],
        facts["bytes_today"],
    )
    assert (4, 1, "ptcl", 15_000_000) == (
        facts["plan_version"],
        facts["plan_targets"],
        facts["isp"],
        facts["bytes_cap"],
    )


@pytest.mark.parametrize("running", [False, True])
def test_connected_is_only_who_runs(home: Home, running: bool) -> None:
    home.save_credential(credential())
    home.save_link(Link(connected=True, endpoint="https://second.example:443", since=0))
    if running:
        with home.locked():
            facts = status(home)
    else:
        facts = status(home)
    collector = "https://second.example:443" if running else credential().endpoints[0]
    assert (running, running, collector) == (facts["running"], facts["connected"], facts["collector"])


@pytest.mark.parametrize("running", [False, True])
def test_an_agent_that_is_not_connected_says_why(home: Home, running: bool) -> None:
    home.save_credential(credential())
    home.save_link(Link(connected=False, endpoint="https://c.example:443", since=0, trouble="unavailable: gone"))
    with home.locked() if running else nullcontext():
        facts = status(home)
    assert (False, "unavailable: gone") == (facts["connected"], facts["trouble"])


def test_a_spool_that_cannot_be_read_is_one_line(home: Home) -> None:
    home.spool_file.write_bytes(b"garbage" * 1000)
    with pytest.raises(SpoolError, match="not a database"):
        status(home)


def test_a_damaged_credential_is_one_line(home: Home) -> None:
    (home.path / "credential.json").write_text("{")
    with pytest.raises(CommandError, match="damaged"):
        status(home)


def test_a_secret_is_no_fact(home: Home) -> None:
    home.save_credential(credential())
    assert "s3cret" not in str(status(home))
