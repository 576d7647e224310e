"""What an embedded Jira tells of itself: people, permissions, fields, statuses, screens."""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.calls import Answer
from connectors.sandbox.jira_rules import Refused
from connectors.sandbox.jira_site import FIELDS
from connectors.sandbox.jira_visit import Route, Visit

_WRITING = (
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "ASSIGN_ISSUES",
    "ASSIGNABLE_USER",
    "TRANSITION_ISSUES",
    "ADD_COMMENTS",
    "DELETE_ISSUES",
    "RESOLVE_ISSUES",
    "SCHEDULE_ISSUES",
    "LINK_ISSUES",
    "CREATE_ATTACHMENTS",
    "MODIFY_REPORTER",
)
_PERMISSIONS: Mapping[str, bool] = {"BROWSE_PROJECTS": False, **dict.fromkeys(_WRITING, True)}


def myself(visit: Visit) -> Answer:
    """GET /myself, which shows one's own e-mail address on Cloud too."""
    return Answer(200, {**(visit.show.user(visit.user) or {}), "emailAddress": visit.user.email})


def permissions(visit: Visit) -> Answer:
    """GET /mypermissions; Cloud must be told which."""
    wanted = visit.several("permissions")
    if visit.cloud and not wanted:
        raise Refused(400, ("The 'permissions' query parameter is required.",))
    if unknown := [one for one in wanted if one not in (*_PERMISSIONS, "ADMINISTER", "ADMINISTER_PROJECTS")]:
        raise Refused(400, (f"Unrecognized permission: {unknown[0]}",))
    if (project := visit.call.arg("projectKey")) and project not in (visit.site.project, *visit.site.other_projects):
        raise Refused(404, (f"No project could be found with key '{project}'.",))
    shown = {
        name: {
            "id": str(place),
            "key": name,
            "name": name.replace("_", " ").capitalize(),
            "type": "PROJECT",
            "description": "",
            "havePermission": name in _PERMISSIONS and (visit.user.writes or not _PERMISSIONS[name]),
        }
        for place, name in enumerate(wanted or _PERMISSIONS)
    }
    return Answer(200, {"permissions": shown})


def server_info(visit: Visit) -> Answer:
    """GET /serverInfo."""
    here = visit.show.project(visit.site.project)["self"].partition("/rest/")[0]
    version = [1001, 0, 0] if visit.cloud else [10, 3, 2]
    return Answer(
        200,
        {
            "baseUrl": here,
            "version": ".".join(map(str, version)) + ("-SNAPSHOT" if visit.cloud else ""),
            "versionNumbers": version,
            "deploymentType": "Cloud" if visit.cloud else "Server",
            "buildNumber": 100_290,
            "buildDate": "2025-12-25T00:00:00.000+0000",
            "serverTime": visit.show.time(visit.call.at),
            "scmInfo": "0",
            "serverTitle": "Jira",
        },
    )


def priorities(visit: Visit) -> Answer:
    """GET /priority."""
    names = visit.site.priorities
    return Answer(200, [visit.show.named("priority", name, names) for name in names])


def resolutions(visit: Visit) -> Answer:
    """GET /resolution."""
    names = visit.site.resolutions
    return Answer(200, [visit.show.named("resolution", name, names) for name in names])


def statuses(visit: Visit) -> Answer:
    """GET /status."""
    return Answer(200, [visit.show.status(status) for status in visit.site.statuses])


def fields(visit: Visit) -> Answer:
    """GET /field."""
    own = {c.id: (c.name, {"type": c.type}) for c in visit.site.custom}
    shown = [
        {
            "id": id_,
            "key": id_,
            "name": name,
            "custom": id_ in own,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [id_],
            "schema": dict(schema),
        }
        for id_, (name, schema) in {**FIELDS, **own}.items()
    ]
    return Answer(200, shown)


def _project(visit: Visit) -> str:
    wanted = visit.call.params["project"]
    for key in (visit.site.project, *visit.site.other_projects):
        if wanted in (key, visit.show.project(key)["id"]):
            return key
    raise Refused(404, (f"No project could be found with key '{wanted}'.",))


def project(visit: Visit) -> Answer:
    """GET /project/{project}."""
    key = _project(visit)
    types = [visit.show.issue_type(name) for name in visit.site.issue_types]
    return Answer(200, {**visit.show.project(key), "description": "", "issueTypes": types})


def project_statuses(visit: Visit) -> Answer:
    """GET /project/{project}/statuses."""
    _project(visit)
    every = [visit.show.status(status) for status in visit.site.statuses]
    types = [visit.show.issue_type(name) for name in visit.site.issue_types]
    return Answer(200, [{k: t[k] for k in ("self", "id", "name", "subtask")} | {"statuses": every} for t in types])


def create_types(visit: Visit) -> Answer:
    """GET /issue/createmeta/{project}/issuetypes."""
    _project(visit)
    return _page(visit, "issueTypes", [visit.show.issue_type(name) for name in visit.site.issue_types])


def create_fields(visit: Visit) -> Answer:
    """GET /issue/createmeta/{project}/issuetypes/{type}."""
    _project(visit)
    if visit.call.params["type"] not in [visit.show.issue_type(name)["id"] for name in visit.site.issue_types]:
        raise Refused(404, ("The issue type does not exist.",))
    must = ("project", "issuetype", "summary", *visit.site.required)
    shown = [{**visit.show.field(name, required=name in must), "fieldId": name} for name in visit.site.screen]
    return _page(visit, "fields", shown)


def _page(visit: Visit, name: str, every: list[Any]) -> Answer:
    start, limit = visit.number("startAt", 0), min(visit.number("maxResults", 50), 200)
    shown = every[start : start + limit]
    page = {"startAt": start, "maxResults": limit, "total": len(every)}
    if visit.cloud:
        return Answer(200, {**page, name: shown})
    return Answer(200, {**page, "isLast": start + limit >= len(every), "values": shown})


def assignable(visit: Visit) -> Answer:
    """GET /user/assignable/search: those whose name (Data Center: or e-mail) begins with what is asked."""
    if not visit.call.arg("project") and not visit.call.arg("issueKey"):
        raise Refused(400, ("The project key or the issue key must be given.",))
    return _people(visit, visit.site.unassignable)


def find_users(visit: Visit) -> Answer:
    """GET /user/search."""
    return _people(visit, frozenset())


def _people(visit: Visit, without: frozenset[str]) -> Answer:
    asked = (visit.call.arg("query") or visit.call.arg("username")).lower()
    account = visit.call.arg("accountId")
    start, limit = visit.number("startAt", 0), visit.number("maxResults", 50)
    found = []
    for person in visit.site.people:
        # On Cloud an e-mail address is found too, though it is not shown.
        words = [*person.display.lower().split(), person.display.lower(), person.email.lower(), person.name.lower()]
        fits = person.id == account if account else any(word.startswith(asked) for word in words)
        if fits and person.name not in without:
            found.append(visit.show.user(person))
    return Answer(200, found[start : start + limit])


def user(visit: Visit) -> Answer:
    """GET /user."""
    account = visit.call.arg("accountId" if visit.cloud else "username")
    found = visit.fields.user(account)
    if found is None:
        raise Refused(404, ("Specified user does not exist or you do not have required permissions",))
    return Answer(200, visit.show.user(found))


ROUTES: tuple[Route, ...] = (
    ("GET", "/myself", myself),
    ("GET", "/mypermissions", permissions),
    ("GET", "/serverInfo", server_info),
    ("GET", "/priority", priorities),
    ("GET", "/resolution", resolutions),
    ("GET", "/status", statuses),
    ("GET", "/field", fields),
    ("GET", "/project/{project}", project),
    ("GET", "/project/{project}/statuses", project_statuses),
    ("GET", "/issue/createmeta/{project}/issuetypes", create_types),
    ("GET", "/issue/createmeta/{project}/issuetypes/{type}", create_fields),
    ("GET", "/user/assignable/search", assignable),
    ("GET", "/user/search", find_users),
    ("GET", "/user", user),
)
