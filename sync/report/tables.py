"""What is in the tables of a report: a heading and rows, every cell a text or a number."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from state.audit import moment
from sync.report.model import AcceptanceStory, Book, ControlStory, Event, ItemStory, Piece, RiskStory
from sync.report.words import headline, quotation, source

Cell = str | int
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: what it is called, its heading, and its rows, made each time they are asked for.

    A workbook has the rows `above` before the heading, and the columns with much text `wide`.
    """

    name: str
    heading: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    above: tuple[Row, ...] = ()
    wide: frozenset[str] = frozenset(
        {"title", "what", "words", "reason", "justification", "shows", "statement", "why", "decisions"}
    )


def sheets(book: Book) -> tuple[Sheet, ...]:
    """All tables of a book, in the order in which they are read; above each, in a workbook, that its period goes on."""
    above = ((book.open_end,),) if book.open_end else ()
    return (
        Sheet("items", _ITEMS, lambda: (_item(each, book) for each in book.items), above),
        Sheet("events", _EVENTS, lambda: (_event(each, book) for each in book.events), above),
        Sheet("evidence", _EVIDENCE, lambda: (_piece(each, book) for each in book.evidence), above),
        Sheet("acceptances", _ACCEPTANCES, lambda: map(_acceptance, book.acceptances), above),
        Sheet("risks", _RISKS, lambda: (_risk(each, book) for each in book.risks), above),
        Sheet("controls", _CONTROLS, lambda: (row for each in book.controls for row in _control(each, book)), above),
    )


_ITEMS = (
    *("item", "title", "priority", "original_priority", "status", "owner", "original_due_date", "due_date"),
    *("due_date_changes", "late", "created_at", "resolved_at", "reopened", "controls", "risks", "source_kind"),
    *("source_ref", "external_ref", "predecessor", "part_of", "tracker", "ticket", "ticket_url", "ticket_missing"),
    *("evidence", "acceptances", "in_period", "status_at_start", "description_sha256", "record"),
)


def _item(item: ItemStory, book: Book) -> Row:
    values = item.values
    ticket = item.tickets[-1] if item.tickets else None
    evidence = dict.fromkeys(each.ref for each in item.evidence)
    accepted = (each.ref for each in item.acceptances)
    before = [each.status for each in item.spans if each.since < book.period.begin]
    return (
        *(item.ref, item.title, item.priority, item.made.said("priority"), item.status, _text(values["owner"])),
        *(item.made.said("due_date"), values["due_date"], sum(1 for _ in item.due_changes)),
        *(_yes(item.is_late(book.period.last)), moment(item.made.at), _time(item.resolved_at), _reopened(item)),
        *(_joined(values["controls"]), _joined(values["risks"]), values["source_kind"], _text(values["source_ref"])),
        *(_text(values[name]) for name in ("external_ref", "predecessor", "part_of")),
        *((ticket.tracker, ticket.key or ticket.id, ticket.url, _yes(ticket.missing)) if ticket else ("", "", "", "")),
        *(_joined(evidence), _joined(accepted), _yes(item.is_in(book.period)), before[-1] if before else ""),
        *(values["description"]["sha256"], item.made.seq),
    )


def _reopened(item: ItemStory) -> int:
    return sum(was.status == "resolved" and now.status != "resolved" for was, now in pairwise(item.spans))


_EVENTS = (
    *("record", "at", "recorded", "object", "action", "field", "what", "before", "after", "words", "reason"),
    *("person_kind", "account", "name", "system", "source", "run", "tracker_event", "in_period"),
)


def _event(event: Event, book: Book) -> Row:
    who = event.who
    return (
        *(event.seq, moment(event.at), moment(event.recorded), event.about, event.action, event.field),
        *(headline(event), _raw(event.before), _raw(event.after), quotation(event), _text(event.reason)),
        *(who.kind, who.account, who.name, who.system, source(event), event.run, event.event),
        _yes(book.period.has(event.at)),
    )


_EVIDENCE = (
    *("evidence", "version", "items", "controls", "kind", "shows", "brought_by", "captured_at", "origin", "remote_id"),
    *("url", "sha256", "size", "stored", "period_start", "period_end", "expires_on", "counts", "why_not"),
    *("review", "reviewed_by", "reviewed_at", "review_reason", "link", "link_seen_at", "in_period", "record"),
)


def _piece(piece: Piece, book: Book) -> Row:
    values = piece.values
    review = piece.reviews[-1] if piece.reviews else None
    check = piece.check
    reviewed = (review.said("verdict"), review.said("by"), moment(review.at), review.said("reason")) if review else ()
    return (
        *(piece.ref, piece.version, _joined(piece.items), _joined(piece.controls)),
        *(_text(values.get(n)) for n in ("kind", "shows", "by", "captured_at", "origin", "remote_id", "url", "sha256")),
        *(_text(values.get("size")), _yes(bool(values.get("stored")))),
        *(_text(values.get(name)) for name in ("period_start", "period_end", "expires_on")),
        *(_yes(not piece.doubt), piece.doubt, *(reviewed or ("", "", "", ""))),
        *((check.said("health"), moment(check.at)) if check else ("", "")),
        *(_yes(book.period.has(piece.event.at)), piece.event.seq),
    )


_ACCEPTANCES = (
    *("acceptance", "item", "state", "requester", "requested_at", "requested_in", "justification", "compensating"),
    *("conditions", "likelihood", "impact", "until", "approved_by", "approved_at", "approval_channel", "authority"),
    *("typed_by", "approval_comment", "decisions", "approver_asked_for_it", "active_from", "ended_at", "ended_why"),
    *("renewal_of", "record"),
)


def _acceptance(each: AcceptanceStory) -> Row:
    terms, asked, approvals = each.terms, each.asked, each.approvals
    said = "; ".join(
        f"{d.said('verdict')} by {d.said('by')} at {moment(d.event.at)}: {d.said('reason')}" for d in each.decisions
    )
    return (
        *(each.ref, each.item, each.state, terms["requester"], moment(asked.at), source(asked)),
        *(_text(terms[name]) for name in ("justification", "compensating", "conditions")),
        *(_text(terms[name]) for name in ("likelihood", "impact", "until")),
        *(_joined(d.said("by") for d in approvals), _joined(moment(d.event.at) for d in approvals)),
        *(_joined(d.said(name) for d in approvals) for name in ("channel", "authority")),
        *(_joined(d.said("typed_by") for d in approvals), _joined(d.comment for d in approvals), said),
        *(_yes(each.by_requester), _when(each.began), _when(each.ended)),
        *(_text(terms["why"]), _text(terms["renewal_of"]), asked.seq),
    )


_KINDS = ("inherent", "current", "target")
_RISKS = (
    *("risk", "statement", "owner", "treatment", "next_review", "items", "before_likelihood", "before_impact"),
    *(f"{kind}_{what}" for kind in _KINDS for what in ("likelihood", "impact")),
    *("current_at_start_likelihood", "current_at_start_impact", "scores", "statement_sha256"),
)


def _risk(risk: RiskStory, book: Book) -> Row:
    values = risk.values
    rated = [risk.before, *(risk.score(kind) for kind in _KINDS), risk.score("current", book.period.begin)]
    scores = sorted((e for some in risk.scores.values() for e in some), key=lambda e: e.seq)
    said = "; ".join(
        f"{moment(e.at)} {e.field} {e.said('likelihood')}x{e.said('impact')} by {e.said('by')}: {e.said('reason')}"
        for e in scores
    )
    return (
        *(risk.id, _text(risk.statement), _text(values["owner"]), values["treatment"], _text(values["next_review"])),
        *(_joined(risk.items), *(cell for pair in rated for cell in pair or ("", "")), said),
        values["statement"]["sha256"],
    )


_CONTROLS = (
    *("control", "framework", "code", "title", "owner", "status", "since", "until", "days_in_period", "why"),
    *("exempted_by", "exempted_why", "items", "record"),
)


def _control(control: ControlStory, book: Book) -> Iterator[Row]:
    exempted = control.exemption
    for span in control.spans:
        yield (
            *(control.id, control.framework, control.code, control.title, control.owner, span.status),
            *(moment(span.since), _time(span.until), len(span.days(book.period)), span.why),
            *((exempted.said("by"), exempted.said("reason")) if exempted else ("", "")),
            *(_joined(control.items), span.seq),
        )


def _text(value: Any) -> Cell:
    return "" if value is None else value if isinstance(value, int) else str(value)


def _time(at: datetime | None) -> str:
    return "" if at is None else moment(at)


def _when(event: Event | None) -> str:
    return "" if event is None else moment(event.at)


def _yes(so: bool) -> str:
    return "yes" if so else "no"


def _joined(some: Iterable[str]) -> str:
    return "; ".join(filter(None, some))


def _raw(value: Any) -> str:
    """A value as it is recorded: a text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def counts(book: Book) -> dict[str, int]:
    """How many rows each table has."""
    return {sheet.name: sum(1 for _ in sheet.rows()) for sheet in sheets(book)}
