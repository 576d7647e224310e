"""GitHub's payloads read as our nouns, forgiving about what is missing."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.errors import Unavailable
from state.ticket import Account, Activity, ActivityKind, Category, Marker, Ticket, TicketRef, TicketState

Json = Mapping[str, Any]

_BEGIN = re.compile(r"<!--\s*counterfoil:begin\s+v=\d+\s+k=([a-z0-9]{26})\s+item=(\S+?)\s*-->")
_COMMENT = re.compile(r"<!--\s*counterfoil:c\s+k=([A-Za-z0-9_-]{1,64})\s*-->\s*$")


@dataclass(frozen=True, slots=True)
class StatusLabels:
    """The labels that say more than open or closed, by what they mean; names compare without case."""

    open: tuple[str, ...]
    in_progress: tuple[str, ...]
    resolved: tuple[str, ...]
    acceptance: tuple[str, ...]

    def every(self) -> tuple[str, ...]:
        """All of them, what counts most first."""
        return (*self.acceptance, *self.resolved, *self.in_progress, *self.open)


def comment_marker(key: str) -> str:
    """What ends a comment of ours; invisible to people."""
    return f"\n\n<!-- counterfoil:c k={key} -->"


def moment(text: Any) -> datetime:
    """A time as the API writes it, as UTC; raises `Unavailable` for anything else."""
    try:
        at = datetime.fromisoformat(str(text))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unavailable(f"a time in the answer cannot be read: {str(text)[:40]!r}") from None


def stamp(at: datetime) -> str:
    """A time as the API reads it: UTC, whole seconds, rounded down."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_issue(payload: Json) -> bool:
    """Whether this is an issue, and not a pull request that the API lists among them."""
    return bool(payload.get("number")) and payload.get("pull_request") is None


def identity(issue: Json) -> str:
    """What the issue is known by: its database id, or its number on a server that gives no ids."""
    return str(issue.get("id") or issue["number"])


def label_names(labels: Any) -> frozenset[str]:
    """The names of labels, which come as strings or as objects."""
    if not isinstance(labels, list):
        return frozenset()
    names = (label.get("name") if isinstance(label, dict) else label for label in labels)
    return frozenset(str(name) for name in names if name)


def part(payload: Any, key: str) -> Json:
    """The object under `key`; an empty one where there is none."""
    found = payload.get(key) if isinstance(payload, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def login(user: Any) -> str:
    """An account's login; one that was deleted reads as GitHub shows it."""
    if isinstance(user, str):
        return user or "ghost"
    return str((user if isinstance(user, Mapping) else {}).get("login") or "ghost")


def repository_of(payload: Json) -> str:
    """The `owner/name` that the payload says the issue lives in, or nothing."""
    found = re.search(r"/repos/([^/]+/[^/?#]+)", str(payload.get("repository_url") or payload.get("url") or ""))
    return found[1] if found else ""


def block_marker(body: Any) -> Marker | None:
    """The marker at the head of our block, whoever wrote it there."""
    found = _BEGIN.search(body) if isinstance(body, str) else None
    return Marker(found[1], found[2]) if found else None


def delivered(body: bytes) -> Json:
    """The JSON of a delivery, which comes as such or in a form; nothing where it cannot be read."""
    try:
        text = body.decode()
        if text.startswith("payload="):
            text = parse_qs(text)["payload"][0]
        told = json.loads(text)
    except (ValueError, KeyError):
        return {}
    return told if isinstance(told, dict) else {}


def revision(issue: Json) -> str:
    """What differs once an issue has changed or was commented."""
    updated, comments = moment(issue.get("updated_at") or issue.get("created_at")), issue.get("comments")
    return f"{updated.isoformat(timespec='milliseconds')}/{comments if isinstance(comments, int) else 0:06d}"


def closing(issue: Json) -> Json:
    """The event of closing, as far as a closed issue itself tells it."""
    at = issue.get("closed_at")
    known = {"id": f"closed-{at}", "actor": issue.get("closed_by"), "created_at": at}
    return {"event": "closed", "state_reason": issue.get("state_reason"), **known}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads payloads of one tracker; `ours` says whether an account, and the App it acted through, is us.

    `untold` says whether the server leaves that open: our marks count there too, whoever wrote them.
    """

    tracker: str
    repository: str
    page: str
    labels: StatusLabels
    ours: Callable[[Json], bool]
    untold: Callable[[Json], bool]

    def ticket(self, issue: Json, *, anybodys: bool = False) -> Ticket:
        """The ticket that an issue is; its marker counts only where we created it, as far as that is told.

        With `anybodys` it counts whoever did.
        """
        number, repository = issue["number"], repository_of(issue) or self.repository
        labels, body = label_names(issue.get("labels")), issue.get("body")
        marker = block_marker(body)
        updated = moment(issue.get("updated_at") or issue.get("created_at"))
        comments = issue["comments"] if isinstance(issue.get("comments"), int) else None
        return Ticket(
            ref=TicketRef(self.tracker, identity(issue), f"{repository}#{number}"),
            url=str(issue.get("html_url") or f"{self.page}/{repository}/issues/{number}"),
            title=str(issue.get("title") or ""),
            body=body if isinstance(body, str) else None,
            state=self.state(issue, labels),
            priority=None,
            assignee=next(iter(assignees(issue)), None),
            due_date=None,
            labels=labels,
            created=moment(issue.get("created_at") or issue.get("updated_at")),
            updated=updated,
            revision=revision(issue),
            marker=marker if marker and (anybodys or self.ours(issue) or self.untold(issue)) else None,
            project=repository,
            comments=comments,
            reporter=creator(issue) or "",
        )

    def state(self, issue: Json, labels: Collection[str]) -> TicketState:
        """Closed with its reason, or open, told apart by the labels that mean a status."""
        if str(issue.get("state")).lower() == "closed":
            reason = issue.get("state_reason")
            return TicketState(Category.DONE, "closed", str(reason) if reason else None)
        name = self.status_label(labels)
        if name is None:
            return TicketState(Category.NEW, "open")
        working = name.casefold() in folded(self.labels.in_progress)
        return TicketState(Category.INDETERMINATE if working else Category.NEW, name)

    def status_label(self, labels: Collection[str]) -> str | None:
        """Of the labels that mean a status, the one that counts most."""
        present = {label.casefold(): label for label in labels}
        return next((present[name.casefold()] for name in self.labels.every() if name.casefold() in present), None)

    def comment(self, payload: Json) -> Activity:
        """Something said; the key of a comment of ours counts only where we wrote it, as far as that is told."""
        text = str(payload.get("body") or "")
        found = _COMMENT.search(text)
        author = self.account(payload, "user", "actor")
        at, edited = moment(payload.get("created_at")), payload.get("updated_at")
        key = found[1] if found and (author.ours or self.untold(payload)) else None
        hidden = key is None and payload.get("minimized") is not None
        return Activity(
            id=str(payload.get("id")),
            kind=ActivityKind.COMMENT,
            by=author,
            at=at,
            text="" if hidden else text[: found.start()].rstrip("\n") if found else text,
            marker_key=key,
            edited_at=moment(edited) if edited and moment(edited) > at else None,
            confined=hidden,
        )

    def event(self, payload: Json) -> Iterator[Activity]:
        """What one entry of an issue's history means: nothing, one thing, or a state and its reason."""
        kind = payload.get("event")
        if kind == "commented":
            yield self.comment(payload)
            return
        told = self.deed(payload)
        for place, (field, before, after) in enumerate(self._changes(str(kind), payload)):
            ident = told.id + (f".{place}" if place else "")
            yield replace(told, id=ident, field=field, before=before, after=after)

    def deed(self, payload: Json) -> Activity:
        """Who did something and when, whatever it was."""
        by, at = self.account(payload, "actor", "user"), moment(payload.get("created_at"))
        return Activity(f"e{payload.get('id')}", ActivityKind.FIELD, by, at)

    def account(self, payload: Json, *keys: str) -> Account:
        """Who did it: the first of `keys` that the payload has."""
        user: Any = next((payload[key] for key in keys if payload.get(key)), {})
        name = login(user)
        bot = part({"user": user}, "user").get("type") == "Bot" or name.endswith("[bot]")
        acted = {"user": user, "performed_via_github_app": payload.get("performed_via_github_app")}
        return Account(name, name, ours=self.ours(acted), bot=bot)

    def _changes(self, kind: str, payload: Json) -> list[tuple[str, str | None, str | None]]:
        match kind:
            case "closed":
                reason = payload.get("state_reason")
                return [("status", "open", "closed"), *([("resolution", None, str(reason))] if reason else [])]
            case "reopened":
                return [("status", "closed", "open")]
            case "labeled" | "unlabeled":
                return [self._label_change(kind, payload)]
            case "assigned":
                return [("assignee", None, login(payload.get("assignee")))]
            case "unassigned":
                return [("assignee", login(payload.get("assignee")), None)]
            case "renamed":
                names = part(payload, "rename")
                return [("title", _text(names.get("from")), _text(names.get("to")))]
            case "transferred" | "locked" | "unlocked" | "converted_to_discussion" | "marked_as_duplicate":
                return [(kind, None, "yes")]
            case _:
                return []

    def _label_change(self, kind: str, payload: Json) -> tuple[str, str | None, str | None]:
        name = str(part(payload, "label").get("name") or "")
        status = name.casefold() in folded(self.labels.every())
        if kind == "labeled":
            return ("status", "open", name) if status else ("labels", None, name)
        return ("status", name, "open") if status else ("labels", name, None)


def assignees(issue: Json) -> list[str]:
    """Everybody the issue is assigned to, the one we read as its assignee first."""
    many = issue.get("assignees")
    people = [*(many if isinstance(many, list) else []), issue.get("assignee")]
    return list(dict.fromkeys(login(one) for one in people if one))


def creator(issue: Json) -> str | None:
    """The login of who made the issue, where it is told."""
    return login(issue["user"]) if isinstance(issue.get("user"), dict) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def folded(names: Collection[str]) -> frozenset[str]:
    """Names as they compare."""
    return frozenset(name.casefold() for name in names)
