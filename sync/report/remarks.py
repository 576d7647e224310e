"""What an auditor asks about first: what was late, put off, undone, moved, or decided in an unusual way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from state.model import URGENCY, Priority
from sync.report.model import UNFINISHED, AcceptanceStory, Book, Event, ItemStory, midnight
from sync.report.words import headline, value

_AFTERWARDS = ("item.changed", "comment.edited", "comment.deleted", "evidence.added", "ticket.moved")
_STANDING = ("active", "requested")
_ALWAYS = {
    "ticket.missing": "ticket not found any more",
    "ticket.moved": "ticket moved",
    "ticket.unlinked": "ticket unlinked",
    "comment.deleted": "comment deleted",
    "acceptance.questioned": "decision questioned",
    "acceptance.voided": "acceptance void",
    "acceptance.revoked": "acceptance revoked",
    "control.exempted": "control exempted",
    "brake.overridden": "safety limit passed on purpose",
    "ledger.forked": "ledger begun anew",
    "state.moved": "database moved",
    "state.reclaimed": "database taken back",
}
"""What is always worth a look."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something unusual: of which sort, and the record that tells of it, in words; `since` is when, if not then."""

    sort: str
    event: Event
    words: str
    since: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it was so (UTC)."""
        return self.since or self.event.at


def overdue(book: Book) -> list[ItemStory]:
    """The items that are late on the last day and still unfinished, the longest first."""
    late = (each for each in book.items if each.status in UNFINISHED and each.is_late(book.period.last))
    return sorted(late, key=lambda each: (each.due_date, each.ref))


def late(book: Book) -> list[ItemStory]:
    """The items that were resolved in the period after their due date, the latest first."""
    done = ((each, each.resolved_at) for each in book.items if each.is_late(book.period.last))
    some = [each for each, at in done if at is not None and book.period.has(at)]
    return sorted(some, key=lambda each: (days_late(each, book), each.ref), reverse=True)


def days_late(item: ItemStory, book: Book) -> int:
    """By how many days an item was done after its due date, or is not done by the last day."""
    until = book.period.last if item.resolved_at is None else item.resolved_at.date()
    return max((until - item.due_date).days, 0)


def standing(book: Book) -> list[AcceptanceStory]:
    """The acceptances that are in force or asked for on the last day."""
    return [each for each in book.acceptances if each.state in _STANDING]


def over(book: Book) -> list[AcceptanceStory]:
    """The acceptances that ended in the period."""
    return [e for e in book.acceptances if e.state not in _STANDING and _ended(e, book) >= book.period.first]


def _ended(each: AcceptanceStory, book: Book) -> date:
    """On which day an acceptance ended."""
    return each.ended.at.date() if each.ended is not None else each.until or book.period.last


def remarks(book: Book) -> list[Remark]:
    """What was unusual in the period, in the order in which it happened."""
    strange = (Remark("not this program's record", each, f"{each.action} of {each.about}") for each in book.strange)
    found = [*_general(book), *_undone(book), *_decided(book), *_worn(book), *strange]
    return sorted(found, key=lambda each: (each.at, each.event.seq, each.sort))


def _general(book: Book) -> Iterator[Remark]:
    for event in book.events:
        if book.period.has(event.at) and not event.strange and (sort := _ALWAYS.get(event.action)):
            yield Remark(sort, event, headline(event))


def _undone(book: Book) -> Iterator[Remark]:
    """Dates that were moved, ratings that were lowered, and what happened to items that were resolved."""
    for item in book.items:
        for event in item.events:
            if book.period.has(event.at) and (sort := _sort(item, event)):
                yield Remark(sort, event, headline(event))


def _sort(item: ItemStory, event: Event) -> str:
    changed = event.field if event.action == "item.changed" else ""
    if changed == "due_date":
        return "due date moved"
    if changed == "priority" and URGENCY[Priority(event.after)] > URGENCY[Priority(event.before)]:
        return "priority lowered"
    if changed == "status" and event.before == "resolved":
        return "opened again"
    earlier = (each for each in reversed(item.spans) if each.since < event.at and each.seq < event.seq)
    just_before = next((each.status for each in earlier), "")
    if event.action in _AFTERWARDS and just_before == "resolved" and event.who.kind == "human":
        return "changed after it was resolved"
    return ""


def _decided(book: Book) -> Iterator[Remark]:
    for each in book.acceptances:
        for decision in each.decisions:
            by = f"{each.ref}: {value(decision.said('verdict'))} by {decision.said('by')}"
            if book.period.has(decision.event.at) and decision.said("channel") == "comment":
                yield Remark("decided by a comment", decision.event, by)
        if each.by_requester and book.period.has(each.approvals[-1].event.at):
            yield Remark("approved by who asked for it", each.approvals[-1].event, f"{each.ref} of {each.item}")
        if each.state == "lapsed" and each.until is not None and book.period.first <= each.until <= book.period.last:
            over = midnight(each.until + timedelta(days=1))
            yield Remark("acceptance lapsed", each.began or each.asked, f"{each.ref} held until {each.until}", over)


def _worn(book: Book) -> Iterator[Remark]:
    """Evidence of the period's items that does not count any more."""
    shown = {each.ref for each in book.told}
    for piece in book.evidence:
        if piece.why_not and not piece.why_not.startswith("replaced") and shown.intersection(piece.items):
            words = f"{piece.ref} version {piece.version}: {piece.why_not}"
            yield Remark("evidence does not count", piece.event, words)
