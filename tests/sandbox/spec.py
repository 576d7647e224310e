"""A vendor's OpenAPI description as a judge of what is sent to a tracker and what comes back."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from connectors.sandbox.calls import Answer, Call, Sandbox

ROOT = "urn:spec"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; bodies are JSON values, or `None` where there is none."""

    method: str
    url: str
    sent: Any
    status: int
    received: Any


class Spec:
    """Says in plain words where an exchange departs from the description.

    `aliases` are patterns and replacements, tried in order on the path before it is looked up. `beyond` are statuses
    that the description leaves out although the vendor gives them, with the component schema of their bodies.
    `unjudged` matches paths that the description knows nothing of, `tolerated` complaints about what the vendor does
    although the description says otherwise.
    """

    def __init__(
        self,
        document: Path,
        *,
        aliases: Sequence[tuple[str, str]] = (),
        beyond: Mapping[int, str | None] | None = None,
        unjudged: str = r"^/_sandbox/",
        tolerated: str = r"(?!)",
    ) -> None:
        self._document = json.loads(document.read_text(encoding="utf-8"), object_hook=_nullable)
        self._registry: Registry[Any] = Registry().with_resource(ROOT, DRAFT4.create_resource(self._document))
        self._paths = sorted(self._document["paths"], key=lambda path: (path.count("{"), path))
        self._patterns = {path: _pattern(path) for path in self._paths}
        self._validators: dict[str, OAS30Validator] = {}
        self._aliases = aliases
        self._beyond = beyond or {}
        self._unjudged = unjudged
        self._tolerated = tolerated
        self.judged: set[tuple[str, str, int]] = set()

    def complaints(self, exchange: Exchange) -> list[str]:
        """Everything in the exchange that the description does not allow."""
        address = urlsplit(exchange.url)
        if re.search(self._unjudged, address.path):
            return []
        method, path = exchange.method.lower(), self._template(method=exchange.method.lower(), path=address.path)
        if path is None:
            # Only a refusal is right where nothing is described.
            wrong = exchange.status not in (404, 405)
            return [f"{exchange.method} {address.path} is not described"] if wrong else []
        self.judged.add((exchange.method, path, exchange.status))
        operation = self._document["paths"][path][method]
        where = f"#/paths/{_escaped(path)}/{method}"
        found = [
            *(self._asked(operation, address.query, exchange.sent, where) if exchange.status < 400 else ()),
            *self._answered(operation, exchange, where),
        ]
        found = [complaint for complaint in found if not re.search(self._tolerated, complaint)]
        return [f"{exchange.method} {exchange.url} -> {exchange.status}: {complaint}" for complaint in found]

    def watch(self, sandbox: Sandbox) -> list[str]:
        """Judge every call that `sandbox` answers from now on; complaints arrive in the list that is returned."""
        complaints: list[str] = []
        answer = sandbox.answer

        def watched(call: Call) -> Answer:
            given = answer(call)
            complaints.extend(self.complaints(_exchange(call, given)))
            return given

        sandbox.answer = watched  # type: ignore[method-assign]
        return complaints

    def _template(self, *, method: str, path: str) -> str | None:
        for pattern, replacement in self._aliases:
            path = re.sub(pattern, replacement, path)
        fits = (known for known in self._paths if self._patterns[known].fullmatch(path))
        return next((known for known in fits if method in self._document["paths"][known]), None)

    def _asked(self, operation: Any, query: str, sent: Any, where: str) -> Iterator[str]:
        parameters = map(self._resolved, operation.get("parameters", ()))
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        given = parse_qs(query, keep_blank_values=True)
        for name, one in known.items():
            if one.get("required") and name not in given:
                yield f"the query lacks {name}"
        for name, values in given.items():
            if name not in known:
                yield f"the query has {name}, which is not described"
                continue
            yield from self._query_value(known[name]["schema"], name, values)
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        if sent is not None and "application/json" in content:
            yield from self._violations(f"{where}/requestBody/content/application~1json/schema", sent, "sent ")
        elif sent not in (None, {}) and not content:
            yield "a body was sent where none is described"

    def _query_value(self, schema: Any, name: str, values: list[str]) -> Iterator[str]:
        schema = self._resolved(schema)
        kind = schema.get("type")
        values = values[-1].split(",") if kind == "array" and len(values) == 1 else values
        inner = self._resolved(schema.get("items", schema) if kind == "array" else schema)
        for value in values:
            if inner.get("type") in ("integer", "number") and not re.fullmatch(r"-?\d+", value):
                yield f"the query's {name} is {value!r} and not a number"
            elif inner.get("type") == "boolean" and value not in ("true", "false"):
                yield f"the query's {name} is {value!r} and not a boolean"
            elif "enum" in inner and value not in inner["enum"]:
                yield f"the query's {name} is {value!r} and none of {inner['enum']}"

    def _answered(self, operation: Any, exchange: Exchange, where: str) -> Iterator[str]:
        described = operation["responses"]
        code = str(exchange.status) if str(exchange.status) in described else "default"
        if code in described:
            pointer = described[code].get("$ref", f"{where}/responses/{code}")
            content = self._resolved(described[code]).get("content", {})
            kind = next((one for one in content if one.startswith("application/json")), None)
            if kind is None:
                undescribed = exchange.status >= 400 and exchange.status in self._beyond
                if exchange.received not in (None, "", {}) and not content and not undescribed:
                    yield "the answer has a body where none is described"
            elif "schema" in content[kind]:
                yield from self._violations(f"{pointer}/content/{_escaped(kind)}/schema", exchange.received)
        elif exchange.status not in self._beyond:
            yield "this status is not described"
        elif (name := self._beyond[exchange.status]) is not None:
            yield from self._violations(f"#/components/schemas/{name}", exchange.received)

    def _violations(self, pointer: str, value: Any, prefix: str = "") -> Iterator[str]:
        if pointer not in self._validators:
            self._validators[pointer] = OAS30Validator(
                {"$ref": ROOT + pointer}, registry=self._registry, format_checker=oas30_format_checker
            )
        for error in self._validators[pointer].iter_errors(value):
            place = "/".join(str(part) for part in error.absolute_path)
            yield f"{prefix}{place or 'body'}: {error.message[:300]}"

    def _resolved(self, part: Any) -> Any:
        while "$ref" in part:
            reference = part["$ref"]
            part = self._document
            for step in reference.removeprefix("#/").split("/"):
                part = part[step.replace("~1", "/").replace("~0", "~")]
        return part


def github_spec(shared: Path) -> Spec:
    """GitHub's description, which also judges `/api/v3` and `/repositories/{id}`, but knows nothing of reviews."""
    refusals = dict.fromkeys((301, 307, 401, 403, 404, 405, 410, 422, 429, 500, 502, 503), "basic-error")
    return Spec(
        shared / "specs" / "github-rest.openapi.json",
        aliases=((r"^/api/v3", ""), (r"^/repositories/[^/]+", "/repos/some/one")),
        beyond={**refusals, 304: None},
        unjudged=r"^/_sandbox/|^/app$|/pulls/\d+/reviews$",
    )


def jira_spec(shared: Path) -> Spec:
    """Jira Cloud's description of v3, which also judges v2, on Cloud and on Data Center.

    Remote links are left out: the list that Jira gives is described as one link; and so are the bytes of attachments,
    which are not described. Times end in `+0000`, and values
    that changed from or to nothing are null, whatever the description says.
    """
    return Spec(
        shared / "specs" / "jira-cloud-v3.openapi.json",
        aliases=((r"^/ex/jira/[^/]+", ""), (r"^/rest/api/(2|latest)/", "/rest/api/3/")),
        beyond=dict.fromkeys((400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 502, 503, 504)),
        unjudged=r"^/_sandbox/|^/rest/webhooks/|^/browse/|/remotelink$|/attachment/(content/)?\d+(/|$)",
        tolerated=r"[+-]\d{4}' is not a 'date-time'|/items/\d+/(from|to)(String)?: None ",
    )


def _nullable(part: dict[str, Any]) -> dict[str, Any]:
    # Vendors say `nullable` and forget null in the list of values.
    if part.get("nullable") is True and isinstance(part.get("enum"), list):
        part["enum"] = [*part["enum"], None]
    return part


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]+\}", path)))


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _exchange(call: Call, given: Answer) -> Exchange:
    url = f"{call.path}?{call.query}" if call.query else call.path
    return Exchange(call.method, url, _read(call.body), given.status, _read(given.body))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")
