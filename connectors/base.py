"""The contract every tracker keeps: a few methods, and a sheet of facts that the engine branches on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from state.model import Field, Finding, ItemDraft, Problem
from state.ticket import (
    Activity,
    Body,
    BodyFormat,
    Created,
    Cursor,
    Draft,
    Marker,
    Missing,
    NotCreated,
    Patch,
    Ticket,
    TicketRef,
)

MARK = "counterfoil"
"""The label on every mirrored ticket, by which the change feed finds them."""


_LOOKS: ContextVar[tuple[Callable[[], None], ...]] = ContextVar("looks", default=())


def before_sending() -> None:
    """What a connector calls right before each request goes out; what it raises ends the call, and nothing is sent."""
    for look in _LOOKS.get():
        look()


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Have `look` called right before each request that this thread sends meanwhile, after those called already."""
    before = _LOOKS.set((*_LOOKS.get(), look))
    try:
        yield
    finally:
        _LOOKS.reset(before)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a tracker can do. The engine branches on these and never on a tracker's name.

    `fields` are those the tracker can hold as fields. `bulk_create` is how many drafts one request may carry.
    `visibility_lag_seconds` is how long a change may stay invisible to `changes` and `find`. Limits are in
    characters. `stale_feed` says that `changes` may show a ticket older than `fetch` does. `assignment_starts_work`
    says that a person who takes an open ticket has begun work on it.
    `attachments` says that it keeps files and gives their bytes. `vouches` says that who wrote a comment is told by an
    id that is never another's, together with whether it was edited since.
    `content_per_minute` and `content_per_hour` bound creates and comments, `None` where there is no bound.
    `parallel` is how many creates may be under way at once, each in a thread of its own.
    `account_kind` names the people table's column of account ids.
    """

    fields: frozenset[Field]
    account_kind: str
    body_format: BodyFormat
    title_limit: int
    body_limit: int
    comment_limit: int
    bulk_create: int = 1
    parallel: int = 1
    stale_feed: bool = False
    assignment_starts_work: bool = False
    visibility_lag_seconds: int = 120
    attachments: bool = False
    vouches: bool = False
    content_per_minute: int | None = None
    content_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the change feed, and where the feed resumes once the page is stored."""

    tickets: Sequence[Ticket]
    cursor: Cursor


class Tracker(Protocol):
    """One configured place where tickets live.

    Every method may raise the errors of `connectors.errors` and no other for what the tracker or the way to it
    does. Reads are retried within the connector; writes never are.
    """

    name: str

    @property
    def caps(self) -> Capabilities:
        """What it can do, as far as it is known by now."""

    def check(self) -> list[Problem]:
        """Everything that would stop or bend a run, most serious first; writes nothing."""
        ...

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        """Yield the marked tickets that changed at or after `cursor`, oldest first, at least once each.

        `None` means from the beginning. There is always at least one page, which may be empty.
        """
        ...

    def fetch(
        self, refs: Sequence[TicketRef], *, history: bool = False, known: Mapping[str, str] = {}
    ) -> Iterator[Ticket | Missing]:
        """Yield each ticket, in no particular order, as it is now: read past any search index.

        But where `changes` is never stale and tickets cannot be read together otherwise, those of which `known` tells
        the revision, by ticket id, may come from the index, as far as they are there no older than that.
        With `history`, what each went through is read with it where the tracker gives both at once: `activity` then
        tells it, once and until the next `fetch`, without asking again.
        """
        ...

    def survey(self) -> Iterator[Mapping[str, str]]:
        """Yield the revision of each marked ticket there is by the ticket's id, in as few requests as can be.

        A revision is empty where the tracker would need more requests to tell it. What is not named may be there
        nevertheless; `fetch` knows.
        """
        ...

    def find(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """Every ticket that carries one of the markers, created no earlier than shortly before `since`.

        An empty answer is evidence of absence only once `caps.visibility_lag_seconds` have passed.
        """
        ...

    def suspects(self, markers: Sequence[Marker], since: datetime) -> list[Ticket]:
        """As `find`, whoever made the tickets: our account may have been another one when they were made."""
        ...

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        """Create at most `caps.bulk_create` tickets with one request, and yield one result per draft.

        Raises `Ambiguous` when any of them may have been created and which is not known.
        """
        ...

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        """Change exactly what `patch` says, the state first, and return the ticket as it is then.

        `None` says that all of it was written, nothing left out, and that only a further request would tell how the
        ticket is then. An error says by `partly` whether a part was written; one that does not, other than
        `Ambiguous`, says that nothing was.
        `seen` is the revision the patch was made for. A body that somebody edited after this object read it, more than
        seconds ago, is `Stale`: it is written whole. Raises `NoWay` when no sequence of transitions leads to the wanted
        state.
        """
        ...

    def comment(self, ref: TicketRef, text: Body, *, marker: str) -> str:
        """Add a comment of ours and return the tracker's id of it.

        `text` is in the tracker's body format, or plain text. `marker` is planted with it, so that `activity` can tell
        whether a comment whose answer was lost is there.
        """
        ...

    def recomment(self, ref: TicketRef, remote_id: str, text: Body, *, marker: str) -> None:
        """Let the comment of ours with the tracker's id `remote_id` say `text` where it stands; touch nothing else.

        `marker` is the one it was made with. It may be repeated. Raises `NotFound` where the comment is not there.
        """
        ...

    def activity(self, ref: TicketRef, since: datetime) -> list[Activity]:
        """Who did what to the ticket at or after `since`, oldest first; links to changes whatever their age.

        So are links to originals, as far as they stand and the tracker tells them. Comments come whatever their age
        too, as they are now and as far as they were not deleted.
        """
        ...

    def links(self, ticket: Ticket, told: Sequence[Activity]) -> list[Activity]:
        """What the ticket is linked with, each with all that only further requests tell of it.

        `told` is what `activity` told of the ticket since `fetch` or `changes` gave it. Nothing is asked for that it
        says already.
        """
        ...

    def attachment(self, ref: TicketRef, remote_id: str) -> Iterator[bytes]:
        """Yield the bytes of an attachment that `activity` told of, where `caps.attachments` says that it can.

        Raises `NotFound` where it is gone.
        """
        ...

    def hint(self, headers: Mapping[str, str], body: bytes) -> list[TicketRef]:
        """Verify a webhook delivery and name the tickets to look at; raises `Denied` if it is not genuine."""
        ...

    def resolve(self, key: str) -> Ticket:
        """The ticket that people call `key` (or its URL), for adopting it; raises `NotFound`."""
        ...

    def time(self) -> datetime | None:
        """The tracker's own time now, to the second and as its last answer told it; `None` before one has.

        Our clock may be wrong and may be set; what waits for something to happen there waits by theirs.
        """
        ...

    @property
    def query(self) -> str:
        """Which tickets `changes` and `survey` ask for, in the tracker's own words, for whoever checks that."""
        ...

    @property
    def requests(self) -> int:
        """How many requests went over the wire since this object was made."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a source that cannot be taken in: where it starts, which column, and what is wrong with it.

    `at` counts from 1 in `unit`s: physical lines, or elements of a list. `column` is empty when the whole row is meant.
    """

    at: int
    column: str
    what: str
    unit: str = "line"

    def __str__(self) -> str:
        return (
            f"{self.unit} {self.at}, {self.column}: {self.what}"
            if self.column
            else f"{self.unit} {self.at}: {self.what}"
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sound row that asks for nothing, such as a finding that somebody muted in the scanner, and why."""

    at: int
    why: str
    unit: str = "line"


Row = ItemDraft | Finding | BadRow | LeftOut
"""What a source reads: an item, a test result, or why it is neither."""


class Source(Protocol):
    """One format that items or test results come in."""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield every row of the file in `stream`, in memory that does not grow with its size.

        `stream` is seekable and stands at its beginning. A bad row never stops the reading and no content raises:
        what cannot be read is a `BadRow`, and is the last one where nothing after it can be told apart.
        """
        ...
