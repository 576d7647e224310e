"""What gathers around an issue of an embedded Jira: comments, properties, remote links, attachments."""

import json
import re
from typing import Any
from urllib.parse import quote

from connectors.sandbox.calls import Answer
from connectors.sandbox.jira_issues import Comment, Issue, Issues, Item
from connectors.sandbox.jira_rules import NOT_THERE, Refused, check_property
from connectors.sandbox.jira_visit import Event, Route, Visit, tables

_NOT_A_BODY = "Comment body is not valid!"


def add_comment(visit: Visit, issue: Issue, data: Any) -> Comment:
    """Put a comment on an issue, without noting the change."""
    if not isinstance(data, dict) or not data.get("body"):
        raise Refused(400, errors={"comment": _NOT_A_BODY})
    body = visit.fields.body(data["body"], "comment", _NOT_A_BODY)
    properties = [{"key": str(one.get("key")), "value": one.get("value")} for one in tables(data, "properties")]
    at = visit.call.at
    comment = Comment(visit.issues.next_minor(), visit.writer(), body, at, at, properties, data.get("visibility"))
    issue.comments.append(comment)
    visit.tell(Event("comment_created", issue, visit.user, comment=comment))
    return comment


def comment(visit: Visit) -> Answer:
    """POST /issue/{issue}/comment."""
    issue = visit.issue()
    added = add_comment(visit, issue, visit.asked())
    visit.changed(issue, (), added)
    return Answer(201, visit.show.comment(issue, added, properties=_with_properties(visit)))


def comments(visit: Visit) -> Answer:
    """GET /issue/{issue}/comment."""
    issue = visit.issue()
    start, limit = visit.number("startAt", 0), min(visit.number("maxResults", 100), 5000)
    every = issue.comments[::-1] if visit.call.arg("orderBy").startswith("-") else issue.comments
    full = _with_properties(visit)
    shown = [visit.show.comment(issue, one, properties=full) for one in every[start : start + limit]]
    return Answer(200, {"startAt": start, "maxResults": limit, "total": len(every), "comments": shown})


def one_comment(visit: Visit) -> Answer:
    """GET /issue/{issue}/comment/{id}."""
    issue = visit.issue()
    return Answer(200, visit.show.comment(issue, _comment(visit, issue), properties=_with_properties(visit)))


def edit_comment(visit: Visit) -> Answer:
    """PUT /issue/{issue}/comment/{id}."""
    issue, data = visit.issue(), visit.asked()
    visit.writer()
    found = _comment(visit, issue)
    if "body" in data:
        found.body = visit.fields.body(data["body"], "comment", _NOT_A_BODY)
    if "properties" in data:
        found.properties = tables(data, "properties")
    if "visibility" in data:
        found.visibility = data["visibility"]
    found.updated = visit.call.at
    visit.changed(issue, (), found)
    return Answer(200, visit.show.comment(issue, found, properties=_with_properties(visit)))


def delete_comment(visit: Visit) -> Answer:
    """DELETE /issue/{issue}/comment/{id}."""
    issue = visit.issue()
    visit.writer()
    issue.comments.remove(_comment(visit, issue))
    visit.changed(issue, ())
    return Answer(204)


def _with_properties(visit: Visit) -> bool:
    return "properties" in visit.several("expand")


def _comment(visit: Visit, issue: Issue) -> Comment:
    for one in issue.comments:
        if str(one.id) == visit.call.params["id"]:
            return one
    raise Refused(404, (f"Can not find a comment for the id: {visit.call.params['id']}.",))


def properties(visit: Visit) -> Answer:
    """GET /issue/{issue}/properties."""
    issue = visit.issue()
    here = visit.show.issue(issue, ["-"])["self"]
    return Answer(200, {"keys": [{"self": f"{here}/properties/{key}", "key": key} for key in issue.properties]})


def one_property(visit: Visit) -> Answer:
    """GET /issue/{issue}/properties/{key}."""
    issue, key = visit.issue(), visit.call.params["key"]
    if key not in issue.properties:
        raise Refused(404, (f"The property with key '{key}' does not exist.",))
    return Answer(200, {"key": key, "value": issue.properties[key]})


def set_property(visit: Visit) -> Answer:
    """PUT /issue/{issue}/properties/{key}: leaves the issue's time of update as it was, as Jira does."""
    issue, key = visit.issue(), visit.call.params["key"]
    visit.writer()
    try:
        value = json.loads(visit.call.body)
    except ValueError:
        raise Refused(400, ("The property value has to be valid JSON.",)) from None
    check_property(key, value)
    known = key in issue.properties
    issue.properties[key] = value
    return Answer(200 if known else 201)


def delete_property(visit: Visit) -> Answer:
    """DELETE /issue/{issue}/properties/{key}."""
    one_property(visit)
    visit.writer()
    del visit.issue().properties[visit.call.params["key"]]
    return Answer(204)


def remote_links(visit: Visit) -> Answer:
    """GET /issue/{issue}/remotelink: all of them, or the one of `globalId`."""
    issue, wanted = visit.issue(), visit.call.arg("globalId")
    if not wanted:
        return Answer(200, issue.links)
    for link in issue.links:
        if link.get("globalId") == wanted:
            return Answer(200, link)
    raise Refused(404, (f"The remote link with globalId '{wanted}' does not exist.",))


def add_remote_link(visit: Visit) -> Answer:
    """POST /issue/{issue}/remotelink: 201, or 200 where the `globalId` was there already."""
    issue, data = visit.issue(), visit.asked()
    visit.writer()
    target = data.get("object")
    if not isinstance(target, dict) or not target.get("url") or not target.get("title"):
        missing = "title" if isinstance(target, dict) and target.get("url") else "url"
        raise Refused(400, errors={missing: f"'{missing}' is required."})
    known = next((one for one in issue.links if data.get("globalId") and one.get("globalId") == data["globalId"]), None)
    id_ = known["id"] if known else visit.issues.next_minor()
    here = f"{visit.show.issue(issue, ['-'])['self']}/remotelink/{id_}"
    link = {"id": id_, "self": here, **{k: data[k] for k in ("globalId", "relationship", "object") if data.get(k)}}
    if known:
        issue.links[issue.links.index(known)] = link
    else:
        issue.links.append(link)
    items = [] if known else [Item("RemoteIssueLink", None, None, str(id_), f'This issue links to "{target["title"]}"')]
    visit.changed(issue, items)
    return Answer(200 if known else 201, {"id": id_, "self": here})


def attach(visit: Visit) -> Answer:
    """POST /issue/{issue}/attachments."""
    issue = visit.issue()
    visit.writer()
    if visit.call.headers.get("x-atlassian-token", "").lower() not in ("no-check", "nocheck"):
        raise Refused(403, ("XSRF check failed",))
    added = []
    for head, body in re.findall(rb"(?s)Content-Disposition:(.*?)\r\n\r\n(.*?)\r\n--", visit.call.body):
        name = re.search(rb'filename="([^"]*)"', head)
        if name is not None:
            added.append(_attachment(visit, issue, name[1].decode("utf-8", errors="replace"), body))
    issue.attachments.extend(added)
    visit.changed(issue, [Item("Attachment", None, None, one["id"], one["filename"]) for one in added])
    return Answer(200, added)


def _attachment(visit: Visit, issue: Issue, name: str, body: bytes) -> dict[str, Any]:
    id_ = str(visit.issues.next_minor())
    api = visit.show.issue(issue, ["-"])["self"].rpartition("/issue/")[0]
    issue.files[id_] = body
    secure = f"{api.partition('/rest/')[0]}/secure/attachment/{id_}/{quote(name)}"
    return {
        "self": f"{api}/attachment/{id_}",
        "id": id_,
        "filename": name,
        "author": visit.show.user(visit.user),
        "created": visit.show.time(visit.call.at),
        "size": len(body),
        "mimeType": "application/octet-stream",
        "content": f"{api}/attachment/content/{id_}" if visit.cloud else secure,
    }


def attachment(visit: Visit) -> Answer:
    """GET /attachment/{id}."""
    for issue in visit.issues.by_id.values():
        for one in issue.attachments:
            if one["id"] == visit.call.params["id"]:
                return Answer(200, {**one, "id": int(one["id"])})
    raise Refused(404, (NOT_THERE.replace("Issue", "Attachment"),))


def content(visit: Visit) -> Answer:
    """GET /attachment/content/{id}: the bytes, as they are given to those who want no redirect."""
    return file(visit.issues, visit.call.params["id"])


def file(issues: Issues, id_: str) -> Answer:
    """The bytes of an attachment."""
    for issue in issues.by_id.values():
        if id_ in issue.files and not issue.hidden:
            return Answer(200, issue.files[id_], {"content-type": "application/octet-stream"})
    raise Refused(404, (NOT_THERE.replace("Issue", "Attachment"),))


ROUTES: tuple[Route, ...] = (
    ("GET", "/issue/{issue}/comment", comments),
    ("POST", "/issue/{issue}/comment", comment),
    ("GET", "/issue/{issue}/comment/{id}", one_comment),
    ("PUT", "/issue/{issue}/comment/{id}", edit_comment),
    ("DELETE", "/issue/{issue}/comment/{id}", delete_comment),
    ("GET", "/issue/{issue}/properties", properties),
    ("GET", "/issue/{issue}/properties/{key}", one_property),
    ("PUT", "/issue/{issue}/properties/{key}", set_property),
    ("DELETE", "/issue/{issue}/properties/{key}", delete_property),
    ("GET", "/issue/{issue}/remotelink", remote_links),
    ("POST", "/issue/{issue}/remotelink", add_remote_link),
    ("POST", "/issue/{issue}/attachments", attach),
    ("GET", "/attachment/content/{id}", content),
    ("GET", "/attachment/{id}", attachment),
)
