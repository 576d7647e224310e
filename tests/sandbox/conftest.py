"""Embedded Jiras that are judged by the vendor's description, where that is at hand."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.sandbox.calls import User
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox, JiraSandbox
from connectors.sandbox.jira_site import MIA, SYNC
from connectors.sandbox.server import SandboxServer
from tests.sandbox.spec import Spec, jira_spec

START = datetime(2026, 5, 4, 10, 0, 0, 123_000, tzinfo=UTC)
SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"


PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is encrypted, and reading the certificates of all authorities takes longer than most tests."""


class Ticking:
    """A clock that moves by a second whenever it is read."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Jira:
    """One running Jira, and ways to talk to it as this or that person."""

    def __init__(self, server: SandboxServer, *, cloud: bool) -> None:
        self.server = server
        self.cloud = cloud
        self.http = self.client(SYNC)
        self.mia = JiraEngineer.of(server.url, MIA, cloud=cloud)

    def client(self, user: User, version: str = "") -> httpx.Client:
        base = f"{self.server.url}/rest/api/{version or ('3' if self.cloud else '2')}"
        if self.cloud:
            return httpx.Client(base_url=base, auth=(user.email, user.token), verify=PLAIN)
        return httpx.Client(base_url=base, headers={"authorization": f"Bearer {user.token}"}, verify=PLAIN)

    def text(self, words: str) -> Any:
        """Long text as this personality takes it."""
        if not self.cloud:
            return words
        return {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": words}]}],
        }

    def post(self, fields: dict[str, Any], **more: Any) -> httpx.Response:
        must = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": "Rotate the keys"}
        return self.http.post("/issue", json={"fields": must | fields, **more})

    def make(self, **fields: Any) -> str:
        """A new issue's key."""
        return str(self.post(fields).raise_for_status().json()["key"])

    def get(self, key: str, **query: str) -> Any:
        return self.http.get(f"/issue/{key}", params=query).raise_for_status().json()

    def search(self, jql: str, **more: Any) -> list[str]:
        """The keys that a query finds, in order, on one page."""
        path = "/search/jql" if self.cloud else "/search"
        body = {"jql": jql, "fields": ["summary"], **more}
        return [one["key"] for one in self.http.post(path, json=body).raise_for_status().json()["issues"]]


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[..., Jira]]:
    """Opens Jiras; at the end the vendor's description must have had no complaint about anything said."""
    running: list[SandboxServer] = []
    people: list[Jira] = []
    judged: list[list[str]] = []

    def opening(sandbox: JiraSandbox, **options: Any) -> Jira:
        server = SandboxServer(sandbox, clock=options.pop("clock", Ticking()), **options)
        if SPECS.is_dir():
            judged.append(_spec().watch(sandbox))
        running.append(server.start())
        people.append(Jira(server, cloud=sandbox.cloud))
        return people[-1]

    yield opening
    for one in people:
        one.http.close()
        one.mia.leave()
    for server in running:
        server.stop()
    complaints = [complaint for one in judged for complaint in one]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def cloud(opened: Callable[..., Jira]) -> Jira:
    return opened(JiraCloudSandbox())


@pytest.fixture
def datacenter(opened: Callable[..., Jira]) -> Jira:
    return opened(JiraDatacenterSandbox())


@pytest.fixture(params=[JiraCloudSandbox, JiraDatacenterSandbox], ids=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest, opened: Callable[..., Jira]) -> Jira:
    return opened(request.param())


@cache
def _spec() -> Spec:
    return jira_spec(SPECS.parent)
