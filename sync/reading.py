"""What the reading of one tracker is asked for, and what it found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, auto

from connectors.base import Tracker
from mapping.rules import Rules
from state.effects import Feed
from state.model import ActionItem, Baseline, Comment, Hold, Link
from state.store import Store
from state.ticket import Ticket
from sync.plan import Sighted, Step


@dataclass(slots=True)
class Reading:
    """One tracker's part of a plan: where its feed stands afterwards, and what was found, by item.

    `steps` answer what is new, `touched` are links to refresh, and `lost` the items whose ticket was missed for the
    first time, to be looked at again. Of a ticket that was seen twice the last sight counts. `strays` hold items whose
    key stands in further tickets, by item. `unlinked` are marked tickets that no link knows, by id; `over` says by id
    which holds on such are over, and why, and `held` are those to be opened or told anew.
    """

    feed: Feed
    steps: dict[str, Step] = field(default_factory=dict)
    touched: dict[str, Link] = field(default_factory=dict)
    strays: dict[str, Step] = field(default_factory=dict)
    unlinked: dict[str, Ticket] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    held: list[Hold] = field(default_factory=list)
    sighted: list[Sighted] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def calls_for(self, step: Step) -> None:
        """An item's ticket calls for this step, whatever it called for when it was seen before."""
        self.steps[step.item.ref] = step
        self.touched.pop(step.item.ref, None)

    def knows(self, link: Link) -> None:
        """All there is to do about an item is to remember how its ticket looks now."""
        self.touched[link.item] = link
        self.steps.pop(link.item, None)


class Extent(IntEnum):
    """How far a reading looks: at tickets of changed items, at the feed too, at which are there, at each of them."""

    CHANGED = auto()
    NEWS = auto()
    PRESENCE = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Scope:
    """What the reading of one tracker may use and what it is asked to look at.

    `changed` are the items that moved here, `waiting` the comments to be sent by item, `in_doubt` the items to be left
    alone until it is known what was written, `meant` what an update may have written of which no more is known, by
    item. `holds` are those that are open. `extent` says how far to look beyond `changed`.
    """

    store: Store
    tracker: Tracker
    rules: Rules
    run: str
    now: datetime
    extent: Extent
    changed: Mapping[str, ActionItem]
    waiting: Mapping[str, tuple[Comment, ...]]
    holds: Sequence[Hold]
    in_doubt: frozenset[str]
    meant: Mapping[str, Baseline]
    progress: Callable[[str, int], None]
