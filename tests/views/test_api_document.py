"""The OpenAPI document by itself: what every reader of one counts on."""

import re

import pytest

from tests.views.openapi import DOCUMENT, OPERATIONS, TYPES, nodes, resolved


def test_the_document_has_what_every_reader_needs():
    assert (DOCUMENT["swagger"], DOCUMENT["basePath"]) == ("2.0", "/0.1")
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    assert DOCUMENT["securityDefinitions"]["token"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
    }
    assert DOCUMENT["security"] == [{"token": []}]


def test_every_reference_leads_somewhere_and_every_part_is_used():
    used = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
    parts = {
        f"#/{kind}/{name}" for kind in ("parameters", "responses", "definitions") for name in DOCUMENT[kind]
    }
    assert used == parts


def test_every_operation_has_a_name_of_its_own_and_a_summary():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for _, _, operation in OPERATIONS:
        assert operation["summary"]
        assert set(operation["tags"]) <= tags


@pytest.mark.parametrize(("path", "operation"), [case[1:] for case in OPERATIONS])
def test_the_variables_of_a_path_are_its_parameters(path, operation):
    assert path.startswith("/")
    parameters = [resolved(parameter) for parameter in operation.get("parameters", [])]
    variables = {p["name"] for p in parameters if p["in"] == "path" and p["required"]}
    assert variables == set(re.findall(r"\{(\w+)\}", path))
    places = [(p["in"], p["name"]) for p in parameters]
    assert len(places) == len(set(places))


def test_every_parameter_says_where_it_stands_and_what_it_is():
    for _, _, operation in OPERATIONS:
        for parameter in map(resolved, operation.get("parameters", [])):
            assert parameter["in"] in {"path", "query", "header", "body"}
            assert parameter.get("type") in TYPES or parameter["in"] == "body"
            assert ("schema" in parameter) == (parameter["in"] == "body")


def test_every_response_is_described_and_every_schema_has_a_known_type():
    for _, _, operation in OPERATIONS:
        assert any(status.startswith("2") for status in operation["responses"])
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", status)
            assert resolved(response)["description"]
    for node in nodes(DOCUMENT["definitions"]):
        assert not isinstance(node.get("type"), str) or node["type"] in TYPES
        assert set(node.get("required", [])) <= set(node.get("properties", {}))
