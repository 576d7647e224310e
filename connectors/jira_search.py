"""Searching Jira page by page, with whichever search and whichever queries the server has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx

from connectors.base import MARK
from connectors.errors import NotFound, Rejected, Unavailable
from connectors.jira_client import JiraClient, Json
from connectors.jira_reading import EPOCH, FIELDS, PROPERTY, labels, mapping, moment, rows

PAGE = 100
MANY = 5000
"""How many ids Jira Cloud gives at once where nothing else is asked for."""
WINDOW = 1000
"""How many issues Data Center gives at once."""
FEW = 10
ORDER = "ORDER BY updated ASC, key ASC"
TIMED = "timed"
"""The proof that the server compares times in a query."""

_PAGED = "search/jql"
_ALWAYS = EPOCH + timedelta(milliseconds=1)
_EXACT, _UNTIMED, _WIDE = range(3)

Row = Mapping[str, Any]


class JiraSearch:
    """Issues by query, oldest change first; an issue that changes meanwhile may come twice.

    Cloud pages by token. The plain search pages by the time reached, because servers refuse a deep `startAt`.
    A server that does not understand a query is asked for more than is wanted: without a time, then all of `project`.
    """

    def __init__(self, client: JiraClient, project: str, *, on_cloud: bool) -> None:
        self._client, self._project, self._on_cloud = client, project, on_cloud
        self._breadth = _EXACT
        self.proof = ""

    def pages(self, scope: str, at: datetime) -> Iterator[list[Row]]:
        """Pages of the issues in `scope` (JQL) that changed at or after `at`; servers may give others as well."""
        whole: Json = {"fields": FIELDS, "properties": [PROPERTY], "maxResults": PAGE}
        plain = whole if self._on_cloud else {"fields": FIELDS, "maxResults": PAGE}
        yield from self._either_way(scope, at, whole, plain)

    def ids(self, scope: str) -> Iterator[list[Row]]:
        """Pages of the issues in `scope` with little more than their ids, as large as the server makes them."""
        small: Json = {"fields": ["id"], "maxResults": MANY}
        yield from self._either_way(scope, EPOCH, small, {"fields": ["updated"], "maxResults": WINDOW})

    def changed(self, scope: str, at: datetime, *, doubting: bool) -> Iterator[list[Row]]:
        """The same; if `doubting`, with a second look where nothing changed and `proof` is not there yet.

        Servers may find nothing by a query that they do not understand. `proof` is `TIMED` once a time found something.
        """
        silent = True
        for page in self.pages(scope, at):
            if page and at > EPOCH and self._breadth == _EXACT:
                self.proof = TIMED
            silent = silent and not page
            yield page
        if silent and doubting and not self.proof and self._breadth == _EXACT:
            yield from self.pages(scope, at) if self._overlooks(scope) else [[]]

    def named(self, ids: Sequence[str]) -> list[Row]:
        """The issues of these ids as the plain search shows them; none where the server refuses the query."""
        asked = {"jql": f"id in ({', '.join(ids)})", "fields": FIELDS, "maxResults": len(ids), "validateQuery": False}
        try:
            return rows(self._either("search", asked).get("issues"))
        except (NotFound, Rejected):
            return []

    def first(self, jql: str) -> list[Row]:
        """The first issues that a query shows, with their `created`; none where the server refuses the query."""
        path = "search" if f"GET {_PAGED}" in self._client.absent else _PAGED
        try:
            return rows(self._either(path, {"jql": jql, "fields": ["created"], "maxResults": FEW}).get("issues"))
        except (NotFound, Rejected):
            return []

    def _overlooks(self, scope: str) -> bool:
        """Whether only a broader query finds issues of ours, which is then used from now on."""
        for self._breadth in (_EXACT, _UNTIMED, _WIDE):
            found = next(self.pages(scope, _ALWAYS))
            if any(MARK in labels(mapping(issue.get("fields"))) for issue in found):
                self.proof = TIMED if self._breadth == _EXACT else ""
                return self._breadth != _EXACT
        self._breadth = _EXACT
        return False

    def _either_way(self, scope: str, at: datetime, paged: Json, plain: Json) -> Iterator[list[Row]]:
        if self._on_cloud and f"GET {_PAGED}" not in self._client.absent:
            first = self._by_token(scope, at, paged)
            if first is not None:
                yield from self._follow(scope, at, paged, first)
                return
        yield from self._by_time(scope, at, plain)

    def _follow(self, scope: str, at: datetime, asked: Json, page: Json) -> Iterator[list[Row]]:
        spent: set[str] = set()
        while True:
            yield rows(page.get("issues"))
            token = page.get("nextPageToken")
            if not token or page.get("isLast") is True or token in spent:
                return
            spent.add(token)
            page = self._by_token(scope, at, {**asked, "nextPageToken": token}) or {}

    def _by_token(self, scope: str, at: datetime, asked: Json) -> Json | None:
        try:
            return dict(self._ask(scope, at, lambda jql: self._either(_PAGED, {"jql": jql, **asked})))
        except (NotFound, Rejected) as error:
            if self._client.lacks(f"GET {_PAGED}", error):
                return None
            raise

    def _by_time(self, scope: str, at: datetime, asked: Json) -> Iterator[list[Row]]:
        floor, start, seen = at, 0, set[tuple[str, str]]()
        while True:
            answer = self._ask(scope, floor, partial(self._plain, asked, start))
            page = rows(answer.get("issues"))
            fresh = [issue for issue in page if _version(issue) not in seen]
            yield fresh
            if not page or _is_last(answer, start, len(page), asked["maxResults"]):
                return
            seen.update(map(_version, page))
            reached = max([floor, *(moment(mapping(issue.get("fields")).get("updated")) for issue in page)])
            start = 0 if fresh and reached > floor and self._breadth == _EXACT else start + len(page)
            floor = reached if not start else floor

    def _ask(self, scope: str, at: datetime, send: Callable[[str], Any]) -> Row:
        while True:
            try:
                return mapping(send(self._query(scope, at)))
            except (Rejected, Unavailable) as error:
                timed = self._breadth == _EXACT and at > EPOCH
                refused = error.status == httpx.codes.BAD_REQUEST and self._breadth != _WIDE
                if not refused and not (timed and error.status == httpx.codes.INTERNAL_SERVER_ERROR):
                    self._breadth = _EXACT
                    raise
                self._breadth += 1

    def _query(self, scope: str, at: datetime) -> str:
        """The query; the time goes as milliseconds, since a date would be read in the user's own zone."""
        if self._breadth == _WIDE:
            return f'project = "{self._project}"'
        if self._breadth == _UNTIMED:
            return scope
        since = f" AND updated >= {int(at.timestamp() * 1000)}" if at > EPOCH else ""
        return f"{scope}{since} {ORDER}"

    def _plain(self, asked: Json, start: int, jql: str) -> Row:
        return self._either("search", {"jql": jql, "startAt": start, **asked})

    def _either(self, path: str, payload: Json) -> Row:
        """The answer to a POST, or to a GET where the server knows no other."""
        if path not in self._client.absent:
            try:
                return mapping(self._client.post(path, payload))
            except (NotFound, Rejected) as error:
                if not self._client.lacks(path, error):
                    raise
        joined = {name: ",".join(value) if isinstance(value, list) else value for name, value in payload.items()}
        return mapping(self._client.get(path, **joined))


def _version(issue: Row) -> tuple[str, str]:
    return str(issue.get("id")), str(mapping(issue.get("fields")).get("updated"))


def _is_last(answer: Row, start: int, got: int, asked: int) -> bool:
    total, limit = answer.get("total"), answer.get("maxResults")
    if isinstance(total, int):
        return start + got >= total
    return got < (min(limit, asked) if isinstance(limit, int) and limit > 0 else asked)
