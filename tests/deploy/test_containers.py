"""compose.yaml and the Dockerfiles: every reference leads somewhere, everything is pinned, and everybody is locked in.

No Docker engine is asked: what is looked at is what the files say.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rabta_collector.config import load_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))
# The keys of the Compose specification that are used here; a misspelt one would be refused by `docker compose` only.
KEYS = {"build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "logging", "network_mode"}
KEYS |= {"ports", "profiles", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes"}
PINNED = re.compile(r"[a-z/-]+:v?\d+\.\d+(?:\.\d+)?[a-z0-9.-]*")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_locked_in_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert set() == service.keys() - KEYS
    assert PINNED.fullmatch(service["image"])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert (True, ["ALL"], ["no-new-privileges:true"]) == tuple(
        service[key] for key in ("read_only", "cap_drop", "security_opt")
    )
    assert service.get("healthcheck", {}).get("test") or "HEALTHCHECK" in dockerfile(service)


def dockerfile(service: dict[str, Any]) -> str:
    return (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8") if "build" in service else ""


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there_and_what_it_writes_is_a_volume(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, _, where = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", mount).partition(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), mount
            assert where.endswith(":ro"), mount
        else:
            assert source in COMPOSE["volumes"], mount


def test_every_volume_is_somebodys() -> None:
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())}
    assert set() == set(COMPOSE["volumes"]) - used


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) >= 4
    assert [] == [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)]


def test_services_name_each_other_by_names_and_ports_that_exist() -> None:
    listens = {"collector": {"9150"}, "demo": {"8081"}, "alertmanager": {"9093"}, "prometheus": {"9090"}}
    texts = [path.read_text(encoding="utf-8") for path in (DEPLOY / "compose" / "targets").glob("*.yml")]
    texts.append(SERVICES["grafana"]["environment"]["RABTA_PROMETHEUS"])
    named = [pair for text in texts for pair in re.findall(r"([a-z-]+):(\d+)", text)]
    assert {"collector", "demo", "alertmanager", "prometheus"} == {name for name, _ in named}
    assert [] == [(name, port) for name, port in named if name not in SERVICES or port not in listens[name]]
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        assert service.get("network_mode", "service:demo").removeprefix("service:") in SERVICES


@pytest.mark.parametrize("file", ["collector.toml", "compose/collector.toml"])
def test_the_collector_takes_its_configuration(file: str) -> None:
    config = load_config(file=DEPLOY / file, flags={}, environment={})
    assert (Path("/var/lib/rabta"), 9150) == (config.data, config.admin.port if config.admin else None)


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_is_pinned_small_and_nobodys(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)(?: AS \w+)?$", text, re.MULTILINE)
    assert bases
    assert all(PINNED.fullmatch(base) for base in bases), bases
    last = text[text.rindex("\nFROM ") if text.count("\nFROM ") else 0 :]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert not re.search(r"^(?:ADD|SHELL) |^(?:CMD|ENTRYPOINT) [^\[]", text, re.MULTILINE)
    for sources in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", text, re.MULTILINE):
        assert [] == [source for source in sources.split() if not (ROOT / source).exists()]


@pytest.mark.parametrize("name", ["agent", "collector"])
def test_images_for_use_are_made_in_two_stages_from_what_is_pinned(name: str) -> None:
    text = (DEPLOY / f"{name}.Dockerfile").read_text(encoding="utf-8")
    assert 2 == len(re.findall(r"^FROM ", text, re.MULTILINE))
    assert "--constraint constraints.txt" in text
    assert "HEALTHCHECK" in text
    assert "linux/amd64,linux/arm64" in text
    user = re.search(r"^USER (\d+):", text, re.MULTILINE)
    assert user
    assert f"--uid {user[1]} " in text


def test_a_services_user_is_that_of_its_image() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert f"\nUSER {service['user']}\n" in dockerfile(service)
