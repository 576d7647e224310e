"""Lists as an embedded GitHub gives them: filtered, ordered, in pages that link to the next."""

import base64
import binascii
import bisect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode

from connectors.sandbox.github_model import Issue, Repository
from connectors.sandbox.github_rules import Refusal, invalid
from connectors.sandbox.github_state import GithubState

DEEPEST = 10_000
"""Page numbers end here; beyond it only the `after` of a next link leads on."""

T = TypeVar("T")
Query = Mapping[str, str]
Place = list[int]


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page, and the value of its Link header, which is empty where there is but one page."""

    rows: Sequence[T]
    link: str


def number(query: Query, key: str, default: int, most: int) -> int:
    """A positive number of the query, at most `most`; what is no number counts as not given."""
    value = query.get(key, "")
    return min(max(int(value), 1), most) if value.isascii() and value.isdigit() else default


def moment(query: Query, key: str = "since") -> str:
    """A time of the query in UTC and whole seconds, as times are stored; empty where not given."""
    if not query.get(key):
        return ""
    try:
        at = datetime.fromisoformat(query[key].replace(" ", "+"))
    except ValueError as error:
        raise invalid(key, value=query[key]) from error
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def choice(query: Query, key: str, allowed: Sequence[str]) -> str:
    """One of the allowed values, of which the first is the default."""
    value = query.get(key) or allowed[0]
    if value not in allowed:
        raise invalid(key, value=value)
    return value


def paged(rows: Sequence[T], query: Query, url: str) -> Slice[T]:
    """The page that the query asks for by number."""
    size, page = number(query, "per_page", 30, 100), number(query, "page", 1, 1_000_000)
    last = max(1, -(-len(rows) // size))
    steps = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    there = ("next", "last") if page < last else ()
    here = ("prev", "first") if page > 1 else ()
    links = {name: {"page": str(steps[name])} for name in (*here, *there)}
    return Slice(rows[(page - 1) * size : page * size], _link(links, query, url))


def _link(links: Mapping[str, Mapping[str, str]], query: Query, url: str) -> str:
    kept = {key: value for key, value in query.items() if key not in ("page", "after")}
    return ", ".join(f'<{url}?{urlencode({**kept, **more})}>; rel="{name}"' for name, more in links.items())


class IssueLists:
    """The issues of a repository in any order asked for, quick to ask again while nothing changes."""

    def __init__(self, state: GithubState) -> None:
        self._state = state
        self._last: dict[int, tuple[int, tuple[tuple[str, str], ...], list[Issue]]] = {}

    def page(self, repository: Repository, query: Query, url: str) -> Slice[Issue]:
        """The page that the query asks for, by number or by the `after` of an earlier page's link."""
        sort = choice(query, "sort", ("created", "updated", "comments"))
        downwards = choice(query, "direction", ("desc", "asc")) == "desc"
        rows = self._rows(repository, query, sort, downwards=downwards)
        size, page = number(query, "per_page", 30, 100), number(query, "page", 1, 1_000_000)
        if query.get("after"):
            start = self._after(rows, query["after"], sort, downwards=downwards)
        elif (page - 1) * size >= DEEPEST:
            reason = "Pagination with the page parameter is not supported for large datasets, please use cursor based"
            raise Refusal(422, f"{reason} pagination (after/before)")
        else:
            start = (page - 1) * size
        shown = rows[start : start + size]
        return Slice(shown, self._links(rows, start, shown, page, size, sort, query, url))

    def _links(
        self,
        rows: list[Issue],
        start: int,
        shown: list[Issue],
        page: int,
        size: int,
        sort: str,
        query: Query,
        url: str,
    ) -> str:
        links: dict[str, dict[str, str]] = {}
        last = -(-len(rows) // size)
        if page > 1:
            links["prev"] = {"page": str(page - 1)}
        if start + size < len(rows):
            links["next"] = {"after": _cursor(_place(shown[-1], sort)), "page": str(page + 1)}
            if len(rows) <= DEEPEST:
                links["last"] = {"page": str(last)}
        if page > 1:
            links["first"] = {"page": "1"}
        return _link(links, query, url)

    def _rows(self, repository: Repository, query: Query, sort: str, *, downwards: bool) -> list[Issue]:
        paging = ("page", "per_page", "after")
        asked = tuple(sorted((key, value) for key, value in query.items() if key not in paging))
        version, known, rows = self._last.get(repository.id, (-1, (), []))
        if version == repository.version and known == asked and not self._state.lag:
            return rows
        wanted = _Filter(query)
        rows = [issue for issue in self._candidates(repository, wanted.since) if wanted.matches(issue)]
        rows.sort(key=lambda issue: _place(issue, sort), reverse=downwards)
        if not self._state.lag:
            self._last[repository.id] = (repository.version, asked, rows)
        return rows

    def _candidates(self, repository: Repository, since: str) -> list[Issue]:
        state = self._state
        if state.lag:
            own = (issue for issue in state.issues.values() if issue.repository == repository.id)
            return [seen for issue in own if (seen := state.as_listed(issue)) is not None]
        first = bisect.bisect_left(repository.touched, (since,))
        rows = repository.touched[first:]
        return [state.issues[repository.id, row[2]] for row in rows if state.current(repository, row)]

    def _after(self, rows: list[Issue], cursor: str, sort: str, *, downwards: bool) -> int:
        place = _read_cursor(cursor)
        sign = -1 if downwards else 1
        signed = [sign * part for part in place]
        return bisect.bisect_right(rows, signed, key=lambda issue: [sign * part for part in _place(issue, sort)])


class _Filter:
    """What a query asks of an issue."""

    def __init__(self, query: Query) -> None:
        self.since = moment(query)
        self._state = choice(query, "state", ("open", "closed", "all"))
        self._labels = {name.strip().lower() for name in query.get("labels", "").split(",") if name.strip()}
        self._creator = query.get("creator", "").lower()
        self._assignee = query.get("assignee", "").lower()
        self._never = bool(query.get("mentioned")) or query.get("milestone", "none") != "none"

    def matches(self, issue: Issue) -> bool:
        """Whether the issue is there and is asked for."""
        return (
            not self._never
            and not issue.deleted
            and issue.moved_to is None
            and issue.updated_at >= self.since
            and self._state in ("all", issue.state)
            and self._creator in ("", issue.author.lower())
            and self._fits_assignee(issue)
            and (not self._labels or self._labels <= {name.lower() for name in issue.labels})
        )

    def _fits_assignee(self, issue: Issue) -> bool:
        match self._assignee:
            case "":
                return True
            case "none":
                return not issue.assignees
            case "*":
                return bool(issue.assignees)
            case login:
                return login in {one.lower() for one in issue.assignees}


def _place(issue: Issue, sort: str) -> Place:
    match sort:
        case "updated":
            return [issue.touch]
        case "comments":
            return [len(issue.comments), issue.number]
        case _:
            return [issue.number]


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_cursor(cursor: str) -> Place:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error) as error:
        raise invalid("after", value=cursor) from error
    if not isinstance(place, list) or not all(isinstance(part, int) for part in place):
        raise invalid("after", value=cursor)
    return place
