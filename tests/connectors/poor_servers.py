"""The poorest servers that one could still call a Jira or a GitHub, over real HTTP and with real memory."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.connectors import loopback

Reply = tuple[int, Any]
GONE: Reply = (404, {"message": "Not Found"})


class PoorJira:
    """Create, read, edit and search issues, move them along and comment on them, by key or id; nothing else is there.

    `odd` names the ways in which it differs: `get-search`, `strict-jql`, `empty-jql`, `timeless`, `bare-transitions`,
    `named`, `fields-only`, `text`, `few-fields`, `bare-comments`, `echo`.
    """

    def __init__(self, *odd: str) -> None:
        self.odd, self.issues, self.log = set(odd), dict[str, dict[str, Any]](), list[str]()
        self.me = {"name": "sync", "accountId": "sync", "displayName": "Sync"}

    def reply(self, verb: str, path: str, query: dict[str, str], body: Any, user: str) -> Reply:
        """What it answers."""
        self.log.append(f"{verb} {path}")
        if not (found := re.fullmatch(r"/rest/api/[23]/(issue|search)(?:/([^/]+))?(?:/(\w+))?", path)):
            return GONE
        kind, ident, part = found.groups()
        if kind == "search":
            right = "GET" if "get-search" in self.odd else "POST"
            return self._search(body or query) if not ident and verb == right else (405, None)
        if ident is None:
            return self._create(body["fields"], user) if verb == "POST" else (405, None)
        issue = next((i for k, i in self.issues.items() if ident in (k, str(i["id"]))), None)
        if issue is None:
            return GONE
        return self._on_issue(issue, verb, part, body, user)

    def _on_issue(self, issue: dict[str, Any], verb: str, part: str | None, body: Any, user: str) -> Reply:
        match verb, part:
            case "GET", None:
                return 200, self._shown(issue)
            case "PUT", None:
                return self._edit(issue, body)
            case "GET", "transitions":
                names = ("To Do", "In Progress", "Done", "Won't Do")
                plain = "bare-transitions" in self.odd
                return 200, {
                    "transitions": [
                        {"id": n, "name": t, **({} if plain else {"to": {"name": t}})} for n, t in enumerate(names, 1)
                    ]
                }
            case "POST", "transitions":
                name = ("To Do", "In Progress", "Done", "Won't Do")[body["transition"]["id"] - 1]
                issue["fields"]["status"] = {"name": name}
                if "echo" in self.odd:
                    return 200, {"issue": self._shown(self._touched(issue))}
                self._touched(issue)
                return 204, None
            case "POST", "comment":
                said = {"id": len(self.log), "body": body["body"], "author": {"name": user, "accountId": user}}
                said["created"] = _now()
                issue["fields"]["comment"]["comments"].append(said)
                self._touched(issue)
                return 200, said
            case _:
                return GONE

    def _create(self, fields: dict[str, Any], user: str) -> Reply:
        number = len(self.issues) + 1
        key = f"{fields['project']['key']}-{number}"
        known = (
            {"summary", "description", "labels", "project", "issuetype"} if "few-fields" in self.odd else set(fields)
        )
        kept = {name: value for name, value in fields.items() if name in known}
        made = {"status": {"name": "To Do"}, "created": _now(), "updated": _now(), "comment": {"comments": []}}
        self.issues[key] = {
            "id": 10_000 + number,
            "key": key,
            "fields": {**kept, **made, "reporter": {"name": user, "accountId": user}},
        }
        answer = self._shown(self.issues[key])
        return 200, answer if "echo" in self.odd else {"id": answer["id"], "key": key}

    def _edit(self, issue: dict[str, Any], body: Any) -> Reply:
        labels = issue["fields"].setdefault("labels", [])
        for change in () if "fields-only" in self.odd else body.get("update", {}).get("labels", ()):
            labels[:] = [label for label in labels if label not in change.values()] + (
                [change["add"]] if "add" in change else []
            )
        if "few-fields" in self.odd:
            body = {
                "fields": {k: v for k, v in body.get("fields", {}).items() if k in ("summary", "description", "labels")}
            }
        issue["fields"].update(body.get("fields", {}))
        self._touched(issue)
        return (200, self._shown(issue)) if "echo" in self.odd else (204, None)

    def _search(self, asked: dict[str, Any]) -> Reply:
        jql, start, most = str(asked.get("jql")), int(asked.get("startAt", 0)), int(asked.get("maxResults", 50))
        timed, labelled = "updated >" in jql, "labels" in jql
        if "strict-jql" in self.odd and (timed or labelled):
            return 400, {"errorMessages": [f"cannot parse {jql}"]}
        found = [] if "empty-jql" in self.odd and (timed or labelled) else list(self.issues.values())
        return 200, {"issues": [self._shown(one) for one in found[start : start + most]], "total": len(found)}

    def _touched(self, issue: dict[str, Any]) -> dict[str, Any]:
        issue["fields"]["updated"] = _now()
        return issue

    def _shown(self, issue: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(json.dumps(issue))
        fields = shown["fields"]
        if "timeless" in self.odd:
            fields.pop("updated"), fields.pop("created")
        if "named" in self.odd:
            fields["status"] = fields["status"]["name"]
        if "text" in self.odd:
            fields["description"] = _text(fields.get("description"))
        if "bare-comments" in self.odd:
            fields["comment"] = fields["comment"]["comments"]
        return shown


class PoorGithub:
    """List, create, read and edit issues, their comments and labels; nothing else is there.

    `odd` names the ways in which it differs: `no-ids`, `strings`, `no-labels`, `no-reasons`, `ok`, `timeless`.
    """

    def __init__(self, *odd: str) -> None:
        self.odd, self.issues, self.log = set(odd), list[dict[str, Any]](), list[str]()

    def reply(self, verb: str, path: str, query: dict[str, str], body: Any, user: str) -> Reply:
        """What it answers."""
        self.log.append(f"{verb} {path}")
        if not (found := re.fullmatch(r"/repos/acme/platform/issues(?:/(\d+))?(?:/(\w+))?(?:/(.+))?", path)):
            return GONE
        number, part, name = found.groups()
        match verb, number, part:
            case "GET", None, None:
                page, size = int(query.get("page", 1)), int(query.get("per_page", 30))
                return 200, [self._shown(one) for one in self.issues[(page - 1) * size : page * size]]
            case "POST", None, None:
                return self._create(body, user)
        if number is None or int(number) > len(self.issues):
            return GONE
        return self._on_issue(self.issues[int(number) - 1], verb, part, name, body, user)

    def _on_issue(
        self, issue: dict[str, Any], verb: str, part: str | None, name: str | None, body: Any, user: str
    ) -> Reply:
        issue["updated_at"] = _now() if verb != "GET" else issue["updated_at"]
        match verb, part:
            case "GET", None:
                return 200, self._shown(issue)
            case "PATCH", None:
                issue.update({k: v for k, v in body.items() if k != "state_reason" or "no-reasons" not in self.odd})
                return 200, self._shown(issue)
            case "GET", "comments":
                return 200, issue["said"]
            case "POST", "comments":
                said = {"id": len(self.log), "body": body["body"], "user": {"login": user}, "created_at": _now()}
                issue["said"].append(said)
                return 201, said
            case (("POST" | "DELETE"), "labels") if "no-labels" not in self.odd:
                kept = [label for label in issue["labels"] if label != unquote(name or "")]
                issue["labels"] = kept + [label for label in (body or {}).get("labels", []) if label not in kept]
                return 200, issue["labels"]
            case _:
                return GONE

    def _create(self, body: dict[str, Any], user: str) -> Reply:
        number = len(self.issues) + 1
        made = {"number": number, "id": 700 + number, "state": "open", "user": {"login": user}, "said": []}
        self.issues.append({"labels": [], "body": None, **body, **made, "created_at": _now(), "updated_at": _now()})
        return (200 if "ok" in self.odd else 201), self._shown(self.issues[-1])

    def _shown(self, issue: dict[str, Any]) -> dict[str, Any]:
        shown = {
            **issue,
            "labels": issue["labels"] if "strings" in self.odd else [{"name": x} for x in issue["labels"]],
        }
        shown["assignees"] = [{"login": name} for name in issue.get("assignees", [])]
        del shown["said"]
        if "no-ids" in self.odd:
            del shown["id"]
        if "timeless" in self.odd:
            del shown["updated_at"]
            shown["comments"] = len(issue["said"])
        return shown


Poor = PoorJira | PoorGithub


@contextmanager
def served(poor: Poor) -> Iterator[str]:
    """The server at a loopback address, for as long as it is needed."""

    def answer(verb: str, target: str, headers: Mapping[str, str], said: bytes) -> tuple[int, bytes]:
        parts, user = urlsplit(target), "sync" if headers.get("authorization") else "mia"
        body = json.loads(said) if said else None
        status, told = poor.reply(verb, unquote(parts.path), dict(parse_qsl(parts.query)), body, user)
        return status, b"" if told is None else json.dumps(told).encode()

    with loopback.served(answer, "application/json") as url:
        yield url


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = "".join(str(_text(child)) for child in node.get("content", []))
    ends = node.get("type") in ("paragraph", "heading", "hardBreak")
    return str(node.get("text", "")) + inner + ("\n" if ends else "")
