"""What became of one item, one control or one risk, from its records."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from state.audit import digest
from state.register import Control
from sync.report.forms import OF_ITEMS, OF_RISKS
from sync.report.model import ControlStory, Event, ItemStory, Period, RiskStory, Span, TicketLine, midnight

LAPSED = "its acceptance has lapsed"


def item_story(ref: str, events: Sequence[Event], period: Period) -> ItemStory:
    """What became of an item by the end of a period."""
    made = next(each for each in events if each.action == "item.created")
    values: dict[str, Any] = dict.fromkeys(OF_ITEMS) | made.after
    spans = [Span(made.said("status"), made.at, None, seq=made.seq)]
    resolved: datetime | None = None
    for event in events:
        if event.action != "item.changed":
            continue
        values[event.field] = event.after
        if event.field == "status":
            _follow(spans, event, values, period)
            resolved = event.at if event.after == "resolved" else None
    _lapse(spans, values, period.end)
    told = tuple(sorted(events, key=lambda each: (each.at, each.seq)))
    return ItemStory(ref, made, values, told, tuple(spans), _tickets(events), resolved)


def _follow(spans: list[Span], event: Event, values: Mapping[str, Any], period: Period) -> None:
    """End the last span with this change; an acceptance that was over by then ended it earlier."""
    at = max(event.at, spans[-1].since)
    _lapse(spans, values, min(at, period.end))
    if spans[-1].status == event.after and spans[-1].why == LAPSED:
        return
    spans[-1] = replace(spans[-1], until=max(at, spans[-1].since))
    spans.append(Span(event.after, at, None, event.reason, event.seq))


def _lapse(spans: list[Span], values: Mapping[str, Any], before: datetime) -> None:
    accepted = values.get("accepted")
    if spans[-1].status != "accepted_as_risk" or not accepted:
        return
    until = date.fromisoformat(accepted["until"])
    if until >= before.date():
        return
    over = midnight(until + timedelta(days=1))
    if spans[-1].since <= over < before:
        spans[-1] = replace(spans[-1], until=over)
        spans.append(Span("open", over, None, LAPSED))


def _tickets(events: Sequence[Event]) -> tuple[TicketLine, ...]:
    """The tickets that an item has or had, oldest first."""
    lines: list[TicketLine] = []
    for event in events:
        match event.action:
            case "ticket.created" | "ticket.linked" | "ticket.moved":
                ticket = _ticket(event)
                last = lines[-1] if lines else None
                if last is not None and last.until is None:
                    same = (last.tracker, last.id) == (ticket.tracker, ticket.id)
                    lines[-1] = replace(ticket, since=last.since) if same else replace(last, until=event.at)
                    if same:
                        continue
                lines.append(ticket)
            case "ticket.missing" | "ticket.found" if lines:
                lines[-1] = replace(lines[-1], missing=event.action == "ticket.missing")
            case "ticket.unlinked" if lines:
                lines[-1] = replace(lines[-1], until=event.at)
    return tuple(lines)


def _ticket(event: Event) -> TicketLine:
    tracker, id_, key, url = (event.said(name) for name in ("tracker", "id", "key", "url"))
    return TicketLine(tracker, id_, key, url, event.at)


def control_story(control: Control, added: Event, events: Sequence[Event], items: tuple[str, ...]) -> ControlStory:
    """How a control stood since its framework was added."""
    spans = [Span("not_started", added.at, None, "no evidence", added.seq)]
    exemption: Event | None = None
    for event in events:
        if event.action == "control.status":
            at = max(event.at, spans[-1].since)
            spans[-1] = replace(spans[-1], until=at)
            spans.append(Span(event.said("status"), at, None, str(event.said("why")), event.seq))
        elif event.action == "control.exempted":
            exemption = event if event.after else None
    some = [each for each in spans if each.until is None or each.since < each.until] or spans[-1:]
    owner = control.owner or ""
    return ControlStory(
        control.id, control.framework, control.code, control.title, owner, tuple(some), items, exemption
    )


def risk_story(id_: str, events: Sequence[Event], statement: str | None, items: tuple[str, ...]) -> RiskStory:
    """What became of a risk; its statement counts where it is what the ledger holds the hash of."""
    values: dict[str, Any] = {}
    scores: dict[str, tuple[Event, ...]] = {}
    for event in events:
        match event.action:
            case "risk.added":
                values = dict.fromkeys(OF_RISKS) | event.after
            case "risk.changed":
                values[event.field] = event.after
            case "risk.scored":
                scores[event.field] = (*scores.get(event.field, ()), event)
    fits = statement is not None and values["statement"]["sha256"] == digest(statement)
    return RiskStory(id_, values, statement if fits else None, scores, items)
