"""`GET /openapi.json`: everything that can be called here, for tools and for the portal's API page.

Resource Manager's part is made from the declared types, the rest from the list of doors beside it.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband import __version__
from outofband.http import edge
from outofband.http.door import Door
from outofband.http.doors import DOORS, FORMS
from outofband.http.services import Services
from outofband.resources.openapi import Json, Paths, reference, schemas
from outofband.wire.arm.operations import RETRY_AFTER_SECONDS

_ABOUT = """Resource Manager in Azure's shapes, and the doors beside it.

Ids and names in paths compare without case. What takes a while answers `201` or `202` with
`Azure-AsyncOperation`, an address to ask until `status` is `Succeeded` or `Failed`. Every error has a code, a
cause and what to do about it."""
_TENANT = "Id or domain of the tenant, `organizations` or `common`"
_USER = "Id or sign-in name of the user"


class OpenApi:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._text: bytes | None = None

    async def serve(self, request: Request) -> Response:
        """GET /openapi.json"""
        if self._text is None:
            self._text = msgspec.json.encode(document(Paths(self._services.registry)))
        headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache"}
        return edge.tagged(request, Response(self._text, headers=headers))


def document(resources: Paths) -> Json:
    """The whole document."""
    paths = dict(resources.paths)
    structs = set(resources.structs)
    for door in DOORS:
        paths.setdefault(door.path, {})[door.method] = _operation(door)
        structs |= {each for each in (door.body, door.answer) if each is not None}
    tags = dict.fromkeys(operation["tags"][0] for path in paths.values() for operation in _operations(path))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outofband",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": {**_COMMON, **schemas(structs, paths)},
            "responses": _RESPONSES,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operations(path: Json) -> list[Json]:
    return [operation for verb, operation in path.items() if verb != "parameters"]


def _operation(door: Door) -> Json:
    answer: Json = {"description": "Done."}
    if door.answer is not None:
        answer |= _content(reference(door.answer))
    elif door.plain:
        answer["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif door.status != 204:
        answer["content"] = {"application/json": {"schema": {"type": "object"}}}
    operation: Json = {
        "operationId": door.id,
        "tags": [door.tag],
        "summary": door.about,
        "description": door.needs or "Needs no token.",
        "parameters": [*_named(door.path), *map(_query, door.query)],
        "responses": {str(door.status): answer, "default": {"$ref": "#/components/responses/Error"}},
    }
    if not door.needs:
        operation["security"] = []
    if door.body is not None:
        body = _content(reference(door.body))
        if door.example is not None:
            body["content"]["application/json"]["example"] = door.example
        operation["requestBody"] = {"required": True, **body}
    if door.form is not None:
        fields = {name: {"type": "string", "description": about} for name, about in FORMS[door.form].items()}
        form = {"schema": {"type": "object", "properties": fields, "required": ["client_id"]}}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": form},
        }
    return operation


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _named(path: str) -> list[Json]:
    known = {
        "tenant": (_TENANT, "organizations"),
        "user": (_USER, None),
        "session": ("Id of a sign-in, from the list of them", None),
        "console": ("Session of a console, as in `connectionString`", None),
        "command": ("`nmi`, `reset` or `sysrq`", "sysrq"),
        "object": ("Id of an object of the directory", None),
        "member": ("Id of a member or an owner", None),
        "provider": ("Id or name of a provider", None),
        "identity": ("Id of a link, from the list of them", None),
        "package": ("Name of an agent package, as the call that makes a script gives it", None),
    }
    found = []
    for name, (about, default) in known.items():
        if f"{{{name}}}" in path:
            schema: Json = {"type": "string"} | ({"default": default} if default else {})
            found.append(
                {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
            )
    return found


def _query(option: tuple[str, str]) -> Json:
    name, about = option
    return {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}


_RESOURCE: Json = {
    "type": "object",
    "description": "A resource. Parts that are read by themselves have other members.",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "type": {"type": "string"},
        "location": {"type": "string"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "etag": {"type": "string"},
        "properties": {"type": "object"},
    },
}
_COMMON: Json = {
    "Resource": _RESOURCE,
    "ResourceList": {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}},
            "nextLink": {"type": "string", "description": "Address of the next page"},
        },
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string", "description": "In the catalogue: `oob explain CODE`"},
                    "message": {"type": "string"},
                    "target": {"type": "string"},
                    "additionalInfo": {
                        "type": "array",
                        "description": "`OutofbandRemedy`: title, cause, remedy, action, retryable, fields",
                        "items": {"type": "object"},
                    },
                },
            }
        },
    },
}
_RESPONSES: Json = {
    "Error": {"description": "Why it was not done.", **_content({"$ref": "#/components/schemas/Error"})},
    "Accepted": {
        "description": "It was begun; ask at `Azure-AsyncOperation` how it goes.",
        "headers": {
            "Azure-AsyncOperation": {"schema": {"type": "string"}},
            "Location": {"schema": {"type": "string"}},
            "Retry-After": {"schema": {"type": "integer", "default": RETRY_AFTER_SECONDS}},
        },
    },
}
