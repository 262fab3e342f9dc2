"""Whether bytes are paid for, as NetworkManager and Windows tell."""

from pathlib import Path

import pytest

from rabta_agent.metered import ask_metered, parse_cost, parse_nmcli


@pytest.mark.parametrize(
    ("text", "metered"),
    [
        ("yes\n", True),
        ("yes (guessed)\n", True),
        ("no\n", False),
        ("no (guessed)\n", False),
        ("unknown\n", None),
        ("", None),
    ],
)
def test_what_nmcli_prints(text: str, metered: bool | None) -> None:
    assert metered is parse_nmcli(text)


@pytest.mark.parametrize(
    ("text", "metered"), [("Unrestricted\r\n", False), ("Fixed", True), ("Variable", True), ("", None)]
)
def test_what_windows_says(text: str, metered: bool | None) -> None:
    assert metered is parse_cost(text)


def test_networkmanager_is_asked_of_the_interface_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nmcli"
    program.write_text(
        '#!/bin/sh\n[ "$LC_ALL $*" = "C -g GENERAL.METERED device show wlan0" ] && echo "yes (guessed)"\n',
        encoding="ascii",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_metered("wlan0") is True
    assert ask_metered("eth0") is None
    assert ask_metered(None) is None
    program.write_text("#!/nonexistent\n", encoding="ascii")
    assert ask_metered("wlan0") is None


def test_without_networkmanager_nobody_can_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_metered("wlan0") is None
