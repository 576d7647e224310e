"""The judge of wire traffic finds what a vendor's description does not allow, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.spec import Exchange, Spec

DOCUMENT = {
    "openapi": "3.0.3",
    "paths": {
        "/things": {
            "get": {
                "parameters": [
                    {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "all", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "must", "in": "query", "required": True, "schema": {"type": "string"}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}},
            }
        },
        "/things/{id}": {
            "patch": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"name": {"type": "string"}},
                                "required": ["name"],
                            }
                        }
                    }
                },
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
                    "204": {},
                },
            }
        },
    },
    "components": {
        "schemas": {
            "thing": {
                "type": "object",
                "required": ["at"],
                "properties": {
                    "at": {"type": "string", "format": "date-time", "nullable": True},
                    "why": {"type": "string", "nullable": True, "enum": ["x"]},
                },
            },
            "refusal": {"type": "object", "required": ["message"]},
        }
    },
}


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    document = tmp_path / "spec.json"
    document.write_text(json.dumps(DOCUMENT))
    return Spec(document, aliases=[("^/v2", "")], beyond={304: None, 409: "refusal"})


def patched(spec: Spec, sent: Any, received: Any, status: int = 200, url: str = "/things/1") -> list[str]:
    return spec.complaints(Exchange("PATCH", url, sent, status, received))


def test_what_is_described_is_allowed(spec: Spec) -> None:
    assert patched(spec, {"name": "x"}, {"at": "2026-05-04T10:00:00Z", "why": None}) == []
    assert patched(spec, {"name": "x"}, {"at": None}, url="/v2/things/1") == []
    assert patched(spec, {"name": "x"}, None, 204) == []
    assert spec.judged == {("PATCH", "/things/{id}", 200), ("PATCH", "/things/{id}", 204)}


@pytest.mark.parametrize(
    ("sent", "received", "status", "complaint"),
    [
        ({"name": 1}, {"at": None}, 200, "sent name"),
        ({}, {"at": None}, 200, "'name' is a required property"),
        ({"name": "x"}, {}, 200, "'at' is a required property"),
        ({"name": "x"}, {"at": "noon"}, 200, "date-time"),
        ({"name": "x"}, {"at": None, "why": "y"}, 200, "why"),
        ({"name": "x"}, {"at": None}, 204, "has a body"),
        ({"name": "x"}, {}, 418, "not described"),
        ({"name": "x"}, {}, 409, "'message' is a required property"),
    ],
)
def test_what_is_not_described_is_named(spec: Spec, sent: Any, received: Any, status: int, complaint: str) -> None:
    (found,) = patched(spec, sent, received, status)
    assert complaint in found


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("must=1&kind=c", "kind"),
        ("must=1&page=x", "page"),
        ("must=1&all=1", "all"),
        ("must=1&other=1", "other"),
        ("kind=a", "lacks must"),
    ],
)
def test_a_query_is_judged_too(spec: Spec, query: str, complaint: str) -> None:
    (found,) = spec.complaints(Exchange("GET", f"/things?{query}", None, 200, []))
    assert complaint in found


def test_where_nothing_is_described_only_a_refusal_is_right(spec: Spec) -> None:
    assert spec.complaints(Exchange("GET", "/other", None, 404, {})) == []
    assert len(spec.complaints(Exchange("GET", "/other", None, 200, {}))) == 1
    assert spec.complaints(Exchange("GET", "/_sandbox/people", None, 200, {})) == []


def test_a_request_that_was_refused_may_be_as_wrong_as_it_likes(spec: Spec) -> None:
    assert patched(spec, {"name": 1}, {"message": "no"}, 409) == []
    assert patched(spec, None, None, 304) == []
