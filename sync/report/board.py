"""A period as one JSON document, and as one of Markdown: the page's tables without the story of each item."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mapping import markup
from sync.report import figures, remarks
from sync.report.members import Member
from sync.report.model import AcceptanceStory, Book, ControlStory, ItemStory, RiskStory, TrackerRead, status_at
from sync.report.tables import sheets
from sync.report.words import plain, value

_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""What makes a tracker take text for an address, unless it is escaped."""
Columns = Mapping[str, Callable[[Any], object]]
"""What stands in the columns of a table, by their headings, of each thing that has a row."""


def as_json(book: Book, name: str) -> Member:
    """The summary, and each table of a period as a list of objects."""
    return Member(name, _json(book))


def _json(book: Book) -> Iterator[bytes]:
    head: dict[str, Any] = {
        "period": {"from": str(book.period.first), "to": str(book.period.last)},
        "as_known_on": None if book.known is None else str(book.known),
        "open_end": book.open_end or None,
        "parameters": {"framework": book.framework, "tracker": book.tracker},
        "left_out": book.left_out,
        "ledger": {"records": book.position, "head": book.head},
        "summary": {name.replace(" ", "_"): count for name, count in figures.summary(book).items()},
    }
    text = json.dumps(head, ensure_ascii=False)
    yield text.removesuffix("}").encode()
    for sheet in sheets(book):
        yield f', "{sheet.name}": ['.encode()
        for number, row in enumerate(sheet.rows()):
            told = json.dumps(dict(zip(sheet.heading, row, strict=True)), ensure_ascii=False)
            yield f"{',' if number else ''}\n{told}".encode()
        yield b"\n]"
    yield b"}\n"


def as_markdown(book: Book, name: str) -> Member:
    """What the page shows, but for charts and stories; what people wrote is words in it, whatever they wrote."""
    return Member(name, (text.encode() for text in _markdown(book)))


def _markdown(book: Book) -> Iterator[str]:
    days, only = book.period, {"framework": book.framework, "tracker": book.tracker}
    yield f"# Compliance record, {days.first} to {days.last}\n\n"
    yield from (f"Confined to the {name} {_words(said)}.\n\n" for name, said in only.items() if said)
    if any(only.values()):
        yield f"{book.left_out:,} of {book.left_out + len(book.items):,} items are left out by that.\n\n"
    yield f"From the ledger up to record {book.position:,}, which has the hash `{book.head}`. "
    yield "Times are UTC. This is a copy for reading, without proofs: what counts is the ledger.\n"
    if book.known is not None:
        yield f"\nAs known on {book.known}, when the newest record was written. {book.open_end}".rstrip() + "\n"
    late = _LATE | {"Days late": lambda each: remarks.days_late(each, book)}
    yield from _section("Summary", _COUNTS, figures.summary(book).items())
    yield from _section("Controls", _controls(book), book.controls)
    yield from _section("Risks", _risks(book), book.risks)
    yield from _section(f"Accepted risks in force or asked for{book.provided}", _ACCEPTANCES, remarks.standing(book))
    yield from _section("Accepted risks that ended in the period", _ACCEPTANCES, remarks.over(book))
    yield from _section(f"Overdue on {days.last}{book.provided}", late, remarks.overdue(book))
    yield from _section("Resolved in the period after the due date", late, remarks.late(book))
    yield from _section("Exceptions", _REMARKS, remarks.remarks(book))
    yield from _section("What the trackers showed", _READS, book.reads)
    yield from _section("Items", _ITEMS, book.told)


def _section(title: str, columns: Columns, things: Iterable[Any]) -> Iterator[str]:
    rows = [f"| {' | '.join(_words(told(each)) for told in columns.values())} |\n" for each in things]
    yield f"\n## {title}\n\n"
    if not rows:
        yield "None.\n"
        return
    yield f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
    yield from rows


def _words(told: object) -> str:
    """A value as words on one line that mean nothing to Markdown, nor to HTML in it, and notify and refer to nobody.

    Only an e-mail address may become a link.
    """
    said = "" if told is None else markup.clean(str(told)).replace("&#", f"&{markup.ZERO_WIDTH_SPACE}#")
    text = markup.escape(markup.break_references(said)).replace("&", r"\&").replace("<", r"\<")
    return _ADDRESS.sub(r"\\\g<0>", text)


def _minute(at: Any) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _rated(pair: tuple[int, int] | None) -> str:
    return "" if pair is None else f"{pair[0]} × {pair[1]} = {pair[0] * pair[1]}"


def _controls(book: Book) -> dict[str, Callable[[ControlStory], object]]:
    return {
        "Control": lambda each: each.id,
        "Title": lambda each: each.title,
        "At the beginning": lambda each: plain(status_at(each.spans, book.period.begin)),
        "At the end": lambda each: plain(each.status),
        "Days failing": lambda each: each.days_as("failing", book.period),
        "Why it stands so": lambda each: each.spans[-1].why,
        "Items": lambda each: len(each.items),
    }


def _risks(book: Book) -> dict[str, Callable[[RiskStory], object]]:
    return {
        "Risk": lambda each: each.id,
        "What could go wrong": lambda each: each.statement,
        "Owner": lambda each: each.values["owner"],
        "Treatment": lambda each: plain(each.values["treatment"]),
        "Before treatment": lambda each: _rated(each.before),
        "When the period began": lambda each: _rated(each.score("current", book.period.begin)),
        "As last rated": lambda each: _rated(each.score("current")),
        "Items": lambda each: len(each.items),
    }


def _ticket(item: ItemStory) -> str:
    last = item.tickets[-1] if item.tickets else None
    return "" if last is None else f"{last.key or last.id} in {last.tracker}"


def _approved(each: AcceptanceStory) -> str:
    return "; ".join(f"{d.said('by')}, {_minute(d.event.at)} ({d.said('authority')})" for d in each.approvals)


_COUNTS: Columns = {"What": lambda each: each[0], "How many": lambda each: each[1]}
_ACCEPTANCES: dict[str, Callable[[AcceptanceStory], object]] = {
    "Acceptance": lambda each: each.ref,
    "Item": lambda each: each.item,
    "State": lambda each: plain(each.state),
    "Until": lambda each: each.until,
    "Asked for by": lambda each: each.terms["requester"],
    "Why": lambda each: each.terms["justification"],
    "Approved by": _approved,
    "Record": lambda each: each.asked.seq,
}
_LATE: dict[str, Callable[[ItemStory], object]] = {
    "Item": lambda each: each.ref,
    "Title": lambda each: each.title,
    "Priority": lambda each: each.priority,
    "Owner": lambda each: each.values["owner"],
    "First due": lambda each: each.made.said("due_date"),
    "Due": lambda each: each.due_date,
    "Resolved": lambda each: _minute(each.resolved_at),
}
_REMARKS: dict[str, Callable[[remarks.Remark], object]] = {
    "When": lambda each: _minute(each.at),
    "What": lambda each: each.sort,
    "About": lambda each: each.event.about,
    "In words": lambda each: each.words,
    "Who": lambda each: each.event.who,
    "Record": lambda each: each.event.seq,
}
_ITEMS: dict[str, Callable[[ItemStory], object]] = {
    "Item": lambda each: each.ref,
    "Title": lambda each: each.title,
    "Status": lambda each: plain(each.status),
    "Priority": lambda each: each.priority,
    "Owner": lambda each: each.values["owner"],
    "Due": lambda each: each.due_date,
    "Resolved": lambda each: _minute(each.resolved_at),
    "Controls": lambda each: value(each.values["controls"]) if each.values["controls"] else "",
    "Ticket": _ticket,
    "Record": lambda each: each.made.seq,
}
_READS: dict[str, Callable[[TrackerRead], object]] = {
    "Tracker": lambda each: each.tracker,
    "Readings": lambda each: each.count,
    "The last": lambda each: _minute(each.last.at),
    "The last for all": lambda each: _minute(each.whole and each.whole.at),
    "Found, by page": lambda each: " + ".join(map(str, each.there)),
    "Found": lambda each: "" if each.whole is None else sum(each.there),
    "Linked after it": lambda each: "" if each.whole is None else each.linked,
    "Not found": lambda each: ", ".join(each.missing),
    "Of no item": lambda each: "" if each.whole is None else each.of_no_item,
}
