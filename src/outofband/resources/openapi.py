"""The declared types as an OpenAPI 3.1 document: every path, verb, action and view, with what each needs.

Built from the registry alone, so that it cannot say anything else than what the kernel does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from outofband.resources.declaration import Act, Begin, Option, Place, ResourceType
from outofband.resources.polling import SINCE as POLLS_SINCE
from outofband.wire.arm import paging

SCHEMAS = "#/components/schemas/{name}"
_ROOT = "Microsoft.Resources"
_HEADS = {
    Place.TENANT: "",
    Place.SUBSCRIPTION: "/subscriptions/{subscriptionId}",
    Place.GROUP: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
}
_LISTED = {
    Place.TENANT: "List",
    Place.SUBSCRIPTION: "ListBySubscription",
    Place.GROUP: "ListByResourceGroup",
    Place.RESOURCE: "ListByResource",
}
_AT = {
    Place.TENANT: "AtTenant",
    Place.SUBSCRIPTION: "AtSubscription",
    Place.GROUP: "AtResourceGroup",
    Place.RESOURCE: "AtResource",
}
_SCOPE = "/{scope}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_KNOWN = {
    "subscriptionId": "Id of the subscription",
    "resourceGroupName": "Name of the resource group",
    "scope": "Id of a subscription, a resource group or a resource, with its slashes; `/` is the tenant",
}
_POLL = "Follow an operation that takes a while"
_POLL_PATH = "/providers/{namespace}/locations/{location}/KIND/{operationId}"

Json = dict[str, Any]


class Paths:
    """`paths` and the structs whose schemas they name."""

    def __init__(self, types: Iterable[ResourceType]) -> None:
        self._types = {declared.name: declared for declared in types}
        self._words = _words(self._types)
        self.paths: dict[str, Json] = {}
        self.structs: set[type[msgspec.Struct]] = set()
        for declared in self._types.values():
            self._add(declared)
        self._add_polls()

    def _add(self, declared: ResourceType) -> None:
        for place, where, path in self._lists(declared):
            self.paths.setdefault(path, {})["get"] = self._list(declared, place, where)
        for where, path in self._singles(declared):
            self._add_single(declared, path, where)
        for path in self.paths:
            self._add_parameters(path)

    def _add_single(self, declared: ResourceType, path: str, where: str) -> None:
        for verb, operation in self._verbs(declared):
            self.paths.setdefault(path, {})[verb] = operation
        for name, view in declared.views.items():
            about = self._operation(declared, name, view.about, f"{name}/read", _body("Resource", 200))
            self.paths.setdefault(f"{path}/{name}", {})["get"] = about
        for name, action in declared.actions.items():
            self.paths.setdefault(f"{path}/{name}", {})["post"] = self._action(declared, name, action)
        if where:
            for each in (path, *(f"{path}/{name}" for name in (*declared.views, *declared.actions))):
                for operation in self.paths[each].values():
                    operation["operationId"] += where

    # Where

    def _lists(self, declared: ResourceType) -> Iterator[tuple[Place, str, str]]:
        """Place, what tells apart the same list elsewhere, and path."""
        if at_scope(declared, declared.lists):
            yield Place.TENANT, "", self._collection(declared, _SCOPE)
            return
        for place in Place:
            if place not in declared.lists:
                continue
            if place is Place.RESOURCE and _is_child(declared) and declared.places:
                # A child is listed under its parent, wherever that may be.
                for above, where in _apart(declared.places):
                    yield place, where, self._collection(declared, self._head(declared, above))
                continue
            yield place, "", self._collection(declared, self._head(declared, place))

    def _singles(self, declared: ResourceType) -> Iterator[tuple[str, str]]:
        """What tells apart the same one elsewhere, and path."""
        parameter = f"/{{{_parameter(declared.name.split('/')[-1])}}}"
        if at_scope(declared, declared.places):
            yield "", self._collection(declared, _SCOPE) + parameter
            return
        for place, where in _apart(declared.places):
            yield where, self._collection(declared, self._head(declared, place)) + parameter

    def _head(self, declared: ResourceType, place: Place) -> str:
        if place is not Place.RESOURCE:
            return _HEADS[place]
        if declared.extends:
            return next(self._singles(self._types[declared.extends]))[1]
        return _HEADS[Place.SUBSCRIPTION]

    def _of(self, declared: ResourceType, place: Place) -> str:
        match place:
            case Place.TENANT:
                return ""
            case Place.GROUP:
                return " of a resource group"
            case Place.RESOURCE if declared.extends:
                return f" of {self._types[declared.extends].about}"
            case Place.RESOURCE if above := self._types.get(declared.name.rpartition("/")[0]):
                return f" of {above.about}"
        return " of a subscription"

    @staticmethod
    def _collection(declared: ResourceType, head: str) -> str:
        namespace, *kinds = declared.name.split("/")
        within = "".join(f"/{kind}/{{{_parameter(kind)}}}" for kind in kinds[:-1]) + f"/{kinds[-1]}"
        return (
            head + within
            if namespace == _ROOT and head != _SCOPE
            else f"{head}/providers/{namespace}{within}"
        )

    # What

    def _list(self, declared: ResourceType, place: Place, where: str) -> Json:
        anywhere = at_scope(declared, declared.lists)
        options = [
            *declared.options,
            Option(name="$top", about=f"Items a page, {paging.PAGE_LIMIT} at most"),
            Option(name="$skiptoken", about="Where to go on, as `nextLink` of the page before says"),
        ]
        if declared.filters:
            options.append(Option(name="$filter", about=declared.filters))
        word = "List" if anywhere or len(declared.lists) == 1 else _LISTED[place]
        about = f"List {declared.many}{' at a scope' if anywhere else self._of(declared, place)}"
        needs = None if declared.open_list else "read"
        return self._operation(declared, word + where, about, needs, _body("ResourceList", 200), options)

    def _verbs(self, declared: ResourceType) -> Iterator[tuple[str, Json]]:
        read = self._operation(
            declared, "Get", f"Read {declared.about}", "read", _body("Resource", 200), declared.options
        )
        yield "get", read
        if put := declared.put:
            answers = _body("Resource", *sorted({put.created_status, put.updated_status}))
            about = f"Create or change {declared.about}"
            made = self._operation(declared, "CreateOrUpdate", about, "write", answers)
            yield "put", made | self._draft(put.properties, put.example) | _lasting(put.step is not None)
        if patch := declared.patch:
            changed = self._operation(
                declared, "Update", f"Change {declared.about}", "write", _body("Resource", 200)
            )
            yield "patch", changed | self._draft(patch.properties, patch.example)
        if delete := declared.delete:
            answers = _body("Resource", 200) if delete.step is None else _accepted()
            answers["204"] = {"description": "It is not there."}
            gone = self._operation(declared, "Delete", f"Delete {declared.about}", "delete", answers)
            yield "delete", gone | _lasting(delete.step is not None)

    def _action(self, declared: ResourceType, name: str, action: Act | Begin) -> Json:
        # Scale sets have an action of this name beside the verb.
        word = f"{name}Some" if name == "delete" else name
        if isinstance(action, Act):
            operation = self._operation(
                declared, word, action.about, None, self._answer(action), action.options
            )
        else:
            operation = self._operation(declared, word, action.about, None, _accepted(), action.options)
        narrower = action.also if isinstance(action, Act) else ()
        operation["description"] = _needs(declared.action_right(name), *narrower)
        if action.body is not None:
            operation["requestBody"] = _content(self._reference(action.body), required=False)
        return operation | _lasting(isinstance(action, Begin))

    def _answer(self, action: Act) -> Json:
        if action.answer is None:
            return {"200": {"description": "Done."}}
        return {"200": {"description": "Done."} | _content(self._reference(action.answer))}

    def _operation(
        self,
        declared: ResourceType,
        word: str,
        about: str,
        verb: str | None,
        answers: Json,
        options: Iterable[Option] = (),
    ) -> Json:
        return {
            "operationId": f"{self._words[declared.name]}_{word[:1].upper()}{word[1:]}",
            "tags": [declared.namespace],
            "summary": about,
            "description": _needs(declared.right(verb)) if verb else "Needs a token and no right.",
            "parameters": [version(declared.version or declared.since), *map(_query, options)],
            "responses": answers | {"default": {"$ref": "#/components/responses/Error"}},
        }

    def _draft(self, properties: type[msgspec.Struct] | None, example: Any) -> Json:
        envelope: Json = {
            "type": "object",
            "properties": {
                "location": {"type": "string"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
        if properties is not None:
            envelope["properties"]["properties"] = self._reference(properties)
        body = _content(envelope, required=True)
        body["content"]["application/json"]["example"] = dict(example)
        return {"requestBody": body}

    def _reference(self, struct: type[msgspec.Struct]) -> Json:
        self.structs.add(struct)
        return reference(struct)

    # The rest

    def _add_polls(self) -> None:
        steps = sorted({each.namespace for each in self._types.values() if _has_steps(each)})
        for kind, about in (("operations", _POLL), ("operationResults", "Read what an operation came to")):
            path = f"{_HEADS[Place.SUBSCRIPTION]}{_POLL_PATH.replace('KIND', kind)}"
            known = {"description": "Its state, or what came of it."}
            answers: Json = {"200": known | _content({"type": "object"})}
            if kind == "operationResults":
                answers |= {"202": {"description": "It goes on."}, "204": {"description": "It ended well."}}
            self.paths[path] = {
                "get": {
                    "operationId": f"{kind[:1].upper()}{kind[1:]}_Get",
                    "tags": ["Operations"],
                    "summary": about,
                    "description": "Needs the right to read what the operation is about.",
                    "parameters": [version(POLLS_SINCE)],
                    "responses": answers | {"default": {"$ref": "#/components/responses/Error"}},
                }
            }
            self._add_parameters(path, namespace=steps)
            if kind == "operations":
                cancel = f"{path}/cancel"
                self.paths[cancel] = {
                    "post": {
                        "operationId": "Operations_Cancel",
                        "tags": ["Operations"],
                        "summary": "Cancel an operation where it is",
                        "description": "Needs the action that the operation began with.",
                        "parameters": [version(POLLS_SINCE)],
                        "responses": _accepted() | {"default": {"$ref": "#/components/responses/Error"}},
                    }
                }
                self._add_parameters(cancel, namespace=steps)

    def _add_parameters(self, path: str, **choices: list[str]) -> None:
        fixed = {
            _parameter(kind): [only] for each in self._types.values() for kind, only in each.fixed.items()
        } | choices
        found = [_path_parameter(name, fixed.get(name)) for name in _PARAMETER.findall(path)]
        if found:
            self.paths[path]["parameters"] = found


def version(default: str) -> Json:
    """The query parameter that every request to Resource Manager has."""
    return {
        "name": "api-version",
        "in": "query",
        "required": True,
        "description": "Any from the type's first on, `YYYY-MM-DD`",
        "schema": {"type": "string", "default": default},
    }


def reference(struct: type[msgspec.Struct]) -> Json:
    """Where the schema of a struct will be; `schemas` puts its name in, which others may have as well."""
    return {"$ref": _place_of(struct)}


def schemas(structs: Iterable[type[msgspec.Struct]], document: Json) -> Json:
    """The schemas of structs and of all that they contain, by name; every `reference` to one of them in
    `document` gets that name.
    """
    ordered = sorted(structs, key=_place_of)
    given, found = msgspec.json.schema_components(ordered, ref_template=SCHEMAS)
    _rename(document, {_place_of(struct): each["$ref"] for struct, each in zip(ordered, given, strict=True)})
    return found


def _place_of(struct: type[msgspec.Struct]) -> str:
    return SCHEMAS.format(name=f"{struct.__module__}.{struct.__name__}")


def _rename(value: Any, names: dict[str, str]) -> None:
    if isinstance(value, dict):
        if value.get("$ref") in names:
            value["$ref"] = names[value["$ref"]]
        for each in value.values():
            _rename(each, names)
    elif isinstance(value, list):
        for each in value:
            _rename(each, names)


def at_scope(declared: ResourceType, places: frozenset[Place]) -> bool:
    """Whether one path with any scope in it says all the places, those inside resources too."""
    return Place.RESOURCE in places and not declared.extends and not _is_child(declared)


def _apart(places: frozenset[Place]) -> list[tuple[Place, str]]:
    """The places, each with what the ids of the operations there end with: nothing at the innermost."""
    found = [place for place in Place if place in places]
    return [(place, "" if place is found[-1] else _AT[place]) for place in found]


def _is_child(declared: ResourceType) -> bool:
    return declared.name.count("/") > 1


def _words(names: Iterable[str]) -> dict[str, str]:
    """What the ids of a type's operations begin with: its kinds, with the namespace where they clash."""
    found: dict[str, str] = {}
    for name in names:
        namespace, *kinds = name.split("/")
        word = "".join(kind[:1].upper() + kind[1:] for kind in kinds)
        found[name] = word if word not in found.values() else namespace.replace(".", "") + word
    return found


def _parameter(kind: str) -> str:
    return "subscriptionId" if kind == "subscriptions" else f"{kind.removesuffix('s')}Name"


def _path_parameter(name: str, choices: list[str] | None) -> Json:
    schema: Json = {"type": "string"}
    if choices:
        schema |= {"enum": choices, "default": choices[0]}
    about = _KNOWN.get(name, f"The {name.removesuffix('Name')}'s name")
    found = {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
    return found | {"x-ms-skip-url-encoding": True} if name == "scope" else found


def _query(option: Option) -> Json:
    kind = "boolean" if option.flag else "integer" if option.name == "$top" else "string"
    schema: Json = {"type": kind}
    return {"name": option.name, "in": "query", "description": option.about, "schema": schema}


def _needs(action: str, *others: str) -> str:
    return f"Needs the action {' or '.join(f'`{each}`' for each in (action, *others))}."


def _content(schema: Json, *, required: bool | None = None) -> Json:
    found: Json = {"content": {"application/json": {"schema": schema}}}
    return found if required is None else {"required": required, **found}


def _body(name: str, *statuses: int) -> Json:
    words = {200: "As it is now.", 201: "Made."}
    return {
        str(status): {"description": words[status]} | _content({"$ref": SCHEMAS.format(name=name)})
        for status in statuses
    }


def _accepted() -> Json:
    return {"202": {"$ref": "#/components/responses/Accepted"}}


def _lasting(lasts: bool) -> Json:
    return {"x-ms-long-running-operation": True} if lasts else {}


def _has_steps(declared: ResourceType) -> bool:
    begins = any(isinstance(action, Begin) for action in declared.actions.values())
    return begins or any(
        each is not None and each.step is not None for each in (declared.put, declared.delete)
    )
