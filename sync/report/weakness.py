"""An item as a plan of action and milestones has it: rating, dates, and where it departs from the plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from state.model import GROUP
from sync.report.model import AcceptanceStory, Book, Event, ItemStory
from sync.report.words import plain

RATINGS = {"critical": "High", "high": "High", "medium": "Moderate", "low": "Low"}
"""How a priority reads on the scale of three that such plans are rated on."""

_REFUSED = frozenset({"rejected", "withdrawn", "revoked", "voided", "lapsed"})


class Answer(StrEnum):
    """How a deviation stands."""

    NO = "No"
    PENDING = "Pending"
    YES = "Yes"


@dataclass(frozen=True, slots=True)
class Deviation:
    """A departure from the plan: its kind, how it stands, why, and when it was asked for (UTC)."""

    kind: str
    answer: Answer
    rationale: str = ""
    at: datetime | None = None


def weaknesses(book: Book) -> tuple[ItemStory, ...]:
    """The items whose story belongs to the period, but for those that only stand for others in a ticket."""
    return tuple(each for each in book.told if GROUP not in dict(each.made.said("origin", ())))


def operational_requirement(item: ItemStory) -> Deviation:
    """Whether the risk is lived with: pending while that is asked for, or says no reason."""
    found = _acceptance(item)
    answer, rationale = Answer.NO, ""
    if found is not None:
        rationale = str(found.terms["justification"] or "")
        answer = Answer.YES if found.state == "active" and rationale else Answer.PENDING
    return Deviation("operational-requirement", answer, rationale, None if found is None else found.asked.at)


def _acceptance(item: ItemStory) -> AcceptanceStory | None:
    """What binds on the last day, or else is asked for."""
    by_state = {each.state: each for each in item.acceptances}
    return by_state.get("active") or by_state.get("requested")


def compensating(item: ItemStory) -> str:
    """What lessens the risk while it is lived with."""
    found = _acceptance(item)
    return str(found.terms["compensating"] or "") if found is not None else ""


def risk_adjustment(item: ItemStory) -> Deviation:
    """Whether it is rated other than at first: pending unless a person did that and said why."""
    kind, changes = "risk-adjustment", [e for e in item.events if (e.action, e.field) == ("item.changed", "priority")]
    if item.priority == item.made.said("priority") or not changes:
        return Deviation(kind, Answer.NO)
    last = changes[-1]
    decided = last.who.kind == "human" and bool(last.reason)
    words = f"{last.before} to {last.after} by {last.who} on {last.at.date()}: {last.reason}".rstrip(": ")
    return Deviation(kind, Answer.YES if decided else Answer.PENDING, words, last.at)


def false_positive() -> Deviation:
    """Never: a finding that is none is resolved by evidence here, or its risk accepted."""
    return Deviation("false-positive", Answer.NO)


def deviations(item: ItemStory) -> tuple[Deviation, ...]:
    """All that a plan asks about, in the order in which it does."""
    return risk_adjustment(item), false_positive(), operational_requirement(item)


def original_due(item: ItemStory) -> date:
    """When it was first to be done; never rewritten."""
    return date.fromisoformat(item.made.said("due_date"))


def moved(change: Event) -> str:
    """Which way a due date moved, in words."""
    words = f"{change.before} to {change.after}, by {change.who} on {change.at.date()}: {change.reason or ''}"
    return words.rstrip(": ")


def refused(item: ItemStory) -> Iterator[str]:
    """Each request to live with the risk that does not bind (any more), in words."""
    for each in item.acceptances:
        if each.state in _REFUSED:
            why = each.terms.get("why") or (each.ended.reason if each.ended is not None else "")
            yield f"{each.ref} is {plain(each.state)}{f': {why}' if why else ''}"


def risk_status(status: str, *, asked: bool) -> str:
    """What OSCAL calls a status, given whether living with the risk is asked for."""
    match status:
        case "resolved":
            return "closed"
        case "accepted_as_risk":
            return "deviation-approved"
        case "in_progress":
            return "deviation-requested" if asked else "remediating"
        case _:
            return "deviation-requested" if asked else "open"
