"""What a request may do to an issue of an embedded Jira: create, edit, move through the workflow, delete."""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.calls import Answer, User
from connectors.sandbox.jira_issues import Issue, Item, properties_of
from connectors.sandbox.jira_rules import Refused, check_property
from connectors.sandbox.jira_site import DONE, TO_DO, Transition
from connectors.sandbox.jira_talk import add_comment
from connectors.sandbox.jira_text import plain
from connectors.sandbox.jira_visit import Event, Route, Visit, table, tables

BULK = 50


def create(visit: Visit) -> Answer:
    """POST /issue."""
    issue, moved = _create_one(visit, visit.asked())
    return Answer(201, _created(visit, issue, moved))


def create_bulk(visit: Visit) -> Answer:
    """POST /issue/bulk: each element for itself; 201 if any could be created."""
    elements = visit.asked().get("issueUpdates")
    if not isinstance(elements, list) or not elements:
        raise Refused(400, ("issueUpdates must not be empty.",))
    if len(elements) > BULK:
        failure = _failure(0, Refused(400, (f"The number of issues to create must not exceed {BULK}.",)))
        return Answer(400, {"issues": [], "errors": [failure]})
    issues: list[Any] = []
    errors: list[Any] = []
    for place, element in enumerate(elements):
        try:
            issue, moved = _create_one(visit, element)
            issues.append(_created(visit, issue, moved))
        except Refused as refused:
            errors.append(_failure(place, refused))
    return Answer(201 if issues else 400, {"issues": issues, "errors": errors})


def _failure(place: int, refused: Refused) -> dict[str, Any]:
    return {"status": refused.status, "elementErrors": refused.collection(), "failedElementNumber": place}


def _created(visit: Visit, issue: Issue, moved: bool) -> dict[str, Any]:
    shown = visit.show.issue(issue, ["-"])
    answer = {name: shown[name] for name in ("id", "key", "self")}
    if moved:
        answer["transition"] = {"status": 204, "errorCollection": {"errorMessages": [], "errors": {}}}
    return answer


def _create_one(visit: Visit, element: Any) -> tuple[Issue, bool]:
    if not isinstance(element, dict):
        raise Refused(400, ("Invalid request payload. Refer to the REST API documentation and try again.",))
    author, site = visit.writer(), visit.site
    given = table(element, "fields")
    _merge(given, table(element, "update"), [])
    values = visit.fields.read(given, site.screen, ("project", "issuetype", "summary", *site.required))
    properties = _properties(element)
    issue = Issue(
        id=visit.issues.next_id(),
        key=visit.issues.next_key(site.project),
        project=values.pop("project"),
        type=values.pop("issuetype"),
        summary=values.pop("summary"),
        status=TO_DO,
        reporter=author,
        created=visit.call.at,
        updated=visit.call.at,
        priority=site.default_priority,
        properties=properties,
    )
    _apply(issue, values)
    wanted = table(element, "transition").get("id")
    step = _step(visit, issue, str(wanted)) if wanted else None
    visit.issues.add(issue, visit.lag)
    visit.tell(Event("jira:issue_created", issue, author))
    if step is not None:
        _take(visit, issue, step, {})
    return issue, step is not None


def edit(visit: Visit) -> Answer:
    """PUT /issue/{issue}: fields and properties; a transition in the body is ignored, as Jira does."""
    issue, data = visit.issue(), visit.asked()
    visit.writer()
    if visit.flag("notifyUsers") is False:
        raise Refused(
            403, ("To discard the user notification either admin or project admin permissions are required.",)
        )
    given, update = table(data, "fields"), table(data, "update")
    comments, links = tables(update, "comment"), tables(update, "issuelinks")
    update = {name: orders for name, orders in update.items() if name not in ("comment", "issuelinks")}
    _merge(given, update, issue.labels)
    screen = [name for name in visit.site.screen if name != "project"]
    required = [name for name in ("summary",) if name in given]
    values = visit.fields.read(given, screen, required)
    properties = _properties(data)
    said = [add_comment(visit, issue, one.get("add", {})) for one in comments]
    issue.properties.update(properties)
    linked = [_linked(visit, issue, table(one, "add")) for one in links]
    if (items := [*_apply(issue, values), *linked]) or said:
        visit.changed(issue, items)
    if visit.cloud and visit.flag("returnIssue"):
        expand = visit.several("expand")
        return Answer(200, visit.show.issue(issue, ["*all"], expand=expand))
    return Answer(204)


def _linked(visit: Visit, issue: Issue, order: Mapping[str, Any]) -> Item:
    """Link an issue with the one that it duplicates, the only kind of link there is here."""
    original = visit.issues.get(str(table(order, "outwardIssue").get("key")))
    if table(order, "type").get("name") != "Duplicate" or original is None:
        raise Refused(400, errors={"issuelinks": "No issue link type or issue with this name found."})
    issue.duplicates.append((visit.issues.next_minor(), original))
    return Item("Link", None, None, original.key, f"This issue duplicates {original.key}")


def assign(visit: Visit) -> Answer:
    """PUT /issue/{issue}/assignee."""
    issue = visit.issue()
    visit.writer()
    values = visit.fields.read({"assignee": visit.asked()}, ("assignee",))
    if items := _apply(issue, values):
        visit.changed(issue, items)
    return Answer(204)


def delete(visit: Visit) -> Answer:
    """DELETE /issue/{issue}."""
    issue = visit.issue()
    visit.writer()
    visit.issues.remove(issue, visit.call.at, visit.lag)
    visit.tell(Event("jira:issue_deleted", issue, visit.user))
    return Answer(204)


def transitions(visit: Visit) -> Answer:
    """GET /issue/{issue}/transitions."""
    issue = visit.issue()
    fields = "transitions.fields" in visit.several("expand")
    only = visit.call.arg("transitionId")
    steps = [step for step in visit.site.workflow if step.leaves(issue.status) and only in ("", step.id)]
    shown = [visit.show.transition(step, fields=fields) for step in steps if visit.user.writes]
    return Answer(200, {"expand": "transitions", "transitions": shown})


def transition(visit: Visit) -> Answer:
    """POST /issue/{issue}/transitions."""
    issue, data = visit.issue(), visit.asked()
    visit.writer()
    wanted = table(data, "transition").get("id")
    if wanted is None:
        raise Refused(400, errors={"transition": "Transition id is required."})
    step = _step(visit, issue, str(wanted))
    given, update = table(data, "fields"), table(data, "update")
    comments = tables(update, "comment")
    update.pop("comment", None)
    _merge(given, update, issue.labels)
    values = visit.fields.read(given, step.screen, step.required)
    properties = _properties(data)
    for one in comments:
        add_comment(visit, issue, one.get("add", {}))
    issue.properties.update(properties)
    _take(visit, issue, step, values)
    return Answer(204)


def _step(visit: Visit, issue: Issue, wanted: str) -> Transition:
    for step in visit.site.workflow:
        if step.id == wanted and step.leaves(issue.status):
            return step
    raise Refused(400, (f"Transition id '{wanted}' is not valid for this issue.",))


def _take(visit: Visit, issue: Issue, step: Transition, values: dict[str, Any]) -> None:
    before = issue.status
    done = step.to.category is DONE
    values = {**values, "resolution": values.get("resolution") or step.resolution if done else None}
    items = [] if step.to == before else [Item("status", before.id, before.name, step.to.id, step.to.name)]
    issue.status = step.to
    items += _apply(issue, values)
    issue.resolved = (issue.resolved or visit.call.at) if issue.resolution else None
    visit.changed(issue, items)


def _merge(given: dict[str, Any], update: Mapping[str, Any], labels: list[str]) -> None:
    """Turn the operations of `update` into values to set."""
    for name in update:
        if name in given:
            raise Refused(400, errors={name: f"Field '{name}' cannot appear in both 'fields' and 'update'"})
        value: Any = list(labels) if name == "labels" else None
        for operation in tables(update, name):
            match operation:
                case {"set": wanted}:
                    value = wanted
                case {"add": wanted} if isinstance(value, list):
                    value = [*value, wanted] if wanted not in value else value
                case {"remove": wanted} if isinstance(value, list):
                    value = [one for one in value if one != wanted]
                case _:
                    raise Refused(400, errors={name: f"Operation is not supported for the field '{name}'."})
        given[name] = value


def _properties(data: Mapping[str, Any]) -> dict[str, Any]:
    given = tables(data, "properties")
    if not all(isinstance(one.get("key"), str) and one["key"] for one in given):
        raise Refused(400, ("Property keys must be given.",))
    found = properties_of(given)
    for key, value in found.items():
        check_property(key, value)
    return found


def _apply(issue: Issue, values: Mapping[str, Any]) -> list[Item]:
    """Set values and say what that changed."""
    items: list[Item] = []
    for name, value in values.items():
        own = hasattr(issue, name)
        before = getattr(issue, name) if own else issue.custom.get(name)
        if before == value:
            continue
        if own:
            setattr(issue, name, value)
        else:
            issue.custom[name] = value
        items.append(Item(name, *_shown(name, before), *_shown(name, value)))
    return items


def _shown(name: str, value: Any) -> tuple[str | None, str | None]:
    if name == "labels":
        return ("", " ".join(value))
    if value is None:
        return (None, None)
    if isinstance(value, User):
        return (value.id, value.display)
    match name:
        case "priority" | "resolution" | "duedate":
            return (value, value)
        case "description":
            return (None, plain(value))
        case _:
            return (None, str(value))


ROUTES: tuple[Route, ...] = (
    ("POST", "/issue", create),
    ("POST", "/issue/bulk", create_bulk),
    ("PUT", "/issue/{issue}", edit),
    ("DELETE", "/issue/{issue}", delete),
    ("PUT", "/issue/{issue}/assignee", assign),
    ("GET", "/issue/{issue}/transitions", transitions),
    ("POST", "/issue/{issue}/transitions", transition),
)
