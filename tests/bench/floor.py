"""The least that each piece of work can cost: plain requests and nothing else, against the same embedded tracker."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

MARK = "counterfoil"
BULK = 50


@dataclass(frozen=True)
class Floor:
    """One tracker as a script without a memory sees it; every method tells its seconds of wall time."""

    kind: str
    url: str
    auth: Mapping[str, str]

    @property
    def rest(self) -> str:
        return f"{self.url}/rest/api/{3 if self.kind == 'jira-cloud' else 2}"

    def create(self, count: int, at_once: int = 1) -> float:
        """New tickets, as many to a request as the tracker takes, so many requests at once."""
        if self.kind == "github":
            issues = f"{self.url}/repos/acme/platform/issues"
            bodies = [{"title": f"Encrypt volume {n}", "labels": [MARK]} for n in range(count)]
            return self._timed([_post(issues, body) for body in bodies], 1)
        fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "labels": [MARK]}
        updates = [{"fields": {**fields, "summary": f"Encrypt volume {n}"}} for n in range(count)]
        chunks = [{"issueUpdates": updates[start : start + BULK]} for start in range(0, count, BULK)]
        return self._timed([_post(f"{self.rest}/issue/bulk", chunk) for chunk in chunks], at_once)

    def news(self) -> float:
        """Whether anything changed, which also reads up to a hundred changed tickets."""
        return self._timed([self._news()], 1)

    def change(self, keys: list[str]) -> float:
        """News, then one write to each ticket."""
        if self.kind == "github":
            paths = [f"{self.url}/repos/acme/platform/issues/{key.rpartition('#')[2]}" for key in keys]
            writes = [_send("PATCH", path, {"title": "Another title"}) for path in paths]
        else:
            fields = {"fields": {"summary": "Another title"}}
            writes = [_send("PUT", f"{self.rest}/issue/{key}", fields) for key in keys]
        return self._timed([self._news(), *writes], 1)

    def audit(self, count: int) -> float:
        """Which of so many tickets are there."""
        if self.kind == "github":
            pages = range(1, -(-count // 100) + 1)
            return self._timed([self._list(page=page, sort="created", direction="asc") for page in pages], 1)
        if self.kind == "jira-cloud":
            query: dict[str, Any] = {"jql": f"labels = {MARK}", "fields": ["id"], "maxResults": 5000}
            return self._timed([_post(f"{self.rest}/search/jql", query)] * -(-count // 5000), 1)
        query = {"jql": f"labels = {MARK}", "fields": ["id"], "maxResults": 1000}
        return self._timed([_post(f"{self.rest}/search", query)] * -(-count // 1000), 1)

    def keys(self) -> set[str]:
        """The ids of all tickets that are ours."""
        found: list[Any] = []
        with httpx.Client(headers=dict(self.auth), timeout=120) as client:
            if self.kind == "github":
                page = 1
                while more := self._list(page=page)(client).json():
                    found, page = found + more, page + 1
                return {str(one["id"]) for one in found}
            where, token = ("/search/jql", "nextPageToken") if self.kind == "jira-cloud" else ("/search", "startAt")
            query: dict[str, Any] = {"jql": f"labels = {MARK} ORDER BY key ASC", "fields": ["id"], "maxResults": 1000}
            while True:
                answer = client.post(f"{self.rest}{where}", json=query).json()
                found += answer["issues"]
                more = answer.get("nextPageToken") if token != "startAt" else len(found) < answer["total"]
                if not more:
                    return {str(one["id"]) for one in found}
                query[token] = len(found) if token == "startAt" else more

    def _news(self) -> Callable[[httpx.Client], httpx.Response]:
        if self.kind == "github":
            return self._list(since="2099-01-01T00:00:00Z", sort="updated", direction="asc")
        since = int(time.time() * 1000) + 10_000_000
        query = {"jql": f"labels = {MARK} AND updated >= {since}", "fields": ["updated", "status"], "maxResults": 100}
        return _post(f"{self.rest}/search{'/jql' if self.kind == 'jira-cloud' else ''}", query)

    def _list(self, **query: Any) -> Callable[[httpx.Client], httpx.Response]:
        asked = {"state": "all", "labels": MARK, "per_page": 100, **query}
        return lambda client: client.get(f"{self.url}/repos/acme/platform/issues", params=asked)

    def _timed(self, calls: list[Callable[[httpx.Client], httpx.Response]], at_once: int) -> float:
        began = time.monotonic()
        with httpx.Client(headers=dict(self.auth), timeout=120) as client, ThreadPoolExecutor(at_once) as pool:
            for answer in pool.map(lambda call: call(client), calls):
                answer.raise_for_status()
        return time.monotonic() - began


def _post(url: str, body: object) -> Callable[[httpx.Client], httpx.Response]:
    return _send("POST", url, body)


def _send(method: str, url: str, body: object) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.request(method, url, json=body)
