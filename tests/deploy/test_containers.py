"""Containers, alone and in parts: every reference leads somewhere, everything is pinned, everybody is locked in.

No Docker engine is asked: what is looked at is what the files say.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rabta_collector.config import load_config
from rabta_collector.jetstream.place import parse_place
from support.guarded import USERS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = {
    name: yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8")) for name in ("compose.yaml", "compose.scale.yaml")
}
SERVICES: dict[str, dict[str, Any]] = COMPOSE["compose.yaml"]["services"]
IN_PARTS: dict[str, dict[str, Any]] = COMPOSE["compose.scale.yaml"]["services"]
EVERY = [(file, name) for file, compose in COMPOSE.items() for name in compose["services"]]
DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))
# The keys of the Compose specification that are used here; a misspelt one would be refused by `docker compose` only.
KEYS = {"build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "hostname", "image", "logging"}
KEYS |= {
    "network_mode",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
}
MADE_BY_HAND = "./secrets/scale"
PINNED = re.compile(r"[a-z/-]+:v?\d+\.\d+(?:\.\d+)?[a-z0-9.-]*")


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_a_service_is_pinned_locked_in_and_watched(file: str, name: str) -> None:
    service = COMPOSE[file]["services"][name]
    assert set() == service.keys() - KEYS
    assert PINNED.fullmatch(service["image"])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert (True, ["ALL"], ["no-new-privileges:true"]) == tuple(
        service[key] for key in ("read_only", "cap_drop", "security_opt")
    )
    assert service.get("healthcheck", {}).get("test") or "HEALTHCHECK" in dockerfile(service)


def dockerfile(service: dict[str, Any]) -> str:
    return (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8") if "build" in service else ""


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_what_a_service_mounts_is_there_and_what_it_writes_is_a_volume(file: str, name: str) -> None:
    for mount in COMPOSE[file]["services"][name].get("volumes", ()):
        source, _, where = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", mount).partition(":")
        if source.startswith("."):
            assert source.startswith(MADE_BY_HAND) or (DEPLOY / source).exists(), mount
            assert where.endswith(":ro"), mount
        else:
            assert source in COMPOSE[file]["volumes"], mount


@pytest.mark.parametrize("file", COMPOSE)
def test_every_volume_is_somebodys(file: str) -> None:
    mounts = [mount for service in COMPOSE[file]["services"].values() for mount in service.get("volumes", ())]
    assert set() == set(COMPOSE[file]["volumes"]) - {mount.split(":")[0] for mount in mounts}


@pytest.mark.parametrize("file", COMPOSE)
def test_nothing_is_published_beyond_this_machine(file: str) -> None:
    ports = [port for service in COMPOSE[file]["services"].values() for port in service.get("ports", ())]
    assert len(ports) >= 4
    assert [] == [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)]


def test_services_name_each_other_by_names_and_ports_that_exist() -> None:
    listens = {"collector": {"9150"}, "demo": {"8081"}, "alertmanager": {"9093"}, "prometheus": {"9090"}}
    files = [path for path in (DEPLOY / "compose" / "targets").glob("*.yml") if path.stem != "scale"]
    texts = [path.read_text(encoding="utf-8") for path in files]
    texts.append(SERVICES["grafana"]["environment"]["RABTA_PROMETHEUS"])
    named = [pair for text in texts for pair in re.findall(r"([a-z-]+):(\d+)", text)]
    assert {"collector", "demo", "alertmanager", "prometheus"} == {name for name, _ in named}
    assert [] == [(name, port) for name, port in named if name not in SERVICES or port not in listens[name]]
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        assert service.get("network_mode", "service:demo").removeprefix("service:") in SERVICES


def test_there_are_three_servers_two_of_each_part_and_prometheus_scrapes_them() -> None:
    parts = {"ingest1": "ingest", "ingest2": "ingest", "decide1": "decide", "decide2": "decide", "archive": "archive"}
    assert {"n1", "n2", "n3", *parts, "balancer", "prometheus"} == set(IN_PARTS)
    for name, part in parts.items():
        command = ("archive", "--keep") if part == "archive" else (part,)
        assert [*command, "--config", f"/etc/rabta/{part}.toml"] == IN_PARTS[name]["command"]
        config = load_config(file=DEPLOY / "compose" / "scale" / f"{part}.toml", flags={}, environment={})
        place = parse_place(config.journal)
        assert (part, 3, tuple(f"nats://n{n}:4222" for n in (1, 2, 3))) == (place.user, place.replicas, place.servers)
        assert config.admin
        assert config.admin.port == 9150
    for name in ("n1", "n2", "n3"):
        assert {"NODE": name} == IN_PARTS[name]["environment"]
    (targets,) = yaml.safe_load((DEPLOY / "compose" / "targets" / "scale.yml").read_text(encoding="utf-8"))
    assert {f"{name}:9150" for name in parts} == set(targets["targets"])


def test_the_balancer_leads_to_every_process_and_is_published_where_it_listens() -> None:
    text = (DEPLOY / "compose" / "scale" / "haproxy.cfg").read_text(encoding="utf-8")
    led = set(re.findall(r"^    server \S+ (\S+)$", text, re.MULTILINE))
    parts = [(f"ingest{n}", port) for n in (1, 2) for port in (50051, 8080)] + [("decide1", 8080), ("decide2", 8080)]
    assert {f"{name}:{port}" for name, port in parts} == led
    published = {port.split(":")[1] for port in IN_PARTS["balancer"]["ports"]}
    assert set(re.findall(r"^    bind :(\d+)$", text, re.MULTILINE)) == published


def test_the_servers_in_containers_are_told_every_value_that_their_configuration_asks_for() -> None:
    asked = set(re.findall(r"\$(OUR_\w+)", (DEPLOY / "nats" / "nats.conf").read_text(encoding="utf-8")))
    own = (DEPLOY / "compose" / "scale" / "machine.conf").read_text(encoding="utf-8")
    said = set(re.findall(r"^(OUR_\w+):", own, re.MULTILINE))
    assert asked == said | {f"OUR_PASSWORD_{user.upper()}" for user in USERS}
    assert 'include "secrets/passwords.conf"' in own


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
    for service in (*SERVICES.values(), *IN_PARTS.values()):
        if "build" in service:
            assert f"\nUSER {service['user']}\n" in dockerfile(service)
