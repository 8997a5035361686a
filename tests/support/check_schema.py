"""The JSON Schema of `outofband.check/1`, written from the types; and a validator for as much as it uses.

Run as a program it writes docs/reference/check.schema.json. A change that takes something away or gives it
another meaning is another version: `outofband.check/2`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from outofband.wire.check import SCHEMA, Report

FILE = Path(__file__).parents[2] / "docs" / "reference" / "check.schema.json"
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_MEANING = (
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "items",
    "properties",
    "required",
)
_KNOWN = frozenset((*_MEANING, "$schema", "default", "description", "title", "type"))


def document() -> dict[str, Any]:
    made = msgspec.json.schema(Report)
    made["$defs"]["Report"]["properties"]["schema"] = {"const": SCHEMA}
    made["$defs"]["Report"]["required"].insert(0, "schema")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **made}


def text() -> str:
    return json.dumps(document(), indent=2) + "\n"


def validate(value: Any, schema: dict[str, Any] | None = None, at: str = "$") -> None:
    """Raises AssertionError that says where. A keyword that this does not know fails too."""
    whole = json.loads(FILE.read_text())
    _validate(value, schema or whole, whole, at)


def _validate(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str) -> None:
    assert schema.keys() <= _KNOWN, f"{at}: {sorted(schema.keys() - _KNOWN)}"
    if "$ref" in schema:
        _validate(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, at)
    if "const" in schema:
        assert value == schema["const"], f"{at}: {value!r}"
    if "enum" in schema:
        assert value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
    if "anyOf" in schema:
        assert any(_fits(value, each, whole, at) for each in schema["anyOf"]), f"{at}: {value!r}"
    if "type" in schema:
        kinds = _TYPES[schema["type"]]
        assert isinstance(value, kinds), f"{at}: {value!r} is no {schema['type']}"
        assert not isinstance(value, bool) or bool in kinds, f"{at}: {value!r}"
    if isinstance(value, dict):
        missing = set(schema.get("required", ())) - value.keys()
        assert not missing, f"{at}: lacks {sorted(missing)}"
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if isinstance(inner, dict):
                _validate(each, inner, whole, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            _validate(each, schema["items"], whole, f"{at}[{number}]")


def _fits(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str) -> bool:
    try:
        _validate(value, schema, whole, at)
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    FILE.write_text(text())
