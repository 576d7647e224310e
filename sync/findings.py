"""What a run finds out before it writes: what either side calls for, as one plan."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors.base import Tracker
from connectors.errors import Denied, TrackerError
from mapping.rules import Rules
from state import items
from state.acceptance import AcceptancePolicy
from state.effects import Feed, Intent
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Baseline, Comment, Hold, HoldKind, OperationKind
from state.proof import ResolutionPolicy
from state.store import Store
from sync.backing import due
from sync.endings import Ending, Standing, endings, standing
from sync.gather import read
from sync.pace import forecast
from sync.plan import Forecast, Plan, Safety, Step, brake, in_order, opening, release
from sync.reading import Extent, Reading, Scope
from sync.recover import baseline_from, doubts, is_over
from sync.ticketless import Ticketless
from sync.unknown import left_over

_SILENCES = frozenset({HoldKind.GONE, HoldKind.ARCHIVED, HoldKind.COMMENT_REFUSED})


@dataclass(slots=True)
class Findings:
    """What a run found out before it writes; `holds` are those that were open, `endings` are written down first.

    `fallen` are the items whose due date has passed since a run last looked.
    """

    plan: Plan
    holds: Sequence[Hold] = ()
    readings: dict[str, Reading] = field(default_factory=dict)
    failed: dict[str, TrackerError] = field(default_factory=dict)
    unknown: list[Hold] = field(default_factory=list)
    audited: bool = False
    endings: Sequence[Ending] = ()
    fallen: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What finding out works with; `trackers` are all there are, and the rest is as `sync.engine.Engine` has it."""

    store: Store
    trackers: Mapping[str, Tracker]
    rules: Rules
    safety: Safety
    waits: Mapping[str, int]
    audit_hours: Mapping[str, float]
    clock: Callable[[], datetime]
    progress: Callable[[str, int, int], None]
    policy: AcceptancePolicy = field(default_factory=AcceptancePolicy)
    resolution: ResolutionPolicy = field(default_factory=ResolutionPolicy)

    def everything(self, run: str, trackers: Mapping[str, Tracker], open_: Sequence[Intent], *, full: bool) -> Findings:
        """What is new on either side of these trackers; `open_` are the intents not known to have ended."""
        extent = (lambda _: Extent.ALL) if full else self._extent
        holds, there = self.store.holds(None), standing(self.store)
        ahead: dict[str, Ending] = {}
        for each in endings(self.store, there, self.policy, self.clock(), run):
            ahead.setdefault(each.item.ref, each)
        fallen = self.store.ask(items.fallen_due, self.clock().date())
        return self._look(run, trackers, self._changed(holds), holds, open_, extent, there, ahead, fallen)

    def again(self, run: str, trackers: Mapping[str, Tracker], refs: Iterable[str]) -> Findings:
        """What these items and their tickets call for now."""
        some, open_ = self.store.items(refs).values(), self.store.open_intents(None)
        there = standing(self.store)
        return self._look(run, trackers, some, self.store.holds(None), open_, lambda _: Extent.CHANGED, there, {})

    def in_doubt(self, intents: Sequence[Intent]) -> frozenset[str]:
        """The items of which it is not known whether something was written for them, in whichever tracker."""
        return _items(self._unknown(intents))

    def _look(
        self,
        run: str,
        trackers: Mapping[str, Tracker],
        some: Iterable[ActionItem],
        holds: Sequence[Hold],
        open_: Sequence[Intent],
        extent: Callable[[Feed], Extent],
        there: Standing,
        ahead: Mapping[str, Ending],
        fallen: Sequence[ActionItem] = (),
    ) -> Findings:
        """What these items call for, and whatever else the trackers show as far as `extent` says to look."""
        unknown, meant = self._unknown(open_), _meant(open_)
        doubt, keys = _items(unknown), {i.key for i in unknown}
        alone = _items(i for i in unknown if i.kind is not OperationKind.COMMENT)
        now = self.clock()
        late = {item.ref: item for item in fallen if item.status in UNFINISHED}
        found = Findings(Plan(()), holds, endings=tuple(ahead.values()), fallen=[item.ref for item in fallen])
        judged = due(self.store, self.resolution, now, holds)
        changed = late | {item.ref: item for item in some} | judged | {ref: each.item for ref, each in ahead.items()}
        changed = {ref: item.as_late_on(now.date()) for ref, item in changed.items() if ref not in alone}
        linked = self.store.links(list(changed))
        mine = {ref: item for ref, item in changed.items() if ref in linked}
        told = [each.comment for ref, each in ahead.items() if ref in linked]
        waiting = self._waiting([*self.store.waiting_comments(), *told], doubt, holds)
        about = (self.resolution, frozenset(judged), self.policy)
        known = (mine, waiting, holds, alone, meant, self._reading, there, ahead, *about)
        self._read(found, trackers, extent, partial(self._scope, run, known))
        new = [item for ref, item in changed.items() if ref not in linked]
        steps = [s for r in found.readings.values() for s in (*r.strays.values(), *r.steps.values())]
        steps += Ticketless(self.store, self.rules, run, found.readings, holds, doubt).steps(new)
        for name, reading in found.readings.items():
            but = {s.item.ref for s in steps if s.tracker == name}
            beside = [t for t in reading.unlinked.values() if t.marker is None or t.marker.key not in keys]
            waiting_for = left_over(self.store, self.rules, name, beside, holds, but)
            found.unknown += (*reading.held, *waiting_for)
        found.plan = self._plan(steps, found, trackers, open_)
        return found

    def _scope(self, run: str, known: tuple[Any, ...], tracker: Tracker, feed: Feed, far: Extent) -> Scope:
        return Scope(self.store, tracker, self.rules, run, self.clock(), far, self._is_remapped(feed), *known)

    def _read(
        self,
        found: Findings,
        trackers: Mapping[str, Tracker],
        extent: Callable[[Feed], Extent],
        scope: Callable[[Tracker, Feed, Extent], Scope],
    ) -> None:
        """Read each tracker as far as `extent` says; one that cannot be read is told of."""
        for name, tracker in trackers.items():
            feed = self.store.feed(name)
            far = extent(feed)
            found.audited |= far > Extent.NEWS
            try:
                found.readings[name] = read(scope(tracker, feed, far), feed)
            except TrackerError as error:
                found.failed[name] = error

    def _unknown(self, intents: Sequence[Intent]) -> list[Intent]:
        """Those of which it is not known whether something was written.

        An update is compared again once it cannot happen any more: done late, it would look like a person's change.
        """
        return [i for i in intents if i.kind is not OperationKind.UPDATE or not self._is_over(i)]

    def _is_over(self, intent: Intent) -> bool:
        tracker = self.trackers.get(intent.tracker)
        return tracker is None or is_over(intent, tracker, timedelta(seconds=self.waits[tracker.name]), self.clock())

    def _changed(self, holds: Iterable[Hold]) -> Iterator[ActionItem]:
        """The items that changed here, and those that were held because no route took them while routes were others."""
        yield from self.store.dirty_items()
        routing = self.rules.routing
        held = [h.item for h in holds if h.kind is HoldKind.NO_ROUTE and h.ours != routing]
        yield from self.store.items(held).values()

    def _reading(self, tracker: str, tickets: int) -> None:
        self.progress(f"read {tracker}", tickets, 0)

    def _waiting(
        self, comments: Iterable[Comment], doubt: frozenset[str], holds: Iterable[Hold]
    ) -> Mapping[str, tuple[Comment, ...]]:
        """Our comments to be sent, by item; where nothing can be said until a person decides, they wait unsent."""
        waiting: dict[str, tuple[Comment, ...]] = {}
        silent = {h.item for h in holds if h.kind in _SILENCES} | doubt
        for comment in comments:
            if comment.item not in silent:
                waiting[comment.item] = (*waiting.get(comment.item, ()), comment)
        return waiting

    def _plan(
        self, steps: Sequence[Step], found: Findings, trackers: Mapping[str, Tracker], open_: Sequence[Intent]
    ) -> Plan:
        ordered = in_order(steps)
        sightings = [s for r in found.readings.values() for s in r.sighted]
        links = {name: self.store.link_count(name) for name in trackers if ordered}
        refused = brake(ordered, links=links, sightings=sightings, safety=self.safety, foreseen=found.fallen)
        done = {i for s in ordered for i in s.released}
        over = {i: why for r in found.readings.values() for i, why in r.over.items() if i not in done}
        beside = [each.operation for each in found.endings]
        beside += [opening(h) for h in found.unknown if not h.id]
        beside += [release(h, over[h.id]) for h in found.holds if h.id in over]
        held = (*found.unknown, *(h for s in ordered if s.operations for h in s.held))
        gone = {*done, *over, *(h.id for h in held)}
        return Plan(
            ordered,
            tuple(beside),
            (*(h for h in found.holds if h.id not in gone), *held),
            refused,
            (*told(found.failed), *unread(found.readings)),
            any(isinstance(error, Denied) for error in found.failed.values()),
            doubts((i for i in open_ if i.tracker in trackers or i.tracker not in self.trackers), self.waits),
            tuple(self._forecasts(ordered, trackers)),
        )

    def _forecasts(self, steps: Sequence[Step], trackers: Mapping[str, Tracker]) -> Iterator[Forecast]:
        for name, tracker in trackers.items():
            count = sum(step.content() for step in steps if step.tracker == name)
            if (told := forecast(self.store, tracker, count, self.clock())) is not None:
                yield told

    def _extent(self, feed: Feed) -> Extent:
        """How far to look beyond the feed: at each ticket if the mapping changed, in time at which are there."""
        if self._is_remapped(feed):
            return Extent.ALL
        hours = timedelta(hours=self.audit_hours[feed.tracker])
        due = feed.audited_at is not None and not timedelta(0) <= self.clock() - feed.audited_at < hours
        return Extent.PRESENCE if due else Extent.NEWS

    def _is_remapped(self, feed: Feed) -> bool:
        return feed.rules not in ("", self.rules.digest(feed.tracker))


def unread(readings: Mapping[str, Reading]) -> Iterator[str]:
    """Which items' tickets did not tell what happened to them, in words."""
    for name, reading in readings.items():
        for item, error in reading.unread.items():
            yield f"{name}: what happened to the ticket of {item} is not known, and the next run asks again: {error}"


def told(failed: Mapping[str, TrackerError]) -> tuple[str, ...]:
    """What went wrong, in words, by tracker."""
    return tuple(f"{name}: {error}" for name, error in failed.items())


def _items(intents: Iterable[Intent]) -> frozenset[str]:
    return frozenset(i.item for i in intents)


def _meant(intents: Sequence[Intent]) -> Mapping[str, Baseline]:
    """What updates may have written whose outcome is not known, by item."""
    return {i.item: baseline_from(i.payload["baseline"]) for i in intents if i.kind is OperationKind.UPDATE}
