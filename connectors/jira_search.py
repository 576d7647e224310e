"""Searching Jira page by page, with whichever search the server has."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import httpx

from connectors.errors import NotFound, Rejected
from connectors.jira_client import JiraClient, Json
from connectors.jira_reading import EPOCH, FIELDS, PROPERTY, mapping, moment, rows

PAGE = 100
ORDER = "ORDER BY updated ASC, key ASC"


class JiraSearch:
    """Issues by query, oldest change first; an issue that changes meanwhile may come twice.

    Cloud pages by token. The plain search pages by the time reached, because servers refuse a deep `startAt`.
    A server that cannot compare times in a query is asked for all of `scope`.
    """

    def __init__(self, client: JiraClient, *, on_cloud: bool) -> None:
        self._client, self._on_cloud = client, on_cloud
        self._timeless = False

    def pages(self, scope: str, at: datetime) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of the issues in `scope` (JQL) that changed at or after `at`; servers may give others as well."""
        if self._on_cloud and "search/jql" not in self._client.absent:
            first = self._by_token(scope, at, None)
            if first is not None:
                yield from self._follow(scope, at, first)
                return
        yield from self._by_time(scope, at)

    def _follow(self, scope: str, at: datetime, page: Json) -> Iterator[list[Mapping[str, Any]]]:
        spent: set[str] = set()
        while True:
            yield rows(page.get("issues"))
            token = page.get("nextPageToken")
            if not token or page.get("isLast") is True or token in spent:
                return
            spent.add(token)
            page = self._by_token(scope, at, token) or {}

    def _by_token(self, scope: str, at: datetime, token: str | None) -> Json | None:
        payload: Json = {"fields": FIELDS, "properties": [PROPERTY], "maxResults": PAGE}
        if token:
            payload["nextPageToken"] = token
        try:
            return dict(self._ask(scope, at, lambda jql: self._client.post("search/jql", {"jql": jql, **payload})))
        except (NotFound, Rejected) as error:
            if self._client.lacks("search/jql", error):
                return None
            raise

    def _by_time(self, scope: str, at: datetime) -> Iterator[list[Mapping[str, Any]]]:
        floor, start, seen = at, 0, set[tuple[str, str]]()
        while True:
            answer = self._ask(scope, floor, partial(self._plain, start=start))
            page = rows(answer.get("issues"))
            fresh = [issue for issue in page if _version(issue) not in seen]
            yield fresh
            if not page or _is_last(answer, start, len(page)):
                return
            seen.update(map(_version, page))
            reached = max([floor, *(moment(mapping(issue.get("fields")).get("updated")) for issue in page)])
            start = 0 if fresh and reached > floor else start + len(page)
            floor = reached if not start else floor

    def _ask(self, scope: str, at: datetime, send: Callable[[str], Any]) -> Mapping[str, Any]:
        if self._timeless:
            return mapping(send(scope))
        try:
            return mapping(send(_jql(scope, at)))
        except Rejected as error:
            if error.status != httpx.codes.BAD_REQUEST:
                raise
            answer = mapping(send(scope))
            self._timeless = True
            return answer

    def _plain(self, jql: str, start: int) -> Mapping[str, Any]:
        payload: Json = {"jql": jql, "startAt": start, "maxResults": PAGE, "fields": FIELDS}
        if self._on_cloud:
            payload["properties"] = [PROPERTY]
        if "search" not in self._client.absent:
            try:
                return mapping(self._client.post("search", payload))
            except (NotFound, Rejected) as error:
                if not self._client.lacks("search", error):
                    raise
        joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in payload.items()}
        return mapping(self._client.get("search", **joined))


def _jql(scope: str, at: datetime) -> str:
    """The query; the time goes as milliseconds, since a date would be read in the user's own zone."""
    since = f" AND updated >= {int(at.timestamp() * 1000)}" if at > EPOCH else ""
    return f"{scope}{since} {ORDER}"


def _version(issue: Mapping[str, Any]) -> tuple[str, str]:
    return str(issue.get("id")), str(mapping(issue.get("fields")).get("updated"))


def _is_last(answer: Mapping[str, Any], start: int, got: int) -> bool:
    total, limit = answer.get("total"), answer.get("maxResults")
    if isinstance(total, int):
        return start + got >= total
    return got < (min(limit, PAGE) if isinstance(limit, int) and limit > 0 else PAGE)
