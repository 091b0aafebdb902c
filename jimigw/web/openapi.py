"""OpenAPI 3.1, made from the table of routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

import jimigw

from .problems import (
    BAD_REQUEST,
    FORBIDDEN,
    INTERNAL,
    MEDIA,
    MEDIA_TYPE,
    TOO_LARGE,
    TOO_MANY,
    UNAUTHORIZED,
    UNAVAILABLE,
    ProblemBody,
    ProblemKind,
)
from .routes import Answer, Parameter, Route

DESCRIPTION = """\
Terminals, where they are and were, what they reported, and commands to them.

Every request but those to `/health`, `/ready`, `/openapi.json` and `/docs` wants a token:
`Authorization: Bearer TOKEN`. Its scope is `read`, `command` or `admin`; each holds those before it. Errors are
problems of RFC 9457.
"""


def problems_of(route: Route) -> list[ProblemKind]:
    """What can go wrong with a request of this row: what the row says, and what its other columns imply."""
    found = [BAD_REQUEST, UNAUTHORIZED, *route.problems, TOO_MANY, INTERNAL, UNAVAILABLE]
    if route.scope is not None:
        found.append(FORBIDDEN)
    if route.body is not None:
        found += [TOO_LARGE, MEDIA_TYPE]
    return sorted(dict.fromkeys(found), key=lambda kind: kind.status)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, as JSON takes it."""
    rows = list(routes)
    types = list(dict.fromkeys(each for route in rows for each in _types(route)))
    types.insert(0, ProblemBody)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in rows:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jimigw",
            "version": jimigw.__version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in rows)],
        "paths": paths,
        "components": {
            "schemas": {name: _tidied(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "a token of `jimigw token create`"}
            },
        },
    }


def _types(route: Route) -> Iterable[Any]:
    if route.body is not None and route.body.type is not bytes:
        yield route.body.type
    for answer in route.answers.values():
        yield from (each for each in (answer.type, *answer.others.values()) if each not in (None, str, bytes))


def _operation(route: Route, by_type: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.does, "tags": [route.tag]}
    if route.more:
        operation["description"] = route.more
    parameters = [_parameter(each, "path") for each in route.parameters]
    parameters += [_parameter(each, "query") for each in route.query]
    if parameters:
        operation["parameters"] = parameters
    body = route.body
    if body is not None:
        schema = {"type": "string"} if body.type is bytes else by_type[body.type]
        operation["requestBody"] = {
            "description": body.meaning,
            "required": body.required,
            "content": {body.media: {"schema": schema}},
        }
    operation["responses"] = {str(status): _response(each, by_type) for status, each in route.answers.items()}
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in problems_of(route):
        by_status.setdefault(kind.status, []).append(kind)
    problem = {MEDIA: {"schema": by_type[ProblemBody]}}
    for status, kinds in by_status.items():
        if status not in route.answers:
            title = " / ".join(kind.title for kind in kinds)
            operation["responses"][str(status)] = {"description": title, "content": problem}
    operation["security"] = [{"bearer": [route.scope.word]}] if route.scope is not None else []
    return operation


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    schema = dict(parameter.kind.schema)
    if parameter.default not in (None, ""):
        schema["default"] = parameter.default
    told: dict[str, Any] = {
        "name": parameter.name,
        "in": where,
        "required": where == "path" or parameter.required,
        "description": parameter.meaning,
        "schema": schema,
    }
    if schema["type"] == "array":
        told |= {"style": "form", "explode": False}
    return told


def _response(answer: Answer, by_type: dict[Any, Any]) -> dict[str, Any]:
    if answer.type is None:
        return {"description": answer.meaning}
    content = {
        media.partition(";")[0]: _schema(each, by_type)
        for media, each in ((answer.media, answer.type), *answer.others.items())
    }
    return {"description": answer.meaning, "content": content}


def _schema(type: Any, by_type: dict[Any, Any]) -> dict[str, Any]:
    """What an answer of this type holds; bytes have no schema."""
    if type is bytes:
        return {}
    return {"schema": {"type": "string"} if type is str else by_type[type]}


def _tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """Docstrings without the indent of their lines."""
    if "description" in schema:
        schema = {**schema, "description": " ".join(schema["description"].split())}
    return schema


__all__ = ["DESCRIPTION", "document", "problems_of"]
