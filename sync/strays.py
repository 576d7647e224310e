"""Marked tickets that are no item's ticket: held, kept for their item, or found to be over."""

from collections.abc import Sequence

from state.model import Hold, HoldKind, Link
from state.ticket import Marker, Ticket, TicketRef
from sync.plan import Step, opening
from sync.reading import Reading, Scope
from sync.recover import CLOCK_SLACK
from sync.unknown import EVER, held_ticket, many, many_told, outlook, owners


def strangers(scope: Scope, tickets: Sequence[Ticket], reading: Reading) -> None:
    """Hold items whose key stands in further tickets, copied or created twice; keep tickets whose item has none."""
    marked: dict[str, list[Ticket]] = {}
    for ticket in tickets:
        if ticket.marker is not None:
            marked.setdefault(ticket.marker.key, []).append(ticket)
            reading.unlinked[ticket.ref.id] = ticket
    for key, (link, number) in owners(scope.store, scope.rules, scope.tracker.name, marked).items():
        for ticket in marked[key]:
            del reading.unlinked[ticket.ref.id]
        hold = many(link, _told(scope, link, reading), [(number, ticket) for ticket in marked[key]])
        if hold is not None:
            item = scope.store.item(link.item)
            reading.strays[item.ref] = Step(item, link.ref.tracker, (opening(hold),), held=(hold,))


def recall(scope: Scope, reading: Reading) -> None:
    """Look again at the tickets that items are held over; a hold is over where its ticket has an item or is gone."""
    holds: dict[TicketRef, list[Hold]] = {}
    for hold in scope.holds:
        if (ref := held_ticket(hold)) is not None and ref.tracker == scope.tracker.name:
            holds.setdefault(ref, []).append(hold)
    linked = scope.store.links_by_ticket(scope.tracker.name, [ref.id for ref in holds])
    known = dict.fromkeys((ref.id for ref in holds), EVER)
    for ticket in scope.tracker.fetch(list(holds), known=known) if holds else ():
        for hold in holds[ticket.ref]:
            now = outlook(scope.store, hold, ticket, linked.get(ticket.ref.id))
            if isinstance(now, str):
                reading.over[hold.id] = now
            elif now != hold:
                reading.held.append(now)
        if isinstance(ticket, Ticket) and ticket.marker is not None and ticket.ref.id not in linked:
            reading.unlinked[ticket.ref.id] = ticket


def _told(scope: Scope, link: Link, reading: Reading) -> Hold | None:
    """What a person was told of further tickets of this item, and has not settled yet."""
    if link.item in reading.strays:
        return reading.strays[link.item].held[0]
    return many_told(scope.store.holds(link.item), link.ref.tracker)


def look_again(scope: Scope, reading: Reading) -> None:
    """Look once more for creates that were given up, since a tracker may take longer to show them than was waited.

    What a person was told of before is not told again.
    """
    given_up = scope.store.given_up(scope.tracker.name)
    if not given_up:
        return
    markers = [Marker(i.key, i.item) for i in given_up]
    found = scope.tracker.find(markers, min(i.since for i in given_up) - CLOCK_SLACK)
    ever = [h for i in given_up for h in scope.store.holds(i.item, open_only=False) if h.kind is HoldKind.MANY_TICKETS]
    linked = scope.store.links_by_ticket(scope.tracker.name, [t.ref.id for t in found])
    known = {*linked, *(id_ for h in ever for id_ in (h.theirs or "").split())}
    strangers(scope, [t for t in found if t.ref.id not in known], reading)
