"""The description is a valid one, and what the collector answers is what it describes."""

import re
from typing import Any

import jsonschema  # type: ignore[import-untyped] # no stubs among our dependencies
import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator

from rabta_collector.api import LISTINGS
from rabta_collector.openapi import describe
from rabta_collector.schemas import EVIDENCE, ITEMS
from rabta_collector.web import make_app
from support.country import Country

DOCUMENT: dict[str, Any] = describe("1.0")


def schema_of(path: str, status: int) -> dict[str, Any]:
    content = DOCUMENT["paths"][path]["get"]["responses"][str(status)]["content"]
    return {**content["application/json"]["schema"], "components": DOCUMENT["components"]}


def validate(value: object, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_list_is_described_with_its_parameters_and_fields() -> None:
    for listing in LISTINGS:
        operation = DOCUMENT["paths"][f"/api/v1/{listing.name}"]["get"]
        assert listing.parameters == {parameter["name"] for parameter in operation["parameters"]}
        assert listing.columns == tuple(ITEMS[listing.name])


def test_every_address_is_described_and_every_described_one_exists() -> None:
    routes = {resource.canonical for resource in make_app(Country()).router.resources()}
    assert routes == set(DOCUMENT["paths"])


@pytest.mark.parametrize("name", [listing.name for listing in LISTINGS])
async def test_a_real_answer_is_what_the_document_says(name: str) -> None:
    async with TestClient(TestServer(make_app(Country()))) as client:
        document = await (await client.get("/api/v1/openapi.json")).json()
        answer = await client.get(f"/api/v1/{name}")
        value = await answer.json()
    assert document["paths"] == DOCUMENT["paths"]
    validate(value, schema_of(f"/api/v1/{name}", 200))
    assert value[name]
    properties = DOCUMENT["components"]["schemas"][name]["properties"]
    assert all(list(properties) == list(row) for row in value[name])
    assert re.search(r"Z$", answer.headers["Rabta-Decided-At"])


@pytest.mark.parametrize(("ready", "status"), [(True, 400), (False, 503)])
async def test_a_real_error_is_what_the_document_says(ready: bool, status: int) -> None:
    async with TestClient(TestServer(make_app(Country(is_ready=ready)))) as client:
        answer = await client.get("/api/v1/verdicts?isp=nowhere")
        assert status == answer.status
        validate(await answer.json(), schema_of("/api/v1/verdicts", status))


@pytest.mark.parametrize("asked", ["platform=x&isp=ptcl", "event=2"])
async def test_real_evidence_is_what_the_document_says(asked: str) -> None:
    async with TestClient(TestServer(make_app(Country()))) as client:
        value = await (await client.get(f"/api/v1/evidence?{asked}")).json()
    validate(value, schema_of("/api/v1/evidence", 200))
    assert list(EVIDENCE) == list(value["evidence"])


def test_a_wrong_answer_is_not_what_the_document_says() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({"verdicts": [{"platform": "x"}]}, schema_of("/api/v1/verdicts", 200))
