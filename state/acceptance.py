"""Accepted risks: the request, the decisions on it, and who may take them, without I/O."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from state.model import ActionItem, Priority, Status

UNKNOWN = "unknown"
"""The requester where the tracker does not tell who it was."""


class AcceptanceState(StrEnum):
    """Where an acceptance stands. A requested one binds nobody, and only an active one is an acceptance."""

    REQUESTED = "requested"
    ACTIVE = "active"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    VOIDED = "voided"
    LAPSED = "lapsed"
    RENEWED = "renewed"


class Channel(StrEnum):
    """How a decision reached us."""

    COMMAND = "command"
    DELEGATE = "delegate"
    COMMENT = "comment"


class DecisionVerdict(StrEnum):
    """What was decided."""

    APPROVE = "approve"
    REJECT = "reject"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a risk is to be lived with; `until` is the last day on which it is.

    `likelihood` and `impact` (1 to 5) are what remains with the compensating controls in place.
    """

    justification: str
    until: date | None = None
    compensating: str = ""
    likelihood: int | None = None
    impact: int | None = None
    conditions: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one named person decided, when (UTC), why, how it reached us, and by what authority in the words of then.

    `typed_by` is who gave the command, where that is somebody else (`Channel.DELEGATE`). A comment (`Channel.COMMENT`)
    has its tracker's id in `event`, and in `snapshot` the SHA-256 of what it said when it was read.
    """

    verdict: DecisionVerdict
    by: str
    at: datetime
    reason: str
    authority: str
    channel: Channel = Channel.COMMAND
    typed_by: str = ""
    event: str = ""
    snapshot: str = ""

    @property
    def people(self) -> frozenset[str]:
        """Everyone who had a hand in it."""
        return frozenset(filter(None, (self.by, self.typed_by)))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A request to live with a risk, and what became of it; `ref` is `RA-000012`.

    `requester` is an e-mail address, or `system:account` where that person is not known here. `event` is the tracker's
    id of what they did. `fingerprint` says what the item was when it was asked for, `editors` are those who had a hand
    in the request beside the requester. Times are UTC; `requested_at` is when it was first known here, from which on it
    waits for an answer.
    """

    ref: str
    item: str
    state: AcceptanceState
    terms: Terms
    requester: str
    requested_at: datetime
    fingerprint: str
    editors: tuple[str, ...] = ()
    system: str = "counterfoil"
    event: str = ""
    decisions: tuple[Decision, ...] = ()
    renewal_of: str = ""
    active_from: datetime | None = None
    warned_at: datetime | None = None
    ended_at: datetime | None = None
    ended_why: str = ""

    def state_on(self, today: date) -> AcceptanceState:
        """Where it stands on a day: past its end it has lapsed, whether or not anything ran since."""
        over = self.terms.until is not None and self.terms.until < today
        return AcceptanceState.LAPSED if self.state is AcceptanceState.ACTIVE and over else self.state

    @property
    def approvals(self) -> tuple[Decision, ...]:
        """The decisions that approve it, each by another person."""
        return tuple(d for d in self.decisions if d.verdict is DecisionVerdict.APPROVE)


@dataclass(frozen=True, slots=True)
class Questioned:
    """A decision whose comment was changed or deleted in the tracker since, and when (UTC); the decision stands."""

    ref: str
    item: str
    verdict: DecisionVerdict
    by: str
    event: str
    became: str
    at: datetime

    def __str__(self) -> str:
        """What has become of it, in words."""
        what = "approved" if self.verdict is DecisionVerdict.APPROVE else "refused"
        return f"the comment by which {self.by} {what} it was {self.became} on {self.at.date()}; the decision stands"


@dataclass(frozen=True, slots=True)
class DueChange:
    """A later due date that somebody asked for, and what was decided, by whom, when (UTC); open until `decided_at`."""

    item: str
    before: date
    after: date
    requester: str
    requested_at: datetime
    system: str = "counterfoil"
    event: str = ""
    reason: str = ""
    verdict: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    decided_why: str = ""


def fingerprint(item: ActionItem) -> str:
    """What is accepted: the item's text, rating, controls and risks; another one is another risk."""
    parts = [item.title, item.description, item.priority, sorted(item.controls), sorted(item.risks)]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def status_on(item: ActionItem, today: date) -> Status:
    """An item's status on a day: past its end, or once the item is another, an acceptance holds no more."""
    accepted = item.accepted
    if accepted is None or (accepted.until >= today and accepted.fingerprint == fingerprint(item)):
        return item.status
    return Status.OPEN


def as_of(item: ActionItem, today: date) -> ActionItem:
    """The item as it stands on a day, whether or not a run has written that down."""
    status = status_on(item, today)
    return item if status is item.status else replace(item, status=status, accepted=None)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who may do what, by e-mail address; risk owners are named by priority.

    `authors` of `None` are all people who are known. Nobody may review or decide who is not named for it. `by_first`
    says that an item is judged by the priority it was first given, where that is the more urgent one.
    """

    authors: frozenset[str] | None = None
    reviewers: frozenset[str] = frozenset()
    delegates: frozenset[str] = frozenset()
    risk_owners: Mapping[Priority, frozenset[str]] = field(default_factory=dict)
    approvals: Mapping[Priority, int] = field(default_factory=lambda: {Priority.CRITICAL: 2})
    longest: Mapping[Priority, int] = field(
        default_factory=lambda: {
            Priority.CRITICAL: 90,
            Priority.HIGH: 180,
            Priority.MEDIUM: 365,
            Priority.LOW: 365,
        }
    )
    by_first: bool = False

    def rating(self, item: ActionItem) -> Priority:
        """The priority by which it goes who decides about an item's risk."""
        return item.rated(by_first=self.by_first)

    def needed(self, priority: Priority) -> int:
        """How many people must approve a risk of this priority."""
        return self.approvals.get(priority, 1)

    def last_day(self, priority: Priority, today: date) -> date:
        """The latest day until which a risk of this priority may be accepted today."""
        return today + timedelta(days=self.longest[priority])


@dataclass(frozen=True, slots=True)
class Involved:
    """Who has to do with an item, each by every name they are known by: nobody of them decides about its risk.

    Those who owned it or were assigned to its ticket, and do not any more, are among them.
    """

    requester: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()
    assignee: frozenset[str] = frozenset()
    reporter: frozenset[str] = frozenset()
    fixers: frozenset[str] = frozenset()
    editors: frozenset[str] = frozenset()

    def roles(self, person: Iterable[str]) -> tuple[str, ...]:
        """In which ways a person, by any of their names, has to do with it."""
        names = {name.casefold() for name in person}
        each = {
            "asked for it": self.requester,
            "owns or owned the item": self.owner,
            "is or was the ticket's assignee": self.assignee,
            "reported it": self.reporter,
            "is an author of the fix": self.fixers,
            "had a hand in the request": self.editors,
        }
        return tuple(what for what, who in each.items() if names & {name.casefold() for name in who})


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, by their address and by every name they are known by, and how that reaches us.

    `typist` is who gave the command for them (`Channel.DELEGATE`).
    """

    email: str
    names: frozenset[str] = frozenset()
    typist: "Decider | None" = None
    channel: Channel = Channel.COMMAND

    @property
    def people(self) -> tuple["Decider", ...]:
        """Everyone who has a hand in the decision."""
        return (self,) if self.typist is None else (self, self.typist)


def refusal(decider: Decider, priority: Priority, involved: Involved, authorities: Authorities) -> str | None:
    """Why this person may not decide about a risk of this priority, in words; `None` if they may."""
    owners = authorities.risk_owners.get(priority, frozenset())
    if not _among(decider.email, owners):
        named = ", ".join(sorted(owners)) or "nobody yet; name them under [roles.risk_owner]"
        return f"{decider.email} is not a risk owner for {priority.value} ({named})"
    if decider.typist is not None and not _among(decider.typist.email, authorities.delegates):
        return f"{decider.typist.email} may not act for others; who may is named by delegate under [roles]"
    for person in decider.people:
        if ways := involved.roles([person.email, *person.names]):
            return f"{person.email} {' and '.join(ways)}, and nobody decides about their own matter"
    return None


def again(decider: Decider, approvals: Iterable[Decision]) -> str | None:
    """Why a further approval by this person would not be another's; `None` if it would be."""
    before = {person.casefold() for decision in approvals for person in decision.people}
    twice = sorted(person.email for person in decider.people if person.email.casefold() in before)
    return f"{twice[0]} had a hand in an approval already, and it takes another person" if twice else None


def _among(email: str, some: Iterable[str]) -> bool:
    return email.casefold() in {each.casefold() for each in some}


def flaws(terms: Terms, item: ActionItem, authorities: Authorities, today: date) -> tuple[str, ...]:
    """What keeps these terms from being approved for an item, one sentence each."""
    found = []
    if not terms.justification.strip():
        found.append("it has no justification")
    if terms.until is None:
        found.append("it has no end")
    elif wrong := wrong_end(terms.until, item, authorities, today):
        found.append(wrong)
    if not terms.compensating.strip():
        found.append("it does not say what keeps the risk small meanwhile (--compensating)")
    if terms.likelihood is None or terms.impact is None:
        found.append("the residual likelihood and impact are not scored")
    return tuple(found)


def wrong_end(until: date, item: ActionItem, authorities: Authorities, today: date) -> str:
    """Why an item's risk cannot be accepted until this day; empty if it can."""
    if until < today:
        return f"its end {until} has passed"
    if item.accepted is not None and until <= item.accepted.until:
        return f"{until} is not later than {item.accepted.until}, until when {item.accepted.ref} accepts it already"
    rating = authorities.rating(item)
    if until > (last := authorities.last_day(rating, today)):
        return f"{until} is later than a {rating.value} risk may be accepted for today ({last})"
    return ""


@dataclass(frozen=True, slots=True)
class AcceptancePolicy:
    """How risks are accepted here: by whom, how many days a request waits for an answer, and when its end is told.

    `by_comment` lets risk owners decide by a comment on the ticket.
    """

    authorities: Authorities = field(default_factory=Authorities)
    answer_within_days: int = 14
    warn_days: int = 14
    by_comment: bool = False
