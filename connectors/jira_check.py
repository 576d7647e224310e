"""What on a Jira would stop or bend a run, found by reading alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.errors import Denied, NotFound, Rejected, TrackerError, Unavailable
from connectors.jira_client import JiraClient
from connectors.jira_reading import EPOCH, category, mapping, rows
from connectors.jira_search import JiraSearch
from connectors.jira_settings import USUAL_PRIORITIES, JiraSettings
from state.model import Problem
from state.ticket import Category

Row = Mapping[str, Any]

_OURS = ("labels", "duedate", "priority", "assignee", "description")
_GIVEN = frozenset({"project", "issuetype", "summary", "reporter", *_OURS})
_PERMISSIONS = {
    "BROWSE_PROJECTS": "",
    "CREATE_ISSUES": "",
    "EDIT_ISSUES": "",
    "TRANSITION_ISSUES": "",
    "ADD_COMMENTS": "",
    "SCHEDULE_ISSUES": "duedate",
    "ASSIGN_ISSUES": "assignee",
}
"""What our account needs, and the field that can be left out instead."""


_GATEWAY = "api.atlassian.com"


class Checkup:
    """One look at a Jira through `client`; sends only reads."""

    def __init__(self, name: str, settings: JiraSettings, client: JiraClient) -> None:
        self._table, self._settings, self._client = f"[trackers.{name}]", settings, client

    def problems(self) -> list[Problem]:
        """Everything found, what stops a run first."""
        try:
            found = [*self._account(), *self._project()]
        except Denied as error:
            fix = f"mend the token (and email) of {self._table}, or what its account may do"
            return [Problem(f"access is denied: {error}", fix)]
        except Unavailable as error:
            return [
                Problem(f"the server cannot be reached: {error}", f"check url, proxy and ca_bundle in {self._table}")
            ]
        return sorted(found, key=lambda problem: not problem.fatal)

    def _account(self) -> Iterator[Problem]:
        if _GATEWAY in self._settings.url and self._settings.site is None:
            fix = f'add a line to {self._table}: site = "https://YOUR-SITE.atlassian.net"'
            yield Problem("links to tickets would lead people to the API's address", fix, fatal=False)
        if self._optional("myself") is None:
            yield self._absent("myself", "every account that carries our label is taken for ours")

    def _project(self) -> Iterator[Problem]:
        key = self._settings.project
        try:
            project = mapping(self._client.get(f"project/{key}"))
        except NotFound as error:
            if not self._searchable():
                fix = f"set project in {self._table} to its key, or let the account browse it"
                yield Problem(f"project {key} does not exist or is hidden: {error}", fix)
                return
            yield self._absent("project", "whether it is there is not known")
            project = {}
        yield from self._issue_type(project)
        yield from self._names()
        yield from self._permissions()
        yield from self._endpoints()

    def _searchable(self) -> bool:
        """Whether issues of the project can be asked for, which fails for one that does not exist."""
        search = JiraSearch(self._client, self._settings.project, on_cloud=self._settings.on_cloud)
        try:
            next(search.pages(f'project = "{self._settings.project}"', EPOCH))
        except (NotFound, Rejected):
            return False
        return True

    def _issue_type(self, project: Row) -> Iterator[Problem]:
        path = f"issue/createmeta/{self._settings.project}/issuetypes"
        told = self._optional(path, name="issue/createmeta", maxResults=100)
        types = _listed(told, "issueTypes", "values") or rows(project.get("issueTypes"))
        if told is None:
            yield self._absent("issue/createmeta", "what the create screen demands is not known")
        wanted = self._settings.issue_type
        found = [row for row in types if wanted in (str(row.get("name")), str(row.get("id")))]
        if types and not found:
            names = ", ".join(str(row.get("name")) for row in types)
            yield Problem(f"there is no issue type {wanted!r}; there are: {names}", f"set issue_type in {self._table}")
        if found and told is not None:
            yield from self._screen(self._fields(f"{path}/{found[0].get('id')}"))

    def _fields(self, path: str) -> list[Row]:
        found: list[Row] = []
        while True:
            answer = self._optional(path, name="issue/createmeta", startAt=len(found), maxResults=200)
            page = _listed(answer, "fields", "results", "values")
            found += page
            total = mapping(answer).get("total")
            if not page or not isinstance(total, int) or len(found) >= total:
                return found

    def _screen(self, fields: list[Row]) -> Iterator[Problem]:
        if not fields:
            return
        known = {str(row.get("fieldId") or row.get("key")): row for row in fields}
        sent = [name for name in _OURS if name not in self._settings.omit]
        if missing := [name for name in sent if name not in known]:
            line = ", ".join(f'"{name}"' for name in sorted({*self._settings.omit, *missing}))
            what = f"not on the create screen of {self._settings.issue_type}: {', '.join(missing)}"
            yield Problem(what, f"add to the screen, or write in {self._table}: omit = [{line}]")
        for name, row in known.items():
            if row.get("required") and not row.get("hasDefaultValue") and not self._sends(name):
                what = f"the create screen demands {row.get('name', name)} ({name})"
                yield Problem(what, f"write in {self._table}: fields.{name} = {_example(row)}")

    def _sends(self, name: str) -> bool:
        return name in self._settings.fields or (name in _GIVEN and name not in self._settings.omit)

    def _names(self) -> Iterator[Problem]:
        settings = self._settings
        if "priority" not in settings.omit:
            there = self._optional("priority")
            given = settings.priority.model_dump()
            yield from self._known([name for name in given.values() if name], there, "priority", "priority")
            usual = [name for key, name in USUAL_PRIORITIES.items() if not given[key]]
            yield from (replace(each, fatal=False) for each in self._known(usual, there, "priority", "priority"))
        resolutions = [name for names in settings.resolution.model_dump().values() for name in names]
        yield from self._known(resolutions, self._optional("resolution"), "resolution", "resolution")
        statuses = self._statuses()
        names = [name for names in settings.status.model_dump().values() for name in names]
        yield from self._known(names, statuses, "status", "status")
        if statuses:
            for kind in sorted(set(Category) - {category(row) for row in statuses}):
                what = f"no status of {settings.issue_type} in {settings.project} is of category {kind}"
                yield Problem(what, "add one to the workflow; until then such a change is held", fatal=False)

    def _statuses(self) -> list[Row] | None:
        answer = self._optional(f"project/{self._settings.project}/statuses", name="project/statuses")
        if answer is None:
            return None
        kinds = rows(answer)
        wanted = self._settings.issue_type
        own = [row for row in kinds if wanted in (row.get("name"), str(row.get("id")))]
        return [status for kind in own or kinds for status in rows(kind.get("statuses"))]

    def _known(self, wanted: list[str], answer: object, what: str, table: str) -> Iterator[Problem]:
        there = {str(row.get("name")).lower() for row in _listed(answer, "values")}
        for name in dict.fromkeys(wanted) if there else ():
            if name.lower() not in there:
                fix = f"correct it in {self._table[:-1]}.{table}]"
                yield Problem(f"there is no {what} {name!r}; there are: {', '.join(sorted(there))}", fix)

    def _permissions(self) -> Iterator[Problem]:
        asked = {"projectKey": self._settings.project, "permissions": ",".join(_PERMISSIONS)}
        answer = self._optional("mypermissions", **asked)
        if answer is None:
            yield self._absent("mypermissions", "what the account may do is not known")
        told = mapping(mapping(answer).get("permissions"))
        for name, field in _PERMISSIONS.items():
            refused = mapping(told.get(name)).get("havePermission") is False
            if refused and field not in self._settings.omit:
                instead = f', or write in {self._table}: omit = ["{field}"]' if field else ""
                yield Problem(
                    f"the account lacks the permission {name}", f"grant it in {self._settings.project}{instead}"
                )

    def _endpoints(self) -> Iterator[Problem]:
        if not self._settings.on_cloud:
            return
        probe = {"jql": f'project = "{self._settings.project}"', "fields": ["id"], "maxResults": 1}
        if self._posted("search/jql", probe) is None:
            yield self._absent("search/jql", "the plain search is used", "; if it is not a Cloud: deployment")
        if self._posted("issue/bulkfetch", {"issueIdsOrKeys": ["0"], "fields": ["id"]}) is None:
            yield self._absent("issue/bulkfetch", "tickets are read one by one")
        if "issue/bulk" in self._client.absent:
            yield self._absent("issue/bulk", "tickets are created one by one")

    def _absent(self, endpoint: str, so: str, hint: str = "") -> Problem:
        return Problem(f"the server has no {endpoint}: {so}", f"nothing needs to be done{hint}", fatal=False)

    def _optional(self, path: str, *, name: str = "", **params: str | int) -> Any:
        """The answer, or `None` where the server has no such endpoint."""
        try:
            return self._client.get(path, **params)
        except (NotFound, Rejected) as error:
            return self._tolerate(name or path, error)

    def _posted(self, path: str, payload: Row) -> Any:
        try:
            return self._client.post(path, payload)
        except (NotFound, Rejected) as error:
            return self._tolerate(path, error) if error.status in (404, 405, 410, 501) else {}

    def _tolerate(self, name: str, error: TrackerError) -> None:
        self._client.lacks(name, error)


def _listed(answer: object, *keys: str) -> list[Row]:
    if isinstance(answer, dict):
        return next((rows(answer[key]) for key in keys if key in answer), [])
    return rows(answer)


def _example(row: Row) -> str:
    allowed = rows(row.get("allowedValues"))
    kind = mapping(row.get("schema")).get("type")
    if allowed:
        key = next((key for key in ("id", "value", "name") if key in allowed[0]), "id")
        value = f'{{ {key} = "{allowed[0].get(key, "")}" }}'
    else:
        value = "0" if kind == "number" else '"..."'
    return f"[{value}]" if kind == "array" else value
