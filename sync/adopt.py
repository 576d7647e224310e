"""A ticket that exists already becomes an item's ticket: what that would change first, then the change."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.base import Tracker
from mapping.read import Observed, observe
from mapping.render import Desired, desired
from mapping.rules import Rules
from state import acceptances, audit
from state.effects import Because
from state.errors import StateError
from state.model import ActionItem, Agreed, Authority, Baseline, Field, Link, OperationKind
from state.store import Store
from state.ticket import Marker, Ticket
from sync.backing import Backing
from sync.diff import anything_but, ours_again
from sync.plan import Operation, Plan
from sync.rulings import Sighting
from sync.steps import answer
from sync.unknown import held_ticket, is_strange, own_number


class NotAdoptable(StateError):
    """The ticket cannot become this item's; the message says why and what to do."""


def adoption(
    store: Store,
    tracker: Tracker,
    rules: Rules,
    item: ActionItem,
    key: str,
    because: Because,
    backing: Callable[[str, ActionItem, Ticket], Backing | None],
) -> Plan:
    """The plan that makes the ticket called `key` the item's: the first differences follow each field's authority.

    What was said and done in the ticket before counts, as what comes after it does.
    `backing` tells what is at hand where the ticket says that the work is done.
    Raises `NotAdoptable`, or what the tracker raises. Writes nothing.
    """
    ticket = tracker.resolve(key)
    _must_be_free(store, item, ticket)
    holds = tuple(h for h in store.holds(item.ref) if held_ticket(h) in (None, ticket.ref))
    generation = own_number(store, item.ref, ticket, holds)
    marker = Marker(store.marker_key(item.ref, tracker.name, generation), item.ref)
    wanted = desired(item, rules, tracker.name, marker)
    there = observe(ticket, rules, tracker.name, baseline=None, desired=wanted)
    baseline = _first_baseline(wanted, rules.trackers[tracker.name].authority, there)
    link = _first_link(ticket, marker, baseline, generation)
    told = tracker.activity(ticket.ref, ticket.created)
    heard = frozenset(store.known_comments(tracker.name, [act.id for act in told]))
    known = backing(tracker.name, item, ticket)
    asked = store.ask(acceptances.asked_for, item.ref)
    taken, noted = store.ask(audit.events, item.ref, tracker.name)
    seen = Sighting(item, link, ticket, told, holds, heard, asked=asked, taken=taken, noted=noted, backing=known)
    step = answer(seen, rules, because.run)
    becomes = f"{ticket.ref.key} becomes its ticket"
    linking = Operation(OperationKind.LINK, item.ref, tracker.name, becomes, (), ticket.revision)
    strange = f"{ticket.ref.key} is marked as a ticket of another database; while that is in use, both write to it"
    warnings = (*step.warnings, *([strange] if is_strange(store, rules, ticket) else []))
    over = {h.id: f"linked to {ticket.ref.key}" for h in holds}
    ended = {**step.released, **over}
    return Plan((replace(step, operations=(linking, *step.operations), warnings=warnings, released=ended),))


def _first_baseline(wanted: Desired, authority: Mapping[Field, Authority], there: Observed) -> Baseline:
    """The baseline that makes a first comparison follow authority: the item's fields push, all others pull.

    What the ticket leaves empty is pushed too.
    """
    base: dict[Field, Agreed] = {}
    for name, theirs in there.values.items():
        ours = wanted.values.get(name)
        if name is Field.BODY or name not in wanted.values or ours == theirs:
            continue
        if authority[name] is Authority.ITEM or theirs is None:
            base[name] = ours_again(Agreed(ours, theirs))
        else:
            base[name] = Agreed(ours, anything_but(theirs))
    return base


def _first_link(ticket: Ticket, marker: Marker, baseline: Baseline, generation: int) -> Link:
    return Link(
        item=marker.item,
        ref=ticket.ref,
        url=ticket.url,
        marker=marker,
        baseline=baseline,
        item_revision=0,
        ticket_revision="",
        linked_at=ticket.updated,
        linked_by="",
        generation=generation,
        comments=ticket.comments or 0,
        seen_at=ticket.updated,
    )


def _must_be_free(store: Store, item: ActionItem, ticket: Ticket) -> None:
    own, key = store.link(item.ref), ticket.ref.key
    if own is not None:
        where = f"{own.ref.key} in {own.ref.tracker}"
        raise NotAdoptable(f"{item.ref} has a ticket, {where}; `counterfoil item unlink {item.ref}` parts them first")
    creates = [i for i in store.open_intents() if i.kind is OperationKind.CREATE]
    if any(i.item == item.ref for i in creates):
        raise NotAdoptable(f"{item.ref} may just have got a ticket of its own; run `counterfoil sync`, then link again")
    made_for = next((i.item for i in creates if ticket.marker is not None and i.key == ticket.marker.key), None)
    if made_for is not None:
        raise NotAdoptable(f"{key} may just have been made for {made_for}; run `counterfoil sync`, then link again")
    other = store.links_by_ticket(ticket.ref.tracker, [ticket.ref.id]).get(ticket.ref.id)
    if other is not None:
        raise NotAdoptable(f"{key} is the ticket of {other.item} already; one ticket cannot stand for two items")
