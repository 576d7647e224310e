"""Tickets that carry an item's key although nothing is known of them: the database was put back to an earlier day."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mapping.read import names_item, reads_as
from mapping.render import desired
from mapping.rules import Rules
from state.model import ActionItem, Hold, HoldKind, Link, OperationKind
from state.store import Store
from state.ticket import Marker, Ticket, TicketRef
from sync.plan import Operation, Step
from sync.steps import first_agreed


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
        return _left(item, there, holds)
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


def _left(item: ActionItem, there: Ticket, holds: Sequence[Hold]) -> Step | None:
    words = f'but reads "{there.title}"; link the item to its own ticket, or that ticket to its own item'
    hold = _hold(item.ref, there, words)
    if any((h.kind, h.detail) == (hold.kind, hold.detail) for h in holds):
        return None
    operation = Operation(OperationKind.HOLD, item.ref, there.ref.tracker, f"{hold.kind}: {hold.detail}")
    return Step(item, there.ref.tracker, (operation,), held=(hold,))


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
    store: Store, rules: Rules, tracker: str, tickets: Iterable[Ticket], but: Iterable[str]
) -> Iterator[Hold]:
    """The holds on tickets whose item is to be taken in again first, those of items in `but` apart.

    The ticket of another installation is none of ours, and what a person settled is not asked again.
    """
    named = {ref: t for t in tickets if (ref := names_item(t, rules, tracker)) and ref not in but}
    generations = store.generations(named, tracker)
    for ref, ticket in named.items():
        ours = ticket.marker is not None and ticket.marker.key == store.marker_key(ref, tracker, generations[ref])
        if ours and not _told(store, ref, ticket):
            words = "of which this database knows nothing; take its item in again, or link the ticket to the item"
            yield _hold(ref, ticket, words)


def settled(store: Store, item: str, ticket: Ticket) -> bool:
    """Whether a person decided that this ticket is not the item's."""
    still = {h.id for h in store.holds(item)}
    return any(held_ticket(h) == ticket.ref and h.id not in still for h in store.holds(item, open_only=False))


def held_ticket(hold: Hold) -> TicketRef | None:
    """The ticket that a hold is about whose item is not known to have it."""
    if hold.kind is not HoldKind.UNKNOWN_TICKET:
        return None
    identity, _, key = (hold.theirs or "").partition(" ")
    return TicketRef(hold.tracker, identity, key)


def _told(store: Store, item: str, ticket: Ticket) -> bool:
    holds = store.holds(item, open_only=False)
    return any(h.kind is HoldKind.MANY_TICKETS or held_ticket(h) == ticket.ref for h in holds)


def _hold(item: str, ticket: Ticket, words: str) -> Hold:
    detail = f"{ticket.ref.key} carries the key of {item}, {words}"
    theirs = f"{ticket.ref.id} {ticket.ref.key}"
    return Hold(HoldKind.UNKNOWN_TICKET, item, ticket.ref.tracker, detail, theirs=theirs)
