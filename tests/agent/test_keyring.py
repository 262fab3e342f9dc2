"""New secrets: written down first, used from the next session on."""

from pathlib import Path

import pytest
import structlog

from rabta_agent.home import Credential, Home
from rabta_agent.keyring import Keyring
from rabta_proto.v1 import collector_pb2 as wire
from support.agents import credential

NEW = "n" * 43


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(path=tmp_path)
    made.save_credential(credential())
    return made


def kept(home: Home) -> Credential:
    found = home.credential()
    assert found is not None
    return found


async def rotate(keyring: Keyring, secret: str) -> None:
    with structlog.testing.capture_logs():
        await keyring.rotate(wire.Rotation(secret=secret))


async def test_a_new_secret_is_on_disk_and_used_from_then_on(home: Home) -> None:
    keyring = Keyring(home, credential())
    assert "Bearer agent-1.s3cret" == keyring.authorization()
    await rotate(keyring, NEW)
    assert f"Bearer agent-1.{NEW}" == keyring.authorization()
    assert NEW == kept(home).secret
    assert keyring.authorization() == Keyring(home, kept(home)).authorization()


@pytest.mark.parametrize("secret", ["", "short", "n" * 129, "n" * 20 + "\r\nx: y", "n" * 20 + ".", "n" * 20 + "é"])
async def test_what_is_no_secret_changes_nothing(home: Home, secret: str) -> None:
    keyring = Keyring(home, credential())
    await rotate(keyring, secret)
    assert "Bearer agent-1.s3cret" == keyring.authorization()
    assert "s3cret" == kept(home).secret


async def test_a_secret_that_cannot_be_written_down_is_not_used(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Home, credential: Credential) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Home, "save_credential", full)
    keyring = Keyring(home, credential())
    await rotate(keyring, NEW)
    assert "Bearer agent-1.s3cret" == keyring.authorization()
