"""The world behind a tracker in memory: its tickets, the people who act on them, and what goes wrong."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.base import MARK
from connectors.errors import Ambiguous, Denied, NotFound, RateLimited, TrackerError
from state.ticket import (
    ORIGINAL,
    PULL_REQUEST,
    Account,
    Activity,
    ActivityKind,
    Artefact,
    Category,
    Draft,
    Gone,
    Marker,
    Ticket,
    TicketRef,
    TicketState,
)

OURS = "counterfoil-bot"
"""The account id that this program uses in a tracker in memory."""

WORKFLOW: Mapping[str, Category] = {
    "To Do": Category.NEW,
    "In Progress": Category.INDETERMINATE,
    "In Review": Category.INDETERMINATE,
    "Done": Category.DONE,
}

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call: `error` is raised before the work, after it, or `delay` seconds before it."""

    error: TrackerError
    after: bool = False
    delay: float | None = None


@dataclass(slots=True)
class Stored:
    """One ticket as the tracker keeps it: every version, what was done to it, who opened it and who marked it."""

    ticket: Ticket
    creator: str
    marker: Marker | None = None
    marker_by: str = ""
    versions: list[Ticket] = field(default_factory=list)
    log: list[Activity] = field(default_factory=list)
    gone: Gone | None = None


class FarSide:
    """The tracker's own world, which outlives the objects that talk to it.

    Every act names the account that does it (`by`) and happens at `clock()`; time never runs backwards. `lag` is how
    long a change stays invisible to the change feed and to looking for markers. `refused` maps titles to the reason
    for which the tracker refuses them. `people` are the assignable accounts, `None` for anybody.
    """

    def __init__(self, clock: Callable[[], datetime], *, workflow: Mapping[str, Category] = WORKFLOW) -> None:
        self.clock = clock
        self.workflow = dict(workflow)
        self.project = "MEM"
        self.lag = timedelta(0)
        self.refused: dict[str, str] = {}
        self.people: frozenset[str] | None = None
        self.denied = False
        self.labels_are_dropped = False
        self.calls = 0
        self._doing = threading.RLock()
        self.secret = "memory-webhook-secret"  # noqa: S105
        self._stored: dict[str, Stored] = {}
        self._files: dict[str, bytes] = {}
        self.behind: dict[str, Artefact] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._late: list[tuple[datetime, Callable[[], object]]] = []
        self._last = BEGINNING
        self._events = 0

    def now(self) -> datetime:
        """The tracker's time (UTC)."""
        self._last = max(self._last, self.clock().astimezone(UTC))
        return self._last

    # What people see and do.

    def tickets(self) -> list[Ticket]:
        """Every ticket that is not gone, by id, as a person sees it."""
        self.catch_up()
        return [self.view(stored) for stored in self._stored.values() if stored.gone is None]

    def ticket(self, ref: TicketRef) -> Ticket:
        """The ticket as it is now; raises `NotFound`."""
        return self.view(self.stored(ref))

    def activity(self, ref: TicketRef) -> list[Activity]:
        """All that was ever done to the ticket, oldest first."""
        return list(self._stored[ref.id].log)

    def open(
        self, title: str, *, by: str = "mia", tracker: str = "memory", marker: Marker | None = None, **values: Any
    ) -> TicketRef:
        """Open a ticket as a person does; `marker` copies one of ours onto it, as a clone or a forger would."""
        ticket = self._blank(tracker, title)
        stored = Stored(replace(ticket, **values), creator=by, marker=marker, marker_by=by if marker else "")
        self._keep(stored)
        return stored.ticket.ref

    def edit(self, ref: TicketRef, *, by: str = "mia", **values: Any) -> Ticket:
        """Set fields of `Ticket` by name: title, body, priority, assignee, due_date, labels, state."""
        return self.change(self.stored(ref), by, values)

    def move_to(self, ref: TicketRef, name: str, resolution: str | None = None, *, by: str = "mia") -> Ticket:
        """Bring the ticket to the state called `name`."""
        return self.edit(ref, by=by, state=TicketState(self.workflow[name], name, resolution))

    def comment(self, ref: TicketRef, text: str, *, by: str = "mia", marker_key: str | None = None) -> str:
        """Add a comment and return its id; `marker_key` copies the key of one of ours into it."""
        return self._add(ref, self._event(ActivityKind.COMMENT, by, text=text, marker_key=marker_key))

    def whisper(self, ref: TicketRef, text: str, *, by: str = "mia") -> str:  # noqa: ARG002
        """Add a comment that is not for everybody; nobody else reads its words."""
        return self._add(ref, self._event(ActivityKind.COMMENT, by, confined=True))

    def attach(self, ref: TicketRef, name: str, data: bytes, *, by: str = "mia") -> str:
        """Attach a file and return the attachment's id."""
        url = f"memory://{ref.key}/{self._events + 1}/{name}"
        file = Artefact(url, name, "application/octet-stream", len(data))
        event = self._event(ActivityKind.ATTACHMENT, by, text=name, artefact=file)
        self._files[event.id] = data
        return self._add(ref, event)

    def merge(self, ref: TicketRef, change: Artefact, *, by: str = "mia") -> str:
        """Link a merged change; what `change` says beyond its address is only told when it is asked for."""
        seen = replace(change, commit="", approvers=())
        event = self._event(ActivityKind.LINK, by, field=PULL_REQUEST, after="merged", artefact=seen)
        self.behind[event.id] = change
        return self._add(ref, event)

    def link_original(self, ref: TicketRef, key: str, *, by: str = "mia") -> str:
        """Link the ticket with the one called `key` as its duplicate."""
        return self._add(ref, self._event(ActivityKind.LINK, by, field=ORIGINAL, after=key))

    def file(self, ref: TicketRef, id_: str) -> bytes:
        """The bytes of an attachment; raises `NotFound`."""
        if id_ not in self._files or not any(event.id == id_ for event in self.stored(ref).log):
            raise NotFound(f"ticket {ref.key or ref.id} has no attachment {id_}")
        return self._files[id_]

    def _add(self, ref: TicketRef, event: Activity) -> str:
        stored = self.stored(ref)
        stored.log.append(event)
        self._keep(stored, replace(stored.ticket, updated=event.at))
        return event.id

    def edit_comment(self, ref: TicketRef, id_: str, text: str) -> None:
        """Let a comment say something else; raises `NotFound` where it is not there."""
        stored = self.stored(ref)
        if not any(event.id == id_ for event in stored.log):
            raise NotFound(f"ticket {ref.key or ref.id} has no comment {id_}")
        now = self.now()
        stored.log[:] = [replace(e, text=text, edited_at=now) if e.id == id_ else e for e in stored.log]
        self._keep(stored, replace(stored.ticket, updated=self.now()))

    def delete_comment(self, ref: TicketRef, id_: str) -> None:
        """Take a comment back."""
        stored = self.stored(ref)
        stored.log[:] = [event for event in stored.log if event.id != id_]
        self._keep(stored, replace(stored.ticket, updated=self.now()))

    def delete(self, ref: TicketRef, why: Gone = Gone.DELETED) -> None:
        """Make the ticket unreadable: deleted, transferred, or hidden from us."""
        self.stored(ref).gone = why

    def restore(self, ref: TicketRef) -> None:
        """Make a ticket readable again."""
        self._stored[ref.id].gone = None

    def relocate(self, ref: TicketRef, project: str) -> Ticket:
        """Move the ticket to another project, where it gets another key."""
        stored = self.stored(ref)
        moved = replace(stored.ticket.ref, key=f"{project}-{ref.id}")
        stored.ticket = replace(stored.ticket, ref=moved)
        return self.change(stored, "mia", {"project": project, "url": f"memory://{moved.key}"})

    def delivery(self, ref: TicketRef) -> tuple[dict[str, str], bytes]:
        """A genuine webhook delivery about the ticket: its headers and its body."""
        body = json.dumps({"id": ref.id, "key": ref.key}).encode()
        return {"X-Hub-Signature-256": f"sha256={self.signature(body)}"}, body

    def signature(self, body: bytes) -> str:
        """What a genuine delivery of `body` is signed with."""
        return hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()

    # What goes wrong.

    def fail_next(self, call: str, error: TrackerError, *, after: bool = False, delay: float | None = None) -> None:
        """Raise `error` from the next call of that method: instead of its work, after it, or with the work later."""
        self._faults.setdefault(call, []).append(Fault(error, after, delay))

    def lose_answer(self, call: str = "create") -> None:
        """Do the next call's work and lose the answer."""
        self.fail_next(call, Ambiguous(f"{call}: the connection was closed before an answer"), after=True)

    def lose_request(self, call: str = "create") -> None:
        """Lose the next call on the way, which looks the same to the caller as losing its answer."""
        self.fail_next(call, Ambiguous(f"{call}: the connection was closed before an answer"))

    def commit_late(self, seconds: float, call: str = "create") -> None:
        """Lose the next call's answer and do its work only `seconds` later."""
        self.fail_next(call, Ambiguous(f"{call}: no answer in time"), delay=seconds)

    def limit_rate(self, seconds: float, call: str = "create") -> None:
        """Refuse the next call and ask to come back in `seconds`."""
        self.fail_next(call, RateLimited(f"{call}: 429", self.now() + timedelta(seconds=seconds)))

    # What the tracker's own interface stands on.

    def around(self, call: str, work: Callable[[], Any]) -> Any:
        """Do one call's work, with the fault that was asked for, one after the other; `calls` counts them."""
        with self._doing:
            return self._done(call, work)

    def _done(self, call: str, work: Callable[[], Any]) -> Any:
        self.calls += 1
        self.catch_up()
        if self.denied:
            raise Denied(f"{call}: 401: the token is not valid")
        waiting = self._faults.get(call)
        fault = waiting.pop(0) if waiting else None
        if fault is None:
            return work()
        if fault.delay is not None:
            self._late.append((self.now() + timedelta(seconds=fault.delay), work))
        elif fault.after:
            work()
        raise fault.error

    def catch_up(self) -> None:
        """Do the late work whose time has come."""
        due = [work for at, work in self._late if at <= self.now()]
        self._late = [(at, work) for at, work in self._late if at > self.now()]
        for work in due:
            with suppress(TrackerError):
                work()

    def stored(self, ref: TicketRef) -> Stored:
        """The ticket's record; raises `NotFound` where there is none or it is gone."""
        found = self._stored.get(ref.id)
        if found is None or found.gone is not None:
            raise NotFound(f"ticket {ref.key or ref.id}: {'unknown' if found is None else found.gone}")
        return found

    def gone(self, ref: TicketRef) -> Gone | None:
        """Why the ticket cannot be read, if it cannot."""
        found = self._stored.get(ref.id)
        return Gone.NOT_FOUND if found is None else found.gone

    def view(self, stored: Stored, ticket: Ticket | None = None) -> Ticket:
        """The ticket with its marker, if the marker was planted by our own account."""
        return replace(ticket or stored.ticket, marker=stored.marker if stored.marker_by == OURS else None)

    def indexed(self) -> Iterator[tuple[Stored, Ticket]]:
        """Every ticket as the tracker's index shows it, `lag` behind."""
        horizon = self.now() - self.lag
        for stored in self._stored.values():
            known = [version for version in stored.versions if version.updated <= horizon]
            if known and stored.gone is None:
                yield stored, known[-1]

    def add(self, tracker: str, draft: Draft) -> Ticket:
        """Open the ticket of a draft as our own account."""
        blank = self._blank(tracker, draft.title)
        labels = frozenset() if self.labels_are_dropped else frozenset({*draft.labels, MARK})
        ticket = replace(
            blank,
            body=draft.body,
            priority=draft.priority,
            assignee=draft.assignee,
            due_date=draft.due_date,
            labels=labels,
        )
        stored = Stored(ticket, creator=OURS, marker=draft.marker, marker_by=OURS)
        self._keep(stored)
        return self.view(stored)

    def change(self, stored: Stored, by: str, values: Mapping[str, Any]) -> Ticket:
        """Set fields of a ticket by name, and write down who changed what; what is equal is no change."""
        before = stored.ticket
        changed = {name: value for name, value in values.items() if getattr(before, name) != value}
        for name, value in changed.items():
            stored.log.extend(self._events_of(name, getattr(before, name), value, by))
        if changed:
            self._keep(stored, replace(before, **changed, updated=self.now()))
        return self.view(stored)

    def _events_of(self, name: str, before: Any, after: Any, by: str) -> Iterator[Activity]:
        if name == "state":
            yield self._event(ActivityKind.FIELD, by, field="status", before=before.name, after=after.name)
            if before.resolution != after.resolution:
                yield self._event(
                    ActivityKind.FIELD, by, field="resolution", before=before.resolution, after=after.resolution
                )
        elif name == "linked_change_open":
            yield self._event(ActivityKind.LINK, by, field="change", after="open" if after else "closed")
        elif name != "url":
            yield self._event(ActivityKind.FIELD, by, field=name, before=_spell(before), after=_spell(after))

    def _event(self, kind: ActivityKind, by: str, **values: Any) -> Activity:
        self._events += 1
        account = Account(by, by.replace("-", " ").title(), ours=by == OURS)
        return Activity(f"e{self._events}", kind, account, self.now(), **values)

    def _blank(self, tracker: str, title: str) -> Ticket:
        number = str(len(self._stored) + 1)
        key, now = f"{self.project}-{number}", self.now()
        name = next(name for name, category in self.workflow.items() if category is Category.NEW)
        return Ticket(
            ref=TicketRef(tracker, number, key),
            url=f"memory://{key}",
            title=title,
            body=None,
            state=TicketState(Category.NEW, name),
            priority=None,
            assignee=None,
            due_date=None,
            labels=frozenset(),
            created=now,
            updated=now,
            revision="",
            project=self.project,
        )

    def _keep(self, stored: Stored, ticket: Ticket | None = None) -> None:
        now = ticket or stored.ticket
        stored.ticket = replace(now, revision=f"{now.updated.isoformat()}/{len(stored.versions):06d}")
        stored.versions.append(stored.ticket)
        self._stored[now.ref.id] = stored


def _spell(value: Any) -> str | None:
    match value:
        case None:
            return None
        case frozenset():
            return " ".join(sorted(value))
        case date():
            return value.isoformat()
        case str():
            return value
        case _:
            return json.dumps(value, default=str)
