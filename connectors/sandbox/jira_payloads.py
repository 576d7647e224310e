"""How an embedded Jira shows what it has, as each of its two personalities."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sandbox.calls import User
from connectors.sandbox.jira_issues import Body, Change, Comment, Issue
from connectors.sandbox.jira_site import FIELDS, Site, Status, Transition
from connectors.sandbox.jira_text import document, plain

_COMMENTS_IN_SEARCH = 20


class Show:
    """Renders for one site at `url`; `cloud` decides on accounts, `trees` on long text, `version` on links."""

    def __init__(self, site: Site, url: str, version: str, *, cloud: bool, trees: bool) -> None:
        self._site = site
        self._api = f"{url}/rest/api/{version}"
        self._cloud = cloud
        self._trees = trees

    def time(self, at: datetime) -> str:
        """A time in the profile's zone, with milliseconds."""
        # The name needs no time zone database, which small machines lack.
        zone = UTC if self._site.timezone == "UTC" else ZoneInfo(self._site.timezone)
        local = at.astimezone(zone)
        return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"

    def text(self, body: Body) -> Any:
        """Long text in the format of this version."""
        if body is None:
            return None
        if self._trees:
            return document(body) if isinstance(body, str) else body
        return plain(body)

    def account(self, user: User) -> str:
        """What identifies somebody here."""
        return user.id if self._cloud else user.name

    def user(self, user: User | None) -> dict[str, Any] | None:
        """Somebody, as this personality shows them."""
        if user is None:
            return None
        shown = {"displayName": user.display, "active": True, "timeZone": self._site.timezone}
        if self._cloud:
            query, kind = f"accountId={user.id}", "app" if user.bot else "atlassian"
            # E-mail addresses are shown to their owners alone, as profiles are by default.
            return {"self": f"{self._api}/user?{query}", "accountId": user.id, "accountType": kind, **shown}
        me = {"self": f"{self._api}/user?username={user.name}", "name": user.name, "key": f"JIRAUSER{user.name}"}
        return {**me, "emailAddress": user.email, **shown}

    def status(self, status: Status) -> dict[str, Any]:
        """A status with its category."""
        category = status.category
        return {
            "self": f"{self._api}/status/{status.id}",
            "description": "",
            "iconUrl": "",
            "name": status.name,
            "id": status.id,
            "statusCategory": {
                "self": f"{self._api}/statuscategory/{category.id}",
                "id": category.id,
                "key": category.key,
                "colorName": category.colour,
                "name": category.name,
            },
        }

    def named(self, kind: str, name: str | None, names: Sequence[str]) -> dict[str, Any] | None:
        """A priority or resolution by its name."""
        if name is None:
            return None
        place = str(names.index(name) + 1)
        shown = {"self": f"{self._api}/{kind}/{place}", "id": place, "name": name}
        return {**shown, "iconUrl": ""} if kind == "priority" else {**shown, "description": ""}

    def issue_type(self, name: str) -> dict[str, Any]:
        """An issue type."""
        place = str(self._site.issue_types.index(name) + 1)
        shown = {"self": f"{self._api}/issuetype/{place}", "id": place, "description": "", "name": name}
        return {**shown, "subtask": False}

    def project(self, key: str) -> dict[str, Any]:
        """A project, shortly."""
        ids = {self._site.project: "10000"} | {k: str(10_001 + n) for n, k in enumerate(self._site.other_projects)}
        id_ = ids.get(key, "10000")
        kind = "service_desk" if self._site.service_desk else "software"
        return {"self": f"{self._api}/project/{id_}", "id": id_, "key": key, "name": key, "projectTypeKey": kind}

    def comment(self, issue: Issue, comment: Comment, *, properties: bool = False) -> dict[str, Any]:
        """A comment; its properties are shown only when asked for."""
        shown = {
            "self": f"{self._api}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
            "author": self.user(comment.author),
            "body": self.text(comment.body),
            "updateAuthor": self.user(comment.author),
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
        }
        if comment.visibility is not None:
            shown["visibility"] = comment.visibility
        if self._cloud and self._site.service_desk:
            told = (one["value"] for one in comment.properties if one["key"] == "sd.public.comment")
            shown["jsdPublic"] = not any(isinstance(value, dict) and value.get("internal") for value in told)
        return shown | ({"properties": comment.properties} if properties else {})

    def change(self, change: Change) -> dict[str, Any]:
        """One entry of a changelog."""
        items = [
            {
                "field": item.field,
                "fieldtype": "jira",
                "fieldId": item.field.lower(),
                "from": item.before,
                "fromString": item.before_text,
                "to": item.after,
                "toString": item.after_text,
            }
            for item in change.items
        ]
        if not self._cloud:
            for item in items:
                del item["fieldId"]
        author, created = self.user(change.author), self.time(change.at)
        return {"id": str(change.id), "author": author, "created": created, "items": items}

    def changelog(self, issue: Issue, limit: int) -> dict[str, Any]:
        """The changelog beside an issue: Cloud begins with the newest and gives `limit`, Data Center gives all."""
        histories = [self.change(change) for change in issue.history]
        shown = histories[::-1][:limit] if self._cloud else histories
        return {"startAt": 0, "maxResults": len(shown), "total": len(histories), "histories": shown}

    def issue(
        self,
        issue: Issue,
        fields: Sequence[str],
        *,
        expand: Iterable[str] = (),
        properties: Sequence[str] = (),
        in_search: bool = False,
    ) -> dict[str, Any]:
        """An issue with the fields asked for."""
        shown: dict[str, Any] = {"id": str(issue.id), "key": issue.key, "self": f"{self._api}/issue/{issue.id}"}
        if wanted := self._wanted(fields, in_search=in_search):
            shown["fields"] = {name: self._value(issue, name, in_search=in_search) for name in wanted}
        if properties:
            every = "*all" in properties
            shown["properties"] = {k: v for k, v in issue.properties.items() if every or k in properties}
        if "changelog" in expand:
            shown["changelog"] = self.changelog(issue, 40 if in_search else 100)
        return shown

    def _wanted(self, fields: Sequence[str], *, in_search: bool) -> list[str]:
        known = [*_VALUES, *(custom.id for custom in self._site.custom)]
        if not self._cloud:
            known += ["archiveddate", "archivedby"]
        hidden = {name[1:] for name in fields if name.startswith("-")}
        every = bool({"*all", "*navigable"} & set(fields)) or (bool(fields) and len(hidden) == len(fields))
        every = every or (not fields and not (in_search and self._cloud))
        picked = [name for name in known if every or name in fields]
        if every and in_search and "*all" not in fields:
            hidden |= {"comment", "attachment"}
        return [name for name in picked if name not in hidden]

    def _value(self, issue: Issue, name: str, *, in_search: bool) -> Any:
        match name:
            case "summary":
                return issue.summary
            case "description":
                return self.text(issue.description)
            case "status":
                return self.status(issue.status)
            case "priority":
                return self.named("priority", issue.priority, self._site.priorities)
            case "resolution":
                return self.named("resolution", issue.resolution, self._site.resolutions)
            case "issuetype":
                return self.issue_type(issue.type)
            case "project":
                return self.project(issue.project)
            case "labels":
                return list(issue.labels)
            case "comment":
                return self._comments(issue, in_search=in_search)
            case _:
                return self._plain_value(issue, name)

    def _plain_value(self, issue: Issue, name: str) -> Any:
        match name:
            case "assignee":
                return self.user(issue.assignee)
            case "reporter" | "creator":
                return self.user(issue.reporter)
            case "duedate":
                return issue.duedate
            case "created":
                return self.time(issue.created)
            case "updated":
                return self.time(issue.updated)
            case "resolutiondate":
                return self.time(issue.resolved) if issue.resolved else None
            case "attachment":
                return list(issue.attachments)
            case "issuelinks":
                return [self._link(id_, original) for id_, original in issue.duplicates]
            case "archiveddate":
                return self.time(issue.updated) if issue.archived else None
            case "archivedby":
                return None
            case _:
                return issue.custom.get(name)

    def _link(self, id_: int, original: Issue) -> dict[str, Any]:
        kind = {"id": "10002", "name": "Duplicate", "inward": "is duplicated by", "outward": "duplicates"}
        shown = self.issue(original, ["summary", "status", "priority", "issuetype"])
        here = f"{self._api}/issueLink/{id_}"
        kind["self"] = f"{self._api}/issueLinkType/10002"
        return {"id": str(id_), "self": here, "type": kind, "outwardIssue": shown}

    def _comments(self, issue: Issue, *, in_search: bool) -> dict[str, Any]:
        shown = issue.comments[-_COMMENTS_IN_SEARCH:] if in_search else issue.comments
        total = len(issue.comments)
        page = {"comments": [self.comment(issue, one) for one in shown], "maxResults": len(shown), "total": total}
        return {**page, "startAt": 0, "self": f"{self._api}/issue/{issue.id}/comment"}

    def transition(self, step: Transition, *, fields: bool) -> dict[str, Any]:
        """A step that can be taken, with the fields of its screen if asked for."""
        shown: dict[str, Any] = {
            "id": step.id,
            "name": step.name,
            "to": self.status(step.to),
            "hasScreen": bool(step.screen),
            "isGlobal": not step.sources,
            "isInitial": False,
            "isConditional": False,
            "isAvailable": True,
        }
        if fields:
            shown["fields"] = {name: self.field(name, required=name in step.required) for name in step.screen}
        return shown

    def field(self, name: str, *, required: bool) -> dict[str, Any]:
        """What may be put into a field, as metadata shows it."""
        custom = self._site.custom_field(name)
        label, schema = (custom.name, custom_schema(custom.type)) if custom else FIELDS[name]
        shown: dict[str, Any] = {"required": required, "schema": dict(schema), "name": label, "key": name}
        shown |= {
            "hasDefaultValue": name == "priority",
            "operations": ["add", "set", "remove"] if name == "labels" else ["set"],
        }
        allowed: list[Any] | None = None
        match name:
            case "priority":
                allowed = [self.named(name, one, self._site.priorities) for one in self._site.priorities]
            case "resolution":
                allowed = [self.named(name, one, self._site.resolutions) for one in self._site.resolutions]
            case "issuetype":
                allowed = [self.issue_type(one) for one in self._site.issue_types]
            case _ if custom and custom.options:
                allowed = [{"id": str(n), "value": value} for n, value in enumerate(custom.options)]
        return shown if allowed is None else shown | {"allowedValues": allowed}


_VALUES = (
    "summary",
    "description",
    "status",
    "resolution",
    "resolutiondate",
    "priority",
    "assignee",
    "reporter",
    "creator",
    "labels",
    "duedate",
    "created",
    "updated",
    "issuetype",
    "project",
    "comment",
    "attachment",
    "issuelinks",
)


def custom_schema(kind: str) -> Mapping[str, str]:
    """The schema of a field of the site's own."""
    return {"type": kind, "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}
