"""The nouns of a tracker: what it shows, what is asked of it, and what it answers, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """The three kinds of ticket state that every tracker distinguishes."""

    NEW = "new"
    INDETERMINATE = "indeterminate"
    DONE = "done"


class BodyFormat(StrEnum):
    """How a tracker writes long text: a string of Markdown or wiki markup, or a JSON document tree."""

    MARKDOWN = "markdown"
    WIKI = "wiki"
    ADF = "adf"


@dataclass(frozen=True, slots=True, order=True)
class TicketRef:
    """A ticket's identity: the configured tracker and that tracker's immutable id.

    `key` is what people call the ticket. It may change, does not count for equality, and only helps a tracker
    that reads by key to find the ticket, where it then checks the id.
    """

    tracker: str
    id: str
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Marker:
    """The item's key, planted in the ticket in the very request that creates it.

    `key` is 26 characters of `[a-z0-9]`, unique to item, tracker, installation and generation.
    """

    key: str
    item: str


Body = str | Mapping[str, Any] | None
"""A ticket's long text as the tracker holds it: a string, a document tree (`BodyFormat.ADF`), or none."""


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket's state: `category` decides, `name` and `resolution` (as the tracker spells them) classify."""

    category: Category
    name: str
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a tracker shows now, in our fields.

    `url` is for people. `assignee` is the tracker's account id. `labels` holds every label,
    ours and others'. `updated` is the tracker's own UTC time. `revision` changes whenever the tracker shows
    that anything on the ticket has changed, comments included; equal revisions mean nothing new, and revisions of
    one ticket sort as text in the order of time. `comments` is how many there are, `None` where it is not told.
    `marker` is set only where the tracker can vouch that the marker is ours. `project` is where the ticket
    lives now, as the tracker spells it. `linked_change_open` says that an open change request is linked. `reporter` is
    the account that reported it, where that is told.
    """

    ref: TicketRef
    url: str
    title: str
    body: Body
    state: TicketState
    priority: str | None
    assignee: str | None
    due_date: date | None
    labels: frozenset[str]
    created: datetime
    updated: datetime
    revision: str
    marker: Marker | None = None
    project: str = ""
    archived: bool = False
    linked_change_open: bool = False
    comments: int | None = None
    reporter: str = ""


class Gone(StrEnum):
    """Why a ticket could not be read."""

    DELETED = "deleted"
    TRANSFERRED = "transferred"
    HIDDEN = "hidden"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Missing:
    """A ticket that a direct read did not find; `detail` says what the tracker answered."""

    ref: TicketRef
    why: Gone
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to be created, in the tracker's own terms; `body` is in the tracker's format.

    A value of `None` is not sent.
    """

    marker: Marker
    title: str
    body: Body
    priority: str | None
    assignee: str | None
    due_date: date | None
    labels: tuple[str, ...]


class Keep:
    """Stands in a patch for "leave this field alone"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()


@dataclass(frozen=True, slots=True)
class TransitionTo:
    """The state to bring a ticket to: any state named in `names`, else any of `category` but those of `others`.

    Of the `resolutions` the first that the tracker has is asked for, where its workflow lets one be set. `others` are
    the names of states that stand for something else, whatever their category.
    """

    category: Category
    names: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """Exactly what changes on a ticket. `KEEP` leaves a field alone, `None` clears it.

    Labels are given as differences, so that other people's labels stay. `marker` plants the item's key.
    """

    title: str | Keep = KEEP
    body: Body | Keep = KEEP
    priority: str | Keep | None = KEEP
    assignee: str | Keep | None = KEEP
    due_date: date | Keep | None = KEEP
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    state: TransitionTo | None = None
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a tracker's change feed resumes.

    `at` is a point in the tracker's own time; the feed gives what changed at or after it. `validator` lets the
    tracker answer "nothing changed" cheaply; it is opaque and may be empty.
    """

    at: datetime
    validator: str = ""


class ActivityKind(StrEnum):
    """What somebody did to a ticket."""

    COMMENT = "comment"
    FIELD = "field"
    LINK = "link"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody as a tracker knows them: immutable `id`, display `name`, and whether it is the one we use."""

    id: str
    name: str
    ours: bool = False
    bot: bool = False


PULL_REQUEST = "pull_request"
"""What the `field` of a link says that leads to a proposed change; `after` is then open, closed or merged."""

ORIGINAL = "original"
"""What the `field` of a link says that leads to the ticket of which this one is a duplicate; `after` is its key."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """What was attached to a ticket or linked with it, as far as its tracker tells.

    `url` leads to it and `name` is what it is called; an attachment has `mime` and `size` in bytes. A commit and a
    merged change have `commit`. A change has its `author` and `approvers`, the ids of their accounts; `closes` says
    that it says of itself that it settles the ticket.
    """

    url: str
    name: str = ""
    mime: str = ""
    size: int | None = None
    commit: str = ""
    author: str = ""
    approvers: tuple[str, ...] = ()
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that one account did to a ticket at one time (UTC).

    `id` is the tracker's own id of the event. A comment has `text` (plain or Markdown), if it is one of ours,
    `marker_key`, and if it was edited, `edited_at`; a `confined` one is not for everybody who sees the ticket, and
    comes without its words; `by_email` says that it came by e-mail. A field change has `field` (a `Field` value,
    `resolution`, or the tracker's own name), `before` and `after` as the tracker spells them. An attachment and a link
    have an `artefact`, where the tracker says what it is; a link's `field` says of which sort.
    """

    id: str
    kind: ActivityKind
    by: Account
    at: datetime
    text: str = ""
    field: str = ""
    before: str | None = None
    after: str | None = None
    marker_key: str | None = None
    edited_at: datetime | None = None
    confined: bool = False
    by_email: bool = False
    artefact: Artefact | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A create that is known to have happened; `ticket` is set where the tracker's answer shows it whole."""

    marker: Marker
    ref: TicketRef
    url: str
    at: datetime
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class NotCreated:
    """A create that is known not to have happened, because the tracker refused it.

    `unassignable` says that it refused the assignee.
    """

    marker: Marker
    reason: str
    unassignable: bool = False
