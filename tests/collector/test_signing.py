"""Plans are signed by a key that stays."""

from pathlib import Path

import pytest

from rabta_collector.signing import InvalidKeyError, load_signer, verifies


def test_a_signature_is_of_one_plan_by_one_key(tmp_path: Path) -> None:
    signer, other = load_signer(tmp_path / "a"), load_signer(tmp_path / "b")
    signature = signer.sign(b"plan")
    assert verifies(signer.public_key, b"plan", signature)
    assert not verifies(signer.public_key, b"plane", signature)
    assert not verifies(other.public_key, b"plan", signature)
    assert not verifies(b"short", b"plan", signature)


def test_the_key_stays_and_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "plan.key"
    first = load_signer(file).public_key
    assert first == load_signer(file).public_key
    assert 0o600 == file.stat().st_mode & 0o777


def test_a_damaged_key_is_no_new_key(tmp_path: Path) -> None:
    """A new one would lock out every agent that has pinned the old one."""
    file = tmp_path / "plan.key"
    file.write_bytes(b"half")
    with pytest.raises(InvalidKeyError, match="expected a key of 32 bytes, not 4"):
        load_signer(file)


def test_a_key_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyError, match="Is a directory"):
        load_signer(tmp_path)
