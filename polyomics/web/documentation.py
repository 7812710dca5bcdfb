"""The documentation of the API, as OpenAPI; made by FastAPI, and here put right where it says too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi


def documentation(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application; made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/"}],
        )
        for parameter in _parameters(made):
            parameter["schema"] = _never_null(parameter["schema"])
        app.openapi_schema = made
    return app.openapi_schema


def _parameters(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation.get("parameters", ())


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A setting in an address may be left out, but has no way to be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**choices[0], **rest}
