"""A Jira made of scripted answers, for the connector's tests."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from connectors.base import MARK
from connectors.jira_issues import JiraIssues
from connectors.settings import Secrets
from state.ticket import Draft, Marker

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
URL = "https://jira.test/ex/jira/77"
SECRETS = Secrets(token=SecretStr("t0ken-value"), webhook=SecretStr("It's a Secret to Everybody"))
ABSENT = httpx.Response(404, json={"errorMessages": ["null for uri"]})
Answering = Callable[[httpx.Request, Any], httpx.Response | Any]


class Server:
    """Answers by the first route that fits `METHOD path` below `/rest/api/N/`; anything else is 404."""

    def __init__(self, routes: Mapping[str, Any]) -> None:
        self.routes = dict(routes)
        self.asked: list[tuple[str, Any]] = []
        self.urls: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {re.sub(r'^.*/rest/api/[23]/', '', request.url.path)}"
        sent = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked.append((name, sent))
        self.urls.append(request.url)
        for pattern, answer in self.routes.items():
            if re.fullmatch(pattern, name):
                given = answer(request, sent) if callable(answer) else answer
                return given if isinstance(given, httpx.Response) else httpx.Response(200, json=given)
        return ABSENT

    def count(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.asked)

    def sent(self, name: str) -> list[Any]:
        return [sent for asked, sent in self.asked if asked == name]


def tracker(routes: Mapping[str, Any], **settings: Any) -> tuple[JiraIssues, Server]:
    server = Server(routes)
    table = {"kind": "jira", "url": URL, "project": "SEC", "email": "sync@acme.example", **settings}
    parsed = JiraIssues.Settings.model_validate(table)
    transport = httpx.MockTransport(server)
    return JiraIssues("eng", parsed, SECRETS, clock=lambda: NOW, sleep=lambda _: None, transport=transport), server


def datacenter(routes: Mapping[str, Any], **settings: Any) -> tuple[JiraIssues, Server]:
    return tracker(routes, deployment="datacenter", email=None, **settings)


def marker(number: int = 1) -> Marker:
    return Marker(f"{number:026d}", f"AI-{number:06d}")


def draft(number: int = 1, **more: Any) -> Draft:
    plain = Draft(marker(number), f"Fix {number}", None, None, None, None, ())
    return replace(plain, **more)


def issue(number: int, *, at: datetime = START, key: Marker | None = None, **fields: Any) -> dict[str, Any]:
    marks = [MARK, f"cf-{key.key}"] if key else [MARK]
    planted = {"counterfoil.sync": {"k": key.key, "item": key.item, "v": 1}} if key else {}
    shown = {
        "summary": f"Fix {number}",
        "status": {"name": "To Do", "statusCategory": {"key": "new"}},
        "labels": marks,
        "created": START.isoformat(),
        "updated": at.isoformat(),
        "creator": {"accountId": "us", "name": "sync"},
        "project": {"key": "SEC"},
        "issuetype": {"name": "Task"},
        **fields,
    }
    return {"id": str(10_000 + number), "key": f"SEC-{number}", "fields": shown, "properties": planted}


def made(*numbers: int) -> dict[str, Any]:
    return {"issues": [{"id": str(10_000 + n), "key": f"SEC-{n}", "self": ""} for n in numbers], "errors": []}


def refused(*numbers: int) -> list[dict[str, Any]]:
    told = {"errorMessages": [], "errors": {"assignee": "User 'x' cannot be assigned issues."}}
    return [{"status": 400, "elementErrors": told, "failedElementNumber": n} for n in numbers]


def found(*issues: Any, token: str | None = None) -> dict[str, Any]:
    return {"issues": list(issues), **({"nextPageToken": token} if token else {"isLast": True})}
