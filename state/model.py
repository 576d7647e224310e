"""The nouns of the compliance work and of its links to tickets: frozen values without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from state.lacking import STILL, ways
from state.ticket import Marker, TicketRef


class Priority(StrEnum):
    """How urgent an item is, most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Status(StrEnum):
    """The four statuses the compliance side knows."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    ACCEPTED_AS_RISK = "accepted_as_risk"


URGENCY = {priority: rank for rank, priority in enumerate(Priority)}
"""A priority as a number, most urgent first."""


class ClaimKind(StrEnum):
    """What a tracker says about an item; a claim rides beside the status and decides nothing."""

    RESOLVED = "resolved"
    ACCEPTANCE_REQUESTED = "acceptance_requested"


class SourceKind(StrEnum):
    """Where an item came from."""

    AUTOMATED_TEST = "automated_test"
    UNIMPLEMENTED_CONTROL = "unimplemented_control"
    MANUAL = "manual"
    ASSESSMENT = "assessment"


class Field(StrEnum):
    """The fields that are compared three ways between an item and its ticket."""

    STATUS = "status"
    TITLE = "title"
    BODY = "body"
    PRIORITY = "priority"
    ASSIGNEE = "assignee"
    DUE_DATE = "due_date"
    LABELS = "labels"


class Authority(StrEnum):
    """Who may change a field."""

    ITEM = "item"
    TICKET = "ticket"
    BOTH = "both"


class Actor(StrEnum):
    """What kind of agent did something."""

    HUMAN = "human"
    BOT = "bot"
    SCHEDULE = "schedule"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a tracker said of an item: kind, the tracker account that said it, when (UTC), in which words."""

    kind: ClaimKind
    by: str | None = None
    at: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The acceptance that an item's risk is lived with: its ref (`RA-000012`), its last day, what was accepted."""

    ref: str
    until: date
    fingerprint: str


GROUP = "group"
"""The fact in an item's origin that makes it a group: its ticket lists the items that are part of it."""


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing that someone must do for compliance; `ref` (`AI-000123`) is never reused.

    `owner` is an e-mail address. Date-times are aware, UTC. `revision` grows by one with every change.
    `original_*` keep what the item was first given and are never rewritten. `origin` holds facts of where it came
    from, such as an assessment's question and answer. `predecessor` is the item that this one goes on from, and
    `part_of` the item whose ticket lists this one, which then has no ticket of its own. `accepted` is set exactly while
    the status is `accepted_as_risk`; whether that still holds on a day is for `state.acceptance.status_on`.
    `overdue` says that a run has found its due date to be past.
    """

    ref: str
    title: str
    description: str
    priority: Priority
    original_priority: Priority
    status: Status
    owner: str | None
    due_date: date
    original_due_date: date
    controls: tuple[str, ...]
    risks: tuple[str, ...]
    source_kind: SourceKind
    source_ref: str
    external_ref: str | None
    fingerprint: str | None
    claim: Claim | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    revision: int
    origin: Mapping[str, str] = field(default_factory=dict)
    predecessor: str | None = None
    part_of: str | None = None
    accepted: Accepted | None = None
    overdue: bool = False

    @property
    def is_group(self) -> bool:
        """Whether this is the item of a ticket that lists others, from which it follows."""
        return GROUP in self.origin

    def rated(self, *, by_first: bool) -> Priority:
        """The priority that it is judged by: its own, or `by_first` the one it was first given, if more urgent."""
        both = (self.priority, self.original_priority)
        return min(both, key=URGENCY.__getitem__) if by_first else self.priority

    def as_late_on(self, day: date) -> "ActionItem":
        """The item as it is on a day: overdue once its due date has passed."""
        return self if self.overdue or self.due_date >= day else replace(self, overdue=True)

    @property
    def overdue_since(self) -> date | None:
        """The first day on which it was late, while something is still to be done about it."""
        late = self.overdue and self.status in (Status.OPEN, Status.IN_PROGRESS)
        return self.due_date + timedelta(days=1) if late else None


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """What a source or a person says an item should be, before it has a ref.

    `None` means "not said": a new item takes the default, an existing one keeps what it has.
    `fingerprint` or `external_ref` (whichever is set) finds the item again on a second intake.
    """

    title: str
    description: str = ""
    priority: Priority | None = None
    owner: str | None = None
    due_date: date | None = None
    controls: tuple[str, ...] | None = None
    risks: tuple[str, ...] | None = None
    source_kind: SourceKind = SourceKind.MANUAL
    source_ref: str = ""
    external_ref: str | None = None
    fingerprint: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    predecessor: str | None = None


class TestOutcome(StrEnum):
    """What an automated test said."""

    __test__ = False

    FAIL = "fail"
    PASS = "pass"  # noqa: S105
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test or an assessor found about one thing, observed at `observed_at` (UTC).

    `tool` is the name of what tested, or of who assessed.
    """

    draft: ItemDraft
    outcome: TestOutcome
    observed_at: datetime
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One person under many names: `email` is the identity, `accounts` maps a tracker kind to an account id.

    `login` is their user on the machines where commands are given.
    """

    email: str
    accounts: Mapping[str, str] = field(default_factory=dict)
    login: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Every name of theirs that does not depend on a tracker's: address, login, and `kind:account`."""
        accounts = (f"{kind}:{account}" for kind, account in self.accounts.items())
        return frozenset(filter(None, (self.email, self.login, *accounts)))


@dataclass(frozen=True, slots=True)
class Agreed:
    """One field's values when both sides last agreed: how the item rendered and how the ticket read.

    They are equal unless the tracker cannot hold the item's value exactly.
    """

    ours: str | None
    theirs: str | None


Baseline = Mapping[Field, Agreed]
"""The field values both sides last agreed on, per link."""


@dataclass(frozen=True, slots=True)
class Link:
    """This item is that ticket, since when (UTC), by which run, and how both read when they last agreed.

    `item_revision` and `ticket_revision` are what the baseline was taken from. `generation` counts the tickets
    this item has had in this tracker, from 1. `missing_since` is set once a direct read did not find the ticket.
    `comments` were on the ticket, and what people did to it is known up to `seen_at` (the tracker's time). `reporter`
    is the account that made the ticket, where the tracker tells.
    """

    item: str
    ref: TicketRef
    url: str
    marker: Marker
    baseline: Baseline
    item_revision: int
    ticket_revision: str
    linked_at: datetime
    linked_by: str
    generation: int = 1
    missing_since: datetime | None = None
    archived: bool = False
    comments: int = 0
    seen_at: datetime | None = None
    reporter: str = ""


class HoldKind(StrEnum):
    """Why something waits for a person."""

    CONFLICT = "conflict"
    ACCEPTANCE_REQUESTED = "acceptance_requested"
    UNMAPPED = "unmapped"
    DUE_CHANGE = "due_change"
    DUPLICATE = "duplicate"
    GONE = "gone"
    ARCHIVED = "archived"
    NO_ROUTE = "no_route"
    NO_WAY = "no_way"
    REJECTED = "rejected"
    COMMENT_REFUSED = "comment_refused"
    MANY_TICKETS = "many_tickets"
    UNKNOWN_TICKET = "unknown_ticket"
    EVIDENCE_MISSING = "evidence_missing"


@dataclass(frozen=True, slots=True)
class Hold:
    """Something waits for a person: what, on which item, and the command that settles it.

    `field` is set for holds on one field; `ours` and `theirs` are both sides' values then. `id` (`H-12`) is empty
    until the hold is stored.
    """

    kind: HoldKind
    item: str
    tracker: str
    detail: str
    field: Field | None = None
    ours: str | None = None
    theirs: str | None = None
    id: str = ""
    opened_at: datetime | None = None

    @property
    def command(self) -> str:
        """The command that settles this hold, with the sides that can be taken."""
        if self.kind is HoldKind.NO_ROUTE:
            return "counterfoil sync, once a [[routes]] entry of the configuration takes the item"
        if self.kind is HoldKind.EVIDENCE_MISSING:
            return ways(self.item, self.detail.rpartition(STILL)[2].split("; "))
        if self.kind is HoldKind.ACCEPTANCE_REQUESTED:
            return (
                f"counterfoil accept show {self.item}, then accept approve or accept reject {self.item} --reason TEXT"
            )
        if self.kind is HoldKind.DUE_CHANGE:
            return f"counterfoil due approve|reject {self.item} --reason TEXT"
        either = self.kind in (HoldKind.CONFLICT, HoldKind.NO_WAY)
        take = "item|ticket" if either else "item"
        return f"counterfoil holds settle {self.id or '<id>'} --take {take} --reason TEXT"


class OperationKind(StrEnum):
    """What a run may do, to a ticket or to the record."""

    CREATE = "create"
    UPDATE = "update"
    COMMENT = "comment"
    PULL = "pull"
    LINK = "link"
    HOLD = "hold"
    RELEASE = "release"
    ACCEPTANCE = "acceptance"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended: `done`, `refused`, `deferred` or `unknown`, with the reason in words."""

    kind: str
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What would stop or bend a run: what is wrong, and the line or the step that mends it."""

    what: str
    fix: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Agent:
    """Who did something: kind, system (`counterfoil`, or a tracker's name), account id there, display name."""

    kind: Actor
    system: str
    account: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """Something said about an item.

    `remote_id` is the tracker's id once the comment stands there; `author` is an e-mail address or an account
    name; `inbound` says that it came from the tracker. One of ours with a `topic` is the only one of its item about
    that, and is edited where it stands; `standing` is the SHA-256 of what stands there while that is not `text` yet.
    `edited_at` and `deleted_at` (UTC) are when its author last did so in the tracker.
    """

    id: str
    item: str
    author: str
    text: str
    at: datetime
    inbound: bool
    tracker: str = ""
    remote_id: str = ""
    topic: str = ""
    standing: str = ""
    edited_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def due(self) -> bool:
        """Whether it is one of ours that does not stand in the tracker as it should."""
        return not self.inbound and (not self.remote_id or bool(self.standing))
