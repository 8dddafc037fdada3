"""Our OpenAPI document, read; and whether a value is as one of its schemas says."""

from __future__ import annotations

from importlib.resources import files

import yaml

TEXT = files("lookupd.views.dird").joinpath("api.yml").read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(TEXT)
#: (method, path, operation)
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
}


def resolved(node):
    """What a `$ref` stands for."""
    while "$ref" in node:
        found = DOCUMENT
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        node = found
    return node


def nodes(tree):
    """Every mapping in the document."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def misfits(value, schema, where="reply"):
    """Where a value is not as its schema says; keys that it does not name are misfits too."""
    schema = resolved(schema)
    if value is None and schema.get("x-nullable"):
        return
    kind = TYPES.get(schema.get("type"), object)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in {bool, object}):
        yield f"{where} is no {schema['type']}: {value!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is not one of {schema['enum']}: {value!r}"
    elif isinstance(value, list):
        for item in value:
            yield from misfits(item, schema.get("items", {}), f"{where}[]")
    elif isinstance(value, dict):
        yield from _misfits_of_keys(value, schema, where)


def _misfits_of_keys(value, schema, where):
    own, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{where}.{key} is missing" for key in schema.get("required", []) if key not in value)
    for key, item in value.items():
        if key not in own and others is None and own:
            yield f"{where}.{key} is not in the document"
        yield from misfits(item, own.get(key, others or {}), f"{where}.{key}")
