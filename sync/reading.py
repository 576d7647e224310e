"""What the reading of one tracker is asked for, and what it found."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, auto

from connectors.base import Tracker
from connectors.errors import RateLimited, TrackerError
from mapping.rules import Rules
from state.acceptance import Acceptance, AcceptancePolicy, AcceptanceState
from state.effects import Because, Feed, Note
from state.errors import Damaged
from state.model import ActionItem, Baseline, Comment, Hold, Link
from state.proof import ResolutionPolicy
from state.store import Store
from state.ticket import Missing, Ticket
from sync.backing import Backing, backings
from sync.endings import Ending, Standing
from sync.plan import Sighted, Step
from sync.work import IN_A_ROW

READ = "tracker.read"
"""The action of the record that says what a tracker was asked, and how much it answered."""
_LISTED = 1000


@dataclass(slots=True)
class Told:
    """How much a tracker told in one reading: the tickets on each page of its feed from `since` on, and on each page of
    those there are, where that was asked too. `is_whole` says that it was looked at which of our tickets are there.

    Where each ticket was looked at by itself, `there` has so many linked ones as the feed told of, which are not looked
    at again, and then as many as were found of each chunk of the others.
    """

    at: datetime
    since: datetime | None = None
    pages: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    is_whole: bool = False


@dataclass(slots=True)
class Reading:
    """One tracker's part of a plan: where its feed stands afterwards, and what was found, by item.

    `steps` answer what is new, `touched` are links to refresh, and `lost` the items whose ticket was missed for the
    first time, to be looked at again. Of a ticket that was seen twice the last sight counts. `strays` hold items whose
    key stands in further tickets, by item. `unlinked` are marked tickets that no link knows, by id; `over` says by id
    which holds on such are over, and why, and `held` are those to be opened or told anew. `unread` are the items whose
    ticket did not tell what happened to it, with what it said instead; they are looked at again. `unseen` counts the
    tickets that the feed told of and a direct look did not find.
    """

    feed: Feed
    told: Told
    steps: dict[str, Step] = field(default_factory=dict)
    touched: dict[str, Link] = field(default_factory=dict)
    strays: dict[str, Step] = field(default_factory=dict)
    unlinked: dict[str, Ticket] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    held: list[Hold] = field(default_factory=list)
    sighted: list[Sighted] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    unread: dict[str, TrackerError] = field(default_factory=dict)
    unseen: int = 0
    in_a_row: int = 0

    def calls_for(self, step: Step) -> None:
        """An item's ticket calls for this step, whatever it called for when it was seen before."""
        self._forget(step.item.ref)
        self.steps[step.item.ref] = step

    def note(self, tracker: Tracker, linked: int, because: Because) -> Note:
        """The record of it: what was asked when, what came page by page, and which tickets are no item's."""
        told, unknown = self.told, sorted(self.unlinked)
        after = {
            "query": tracker.query,
            "read_at": told.at,
            "since": told.since,
            "pages": told.pages,
            "there": told.there if told.is_whole else None,
            "linked": linked,
            "missing": sorted(self.lost),
            "of_no_item": {"count": len(unknown), "ids": unknown[:_LISTED]},
        }
        return Note(READ, self.feed.tracker, because, after=after)

    def knows(self, link: Link) -> None:
        """All there is to do about an item is to remember how its ticket looks now."""
        self._forget(link.item)
        self.touched[link.item] = link

    def tells(self) -> None:
        """A ticket told what happened to it."""
        self.in_a_row = 0

    def tells_nothing(self, item: str, error: TrackerError) -> None:
        """The ticket of an item did not tell what happened to it; raises the error where that is not its own fault.

        It is the tracker's where that asks for a pause, or where several tickets in a row tell nothing.
        """
        self._forget(item)
        self.unread[item] = error
        self.in_a_row += 1
        if isinstance(error, RateLimited) or self.in_a_row >= IN_A_ROW:
            raise error

    def _forget(self, item: str) -> None:
        """Whatever was found about an item does not count, since its ticket is seen once more."""
        for found in (self.steps, self.touched, self.unread):
            found.pop(item, None)


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
    item. `holds` are those that are open. `extent` says how far to look beyond `changed`, and `remapped` that
    tickets were last read by another mapping. `standing` are acceptances that something may still become of, and
    `ahead` is what is to be written down of some before anything else, by item.
    `resolution` says what has to be at hand where somebody says that work is done, and `judged` are the items of which
    that is to be said anew. `policy` says how risks are accepted.
    """

    store: Store
    tracker: Tracker
    rules: Rules
    run: str
    now: datetime
    extent: Extent
    remapped: bool
    changed: Mapping[str, ActionItem]
    waiting: Mapping[str, tuple[Comment, ...]]
    holds: Sequence[Hold]
    in_doubt: frozenset[str]
    meant: Mapping[str, Baseline]
    progress: Callable[[str, int], None]
    standing: Standing = field(default_factory=dict)
    ahead: Mapping[str, Ending] = field(default_factory=dict)
    resolution: ResolutionPolicy = field(default_factory=ResolutionPolicy)
    judged: frozenset[str] = frozenset()
    policy: AcceptancePolicy = field(default_factory=AcceptancePolicy)

    def backings(self, cases: Iterable[tuple[ActionItem, Ticket]]) -> dict[str, Backing]:
        """What is at hand for those of the items that are said to be done."""
        rules = self.rules.trackers[self.tracker.name]
        return backings(self.store, self.resolution, self.now, rules, cases, self.holds)

    def items(self, refs: Iterable[str]) -> dict[str, ActionItem]:
        """The items of these refs, as they will be once what is ahead is written down, the day included.

        Raises `Damaged` where one is not there.
        """
        found = self.store.items(wanted := list(refs))
        if lost := sorted({*wanted} - found.keys()):
            raise Damaged(
                f"{', '.join(lost)}: not in the database, though a ticket is linked to it. Nothing of this step was "
                "kept; see `counterfoil audit verify`, and put a copy from before in its place"
            )
        ahead = {ref: self.ahead[ref].item for ref in found if ref in self.ahead}
        return {ref: item.as_late_on(self.now.date()) for ref, item in (found | ahead).items()}

    def links_of(self, seen: Iterable[Ticket | Missing]) -> dict[str, Link]:
        """The link of each ticket that has one, there or not, by the ticket's id, as it will be by then."""
        found = self.store.links_by_ticket(self.tracker.name, [each.ref.id for each in seen])
        return {id_: self._ahead(link) for id_, link in found.items()}

    def asked(self, item: str) -> Acceptance | None:
        """The request to accept an item's risk that nobody has decided by then."""
        over = self.ahead[item].before if item in self.ahead else None
        mine = (each for each in self.standing.get(item, ()) if each.state is AcceptanceState.REQUESTED)
        return next((each for each in mine if each != over), None)

    def _ahead(self, link: Link) -> Link:
        ending = self.ahead.get(link.item)
        return link if ending is None or ending.link is None else ending.link
