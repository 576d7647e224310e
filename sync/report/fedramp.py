"""A period as a workbook in the shape of FedRAMP's plan of action and milestones: what is open, and what is closed."""

from collections.abc import Iterable, Iterator

from state.audit import moment
from sync.report.members import Member
from sync.report.model import Book, ItemStory, Piece
from sync.report.tables import Row, Sheet
from sync.report.weakness import (
    RATINGS,
    Answer,
    compensating,
    deviations,
    moved,
    original_due,
    refused,
    weaknesses,
)
from sync.report.words import SOURCES, plain
from sync.report.workbook import spreadsheet

OPEN, CLOSED = "Open POA&M Items", "Closed POA&M Items"
HEADING = (
    *("POAM ID", "Controls", "Weakness Name", "Weakness Description", "Weakness Detector Source"),
    *("Weakness Source Identifier", "Asset Identifier", "Point of Contact", "Resources Required"),
    *("Overall Remediation Plan", "Original Detection Date", "Scheduled Completion Date", "Planned Milestones"),
    *("Milestone Changes", "Status Date", "Vendor Dependency", "Last Vendor Check-in Date"),
    *("Vendor Dependent Product Name", "Original Risk Rating", "Adjusted Risk Rating", "Risk Adjustment"),
    *("False Positive", "Operational Requirement", "Deviation Rationale", "Supporting Documents", "Comments"),
    "Auto-Approve",
)
_WIDE = frozenset(
    {"Weakness Name", "Weakness Description", "Overall Remediation Plan", "Planned Milestones", "Milestone Changes"}
    | {"Deviation Rationale", "Supporting Documents", "Comments"}
)
_UNSAID = ("", "", "")
_NOTES = (
    "POAM ID is the item's ref. A recurrence is a new one that names the old.",
    "Scheduled Completion Date is the first one, never rewritten; Milestone Changes tells each later one. Days are UTC."
    " Critical reads as High.",
    "Yes under Operational Requirement means: accepted by whom the configuration names for it, which an authorizing "
    "official may have to confirm. Asset, resources, vendor and Auto-Approve are empty, as the ledger does not know.",
)


def workbook(book: Book) -> Member:
    """The items of a period; one that was resolved by its end is closed."""
    items = weaknesses(book)
    still = [each for each in items if each.status != "resolved"]
    done = [each for each in items if each.status == "resolved"]
    tables = (_sheet(OPEN, still, book), _sheet(CLOSED, done, book))
    return Member("fedramp-poam.xlsx", spreadsheet(tables))


def _sheet(name: str, items: Iterable[ItemStory], book: Book) -> Sheet:
    days = f"{book.period.first} to {book.period.last}"
    title = f"{name}: {days}, from the ledger up to record {book.position:,}, whose hash is {book.head}"
    above = (f"{title}. {book.open_end}".rstrip(), *_NOTES)
    return Sheet(name, HEADING, lambda: map(_row, items), tuple((each,) for each in above), _WIDE)


def _row(item: ItemStory) -> Row:
    values, answers = item.values, deviations(item)
    adjusted, false, required = answers
    adjusted_to = "N/A" if adjusted.answer is Answer.NO else RATINGS[item.priority]
    why = [f"{plain(d.kind).capitalize()}: {d.rationale}" for d in answers if d.rationale]
    return (
        *(item.ref, ", ".join(values["controls"]), item.title, _description(item)),
        *(SOURCES.get(values["source_kind"], plain(values["source_kind"])), _source(item), "", values["owner"] or ""),
        *("", _plan(item), str(item.made.at.date()), str(original_due(item))),
        *(f"Milestone 1: as first planned by {original_due(item)}", "\n".join(_changes(item))),
        *(str((item.resolved_at or item.events[-1].at).date()), *_UNSAID),
        *(RATINGS[item.made.said("priority")], adjusted_to, *(d.answer.value for d in (adjusted, false, required))),
        *("\n".join(why), "\n".join(map(_document, item.evidence)), "\n".join(_comments(item)), ""),
    )


def _description(item: ItemStory) -> str:
    known = item.description
    return f"Text with SHA-256 {item.values['description']['sha256']}" if known is None else known or item.title


def _source(item: ItemStory) -> str:
    named = (item.values["source_ref"], item.values["external_ref"])
    return "; ".join(dict.fromkeys(str(each) for each in named if each))


def _plan(item: ItemStory) -> str:
    ticket = item.tickets[-1] if item.tickets else None
    lines = [f"Tracked as {ticket.key or ticket.id} in {ticket.tracker}: {ticket.url}"] if ticket else []
    if lessened := compensating(item):
        lines.append(f"Compensating controls: {lessened}")
    return "\n".join(lines)


def _changes(item: ItemStory) -> Iterator[str]:
    for number, change in enumerate(item.due_changes, start=2):
        yield f"Milestone {number}: {moved(change)}"


def _document(piece: Piece) -> str:
    proof = piece.values.get("sha256") or piece.values.get("url") or ""
    doubt = f" (does not count: {piece.doubt})" if piece.doubt else ""
    return f"{piece.ref} version {piece.version}: {piece.values.get('shows') or ''} {proof}{doubt}".strip()


def _comments(item: ItemStory) -> Iterator[str]:
    yield f"Status: {plain(item.status)}. Priority: {item.priority}, at first {item.made.said('priority')}."
    if before := item.values.get("predecessor"):
        yield f"Goes on from {before}."
    for each in item.acceptances:
        if each.state == "active":
            by = ", ".join(d.said("by") for d in each.approvals)
            yield f"{each.ref} accepts the risk until {each.until}; approved by {by}."
    yield from (f"{words}." for words in refused(item))
    if item.resolved_at is not None:
        yield f"Resolved at {moment(item.resolved_at)}."
