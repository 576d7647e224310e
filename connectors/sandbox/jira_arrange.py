"""What tests and demonstrations arrange in an embedded Jira that its own API has no request for."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from connectors.sandbox.calls import Answer, Call
from connectors.sandbox.jira_hooks import Hook
from connectors.sandbox.jira_issues import Issue, Item
from connectors.sandbox.jira_rules import NOT_THERE, Refused
from connectors.sandbox.jira_site import WORKFLOWS, CustomField
from connectors.sandbox.jira_talk import file
from connectors.sandbox.jira_text import plain

if TYPE_CHECKING:
    from connectors.sandbox.jira_server import JiraSandbox


def workflow(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"name"}: work by one of the known workflows from now on."""
    name = call.json().get("name")
    if name not in WORKFLOWS:
        raise Refused(400, (f"There is no workflow '{name}', but: {', '.join(WORKFLOWS)}.",))
    jira.site = replace(jira.site, workflow=WORKFLOWS[name])
    return Answer(204)


def screen(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"without": [ids], "custom": [{"id", "name", "type", "options"}], "required": [ids]}."""
    data = call.json()
    custom = tuple(CustomField(**{**one, "options": tuple(one.get("options", ()))}) for one in data.get("custom", ()))
    kept = tuple(name for name in jira.site.screen if name not in data.get("without", ()))
    named = (*kept, *(one.id for one in custom if one.id not in kept))
    required = tuple(data.get("required", ()))
    jira.site = replace(jira.site, screen=named, custom=(*jira.site.custom, *custom), required=required)
    return Answer(204)


def rename(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"key"}: give the project, and so every issue in it, another key."""
    old, new = jira.site.project, str(call.json()["key"])
    jira.site = replace(jira.site, project=new)
    jira.issues.rename(old, new, call.at, jira.faults.search_lag)
    return Answer(204)


def move(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"project"}: move an issue to another project, where it has another key; its id stays."""
    issue, project = _issue(jira, call), str(call.json()["project"])
    had, before = issue.key, issue.project
    jira.issues.rekey(issue, project)
    items = (Item("project", None, before, None, project), Item("Key", None, had, None, issue.key))
    jira.issues.changed(issue, jira.site.people[1], call.at, items, jira.faults.search_lag)
    return Answer(200, {"key": issue.key})


def clone(jira: "JiraSandbox", call: Call) -> Answer:
    """POST: make a copy as a person does, with labels and text but without properties; returns its key."""
    issue = _issue(jira, call)
    key = jira.issues.next_key(issue.project)
    copy = replace(
        issue,
        id=jira.issues.next_id(),
        key=key,
        summary=f"CLONE - {issue.summary}"[:255],
        reporter=jira.site.people[1],
        created=call.at,
        updated=call.at,
        labels=list(issue.labels),
        custom=dict(issue.custom),
        properties={},
        comments=[],
        history=[],
        links=[],
        duplicates=[],
        attachments=[],
        files={},
    )
    jira.issues.add(copy, jira.faults.search_lag)
    return Answer(201, {"id": str(copy.id), "key": key})


def archive(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"archived": bool}: take an issue out of every search, or put it back."""
    issue = _issue(jira, call)
    issue.archived = bool(call.json().get("archived", True))
    jira.issues.indexed(issue, call.at, jira.faults.search_lag)
    return Answer(204)


def hide(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"hidden": bool}: let an issue look deleted to everybody, as a lost permission does, or show it again."""
    issue = _issue(jira, call)
    issue.hidden = bool(call.json().get("hidden", True))
    jira.issues.indexed(issue, call.at, jira.faults.search_lag)
    return Answer(204)


def listen(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"name", "url", "secret"}: what an administrator does to send webhooks."""
    data = call.json()
    id_ = len(jira.hooks) + 1
    jira.hooks[id_] = Hook(str(data.get("name", "")), str(data["url"]), str(data.get("secret") or ""))
    here = f"{jira.url}/rest/webhooks/1.0/webhook/{id_}"
    return Answer(201, {"name": data.get("name", ""), "url": data["url"], "self": here, "enabled": True})


def register(jira: "JiraSandbox", call: Call) -> Answer:
    """POST {"name", "url", "secret"} with credentials: the administrators' own way to listen."""
    who = jira.who(call)
    if who is None or not who.writes:
        raise Refused(403 if who else 401, ("Only administrators may do this.",))
    return listen(jira, call)


def browse(jira: "JiraSandbox", call: Call) -> Answer:
    """GET: a page about an issue, for people who follow its link."""
    issue = _issue(jira, call)
    said = "".join(f"<p><b>{escape(c.author.display)}</b>: {escape(plain(c.body))}</p>" for c in issue.comments)
    state = escape(f"{issue.status.name} {issue.resolution or ''} {issue.priority or ''} {' '.join(issue.labels)}")
    title = escape(f"{issue.key} {issue.summary}")
    text = escape(plain(issue.description))
    page = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{state}</p><pre>{text}</pre>{said}"
    return Answer(200, page.encode(), {"content-type": "text/html; charset=utf-8"})


def secure(jira: "JiraSandbox", call: Call) -> Answer:
    """GET: the bytes of an attachment, where Data Center keeps them."""
    if jira.who(call) is None:
        raise Refused(401, ("You are not authenticated.",))
    return file(jira.issues, call.params["id"])


def _issue(jira: "JiraSandbox", call: Call) -> Issue:
    wanted: Any = call.params["issue"]
    found = jira.issues.get(wanted) or next(
        (i for i in jira.issues.by_id.values() if wanted in (i.key, str(i.id))), None
    )
    if found is None:
        raise Refused(404, (NOT_THERE,))
    return found


ROUTES: tuple[tuple[str, str, Callable[["JiraSandbox", Call], Answer]], ...] = (
    ("POST", "/_sandbox/workflow", workflow),
    ("POST", "/_sandbox/screen", screen),
    ("POST", "/_sandbox/project", rename),
    ("POST", "/_sandbox/issue/{issue}/move", move),
    ("POST", "/_sandbox/issue/{issue}/clone", clone),
    ("POST", "/_sandbox/issue/{issue}/archive", archive),
    ("POST", "/_sandbox/issue/{issue}/hide", hide),
    ("POST", "/_sandbox/webhooks", listen),
    ("POST", "/rest/webhooks/1.0/webhook", register),
    ("GET", "/browse/{issue}", browse),
    ("GET", "/secure/attachment/{id}/{name}", secure),
)
