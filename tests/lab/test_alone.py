from pathlib import Path

import pytest

from lab.alone import alone
from lab.programs import ProgramError


def test_a_second_one_in_the_same_folder_is_refused_and_one_after_it_is_not(tmp_path: Path) -> None:
    with alone(tmp_path / "play", "play"):
        with (
            pytest.raises(ProgramError, match=r"^another play runs in .*/play; stop it, or give --root"),
            alone(tmp_path / "play", "play"),
        ):
            pass
        with alone(tmp_path / "other", "play"):
            pass
    with alone(tmp_path / "play", "play"):
        pass
