"""From Jira's JSON to our nouns, tolerant of what is missing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from connectors.base import MARK
from state.model import Field
from state.ticket import (
    ORIGINAL,
    Account,
    Activity,
    ActivityKind,
    Artefact,
    Body,
    Category,
    Marker,
    Ticket,
    TicketRef,
    TicketState,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROPERTY = "counterfoil.sync"
COMMENT_PROPERTY = "counterfoil.comment"
DESK_PROPERTY = "sd.public.comment"
REMOTE_LINK = "remoteissuelink"
LABEL = "cf-"
FIELDS = [
    *("summary", "description", "status", "resolution", "priority", "assignee", "duedate", "labels", "created"),
    *("updated", "creator", "reporter", "project", "issuetype", "comment", "archiveddate"),
]
_OUR_FIELDS = {
    "status": Field.STATUS,
    "summary": Field.TITLE,
    "description": Field.BODY,
    "priority": Field.PRIORITY,
    "assignee": Field.ASSIGNEE,
    "duedate": Field.DUE_DATE,
    "labels": Field.LABELS,
}
_MARKING_LABEL = re.compile(rf"{LABEL}([a-z0-9]{{26}})")
_CATEGORIES = {"new": Category.NEW, "indeterminate": Category.INDETERMINATE, "done": Category.DONE}
_USUAL_NAMES = {
    "open": Category.NEW,
    "new": Category.NEW,
    "backlog": Category.NEW,
    "todo": Category.NEW,
    "to do": Category.NEW,
    "reopened": Category.NEW,
    "in progress": Category.INDETERMINATE,
    "in review": Category.INDETERMINATE,
    "done": Category.DONE,
    "won't do": Category.DONE,
    "closed": Category.DONE,
    "resolved": Category.DONE,
}
_DUPLICATES = re.compile(r"\bduplicates\s+(\S+)", re.IGNORECASE)
_BLOCKS = frozenset({"paragraph", "heading", "listItem", "codeBlock", "blockquote", "tableRow", "rule"})


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects in `value` if it is a list, else none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def moment(value: object) -> datetime:
    """A time of Jira's in UTC; the beginning of time where there is none that can be read."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        at = datetime.fromisoformat(str(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return EPOCH


def updated(raw: Mapping[str, Any]) -> datetime:
    """When (UTC) the issue last changed."""
    fields = mapping(raw.get("fields"))
    return moment(fields.get("updated" if dated(raw) else "created"))


def identity(raw: Mapping[str, Any]) -> str:
    """What the issue is known by: its id, or its key on a server that gives no ids."""
    return str(raw.get("id") or raw.get("key") or "")


def dated(raw: Mapping[str, Any]) -> bool:
    """Whether the server tells, in a way that can be read, when the issue last changed."""
    return moment(mapping(raw.get("fields")).get("updated")) > EPOCH


def named(value: object) -> Mapping[str, Any]:
    """What has a name, which some servers give alone."""
    return {"name": value} if isinstance(value, str) and value else mapping(value)


def account_id(user: object, *, on_cloud: bool) -> str | None:
    """The id by which this Jira assigns: an account id on Cloud, a user name on Data Center."""
    known = named(user)
    order = ("accountId", "name", "key") if on_cloud else ("name", "key", "accountId")
    return next((str(known[key]) for key in order if known.get(key)), None)


def author_id(fields: Mapping[str, Any], *, on_cloud: bool) -> str | None:
    """Who made the issue, as far as that is told."""
    return account_id(fields.get("creator") or fields.get("reporter"), on_cloud=on_cloud)


def state(fields: Mapping[str, Any]) -> TicketState:
    """The issue's state; a category that is not told is done if there is a resolution, else new."""
    status = named(fields.get("status"))
    resolution = named(fields.get("resolution")).get("name")
    told = category(status)
    guessed = Category.DONE if resolution else Category.NEW
    return TicketState(told or guessed, str(status.get("name", "")), str(resolution) if resolution else None)


def category(status: Mapping[str, Any]) -> Category | None:
    """The kind of a status: as told, else as its name usually means, else `None`."""
    told = named(status.get("statusCategory"))
    names = [str(name).lower() for name in (told.get("key"), told.get("name"), status.get("name"))]
    return next((kind for name in names if (kind := _CATEGORIES.get(name) or _USUAL_NAMES.get(name))), None)


def labels(fields: Mapping[str, Any]) -> frozenset[str]:
    """Every label on the issue."""
    found = fields.get("labels")
    return frozenset(str(label) for label in found) if isinstance(found, list) else frozenset()


def planted(raw: Mapping[str, Any]) -> Marker | None:
    """The marker in the entity property, which people cannot edit and a clone does not copy."""
    value = mapping(mapping(raw.get("properties")).get(PROPERTY))
    key, item = value.get("k"), value.get("item")
    return Marker(str(key), str(item or "")) if key else None


def made_by_us(raw: Mapping[str, Any]) -> bool:
    """Whether the entity property says that our account created the issue, and did not adopt it."""
    return mapping(mapping(raw.get("properties")).get(PROPERTY)).get("made") is True


def labelled(fields: Mapping[str, Any]) -> str | None:
    """The key that the labels carry, `None` where there is none or more than one."""
    keys = [match[1] for label in labels(fields) if (match := _MARKING_LABEL.fullmatch(label))]
    return keys[0] if len(keys) == 1 and MARK in labels(fields) else None


def ticket(raw: Mapping[str, Any], *, tracker: str, url: str, on_cloud: bool, marker: Marker | None) -> Ticket:
    """The issue as a ticket; `url` is the site's, under which people find `/browse/KEY`."""
    fields = mapping(raw.get("fields"))
    key = str(raw.get("key", ""))
    at = updated(raw)
    comments = _comment_count(fields.get("comment"))
    return Ticket(
        ref=TicketRef(tracker, identity(raw), key),
        url=f"{url}/browse/{key}",
        title=str(fields.get("summary") or ""),
        body=_body(fields.get("description"), on_cloud=on_cloud),
        state=state(fields),
        priority=named(fields.get("priority")).get("name"),
        assignee=account_id(fields.get("assignee"), on_cloud=on_cloud),
        due_date=_day(fields.get("duedate")),
        labels=labels(fields),
        created=moment(fields.get("created")),
        updated=at,
        revision=_revision(at, comments),
        marker=marker,
        project=str(mapping(fields.get("project")).get("key") or key.rpartition("-")[0]),
        archived=bool(fields.get("archiveddate") or raw.get("archived")),
        comments=comments,
        reporter=account_id(fields.get("reporter") or fields.get("creator"), on_cloud=on_cloud) or "",
    )


def account(user: object, me: str | None, *, on_cloud: bool) -> Account:
    """Who `user` is; ours if its id is `me`."""
    known = mapping(user)
    found = account_id(user, on_cloud=on_cloud) or ""
    name = str(known.get("displayName") or known.get("name") or found)
    return Account(found, name, ours=bool(found) and found == me, bot=known.get("accountType") == "app")


def plain(body: object) -> str:
    """The text of a comment: a string as it is, a document tree as its text with a line per block."""
    if isinstance(body, str):
        return body
    parts: list[str] = []
    todo: list[object] = [body]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, dict):
            parts.append(_own_text(node))
            todo += ["\n"] if node.get("type") in _BLOCKS else []
            todo += reversed(rows(node.get("content")))
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def field_changes(histories: list[Mapping[str, Any]], me: str | None, *, on_cloud: bool) -> Iterator[Activity]:
    """The field changes and links in a changelog; attachments are told by the issue itself."""
    for history in histories:
        by, at = account(history.get("author"), me, on_cloud=on_cloud), moment(history.get("created"))
        for item in rows(history.get("items")):
            name = str(item.get("fieldId") or item.get("field") or "").lower()
            if name == "attachment":
                continue
            side = ("from", "to") if name in ("assignee", REMOTE_LINK) else ("fromString", "toString")
            before, after = (_text(item.get(key)) for key in side)
            kind = ActivityKind.LINK if "link" in name else ActivityKind.FIELD
            ident = f"{history.get('id', '')}:{name}"
            yield Activity(ident, kind, by, at, field=_OUR_FIELDS.get(name, name), before=before, after=after)


def comments(found: list[Mapping[str, Any]], me: str | None, *, on_cloud: bool, desk: bool) -> Iterator[Activity]:
    """The comments; ours carry the key of their property, where the server shows it.

    The property alone counts where it is not known who we are. `desk` says that they stand in a service desk.
    """
    for row in found:
        by = account(row.get("author"), me, on_cloud=on_cloud)
        key = _text(_property(row, COMMENT_PROPERTY).get("k")) if by.ours or me is None else None
        at, edited = moment(row.get("created")), moment(row.get("updated"))
        hidden = key is None and confined(row, desk=desk)
        yield Activity(
            id=str(row.get("id", "")),
            kind=ActivityKind.COMMENT,
            by=by,
            at=at,
            text="" if hidden else plain(row.get("body")),
            marker_key=key,
            edited_at=edited if edited > at else None,
            confined=hidden,
        )


def in_service_desk(fields: Mapping[str, Any]) -> bool:
    """Whether the issue is a service desk's, whose comments may be internal."""
    return mapping(fields.get("project")).get("projectTypeKey") == "service_desk"


def confined(row: Mapping[str, Any], *, desk: bool) -> bool:
    """Whether a comment is for a role, a group or the agents of a service desk alone, or may be for all we can tell."""
    if row.get("visibility") or row.get("jsdPublic") is False or _property(row, DESK_PROPERTY).get("internal") is True:
        return True
    return desk and not says_who_reads(row)


def says_who_reads(row: Mapping[str, Any]) -> bool:
    """Whether a comment of a service desk says for whom it is."""
    return "jsdPublic" in row or "internal" in _property(row, DESK_PROPERTY)


def attachments(found: list[Mapping[str, Any]], me: str | None, *, on_cloud: bool) -> Iterator[Activity]:
    """The attachments, by file name."""
    for row in found:
        by, at = account(row.get("author"), me, on_cloud=on_cloud), moment(row.get("created"))
        name, size = str(row.get("filename") or ""), row.get("size")
        file = Artefact(
            url=str(row.get("content") or row.get("self") or ""),
            name=name,
            mime=str(row.get("mimeType") or ""),
            size=size if isinstance(size, int) and size >= 0 else None,
        )
        yield Activity(str(row.get("id", "")), ActivityKind.ATTACHMENT, by, at, text=name, artefact=file)


def remote_links(found: list[Mapping[str, Any]], at: datetime, told: Sequence[Activity]) -> Iterator[Activity]:
    """The pages elsewhere that the issue is linked with; who linked them and when is told by its history, if at all."""
    made = {event.after: event for event in told if event.field == REMOTE_LINK}
    for row in found:
        target, ident = mapping(row.get("object")), str(row.get("id") or "")
        page = Artefact(url=str(target.get("url") or ""), name=str(target.get("title") or ""))
        event = made.get(ident) or Activity("", ActivityKind.LINK, Account("", ""), at)
        if page.url and not event.by.ours:
            yield replace(event, id=f"r{ident or page.url}", field=REMOTE_LINK, artefact=page)


def originals(fields: Mapping[str, Any], told: Sequence[Activity]) -> Iterator[Activity]:
    """The issues that this one is linked with as their duplicate: now, or where that is not shown, by its history."""
    made: dict[str, Activity] = {}
    for event in sorted(told, key=lambda event: event.at):
        if event.kind is ActivityKind.LINK and (gone := _DUPLICATES.search(event.before or "")):
            made.pop(gone[1], None)
        if event.kind is ActivityKind.LINK and (found := _DUPLICATES.search(event.after or "")):
            made[found[1]] = event
    shown, unknown = fields.get("issuelinks"), Activity("", ActivityKind.LINK, Account("", ""), EPOCH)
    keys = list(map(_original, rows(shown))) if isinstance(shown, list) else made
    for key in filter(None, keys):
        yield replace(made.get(key, unknown), id=f"d{key}", field=ORIGINAL, before=None, after=key)


def _original(row: Mapping[str, Any]) -> str:
    kind = named(row.get("type"))
    says = any("duplicate" in str(kind.get(each) or "").lower() for each in ("name", "outward"))
    return str(mapping(row.get("outwardIssue")).get("key") or "") if says else ""


def _property(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = (known.get("value") for known in rows(row.get("properties")) if known.get("key") == key)
    return mapping(next(found, None))


def comment_page(value: object) -> Mapping[str, Any]:
    """The comments that an issue shows, which some servers give as a list alone."""
    return {"comments": value} if isinstance(value, list) else mapping(value)


def _comment_count(value: object) -> int | None:
    known = comment_page(value)
    total = known.get("total")
    if isinstance(total, int):
        return total
    return len(rows(known["comments"])) if "comments" in known else None


def _revision(updated: datetime, comments: int | None) -> str:
    at = updated.isoformat(timespec="milliseconds")
    return at if comments is None else f"{at}/{comments:06d}"


def _body(value: object, *, on_cloud: bool) -> Body:
    """The description as it is; on Cloud plain text becomes a document, a paragraph to each line."""
    if not on_cloud or not isinstance(value, str):
        return value if isinstance(value, str | dict) else None
    lines = [line for line in value.splitlines() if line.strip()]
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _own_text(node: Mapping[str, Any]) -> str:
    attributes = mapping(node.get("attrs"))
    if node.get("type") == "hardBreak":
        return "\n"
    named = f"@{attributes.get('id')}" if node.get("type") == "mention" else ""
    text = str(node.get("text") or attributes.get("text") or attributes.get("url") or named)
    leads = (mapping(mark.get("attrs")).get("href") for mark in rows(node.get("marks")) if mark.get("type") == "link")
    href = str(next(leads, None) or "")
    return text if href in text else f"{text} ({href})"
