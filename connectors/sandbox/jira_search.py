"""Every way to read issues from an embedded Jira: by query through the index, or by id past it."""

import base64
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from connectors.sandbox.calls import Answer
from connectors.sandbox.jira_issues import Change, Entry, Issue
from connectors.sandbox.jira_jql import Query, Unclear, parse
from connectors.sandbox.jira_rules import NOT_THERE, Refused
from connectors.sandbox.jira_visit import Route, Visit, texts, whole

PAGE = 100
PAGE_OF_IDS = 5000
DC_PAGE = 1000
DC_DEEPEST = 10_000
FETCH = 100


def read(visit: Visit) -> Answer:
    """GET /issue/{issue}."""
    issue = visit.issue()
    shown = visit.show.issue(
        issue, visit.several("fields"), expand=visit.several("expand"), properties=visit.several("properties")
    )
    return Answer(200, shown)


def changelog(visit: Visit) -> Answer:
    """GET /issue/{issue}/changelog, oldest first."""
    issue = visit.issue()
    start, limit = visit.number("startAt", 0), min(visit.number("maxResults", 100), 100)
    values = [visit.show.change(change) for change in issue.history[start : start + limit]]
    total = len(issue.history)
    here = f"{visit.show.issue(issue, ['-'])['self']}/changelog?maxResults={limit}&startAt="
    page = {"self": f"{here}{start}", "maxResults": limit, "startAt": start, "total": total}
    if start + limit < total:
        page["nextPage"] = f"{here}{start + limit}"
    return Answer(200, {**page, "isLast": start + limit >= total, "values": values})


def fetch(visit: Visit) -> Answer:
    """POST /issue/bulkfetch."""
    data = visit.asked()
    wanted = texts(data, "issueIdsOrKeys")
    if not wanted or len(wanted) > FETCH:
        raise Refused(400, (f"issueIdsOrKeys must have between 1 and {FETCH} elements.",))
    fields, expand, properties = texts(data, "fields"), texts(data, "expand"), texts(data, "properties")
    issues: dict[int, Any] = {}
    errors: list[Any] = []
    for one in wanted:
        issue = visit.issues.get(one)
        if issue is None:
            errors.append({"id": one, "errorMessage": NOT_THERE})
        else:
            issues[issue.id] = visit.show.issue(issue, fields or ["*all"], expand=expand, properties=properties)
    return Answer(200, {"issues": list(issues.values()), "issueErrors": errors})


def fetch_changelogs(visit: Visit) -> Answer:
    """POST /changelog/bulkfetch, oldest first."""
    data = visit.asked()
    wanted, fields = texts(data, "issueIdsOrKeys"), texts(data, "fieldIds")
    if not wanted or len(wanted) > 1000 or len(fields) > 10:
        raise Refused(400, ("Between 1 and 1000 issues and at most 10 fields can be asked for.",))
    start, limit = (
        whole(data.get("nextPageToken") or 0, "nextPageToken"),
        whole(data.get("maxResults", 1000), "maxResults"),
    )
    issues = {i.id: i for one in wanted if (i := visit.issues.get(one)) is not None}
    every = [(issue, change) for issue in issues.values() for change in issue.history if _touches(change, fields)]
    every.sort(key=lambda pair: pair[1].id)
    logs: dict[int, list[Any]] = {}
    for issue, change in every[start : start + limit]:
        logs.setdefault(issue.id, []).append(visit.show.change(change))
    page = {"issueChangeLogs": [{"issueId": str(id_), "changeHistories": found} for id_, found in logs.items()]}
    more = {"nextPageToken": str(start + limit)} if start + limit < len(every) else {}
    return Answer(200, page | more)


def _touches(change: Change, fields: Sequence[str]) -> bool:
    return not fields or any(item.field.lower() in fields for item in change.items)


def _asked(visit: Visit) -> Mapping[str, Any]:
    """The search request, whether it came as a body or as a query."""
    if visit.call.method == "POST":
        return visit.asked()
    lists = {name: visit.several(name) for name in ("fields", "properties", "reconcileIssues")}
    return {**{name: values[-1] for name, values in visit.call.args.items()}, **lists}


def _query(visit: Visit, data: Mapping[str, Any]) -> Query:
    visit.issues.index.catch_up(visit.call.at)
    try:
        query = parse(str(data.get("jql") or ""), visit.call.at, visit.site.timezone, visit.user.id)
    except Unclear as unclear:
        raise Refused(400, (str(unclear),)) from None
    site = visit.site
    known = {
        "project": (site.project, *site.other_projects),
        "status": tuple(status.name for status in site.statuses),
        "priority": site.priorities,
        "resolution": (*site.resolutions, "Unresolved"),
        "issuetype": site.issue_types,
    }
    for field, names in known.items():
        for name in query.values(field):
            if name not in {one.lower() for one in names}:
                raise Refused(400, (f"The value '{name}' does not exist for the field '{field}'.",))
    return query


def _hydrated(visit: Visit, found: Sequence[Entry]) -> list[Issue]:
    issues = (visit.issues.by_id.get(entry.id) for entry in found)
    return [issue for issue in issues if issue is not None and not issue.hidden]


def search(visit: Visit) -> Answer:
    """GET and POST /search/jql: pages by token, no total, only ids unless fields are asked for."""
    data = _asked(visit)
    fields, properties = texts(data, "fields"), texts(data, "properties")
    reconciled = texts(data, "reconcileIssues")
    if len(properties) > 5 or len(reconciled) > 50:
        raise Refused(400, ("At most 5 properties and 50 issues to reconcile can be asked for.",))
    query = _query(visit, data)
    if not query.conditions:
        raise Refused(
            400, ("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",)
        )
    visit.issues.reconcile(int(one) for one in reconciled if one.isascii() and one.isdigit())
    most = PAGE_OF_IDS if set(fields) <= {"id", "key"} and not properties else PAGE
    limit = min(whole(data.get("maxResults", 50), "maxResults") or 50, most)
    after = _after(data.get("nextPageToken"), query)
    found = list(islice(query.run(visit.issues.index, after), limit + 1))
    page, more = found[:limit], len(found) > limit
    expand = str(data.get("expand") or "").split(",")
    issues = [
        visit.show.issue(issue, fields, expand=expand, properties=properties, in_search=True)
        for issue in _hydrated(visit, page)
    ]
    token = {"nextPageToken": _token(query, page[-1])} if more else {}
    return Answer(200, {"issues": issues, "isLast": not more, **token})


def _token(query: Query, last: Entry) -> str:
    return base64.urlsafe_b64encode(json.dumps([query.order, query.place(last)]).encode()).decode()


def _after(token: Any, query: Query) -> tuple[Any, ...] | None:
    if not token:
        return None
    try:
        order, place = json.loads(base64.urlsafe_b64decode(str(token)))
    except ValueError:
        order, place = None, ()
    if order != [list(pair) for pair in query.order]:
        raise Refused(400, ("The provided next page token is invalid or expired.",))
    return tuple(place)


def count(visit: Visit) -> Answer:
    """POST /search/approximate-count."""
    return Answer(200, {"count": sum(1 for _ in _query(visit, visit.asked()).run(visit.issues.index))})


def search_by_offset(visit: Visit) -> Answer:
    """GET and POST /search as Data Center has it: pages by offset, with a total."""
    data = _asked(visit)
    query = _query(visit, data)
    if str(data.get("validateQuery", "true")).lower() in ("true", "strict"):
        for key in query.values("key", "issuekey", "issue"):
            if visit.issues.get(key) is None:
                raise Refused(400, (f"An issue with key '{key.upper()}' does not exist for field 'key'.",))
    start, limit = (
        whole(data.get("startAt", 0), "startAt"),
        min(whole(data.get("maxResults", 50), "maxResults"), DC_PAGE),
    )
    if start + limit > DC_DEEPEST:
        raise Refused(400, (f"Result window is too large: startAt + maxResults must not exceed {DC_DEEPEST}.",))
    found = list(query.run(visit.issues.index))
    raw = data.get("expand") or ""
    expand = raw if isinstance(raw, list) else str(raw).split(",")
    fields, properties = texts(data, "fields"), texts(data, "properties")
    issues = [
        visit.show.issue(issue, fields, expand=expand, properties=properties, in_search=True)
        for issue in _hydrated(visit, found[start : start + limit])
    ]
    return Answer(200, {"startAt": start, "maxResults": limit, "total": len(found), "issues": issues})


def search_is_gone(_visit: Visit) -> Answer:
    """GET and POST /search on Cloud, where it was removed."""
    raise Refused(
        410,
        (
            "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration "
            "guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046",
        ),
    )


ROUTES: tuple[Route, ...] = (("GET", "/issue/{issue}", read),)
CLOUD: tuple[Route, ...] = (
    ("GET", "/issue/{issue}/changelog", changelog),
    ("POST", "/issue/bulkfetch", fetch),
    ("POST", "/changelog/bulkfetch", fetch_changelogs),
    ("GET", "/search/jql", search),
    ("POST", "/search/jql", search),
    ("POST", "/search/approximate-count", count),
    ("GET", "/search", search_is_gone),
    ("POST", "/search", search_is_gone),
)
DATACENTER: tuple[Route, ...] = (("GET", "/search", search_by_offset), ("POST", "/search", search_by_offset))
