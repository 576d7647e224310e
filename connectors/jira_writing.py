"""From our nouns to Jira's JSON, with no field that the configuration leaves out, and what is refused of that."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.base import MARK
from connectors.errors import Denied, Rejected
from connectors.jira_reading import COMMENT_PROPERTY, LABEL, PROPERTY, mapping
from connectors.jira_settings import JiraSettings
from connectors.wire import words
from state.ticket import Body, Draft, Keep, Marker, NotCreated, Patch

Json = dict[str, Any]

TEXT_LIMIT = 32_767


def element(draft: Draft, settings: JiraSettings) -> Json:
    """What creates the issue, alone or as one of many."""
    labels = [MARK, LABEL + draft.marker.key, *draft.labels]
    values = {
        "summary": draft.title,
        "description": draft.body,
        "labels": list(dict.fromkeys(labels)),
        "priority": draft.priority and {"name": draft.priority},
        "assignee": draft.assignee and _person(draft.assignee, settings),
        "duedate": draft.due_date and draft.due_date.isoformat(),
    }
    kind = settings.issue_type
    fields = {
        **settings.fields,
        "project": {"key": settings.project},
        "issuetype": {"id": kind} if kind.isdigit() else {"name": kind},
        **{name: value for name, value in values.items() if value and name not in settings.omit},
    }
    return {"fields": fields, "properties": [_property(draft.marker, made=True)]}


def edit(patch: Patch, settings: JiraSettings) -> Json:
    """What changes the issue, its status apart; empty where there is nothing to send."""
    fields = {name: value for name, value in _new_values(patch, settings) if name not in settings.omit}
    changed = [*({"add": label} for label in added_labels(patch)), *({"remove": x} for x in patch.remove_labels)]
    payload: Json = {"fields": fields} if fields else {}
    if changed and "labels" not in settings.omit:
        payload["update"] = {"labels": changed}
    if patch.marker:
        payload["properties"] = [_property(patch.marker)]
    return payload


def added_labels(patch: Patch) -> list[str]:
    """The labels that the patch adds, those of its marker first."""
    planted = (MARK, LABEL + patch.marker.key) if patch.marker else ()
    return list(dict.fromkeys((*planted, *patch.add_labels)))


def said(text: Body, marker: str, *, on_cloud: bool) -> Json:
    """A comment of ours, with its key as a property; raises `Rejected` for one that is too long."""
    if isinstance(text, str) and len(text) > TEXT_LIMIT:
        raise Rejected(f"the comment is longer than {TEXT_LIMIT} characters")
    body = plain(text) if on_cloud and isinstance(text, str) else text
    return {"body": body, "properties": [{"key": COMMENT_PROPERTY, "value": {"k": marker}}]}


def plain(text: str) -> Body:
    """Plain text as a document: a paragraph to each."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": part}]} for part in parts]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _new_values(patch: Patch, settings: JiraSettings) -> Iterator[tuple[str, object]]:
    if not isinstance(patch.title, Keep):
        yield "summary", patch.title
    if not isinstance(patch.body, Keep):
        yield "description", patch.body
    if not isinstance(patch.priority, Keep):
        yield "priority", patch.priority and {"name": patch.priority}
    if not isinstance(patch.assignee, Keep):
        yield "assignee", patch.assignee and _person(patch.assignee, settings)
    if not isinstance(patch.due_date, Keep):
        yield "duedate", patch.due_date and patch.due_date.isoformat()


def _person(account: str, settings: JiraSettings) -> Json:
    return {"accountId": account} if settings.on_cloud else {"name": account}


def _property(marker: Marker, *, made: bool = False) -> Json:
    value: Json = {"k": marker.key, "item": marker.item, "v": 1}
    return {"key": PROPERTY, "value": {**value, "made": True} if made else value}


def refused(draft: Draft, row: Mapping[str, Any]) -> NotCreated:
    """Why one of many was not created, by its row of the errors."""
    errors = mapping(row.get("elementErrors"))
    told = "; ".join(words(errors)) or f"refused with status {row.get('status', 'unknown')}"
    return NotCreated(draft.marker, told, is_wrong("assignee", errors))


def misplaced(answer: object, settings: JiraSettings, tracker: str) -> Denied:
    """What to raise where no ticket at all can be made, so that no item is held for that."""
    told = "; ".join(words(mapping(answer)))
    where = f"tickets cannot be made in the project {settings.project}"
    return Denied(f"{where}: {told}; [trackers.{tracker}] names it as `project`")


def is_wrong(field: str, answer: object) -> bool:
    """Whether an answer says that this field is wrong."""
    return field in mapping(mapping(answer).get("errors"))
