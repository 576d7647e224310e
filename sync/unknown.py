"""Tickets that carry an item's key although nothing is known of them: the database was put back to an earlier day."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mapping.read import names_item, reads_as
from mapping.render import canonical_title, desired
from mapping.rules import Rules
from state.model import ActionItem, Field, Hold, HoldKind, Link, OperationKind
from state.store import Store
from state.ticket import Marker, Missing, Ticket, TicketRef
from sync.plan import Operation, Step, opening
from sync.steps import first_agreed

Titled = Mapping[str, Sequence[Ticket]]

EVER = "0"
"""A revision that every ticket has been past: however old a search index shows it, that will do."""


def taken(
    item: ActionItem,
    rules: Rules,
    marker: Marker,
    generation: int,
    there: Ticket,
    holds: Sequence[Hold],
    run: str,
    *,
    sent: bool,
) -> Step | None:
    """The step that makes the ticket the item's again, or holds it where it reads as another's; none if held already.

    An item that is taken in again may get the number, and so the key, that another one had before; not so where it is
    known to have been `sent`, however both read since.
    """
    wanted = desired(item, rules, there.ref.tracker, marker)
    if not sent and not reads_as(there, wanted, rules, there.ref.tracker):
        return _left(item, there, generation, holds)
    link = Link(
        item=item.ref,
        ref=there.ref,
        url=there.url,
        marker=marker,
        baseline=first_agreed(wanted),
        item_revision=0,
        ticket_revision="",
        linked_at=there.created,
        linked_by=run,
        generation=generation,
    )
    over = {h.id: f"{there.ref.key} is its ticket" for h in holds}
    why = f"{there.ref.key} carries its key"
    assumes = f"{item.revision}/{there.revision}"
    operation = Operation(OperationKind.LINK, item.ref, there.ref.tracker, why, (), assumes)
    return Step(item, there.ref.tracker, (operation,), link=link, pulled=link.baseline, released=over)


def _left(item: ActionItem, there: Ticket, generation: int, holds: Sequence[Hold]) -> Step | None:
    words = f'but is about something else, "{there.title}"; link the item to its own ticket, or that to its own item'
    return _held(item, _hold(item.ref, there, generation, words), holds)


def resembling(store: Store, item: ActionItem, rules: Rules, marker: Marker, tickets: Titled) -> Step | None:
    """The step that holds an item for one of these tickets that reads as it, but carries another's key, or none.

    What a person was told of before is not told again.
    """
    for there in tickets.get(canonical_title(item.title), ()):
        wanted = desired(item, rules, there.ref.tracker, marker)
        told = {held_ticket(h) for h in store.holds(item.ref, open_only=False)}
        if reads_as(there, wanted, rules, there.ref.tracker) and there.ref not in told:
            detail = (
                f"{there.ref.key} reads as {item.ref}, but carries another key; link the item to it if it is its ticket"
            )
            return _held(item, _about(item.ref, there, None, detail), ())
    return None


def nobodys(
    store: Store, rules: Rules, tracker: str, tickets: Iterable[Ticket], holds: Iterable[Hold], but: Collection[str]
) -> Titled:
    """The tickets, by title, that an item is held over or would be, those of items in `but` apart."""
    named = [(ref, t) for t in tickets if (ref := names_item(t, rules, tracker)) not in but]
    generations = store.generations([ref for ref, _ in named], tracker)
    waited = {held_ticket(h) for h in holds}
    found: dict[str, list[Ticket]] = {}
    for ref, ticket in named:
        key = store.marker_key(ref, tracker, generations[ref])
        if ticket.ref in waited or (ticket.marker is not None and ticket.marker.key == key):
            found.setdefault(canonical_title(ticket.title), []).append(ticket)
    return found


def _held(item: ActionItem, hold: Hold, holds: Sequence[Hold]) -> Step | None:
    if any((h.kind, h.detail) == (hold.kind, hold.detail) for h in holds):
        return None
    return Step(item, hold.tracker, (opening(hold),), held=(hold,))


def owners(store: Store, rules: Rules, tracker: str, marked: Mapping[str, Sequence[Ticket]]) -> dict[str, Link]:
    """The links of the items whose keys these are: that of their ticket, or of the one they would have next.

    That one was made after the day to which the database was put back.
    """
    named = {names_item(tickets[0], rules, tracker) for tickets in marked.values()}
    own = {ref: link for ref, link in store.links(named).items() if link.ref.tracker == tracker}
    later = {store.marker_key(ref, tracker, link.generation + 1): link for ref, link in own.items()}
    return {k: link for k, link in later.items() if k in marked} | store.find_link_by_key(tracker, list(marked))


def many(link: Link, told: Hold | None, others: Sequence[Ticket]) -> Hold | None:
    """The hold that names these tickets beside those that were told of, or none if it would say nothing new."""
    named = (told.theirs or "").split() if told else []
    new = {t.ref.id: t for t in others if t.ref.id not in named}
    if not new:
        return None
    keys = ", ".join(t.ref.key for t in new.values())
    detail = f"both {link.ref.key} and {keys} carry the marker of {link.item}; close or delete one of them"
    if told is not None and named:
        detail = f"{told.detail}; {keys} carries it too"
    theirs = " ".join([*named, *new])
    return Hold(HoldKind.MANY_TICKETS, link.item, link.ref.tracker, detail, theirs=theirs)


def left_over(
    store: Store, rules: Rules, tracker: str, tickets: Iterable[Ticket], holds: Sequence[Hold], but: Iterable[str]
) -> Iterator[Hold]:
    """The holds on tickets whose item has none, or is to be taken in again first, those of items in `but` apart.

    The ticket of another installation is none of ours, and what a person settled is not asked again. `holds` are open.
    """
    named = {ref: t for t in tickets if (ref := names_item(t, rules, tracker)) and ref not in but}
    spoken = {h.item: h for h in holds if h.item in named and h.kind is HoldKind.UNKNOWN_TICKET}
    generations, here = store.generations(named, tracker), store.items(named)
    for ref, ticket in named.items():
        told = spoken.get(ref)
        generation = held_over([told] if told else [], tracker) or generations[ref]
        ours = ticket.marker is not None and ticket.marker.key == store.marker_key(ref, tracker, generation)
        hold = _hold(ref, ticket, generation, _HERE if ref in here else _NOWHERE)
        new = told is None or (_NOWHERE in told.detail and ref in here)
        if ours and new and not _is_twin(store, ref):
            yield hold if told is None else replace(hold, id=told.id)


_HERE = "which is not linked to it; link the item to it, or leave it alone"
_NOWHERE = "of which this database knows nothing; take its item in again, or link the ticket to the item"
_MISSED = "; it was not found when it was looked for"


def held_over(holds: Iterable[Hold], tracker: str) -> int | None:
    """Which of an item's keys the ticket carries that the item is held over, by number."""
    over = (int(h.ours) for h in holds if h.kind is HoldKind.UNKNOWN_TICKET and h.tracker == tracker and h.ours)
    return next(over, None)


def held_ticket(hold: Hold) -> TicketRef | None:
    """The ticket that a hold is about whose item is not known to have it."""
    if hold.kind is not HoldKind.UNKNOWN_TICKET:
        return None
    identity, _, key = (hold.theirs or "").partition(" ")
    return TicketRef(hold.tracker, identity, key)


def outlook(store: Store, hold: Hold, found: Ticket | Missing, link: Link | None) -> Hold | str:
    """The hold now that its ticket was looked for, or why it is over; `link` is the one that the ticket has, if any."""
    if link is not None and (link.item == hold.item or not _carries(store, hold, found)):
        return f"it is the ticket of {link.item}"
    if isinstance(found, Ticket):
        return replace(hold, detail=hold.detail.removesuffix(_MISSED))
    return "the ticket is gone" if hold.detail.endswith(_MISSED) else replace(hold, detail=hold.detail + _MISSED)


def _carries(store: Store, hold: Hold, found: Ticket | Missing) -> bool:
    if hold.ours is None or not isinstance(found, Ticket) or found.marker is None:
        return False
    return found.marker.key == store.marker_key(hold.item, hold.tracker, int(hold.ours))


def overtaken(store: Store, rules: Rules, ticket: Ticket, link: Link) -> Hold | None:
    """The hold on a linked ticket in which the key of another item was planted since the database was copied.

    A ticket that was just linked carries its former key until the first update.
    """
    if ticket.marker is None or ticket.marker.key == link.marker.key or Field.BODY not in link.baseline:
        return None
    tracker = link.ref.tracker
    ref = names_item(ticket, rules, tracker)
    generation = held_over(store.holds(ref), tracker) or store.generations([ref], tracker)[ref]
    words = f"but is the ticket of {link.item} here; if it is that no more, `counterfoil item unlink {link.item}`"
    hold = _hold(ref, ticket, generation, words)
    return hold if ref != link.item and _carries(store, hold, ticket) else None


def _is_twin(store: Store, item: str) -> bool:
    return any(h.kind is HoldKind.MANY_TICKETS for h in store.holds(item, open_only=False))


def _hold(item: str, ticket: Ticket, generation: int, words: str) -> Hold:
    return _about(item, ticket, generation, f"{ticket.ref.key} carries the key of {item}, {words}")


def _about(item: str, ticket: Ticket, generation: int | None, detail: str) -> Hold:
    theirs = f"{ticket.ref.id} {ticket.ref.key}"
    number = None if generation is None else str(generation)
    return Hold(HoldKind.UNKNOWN_TICKET, item, ticket.ref.tracker, detail, ours=number, theirs=theirs)
