"""Tickets that carry an item's key although nothing is known of them: the database was put back to an earlier day."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from mapping.read import names_item, reads_as
from mapping.render import canonical_title, desired
from mapping.rules import Rules
from state.model import ActionItem, Field, Hold, HoldKind, Link, OperationKind
from state.store import Store
from state.ticket import Marker, Missing, Ticket, TicketRef
from sync.plan import Operation, Step, opening
from sync.steps import first_agreed

Titled = Mapping[str, Sequence[Ticket]]
Carrying = Sequence[tuple[int, Ticket]]
"""Tickets that carry a key of one item, each with the key's number."""

EVER = "0"
"""A revision that every ticket has been past: however old a search index shows it, that will do."""

AHEAD = 100
"""How many tickets of an item, made since the day to which the database was put back, are known by their keys."""


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


def carrying(
    store: Store,
    rules: Rules,
    tracker: str,
    tickets: Iterable[Ticket],
    holds: Iterable[Hold],
    keys: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Carrying]:
    """The tickets that carry a key which its item is held over, or has yet to use as far as is known here, by item.

    `keys` says whose a key is where a ticket names no item. What a person settled is not among them.
    """
    named = [(names_item(t, rules, tracker) or keys.get(t.marker.key, ""), t) for t in tickets if t.marker is not None]
    first = store.generations([ref for ref, _ in named], tracker)
    open_: dict[str, list[Hold]] = {}
    for hold in holds:
        open_.setdefault(hold.item, []).append(hold)
    found: dict[str, list[tuple[int, Ticket]]] = {}
    for ref, ticket in named:
        told = held_over(open_.get(ref, ()), tracker)
        number = _number(store, ref, tracker, ticket, first[ref], told)
        if number is not None and (number >= first[ref] or not _is_settled(store, ref, ticket)):
            found.setdefault(ref, []).append((number, ticket))
    return {ref: sorted(mine, key=lambda each: (each[0], each[1].ref.id)) for ref, mine in found.items() if ref}


def _number(
    store: Store, item: str, tracker: str, ticket: Ticket, first: int, told: Collection[int] = ()
) -> int | None:
    """Which key of the item a ticket carries, of those told of and those that it has yet to use."""
    key = ticket.marker.key if ticket.marker is not None else ""
    numbers = (*told, *range(first, first + AHEAD))
    return next((n for n in numbers if store.marker_key(item, tracker, n) == key), None)


def _is_settled(store: Store, item: str, ticket: Ticket) -> bool:
    open_ = {held_ticket(h) for h in store.holds(item)}
    ever = {held_ticket(h) for h in store.holds(item, open_only=False)}
    return ticket.ref in ever - open_


def several(item: str, tracker: str, told: Hold | None, mine: Carrying) -> Hold | None:
    """The hold that names all these tickets of an item that has none, or none if a person was `told` of each."""
    words = f"all carry keys of {item}, and none is linked to it; link the one that is its ticket"
    return _naming(item, tracker, told, mine, words)


def _naming(item: str, tracker: str, told: Hold | None, mine: Carrying, words: str) -> Hold | None:
    named = (told.theirs or "").split() if told else []
    new = {ticket.ref.id: ticket for _, ticket in mine if ticket.ref.id not in named}
    if not new:
        return None
    keys = ", ".join(ticket.ref.key for ticket in new.values())
    detail = f"{told.detail}; {keys} carries it too" if told and named else f"{keys} {words}"
    last = max([*(number for number, _ in mine), *([int(told.ours)] if told and told.ours else ())])
    return Hold(HoldKind.MANY_TICKETS, item, tracker, detail, ours=str(last), theirs=" ".join([*named, *new]))


def many_told(holds: Iterable[Hold], tracker: str) -> Hold | None:
    """The hold that names several tickets of an item, if there is one among its holds."""
    return next((h for h in holds if h.kind is HoldKind.MANY_TICKETS and h.tracker == tracker), None)


def own_number(store: Store, item: str, ticket: Ticket, holds: Sequence[Hold]) -> int:
    """Which key of its the item's link to the ticket has: the one it carries if `holds` told of it, else the next."""
    tracker = ticket.ref.tracker
    first, told = store.generations([item], tracker)[item], held_over(holds, tracker)
    many = many_told(holds, tracker)
    if many is not None and ticket.ref.id in (many.theirs or "").split():
        told = [*told, *range(1, first)]
    return _number(store, item, tracker, ticket, first, told) or first


def is_strange(store: Store, rules: Rules, ticket: Ticket) -> bool:
    """Whether the ticket carries a key that no item of this database has or will have: another one wrote it."""
    if ticket.marker is None:
        return False
    item, tracker = names_item(ticket, rules, ticket.ref.tracker), ticket.ref.tracker
    first = store.generations([item], tracker)[item]
    return _number(store, item, tracker, ticket, first, range(1, first)) is None


def nobodys(
    rules: Rules,
    tracker: str,
    tickets: Iterable[Ticket],
    claimed: Mapping[str, Carrying],
    holds: Iterable[Hold],
    but: Collection[str],
) -> Titled:
    """The tickets, by title, that an item is held over or would be, those of items in `but` apart."""
    waited = {held_ticket(h) for h in holds} | {ticket.ref for mine in claimed.values() for _, ticket in mine}
    found: dict[str, list[Ticket]] = {}
    for ticket in tickets:
        if ticket.ref in waited and names_item(ticket, rules, tracker) not in but:
            found.setdefault(canonical_title(ticket.title), []).append(ticket)
    return found


def _held(item: ActionItem, hold: Hold, holds: Sequence[Hold]) -> Step | None:
    if any((h.kind, h.detail) == (hold.kind, hold.detail) for h in holds):
        return None
    return Step(item, hold.tracker, (opening(hold),), held=(hold,))


def owners(
    store: Store, rules: Rules, tracker: str, marked: Mapping[str, Sequence[Ticket]]
) -> dict[str, tuple[Link, int]]:
    """The links of the items whose keys these are, and the keys' numbers: of their ticket, or yet to be used.

    A ticket of the latter kind was made after the day to which the database was put back.
    """
    first = [tickets[0] for tickets in marked.values()]
    later = carrying(store, rules, tracker, first, ())
    own = {ref: link for ref, link in store.links(later).items() if link.ref.tracker == tracker}
    owned = {t.marker.key: (own[ref], n) for ref in own for n, t in later[ref] if t.marker is not None}
    known = store.find_link_by_key(tracker, list(marked))
    return owned | {key: (link, link.generation) for key, link in known.items()}


def many(link: Link, told: Hold | None, others: Carrying) -> Hold | None:
    """The hold that names these tickets beside those that were told of, or none if it would say nothing new."""
    keys = ", ".join(ticket.ref.key for _, ticket in others)
    words = f"carry the marker of {link.item}; close or delete one of them"
    hold = _naming(link.item, link.ref.tracker, told, others, words)
    first = hold is not None and hold.detail == f"{keys} {words}"
    return replace(hold, detail=f"both {link.ref.key} and {hold.detail}") if hold is not None and first else hold


def left_over(
    store: Store, rules: Rules, tracker: str, tickets: Iterable[Ticket], holds: Sequence[Hold], but: Iterable[str]
) -> Iterator[Hold]:
    """The holds on tickets whose item has none, or is to be taken in again first, those of items in `but` apart.

    The ticket of another installation is none of ours, and what a person settled is not asked again. `holds` are open.
    """
    claimed = carrying(store, rules, tracker, tickets, holds)
    here = store.items(claimed)
    for ref, mine in claimed.items():
        if ref not in but:
            open_ = [h for h in holds if h.item == ref and h.tracker == tracker]
            yield from _left_over(ref, tracker, open_, mine, is_here=ref in here)


def _left_over(item: str, tracker: str, holds: Sequence[Hold], mine: Carrying, *, is_here: bool) -> Iterator[Hold]:
    number, ticket = mine[0]
    many = many_told(holds, tracker)
    told = next((h for h in holds if h.kind is HoldKind.UNKNOWN_TICKET), None)
    if len(mine) > 1 or many is not None or (told is not None and held_ticket(told) != ticket.ref):
        if (hold := several(item, tracker, many, mine)) is not None:
            yield hold
    elif told is None:
        yield _hold(item, ticket, number, _HERE if is_here else _NOWHERE)
    elif _NOWHERE in told.detail and is_here:
        yield replace(_hold(item, ticket, number, _HERE), id=told.id)


_HERE = "which is not linked to it; link the item to it, or leave it alone"
_NOWHERE = "of which this database knows nothing; take its item in again, or link the ticket to the item"
_MISSED = "; it was not found when it was looked for"


def held_over(holds: Iterable[Hold], tracker: str) -> list[int]:
    """Which of an item's keys the tickets carry that the item is held over, by number."""
    return [int(h.ours) for h in holds if h.kind is HoldKind.UNKNOWN_TICKET and h.tracker == tracker and h.ours]


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
    first, told = store.generations([ref], tracker)[ref], held_over(store.holds(ref), tracker)
    number = _number(store, ref, tracker, ticket, first, told)
    if ref == link.item or number is None:
        return None
    words = f"but is the ticket of {link.item} here; if it is that no more, `counterfoil item unlink {link.item}`"
    return _hold(ref, ticket, number, words)


def _hold(item: str, ticket: Ticket, generation: int, words: str) -> Hold:
    return _about(item, ticket, generation, f"{ticket.ref.key} carries the key of {item}, {words}")


def not_ours(item: str, ticket: Ticket, generation: int) -> Hold:
    """The hold on a ticket with the item's key that another account made, as ours was one perhaps, or a copy is."""
    words = "but was made by another account than the present one; link the item to it, or leave it alone"
    return _hold(item, ticket, generation, words)


def _about(item: str, ticket: Ticket, generation: int | None, detail: str) -> Hold:
    theirs = f"{ticket.ref.id} {ticket.ref.key}"
    number = None if generation is None else str(generation)
    return Hold(HoldKind.UNKNOWN_TICKET, item, ticket.ref.tracker, detail, ours=number, theirs=theirs)
