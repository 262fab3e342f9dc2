"""What ships for Kubernetes: valid by Kubernetes' own schemas, whole, closed, and without a secret.

No cluster is asked: objects are held against the schemas of several versions, and against each other.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rabta_collector.config import load_config
from rabta_collector.jetstream.place import parse_place
from support.guarded import USERS
from support.programs import require

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.27", "1.32", "1.37")
MADE_BY_HAND = {"nats-tls", "nats-passwords", "nats-users", "agents-tls", "plan-keys"}
Object = dict[str, Any]


def objects() -> Iterator[Object]:
    for name in yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]:
        yield from yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))


OBJECTS = list(objects())
WORKLOADS = {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] in ("Deployment", "StatefulSet")}


def of_kind(kind: str) -> list[Object]:
    return [one for one in OBJECTS if one["kind"] == kind]


def name_of(one: Object) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def pods(workload: Object) -> Object:
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def matches(selector: dict[str, str], workload: Object) -> bool:
    return selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_schemas_know_every_field(version: str) -> None:
    for one in OBJECTS:
        kubernetes_validate.validate(one, version, strict=True)


def test_every_file_is_used() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    files = {file.partition("=")[2] or file for made in listed["configMapGenerator"] for file in made["files"]}
    assert [] == [file for file in files if not (FOLDER / file).exists()]
    apart = {"kustomization.yaml", "prometheus.yml", "README.md"}
    assert {path.name for path in FOLDER.iterdir()} - apart == {*listed["resources"], *files} - {"../nats/nats.conf"}


def test_there_are_three_servers_and_two_processes_of_each_part() -> None:
    parts = {"nats": 3, "ingest": 2, "decide": 2, "archive": 2}
    assert parts == {name: one["spec"]["replicas"] for name, one in WORKLOADS.items()}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_container_is_pinned_closed_bounded_and_watched(name: str) -> None:
    spec = pods(WORKLOADS[name])
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        assert re.fullmatch(r"[a-z-]+:\d+\.\d+\.\d+(?:-alpine)?", container["image"])
        closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert closed == container["securityContext"]
        assert {"requests", "limits"} == container["resources"].keys()
    (main,) = spec["containers"]
    ports = {port["name"] for port in main["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert main[probe]["httpGet"]["port"] in ports
    assert main["readinessProbe"]["httpGet"]["path"] in ("/readyz", "/healthz")


@pytest.mark.parametrize("name", WORKLOADS)
def test_two_of_a_kind_are_not_on_one_machine_nor_stopped_at_once(name: str) -> None:
    workload = WORKLOADS[name]
    rules = pods(workload)["affinity"]["podAntiAffinity"]
    terms = [term for kind in rules.values() for term in kind]
    (term,) = [term.get("podAffinityTerm", term) for term in terms]
    assert "kubernetes.io/hostname" == term["topologyKey"]
    assert matches(term["labelSelector"]["matchLabels"], workload)
    (budget,) = [b for b in of_kind("PodDisruptionBudget") if matches(b["spec"]["selector"]["matchLabels"], workload)]
    may_go = budget["spec"].get("maxUnavailable", workload["spec"]["replicas"] - budget["spec"].get("minAvailable", 0))
    assert 1 == may_go


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_is_mounted_is_a_volume_and_every_volume_is_mounted(name: str) -> None:
    workload = WORKLOADS[name]
    spec = pods(workload)
    containers = (*spec.get("initContainers", ()), *spec["containers"])
    mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
    claimed = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())}
    assert mounted == {volume["name"] for volume in spec["volumes"]} | claimed


def sources() -> Iterator[tuple[str, Object]]:
    """Config maps and secrets that pods take in."""
    for workload in WORKLOADS.values():
        for volume in pods(workload)["volumes"]:
            for source in (volume, *volume.get("projected", {}).get("sources", ())):
                for kind in ("secret", "configMap"):
                    if kind in source:
                        yield kind, source[kind]


def test_secrets_are_named_and_not_here() -> None:
    assert [] == of_kind("Secret")
    asked = {one.get("secretName", one.get("name")) for kind, one in sources() if kind == "secret"}
    assert MADE_BY_HAND == asked
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert MADE_BY_HAND == set(re.findall(r"create secret \w+ ([\w-]+)", readme))


def test_config_maps_are_made_of_what_is_there() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["configMapGenerator"]
    keys = {made["name"]: {file.partition("=")[0] for file in made["files"]} for made in listed}
    for kind, one in sources():
        if kind == "configMap":
            assert {item["key"] for item in one.get("items", ())} <= keys[one["name"]]


@pytest.mark.parametrize("part", ["ingest", "decide", "archive"])
def test_a_part_takes_its_configuration_and_finds_its_files(part: str) -> None:
    config = load_config(file=FOLDER / f"{part}.toml", flags={}, environment={})
    place = parse_place(config.journal)
    assert (part, 3) == (place.user, place.replicas)
    assert part in USERS
    projected = next(volume for volume in pods(WORKLOADS[part])["volumes"] if volume["name"] == "config")["projected"]
    held = [source.get("secret") or source["configMap"] for source in projected["sources"]]
    paths = {f"/etc/rabta/{item['path']}" for one in held for item in one["items"]}
    asked = [place.password_file, place.ca, place.cert, place.key, config.tls_cert, config.tls_key]
    assert {str(file) for file in asked if file is not None} <= paths
    ports = {port["name"]: port["containerPort"] for port in pods(WORKLOADS[part])["containers"][0]["ports"]}
    listens = {"http": config.http.port, "metrics": config.admin.port if config.admin else 0}
    listens |= {"grpc": config.grpc.port, "post": config.https.port if config.https else 0} if part == "ingest" else {}
    assert listens == ports


def test_services_lead_to_pods_and_ports_that_exist() -> None:
    for service in of_kind("Service"):
        chosen = [one for one in WORKLOADS.values() if matches(service["spec"]["selector"], one)]
        assert chosen, name_of(service)
        for workload in chosen:
            ports = pods(workload)["containers"][0]["ports"]
            known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
            assert {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]} <= known
    named = {one["spec"]["serviceName"] for one in WORKLOADS.values() if one["kind"] == "StatefulSet"}
    headless = {one["metadata"]["name"] for one in of_kind("Service") if one["spec"].get("clusterIP") == "None"}
    assert named <= headless


def test_nobody_reaches_anything_that_is_not_said() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == policies.pop("nobody")
    opened: dict[str, set[int]] = {name: set() for name in WORKLOADS}
    for policy in policies.values():
        selector = policy["podSelector"].get("matchLabels", {})
        for name, workload in WORKLOADS.items():
            if "matchExpressions" not in policy["podSelector"] and matches(selector, workload):
                opened[name] |= {port["port"] for rule in policy.get("ingress", ()) for port in rule["ports"]}
    parts = {"ingest": {50051, 8443, 9150}, "decide": {8080, 9150}, "archive": {9150}}
    assert {"nats": {4222, 6222}} | parts == opened
    assert "restricted" == of_kind("Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


def test_questions_of_readers_find_their_way_to_who_decides() -> None:
    """By a name that the others look up, through the one port that is open for them."""
    (http,) = (port["containerPort"] for port in pods(WORKLOADS["decide"])["containers"][0]["ports"][:1])
    assert pods(WORKLOADS["decide"])["setHostnameAsFQDN"] is True
    (policy,) = (one["spec"] for one in of_kind("NetworkPolicy") if one["metadata"]["name"] == "questions")
    (expression,) = policy["podSelector"]["matchExpressions"]
    assert {"key": "app", "operator": "In", "values": ["ingest", "decide"]} == expression
    (rule,) = policy["egress"]
    assert [{"protocol": "TCP", "port": http}] == rule["ports"]
    assert [{"podSelector": {"matchLabels": {"app": "decide"}}}] == rule["to"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_readme_makes_a_workload_of_each_share(number: int) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (script,) = (one for one in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "--share" in one)
    made = script.replace("kubectl --namespace rabta apply --filename -", "cat")
    done = subprocess.run(
        ["bash", "-c", made],
        env={"n": str(number), "PATH": "/usr/bin:/bin"},
        cwd=FOLDER.parents[1],
        capture_output=True,
    )
    assert (0, b"") == (done.returncode, done.stderr)
    (one,) = filter(None, yaml.safe_load_all(done.stdout))
    for version in VERSIONS:
        kubernetes_validate.validate(one, version, strict=True)
    assert f"decide-{number}" == one["metadata"]["name"]
    assert ["decide", f"--share={number}/3", "--config", "/etc/rabta/decide.toml"] == pods(one)["containers"][0]["args"]
    own = {"app": "decide", "share": str(number)}
    assert own == one["spec"]["selector"]["matchLabels"]
    assert matches(own, one)
    (apart,) = pods(one)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert own == apart["labelSelector"]["matchLabels"]


def test_the_servers_configuration_is_that_of_deploy_nats_with_every_value_that_it_asks_for() -> None:
    asked = set(re.findall(r"\$(OUR_\w+)", (FOLDER.parent / "nats" / "nats.conf").read_text(encoding="utf-8")))
    said = re.findall(r"^(OUR_\w+):", (FOLDER / "machine.conf").read_text(encoding="utf-8"), re.MULTILINE)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert asked == {*said, *(f"OUR_PASSWORD_{user.upper()}" for user in USERS)}
    assert all(f"OUR_PASSWORD_{user.upper()}" in readme for user in USERS)


def test_prometheus_finds_the_service_of_all_processes() -> None:
    promtool = require("promtool", "prometheus")
    done = subprocess.run([promtool, "check", "config", FOLDER / "prometheus.yml"], capture_output=True, check=False)
    assert 0 == done.returncode, done.stdout
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    shipped = yaml.safe_load((FOLDER.parent / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    ours = next(one for one in shipped["scrape_configs"] if one["job_name"] == "rabta")
    assert {key: ours[key] for key in ("job_name", "sample_limit", "body_size_limit")}.items() <= job.items()
    (looked_up,) = job["dns_sd_configs"]
    (name,) = looked_up["names"]
    (service,) = [one for one in of_kind("Service") if one["metadata"]["name"] == name.split(".")[0]]
    assert [looked_up["port"]] == [port["port"] for port in service["spec"]["ports"]]
    assert all(matches(service["spec"]["selector"], WORKLOADS[part]) for part in ("ingest", "decide", "archive"))
