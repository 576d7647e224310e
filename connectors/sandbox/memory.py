"""A tracker that lives in memory and keeps the whole contract without a wire."""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors.base import MARK, Capabilities, Page, before_sending
from connectors.errors import Denied, NotFound, NoWay, Rejected, Stale, Unassignable
from connectors.sandbox.far_side import BEGINNING, OURS, FarSide
from state.model import Field, Problem
from state.ticket import (
    Activity,
    ActivityKind,
    Body,
    BodyFormat,
    Category,
    Created,
    Cursor,
    Draft,
    Keep,
    Marker,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TicketRef,
    TicketState,
    TransitionTo,
)

__all__ = ["CAPS", "OURS", "FarSide", "MemoryTracker"]

CAPS = Capabilities(
    fields=frozenset(Field),
    account_kind="memory",
    vouches=True,
    body_format=BodyFormat.MARKDOWN,
    title_limit=255,
    body_limit=65_536,
    comment_limit=65_536,
    bulk_create=50,
    visibility_lag_seconds=120,
    attachments=True,
)


class MemoryTracker:
    """A tracker without a wire: keeps the contract of `connectors.base.Tracker` over a `FarSide`."""

    def __init__(
        self,
        name: str = "memory",
        *,
        clock: Callable[[], datetime] | None = None,
        far_side: FarSide | None = None,
        caps: Capabilities = CAPS,
        page_size: int = 100,
    ) -> None:
        if far_side is None:
            if clock is None:
                raise ValueError("a tracker in memory needs a clock, or a far side that has one")
            far_side = FarSide(clock)
        self.name, self.caps, self.far_side, self.page_size = name, caps, far_side, page_size
        self._requests = 0

    def check(self) -> list[Problem]:
        """Everything that would stop a run; writes nothing."""
        if self.far_side.denied:
            return [Problem("the token is not valid", "let the far side allow us again")]
        return []

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the marked tickets that changed at or after `cursor`, oldest first."""
        reached = cursor or Cursor(BEGINNING)
        found = self._call("changes", lambda: self._changed(reached.at))
        for start in range(0, max(len(found), 1), self.page_size):
            if start:
                self._call("changes", lambda: None)
            page = found[start : start + self.page_size]
            reached = Cursor(page[-1].updated) if page else reached
            yield Page(page, reached)

    def fetch(
        self,
        refs: Sequence[TicketRef],
        *,
        history: bool = False,  # noqa: ARG002
        known: Mapping[str, str] = {},  # noqa: ARG002
    ) -> Iterator[Ticket | Missing]:
        """Yield each ticket as it is now."""
        for start in range(0, len(refs), self.page_size):
            chunk = refs[start : start + self.page_size]
            yield from self._call("fetch", partial(self._fetched_all, chunk))

    @property
    def query(self) -> str:
        """Which tickets are marked."""
        return f"label = {MARK}"

    def survey(self) -> Iterator[Mapping[str, str]]:
        """Yield the revision of each marked ticket that is not gone."""
        yield self._call("survey", lambda: {t.ref.id: t.revision for t in self._changed(BEGINNING)})

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every ticket that carries one of the markers."""
        return list(self._call("find", lambda: self._found({marker.key for marker in markers}, since)))

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """As `find`, since there is one account only."""
        return self.find(markers, since)

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        """Create tickets with one request, and yield one result per draft."""
        if len(drafts) > self.caps.bulk_create:
            raise ValueError(f"{len(drafts)} drafts in one request, at most {self.caps.bulk_create} are allowed")
        yield from self._call("create", lambda: [self._created(draft) for draft in drafts])

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        """Change exactly what `patch` says and return the ticket as it is then; `seen` guards the body."""
        ticket: Ticket = self._call("update", lambda: self._updated(ref, patch, seen))
        return ticket

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        """Add a comment of ours and return its id."""
        said, write = self._said(text), self.far_side.comment
        identity: str = self._call("comment", lambda: write(ref, said, by=OURS, marker_key=marker))
        return identity

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:  # noqa: ARG002
        """Let a comment of ours say `text`."""
        said = self._said(text)
        self._call("recomment", lambda: self.far_side.edit_comment(ref, remote_id, said))

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        """Who did what to the ticket at or after `since`, oldest first; links to changes whatever their age."""
        log: list[Activity] = self._call("activity", lambda: self.far_side.stored(ref).log)
        return [
            event if event.by.ours else replace(event, marker_key=None)
            for event in log
            if event.kind in (ActivityKind.LINK, ActivityKind.COMMENT) or event.at >= since
        ]

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        """What the ticket is linked with: a merged change with what `behind` knows of it."""
        found = [event for event in told if event.kind is ActivityKind.LINK]
        if not any(event.id in self.far_side.behind for event in found):
            return found
        self._call("links", lambda: self.far_side.stored(ticket.ref))
        return [replace(event, artefact=self.far_side.behind.get(event.id, event.artefact)) for event in found]

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:
        """Yield the bytes of an attachment, a part at a time."""
        data: bytes = self._call("attachment", lambda: self.far_side.file(ref, remote_id))
        yield from (data[start : start + 65_536] for start in range(0, len(data), 65_536))

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        """Verify a webhook delivery and name the tickets to look at; raises `Denied` if it is not genuine."""
        given = next((value for name, value in headers.items() if name.lower() == "x-hub-signature-256"), "")
        if not hmac.compare_digest(given.encode(), f"sha256={self.far_side.signature(body)}".encode()):
            raise Denied("the delivery's signature is missing or wrong")
        told = json.loads(body)
        return [TicketRef(self.name, told["id"], told.get("key", ""))] if "id" in told else []

    def resolve(self, key: str) -> Ticket:
        """The ticket that people call `key` (or its URL); raises `NotFound`."""
        wanted = key.removeprefix("memory://")
        for ticket in self._call("resolve", self.far_side.tickets):
            if ticket.ref.key == wanted:
                return self._own(ticket)
        raise NotFound(f"no ticket is called {key}")

    def time(self) -> datetime | None:
        """The tracker's own time now; `None` before the first answer."""
        return self.far_side.now() if self._requests else None

    @property
    def requests(self) -> int:
        """How many requests this object has made."""
        return self._requests

    def close(self) -> None:
        """Nothing is held open."""

    def _call(self, call: str, work: Callable[[], Any]) -> Any:
        before_sending()
        self._requests += 1
        return self.far_side.around(call, work)

    def _own(self, ticket: Ticket) -> Ticket:
        return replace(ticket, ref=replace(ticket.ref, tracker=self.name))

    def _changed(self, at: datetime) -> list[Ticket]:
        shown = [self._own(self.far_side.view(stored, ticket)) for stored, ticket in self.far_side.indexed()]
        wanted = [ticket for ticket in shown if MARK in ticket.labels and ticket.updated >= at]
        return sorted(wanted, key=lambda ticket: ticket.updated)

    def _fetched_all(self, refs: Sequence[TicketRef]) -> list[Ticket | Missing]:
        return [self._fetched(ref) for ref in refs]

    def _fetched(self, ref: TicketRef) -> Ticket | Missing:
        why = self.far_side.gone(ref)
        if why is not None:
            return Missing(ref, why, f"ticket {ref.key or ref.id}: {why}")
        return self._own(self.far_side.ticket(ref))

    def _found(self, keys: set[str], since: datetime) -> list[Ticket]:
        early = since - timedelta(minutes=10)
        shown = [self._own(self.far_side.view(stored, ticket)) for stored, ticket in self.far_side.indexed()]
        return [ticket for ticket in shown if ticket.marker and ticket.marker.key in keys and ticket.created >= early]

    def _created(self, draft: Draft) -> Created | NotCreated:
        try:
            self._allow(draft.title, draft.body, draft.assignee)
        except Rejected as refusal:
            return NotCreated(draft.marker, str(refusal), isinstance(refusal, Unassignable))
        ticket = self.far_side.add(self.name, draft)
        return Created(draft.marker, ticket.ref, ticket.url, ticket.created, ticket)

    def _updated(self, ref: TicketRef, patch: Patch, seen: str) -> Ticket:
        stored = self.far_side.stored(ref)
        before = stored.ticket
        shown = (self.far_side.view(stored, version) for version in stored.versions)
        known = [version.body for version in shown if version.revision == seen]
        if not isinstance(patch.body, Keep) and known and before.body not in known:
            raise Stale(f"the body of {before.ref.key} was edited since it was seen")
        asked = {
            "title": patch.title,
            "body": patch.body,
            "priority": patch.priority,
            "assignee": patch.assignee,
            "due_date": patch.due_date,
        }
        values: dict[str, Any] = {name: value for name, value in asked.items() if not isinstance(value, Keep)}
        self._allow(values.get("title", before.title), values.get("body"), values.get("assignee"))
        labels = (before.labels | set(patch.add_labels)) - set(patch.remove_labels)
        if patch.marker is not None:
            stored.marker, stored.marker_by = patch.marker, OURS
            labels |= {MARK}
        if self.far_side.labels_are_dropped:
            labels = before.labels
        if patch.state is not None:
            values = {"state": self._target(before.state, patch.state), **values}
        return self._own(self.far_side.change(stored, OURS, {**values, "labels": labels}))

    def _target(self, now: TicketState, wanted: TransitionTo) -> TicketState:
        states = self.far_side.workflow
        named = [name for name in wanted.names if name in states]
        alike = [n for n, category in states.items() if category is wanted.category and n not in wanted.others]
        if not named and now.name in alike:
            named = [now.name]
        if not named and not alike:
            raise NoWay(f"no state here means {wanted.category}", tuple(states))
        name = (named or alike)[0]
        done = states[name] is Category.DONE
        return TicketState(states[name], name, (*wanted.resolutions, "Done")[0] if done else None)

    def _said(self, text: Body) -> str:
        said = text if isinstance(text, str) else json.dumps(text)
        if len(said) > self.caps.comment_limit:
            raise Rejected(f"the comment is longer than {self.caps.comment_limit} characters")
        return said

    def _allow(self, title: str, body: Body, assignee: str | None) -> None:
        if reason := self.far_side.refused.get(title):
            raise Rejected(reason)
        if not title.strip() or "\n" in title:
            raise Rejected("the title must be one line that is not empty")
        if len(title) > self.caps.title_limit:
            raise Rejected(f"the title is longer than {self.caps.title_limit} characters")
        if body is not None and len(body if isinstance(body, str) else json.dumps(body)) > self.caps.body_limit:
            raise Rejected(f"the body is longer than {self.caps.body_limit} characters")
        if assignee is not None and self.far_side.people is not None and assignee not in self.far_side.people:
            raise Unassignable(f"{assignee} cannot be assigned")
