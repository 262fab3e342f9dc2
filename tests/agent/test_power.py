"""Batteries as systems tell of them."""

from pathlib import Path

from rabta_agent.holds import Power
from rabta_agent.power import of_sysfs, parse_pmset, read_power


def supply(root: Path, name: str, **values: str) -> None:
    (root / name).mkdir()
    for key, value in values.items():
        (root / name / key).write_text(f"{value}\n", encoding="ascii")


def test_a_laptop_without_its_plug(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging", capacity="17")
    supply(tmp_path, "hid-mouse", type="Battery", status="Discharging", capacity="3", scope="Device")
    assert Power(on_battery=True, charge=17) == of_sysfs(tmp_path)


def test_a_laptop_at_its_plug(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Charging", capacity="17")
    assert Power(on_battery=False, charge=17) == of_sysfs(tmp_path)


def test_a_machine_without_a_battery(tmp_path: Path) -> None:
    assert Power() == of_sysfs(tmp_path)
    assert Power() == of_sysfs(tmp_path / "missing")


def test_a_mac() -> None:
    text = (
        "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t62%; discharging; 4:01 remaining present: true\n"
    )
    assert Power(on_battery=True, charge=62) == parse_pmset(text)
    assert Power() == parse_pmset("Now drawing from 'AC Power'\n")


def test_this_machine_can_be_asked() -> None:
    read_power()
