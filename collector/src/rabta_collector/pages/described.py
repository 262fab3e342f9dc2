"""The pages, for the description of the API: where they are, in every language. Pure."""

from collections.abc import Mapping

from rabta_collector.pages.languages import languages
from rabta_collector.schemas import TEXT, Schema

PAGES: Mapping[str, str] = {
    "/": "The country.",
    "/platform/{platform}": "A platform at every ISP.",
    "/isp/{isp}": "An ISP with every platform.",
    "/cell/{platform}/{isp}": "A verdict, and what it rests on.",
    "/event/{event}": "A change, and what it rested on.",
    "/about": "What all of this is.",
    "/method": "How it is decided.",
    "/join": "What to do with the link of an invitation.",
}
"""Addresses below a language's prefix, each with what it shows."""

_CONTENT = {"text/html": {"schema": TEXT}}


def describe_pages() -> Schema:
    """The part of OpenAPI's `paths`."""
    return {
        language.prefix + path: {"get": _describe(f"page_{language.code}_{path}", f"{told} ({language.code})", path)}
        for language in languages()
        for path, told in PAGES.items()
    }


def _describe(operation: str, told: str, path: str) -> Schema:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    responses: Schema = {
        "200": {"description": told, "content": _CONTENT},
        "503": {"description": "The journal is being replayed: nothing is known yet.", "content": _CONTENT},
    }
    if names:
        responses["404"] = {"description": "Nothing is known of that.", "content": _CONTENT}
    return {
        "operationId": operation,
        "summary": told,
        "parameters": [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names],
        "responses": responses,
    }
