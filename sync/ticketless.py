"""What items without a ticket call for: one of their own, the one that carries their key, a hold, or nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mapping.rules import Rules
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Hold, HoldKind, Status
from state.store import Store
from state.ticket import Marker
from sync.plan import Step, opening
from sync.reading import Reading
from sync.steps import begin, needless, unrouted
from sync.unknown import Carrying, carrying, many_told, nobodys, resembling, several, taken

_STOPS = frozenset({HoldKind.MANY_TICKETS, HoldKind.GONE, HoldKind.UNKNOWN_TICKET})


def needs_none(status: Status, part_of: str | None) -> str | None:
    """Why an item without a ticket is to have none of its own, in words; `None` if it is to have one."""
    if status not in UNFINISHED:
        return "the item is finished and needs no ticket"
    return None if part_of is None else f"the ticket of {part_of} lists it"


@dataclass(frozen=True, slots=True)
class Ticketless:
    """What the steps of items without a ticket are made from.

    `holds` are the open ones, and `in_doubt` the items of which it is not known whether a ticket was made.
    """

    store: Store
    rules: Rules
    run: str
    readings: Mapping[str, Reading]
    holds: Sequence[Hold]
    in_doubt: Collection[str]

    def steps(self, items: Sequence[ActionItem]) -> Iterator[Step]:
        """The steps of these items, asking the store by the batch; those whose tracker was not read have none."""
        held: dict[str, list[Hold]] = {}
        for hold in self.holds if items else ():
            held.setdefault(hold.item, []).append(hold)
        routed: dict[str, list[ActionItem]] = {}
        routing = self.rules.routing
        for item in items:
            if (why := needs_none(item.status, item.part_of)) is not None:
                yield needless(item, held.get(item.ref, ()), why)
            elif (name := self.rules.route(item)) is None:
                yield unrouted(item, held.get(item.ref, ()), routing)
            else:
                routed.setdefault(name, []).append(item)
        for name, mine in routed.items():
            if name in self.readings:
                yield from (s for s in self._routed(mine, self.readings[name], held) if s is not None)

    def _routed(
        self, items: Sequence[ActionItem], reading: Reading, held: Mapping[str, Sequence[Hold]]
    ) -> Iterator[Step | None]:
        name = reading.feed.tracker
        generations = self.store.generations([i.ref for i in items], name)
        markers = {i.ref: Marker(self.store.marker_key(i.ref, name, generations[i.ref]), i.ref) for i in items}
        claimed = self._claimed(reading, markers.values())
        sent = {intent.key for intent in self.store.given_up(name)} if claimed else ()
        new: list[ActionItem] = []
        found = set(self.in_doubt)
        for item in items:
            holds = held.get(item.ref, ())
            stops = {h.kind for h in holds} & _STOPS
            match claimed.get(item.ref, ()):
                case [] if not stops:
                    new.append(item)
                case [(number, there)] if stops <= {HoldKind.UNKNOWN_TICKET}:
                    marker = Marker(self.store.marker_key(item.ref, name, number), item.ref)
                    known = marker.key in sent
                    step = taken(item, self.rules, marker, number, there, holds, self.run, sent=known)
                    found |= {item.ref} if step is not None and step.link is not None else set()
                    yield step
                case [_, *_] as mine if stops <= {HoldKind.UNKNOWN_TICKET, HoldKind.MANY_TICKETS}:
                    hold = several(item.ref, name, many_told(holds, name), mine)
                    yield Step(item, name, (opening(hold),), held=(hold,)) if hold is not None else None
        others = nobodys(self.rules, name, reading.unlinked.values(), claimed, self.holds, found) if new else {}
        for item in new:
            marker = markers[item.ref]
            step = resembling(self.store, item, self.rules, marker, others)
            yield step or begin(item, self.rules, marker, generations[item.ref], name, held.get(item.ref, ()))

    def _claimed(self, reading: Reading, markers: Iterable[Marker]) -> dict[str, Carrying]:
        if not reading.unlinked:
            return {}
        keys = {marker.key: marker.item for marker in markers}
        return carrying(self.store, self.rules, reading.feed.tracker, reading.unlinked.values(), self.holds, keys)
