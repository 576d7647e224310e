"""What stands around a tracker that is put to the test: the far side of it, and somebody who works there."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from connectors.base import Tracker
from connectors.sandbox.engineer import Engineer
from state.model import Field
from state.ticket import (
    Activity,
    ActivityKind,
    Artefact,
    Body,
    Created,
    Cursor,
    Draft,
    Marker,
    NotCreated,
    Patch,
    Ticket,
    TicketRef,
)


class Bench(ABC):
    """A tracker under test, its far side, and a person there.

    `tracker` is empty at first. `person` acts with the account `account`, to whom tickets can be assigned.
    `secrets` are all that must never be seen. `priority` is a name the tracker knows, and
    `alike` two names of states for work that goes on, where the tracker has two and they are not our own labels.
    """

    tracker: Tracker
    person: Engineer
    account: str
    secrets: Sequence[str]
    priority = "High"
    alike: Sequence[str] = ()

    @abstractmethod
    def now(self) -> datetime:
        """The far side's time (UTC)."""

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Let time pass on the far side."""

    @abstractmethod
    def lag(self, seconds: float) -> None:
        """From now on, let the change feed and the looking for markers trail behind by so much."""

    @abstractmethod
    def lose_answer(self) -> None:
        """Let the next create be done and its answer be lost."""

    @abstractmethod
    def limit_rate(self, seconds: int) -> None:
        """Refuse the next create as one too many, and ask to come back in `seconds`."""

    @abstractmethod
    def stranger(self) -> Tracker:
        """The same tracker with credentials that are not valid."""

    @abstractmethod
    def received(self) -> int:
        """How many requests the far side has received from anybody."""

    @abstractmethod
    def titles(self) -> list[str]:
        """The titles of all tickets on the far side."""

    @abstractmethod
    def body(self, marker: Marker, text: str) -> Body:
        """A body in the tracker's format with our block around `text`."""

    @abstractmethod
    def open(self, title: str, copied: Draft | None = None) -> TicketRef:
        """Let the person open a ticket by hand, with all of `copied` that a person can copy."""

    @abstractmethod
    def copy_comment(self, ref: TicketRef, key: str) -> None:
        """Let the person write a comment with all that they can copy of ours with this key."""

    @abstractmethod
    def whisper(self, ref: TicketRef, text: str) -> str:
        """Let the person write a comment that is not for everybody; returns its id."""

    @abstractmethod
    def attach(self, ref: TicketRef, name: str, data: bytes) -> None:
        """Let the person attach a file, where the tracker keeps files."""

    @abstractmethod
    def link(self, ref: TicketRef) -> Artefact:
        """Let the person link the ticket with what settles it there; returns what the tracker knows of that."""

    @abstractmethod
    def delivery(self, ref: TicketRef) -> tuple[Mapping[str, str], bytes]:
        """A genuine webhook delivery about the ticket."""

    def draft(self, number: int = 1, **values: Any) -> Draft:
        """A draft with every field that the tracker can hold."""
        marker = Marker(f"{number:026d}", f"AI-{number:06d}")
        fields = self.tracker.caps.fields
        plain = Draft(
            marker=marker,
            title=f"Rotate key {number}",
            body=self.body(marker, "Rotate the key of the root account."),
            priority=self.priority if Field.PRIORITY in fields else None,
            assignee=self.account if Field.ASSIGNEE in fields else None,
            due_date=date(2031, 2, 3) if Field.DUE_DATE in fields else None,
            labels=("security",),
        )
        return replace(plain, **values)

    def send(self, *drafts: Draft) -> list[Created | NotCreated]:
        """Create the tickets of `drafts`, in as many requests as the tracker needs."""
        size = self.tracker.caps.bulk_create
        batches = [drafts[start : start + size] for start in range(0, len(drafts), size)]
        return [result for batch in batches for result in self.tracker.create(batch)]

    def make(self, number: int = 1, **values: Any) -> TicketRef:
        """Create one ticket."""
        (result,) = self.send(self.draft(number, **values))
        if not isinstance(result, Created):
            raise AssertionError(f"the tracker refused a sound draft: {result.reason}")
        return result.ref

    def read(self, ref: TicketRef) -> Ticket:
        """The ticket as the tracker reads it now."""
        (found,) = self.tracker.fetch([ref])
        if not isinstance(found, Ticket):
            raise AssertionError(f"the tracker does not find {ref.key}: {found.why}, {found.detail}")
        return found

    def change(self, ref: TicketRef, patch: Patch) -> Ticket:
        """Update the ticket as it is now."""
        return self.tracker.update(ref, patch, seen=self.read(ref).revision) or self.read(ref)

    def feed(self, cursor: Cursor | None = None) -> list[Ticket]:
        """Every ticket of the change feed, in its order."""
        return [ticket for page in self.tracker.changes(cursor) for ticket in page.tickets]

    def comments(self, ref: TicketRef) -> list[Activity]:
        """Everything said on the ticket, oldest first."""
        told = self.tracker.activity(ref, datetime(2020, 1, 1, tzinfo=UTC))
        return [event for event in told if event.kind is ActivityKind.COMMENT]


class Lines(logging.Handler):
    """Keeps every log line that is written while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __enter__(self) -> "Lines":
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line as it would be written."""
        self.seen.append(self.format(record))
