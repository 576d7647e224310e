"""A tracker as a run calls it: under the lease, and between named points at which the run may be killed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from connectors.base import Capabilities, Page, Tracker, looking
from state.model import Problem
from state.ticket import Activity, Body, Created, Cursor, Draft, Marker, Missing, NotCreated, Patch, Ticket, TicketRef

T = TypeVar("T")

STEPS = (
    "lease",
    "find",
    "activity",
    "recovery",
    "changes",
    "survey",
    "fetch",
    "force",
    "refresh",
    "pull",
    "update",
    "updated",
    "saying",
    "comment",
    "said",
    "creating",
    "create",
    "created",
    "sending",
    "failure",
    "renewal",
    "feed",
    "release",
)
"""What a run does that lasts or is seen: its transactions, and its calls to a tracker by the names of the contract."""

CRASH_POINTS = tuple(f"{step}.{side}" for step in STEPS for side in ("before", "after"))
"""The named points of a run, one before and one after each step."""


class Watched:
    """Passes each call on to `tracker`, between the points that it names to `crash`.

    Before each call, and again right before each of its requests, `keep` sees to it that the lease lasts, which raises
    where it is another's by then: a tracker cannot tell a run that was taken over from the one that took over.
    """

    def __init__(self, tracker: Tracker, crash: Callable[[str], None], keep: Callable[[], None]) -> None:
        self.name = tracker.name
        self._tracker, self._crash, self._keep = tracker, crash, keep

    @property
    def caps(self) -> Capabilities:
        """What the tracker can do, as far as it is known by now."""
        return self._tracker.caps

    def check(self) -> list[Problem]:
        """What would stop a run."""
        return self._tracker.check()

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the pages of the change feed."""
        return self._each("changes", self._tracker.changes(cursor))

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        """Yield tickets as they are now."""
        return self._each("fetch", self._tracker.fetch(refs, history=history, known=known))

    def survey(self) -> Iterator[Mapping[str, str]]:
        """Yield which tickets are there."""
        return self._each("survey", self._tracker.survey())

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every ticket that carries one of the markers."""
        return self._one("find", lambda: self._tracker.find(markers, since))

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every ticket that carries one of the markers, whoever made it."""
        return self._one("find", lambda: self._tracker.suspects(markers, since))

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        """Create tickets, and yield one result per draft."""
        return self._each("create", self._tracker.create(drafts))

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        """Change what `patch` says."""
        return self._one("update", lambda: self._tracker.update(ref, patch, seen=seen))

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        """Add a comment and return its id."""
        return self._one("comment", lambda: self._tracker.comment(ref, text, marker=marker))

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        """Edit a comment of ours."""
        self._one("comment", lambda: self._tracker.recomment(ref, remote_id, text, marker=marker))

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        """Who did what to the ticket."""
        return self._one("activity", lambda: self._tracker.activity(ref, since))

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        """What the ticket is linked with."""
        return self._one("activity", lambda: self._tracker.links(ticket, told))

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:
        """Yield the bytes of an attachment."""
        return self._tracker.attachment(ref, remote_id)

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        """The tickets that a webhook delivery names."""
        return self._tracker.hint(headers, body)

    def resolve(self, key: str) -> Ticket:
        """The ticket that people call `key`."""
        return self._tracker.resolve(key)

    def time(self) -> datetime | None:
        """The tracker's own time now."""
        return self._tracker.time()

    @property
    def query(self) -> str:
        """Which tickets it asks for."""
        return self._tracker.query

    @property
    def requests(self) -> int:
        """How many requests went over the wire."""
        return self._tracker.requests

    def close(self) -> None:
        """Give back connections."""
        self._tracker.close()

    def _one(self, step: str, call: Callable[[], T]) -> T:
        self._crash(f"{step}.before")
        self._keep()
        try:
            with looking(self._keep):
                return call()
        finally:
            self._crash(f"{step}.after")

    def _each(self, step: str, answers: Iterable[T]) -> Iterator[T]:
        source, end = iter(answers), object()
        while (answer := self._one(step, lambda: next(source, end))) is not end:
            yield answer  # type: ignore[misc]
