"""One run, top to bottom: lease, recover, pull, compare, plan, apply, record."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from connectors.errors import Denied, TrackerError
from mapping.rules import Rules
from state.effects import Because, Effects, Feed, Intent, Lease, Note
from state.lease import Holder
from state.model import ActionItem, Agent, Baseline, Comment, Hold, HoldKind, OperationKind
from state.queries import open_holds
from state.store import Store
from state.ticket import Ticket
from sync.adopt import adoption
from sync.apply import Apply
from sync.gather import read
from sync.pace import forecast
from sync.plan import Brake, Forecast, Plan, Safety, Step, brake, in_order, opening, release
from sync.position import advanced
from sync.reading import Extent, Reading, Scope
from sync.recover import Recovery, baseline_from, doubts, is_over
from sync.ticketless import Ticketless
from sync.unknown import left_over
from sync.work import AtOnce, Tally, Work, in_turn, leased

_SILENCES = frozenset({HoldKind.GONE, HoldKind.ARCHIVED, HoldKind.COMMENT_REFUSED})


class ExpectationFailed(Exception):
    """The plan is not the one that was approved, so nothing was applied."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run planned and did; `requests` counts what went over the wire, by tracker."""

    run: str
    plan: Plan
    tally: Tally
    requests: Mapping[str, int]
    problems: tuple[str, ...]
    denied: bool
    waiting: int
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 in order, 3 something was put off or refused, 4 the plan was refused, 5 a person is needed."""
        if self.plan.refused is not None:
            return 4
        if self.waiting or self.denied:
            return 5
        return 3 if self.tally.deferred or self.tally.failed or self.problems else 0


@dataclass(slots=True)
class _Gathered:
    """What a run found out before it writes; `holds` are those that were open."""

    plan: Plan
    holds: Sequence[Hold] = ()
    readings: dict[str, Reading] = field(default_factory=dict)
    failed: dict[str, TrackerError] = field(default_factory=dict)
    unknown: list[Hold] = field(default_factory=list)
    audited: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything a run works with.

    `waits` is, by tracker, the seconds it may take to show what it did; `audit_hours` how often it is asked
    which tickets are there. `crash` is called with each of `sync.watched.CRASH_POINTS`; `progress` with a stage, done
    and total. `at_once` makes the calls that a tracker takes several of at a time.
    """

    store: Store
    trackers: Mapping[str, Tracker]
    rules: Rules
    safety: Safety
    waits: Mapping[str, int]
    audit_hours: Mapping[str, float]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    crash: Callable[[str], None] = lambda _: None
    progress: Callable[[str, int, int], None] = lambda *_: None
    at_once: AtOnce = in_turn

    def plan(self, run: str, *, only: str | None = None, full: bool = False) -> Plan:
        """What `sync` would do now. Writes nothing, not even cursors, and needs no lease."""
        return self._gather(run, self._chosen(only), full=full, open_=self.store.open_intents(None)).plan

    def sync(
        self,
        run: str,
        *,
        holder: Holder,
        agent: Agent,
        only: str | None = None,
        full: bool = False,
        expect: str | None = None,
        force: str | None = None,
    ) -> Report:
        """Plan and apply. `expect` is the digest of the approved plan, `force` the reason to override a brake.

        Nothing is planned again where a plan was approved: what moves while it is applied waits for the next run.
        Raises `state.store.LeaseHeld` when another run is under way, and `ExpectationFailed`.
        """
        with leased(self.store, holder, self.crash) as lease:
            work = self._work(lease, self._chosen(only), Because(agent, run))
            return self._run(run, work, full, expect, force)

    def adopt(self, ref: str, tracker: str, key: str, *, because: Because) -> Plan:
        """What `link` would change. Writes nothing, and needs no lease.

        Raises `sync.adopt.NotAdoptable`, or an error of `connectors.errors`.
        """
        item = self.store.item(ref)
        return adoption(self.store, self.trackers[tracker], self.rules, item, key, because)

    def link(self, ref: str, tracker: str, key: str, *, holder: Holder, because: Because) -> Report:
        """Make the ticket called `key` the item's: the link first, so that a crash leaves the rest to the next run.

        Raises what `adopt` raises, and `state.store.LeaseHeld`; nothing was written then.
        """
        with leased(self.store, holder, self.crash) as lease:
            plan = self.adopt(ref, tracker, key, because=because)
            work = self._work(lease, self.trackers, because)
            links = [(step.link, because) for step in plan.steps if step.link is not None]
            work.commit("pull", Effects(linked=links, dirty=[link.item for link, _ in links]))
            Apply(work).run(plan.steps)
            return self._report(because.run, _Gathered(plan), work, 0)

    def _chosen(self, only: str | None) -> Mapping[str, Tracker]:
        return self.trackers if only is None else {only: self.trackers[only]}

    def _run(self, run: str, work: Work, full: bool, expect: str | None, force: str | None) -> Report:
        open_ = self.store.open_intents(None)
        recovered, lost = self._recover(work) if open_ else (0, {})
        open_ = self.store.open_intents(None) if open_ else []
        there = {n: t for n, t in work.trackers.items() if n not in lost}
        found = self._gather(run, there, full=full, open_=open_)
        found.failed |= lost
        found.plan = replace(found.plan, problems=(*_told(lost), *found.plan.problems))
        if expect is not None and found.plan.digest != expect:
            raise ExpectationFailed(
                f"the plan is now {found.plan.digest}, not the approved {expect}; nothing was applied. "
                "Look at `counterfoil plan` again"
            )
        if self._refusal(work, found, force) is None:
            self._apply(work, found, force, approved=expect is not None)
        work.tally.recovered += recovered
        return self._report(run, found, work, len(_items(self._unknown(open_))))

    def _work(self, lease: Lease, trackers: Mapping[str, Tracker], because: Because) -> Work:
        tools = (self.clock, self.sleep, self.crash, self.progress, self.at_once)
        return Work(self.store, lease, trackers, self.rules, because, *tools)

    def _refusal(self, work: Work, found: _Gathered, force: str | None) -> Brake | None:
        """The brake that refuses the plan; none if a person gave a reason to go past it, which is recorded."""
        refused = found.plan.refused
        if refused is not None and force is not None:
            because = replace(work.because, reason=force)
            work.commit("force", Effects(notes=[Note("brake.overridden", refused.name, because, after=refused.detail)]))
            found.plan = replace(found.plan, refused=None)
        return found.plan.refused

    def _apply(self, work: Work, found: _Gathered, force: str | None, *, approved: bool) -> None:
        self.store.check_integrity(again=found.audited)
        self._carry_out(work, found)
        if work.stale and not approved:
            self._again(work, found, force)
        if feeds := [self._feed(reading.feed, work) for reading in found.readings.values()]:
            work.commit("feed", Effects(feeds=feeds))

    def _carry_out(self, work: Work, found: _Gathered) -> None:
        apply = Apply(work)
        for reading in found.readings.values():
            apply.refresh(list(reading.touched.values()), sorted(reading.lost))
            apply.unknown([h for h in found.unknown if h.tracker == reading.feed.tracker], reading.over)
        apply.run(found.plan.steps)

    def _again(self, work: Work, found: _Gathered, force: str | None) -> None:
        """Plan once more for the items whose ticket moved while we wrote; what moves again waits for the next run."""
        trackers = {name: tracker for name, tracker in work.trackers.items() if name not in work.stopped}
        moved, open_ = self.store.items(work.stale).values(), self.store.open_intents(None)
        again = self._look(work.because.run, trackers, moved, self.store.holds(None), open_, lambda _: Extent.CHANGED)
        found.failed |= again.failed
        work.refused += _told(again.failed)
        if (refused := self._refusal(work, again, force)) is not None:
            work.refused.append(f"{refused.name}: {refused.detail}")
            return
        work.stale -= {step.item.ref for step in again.plan.steps}
        work.stale.difference_update(*(reading.touched for reading in again.readings.values()))
        work.warnings += (text for text in again.plan.warnings if text not in found.plan.warnings)
        self._carry_out(work, again)

    def _feed(self, feed: Feed, work: Work) -> Feed:
        """Where the feed resumes: behind our own writes, whose times are asked for where no answer told them."""
        tracker = work.trackers[feed.tracker]
        written = work.written.get(feed.tracker, [])
        unseen = work.unseen.get(feed.tracker, [])
        if unseen and feed.tracker not in work.stopped:
            ends = [unseen[0]] if len(unseen) == 1 else [unseen[0], unseen[-1]]
            try:
                written = [*written, *(t.updated for t in tracker.fetch(ends) if isinstance(t, Ticket))]
            except TrackerError as error:
                work.refused.append(f"{feed.tracker}: {error}")
        lag = timedelta(seconds=self.waits[feed.tracker])
        return advanced(feed, None, written, self.clock(), lag)

    def _recover(self, work: Work) -> tuple[int, dict[str, TrackerError]]:
        found = 0
        failed: dict[str, TrackerError] = {}
        for name, tracker in work.trackers.items():
            try:
                found += Recovery(work, tracker, timedelta(seconds=self.waits[name]), self.clock()).run()
            except TrackerError as error:
                failed[name] = error
        return found, failed

    def _unknown(self, intents: Sequence[Intent]) -> list[Intent]:
        """Those of which it is not known whether something was written, in whichever tracker.

        An update is compared again once it cannot happen any more: done late, it would look like a person's change.
        """
        return [i for i in intents if i.kind is not OperationKind.UPDATE or not self._is_over(i)]

    def _is_over(self, intent: Intent) -> bool:
        tracker = self.trackers.get(intent.tracker)
        return tracker is None or is_over(intent, tracker, timedelta(seconds=self.waits[tracker.name]), self.clock())

    def _gather(self, run: str, trackers: Mapping[str, Tracker], *, full: bool, open_: Sequence[Intent]) -> _Gathered:
        """What is new on either side."""
        extent = (lambda _: Extent.ALL) if full else self._extent
        holds = self.store.holds(None)
        return self._look(run, trackers, self._changed(holds), holds, open_, extent)

    def _look(
        self,
        run: str,
        trackers: Mapping[str, Tracker],
        items: Iterable[ActionItem],
        holds: Sequence[Hold],
        open_: Sequence[Intent],
        extent: Callable[[Feed], Extent],
    ) -> _Gathered:
        """What these items call for, and whatever else the trackers show as far as `extent` says to look."""
        unknown, meant = self._unknown(open_), _meant(open_)
        doubt = _items(unknown)
        alone = _items(i for i in unknown if i.kind is not OperationKind.COMMENT)
        found = _Gathered(Plan(()), holds)
        changed = {item.ref: item for item in items if item.ref not in alone}
        linked = self.store.links(list(changed))
        mine = {ref: item for ref, item in changed.items() if ref in linked}
        waiting = self._waiting(doubt, holds)
        for name, tracker in trackers.items():
            feed = self.store.feed(name)
            far, now, progress = extent(feed), self.clock(), self._reading
            found.audited |= far > Extent.NEWS
            scope = Scope(self.store, tracker, self.rules, run, now, far, mine, waiting, holds, alone, meant, progress)
            try:
                found.readings[name] = read(scope, feed)
            except TrackerError as error:
                found.failed[name] = error
        new = [item for ref, item in changed.items() if ref not in linked]
        steps = [s for r in found.readings.values() for s in (*r.strays.values(), *r.steps.values())]
        steps += Ticketless(self.store, self.rules, run, found.readings, holds, doubt).steps(new)
        for name, reading in found.readings.items():
            but = doubt | {s.item.ref for s in steps if s.tracker == name}
            waiting_for = left_over(self.store, self.rules, name, reading.unlinked.values(), holds, but)
            found.unknown += (*reading.held, *waiting_for)
        found.plan = self._plan(steps, found, trackers, open_)
        return found

    def _changed(self, holds: Iterable[Hold]) -> Iterator[ActionItem]:
        """The items that changed here, and those that were held because no route took them while routes were others."""
        yield from self.store.dirty_items()
        routing = self.rules.routing
        held = [h.item for h in holds if h.kind is HoldKind.NO_ROUTE and h.ours != routing]
        yield from self.store.items(held).values()

    def _reading(self, tracker: str, tickets: int) -> None:
        self.progress(f"read {tracker}", tickets, 0)

    def _waiting(self, doubt: frozenset[str], holds: Iterable[Hold]) -> Mapping[str, tuple[Comment, ...]]:
        """Our comments to be sent, by item; where nothing can be said until a person decides, they wait unsent."""
        waiting: dict[str, tuple[Comment, ...]] = {}
        comments = [c for c in self.store.waiting_comments() if c.item not in doubt]
        silent = {h.item for h in holds if h.kind in _SILENCES}
        for comment in comments:
            if comment.item not in silent:
                waiting[comment.item] = (*waiting.get(comment.item, ()), comment)
        return waiting

    def _plan(
        self, steps: Sequence[Step], found: _Gathered, trackers: Mapping[str, Tracker], open_: Sequence[Intent]
    ) -> Plan:
        ordered = in_order(steps)
        sightings = [s for r in found.readings.values() for s in r.sighted]
        links = {name: self.store.link_count(name) for name in trackers if ordered}
        refused = brake(ordered, links=links, sightings=sightings, safety=self.safety)
        done = {i for s in ordered for i in s.released}
        over = {i: why for r in found.readings.values() for i, why in r.over.items() if i not in done}
        beside = [opening(h) for h in found.unknown if not h.id]
        beside += [release(h, over[h.id]) for h in found.holds if h.id in over]
        held = (*found.unknown, *(h for s in ordered if s.operations for h in s.held))
        gone = {*done, *over, *(h.id for h in held)}
        return Plan(
            ordered,
            tuple(beside),
            (*(h for h in found.holds if h.id not in gone), *held),
            refused,
            _told(found.failed),
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
        if feed.rules and feed.rules != self.rules.digest(feed.tracker):
            return Extent.ALL
        hours = timedelta(hours=self.audit_hours[feed.tracker])
        due = feed.audited_at is not None and not timedelta(0) <= self.clock() - feed.audited_at < hours
        return Extent.PRESENCE if due else Extent.NEWS

    def _report(self, run: str, found: _Gathered, work: Work, doubt: int) -> Report:
        errors = [*found.failed.values(), *work.stopped.values()]
        moved = (f"{ref}: its ticket moved while it was written to; the next sync compares it" for ref in work.stale)
        work.tally.deferred += doubt + len(found.failed) + len(work.stale)
        return Report(
            run,
            found.plan,
            work.tally,
            {name: tracker.requests for name, tracker in self.trackers.items()},
            (*dict.fromkeys(work.refused), *sorted(moved)),
            any(isinstance(e, Denied) for e in errors),
            open_holds(self.store),
            tuple(work.warnings),
        )


def _told(failed: Mapping[str, TrackerError]) -> tuple[str, ...]:
    return tuple(f"{name}: {error}" for name, error in failed.items())


def _items(intents: Iterable[Intent]) -> frozenset[str]:
    return frozenset(i.item for i in intents)


def _meant(intents: Sequence[Intent]) -> Mapping[str, Baseline]:
    """What updates may have written whose outcome is not known, by item."""
    return {i.item: baseline_from(i.payload["baseline"]) for i in intents if i.kind is OperationKind.UPDATE}
