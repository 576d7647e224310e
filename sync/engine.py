"""One run, top to bottom: lease, recover, pull, compare, plan, apply, record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from connectors.errors import Denied, TrackerError
from mapping.rules import Rules
from state.acceptance import AcceptancePolicy
from state.effects import Because, Effects, Feed, Lease, Note
from state.errors import Tampered
from state.lease import Holder
from state.model import ActionItem, Agent
from state.proof import ResolutionPolicy
from state.queries import open_holds
from state.store import Store
from state.ticket import Ticket
from sync.adopt import adoption
from sync.apply import Apply
from sync.backing import Backing, backings
from sync.findings import Findings, Inquiry, told
from sync.keeping import Keeping
from sync.plan import Brake, Plan, Safety, Step
from sync.position import advanced
from sync.recover import Recovery
from sync.work import AtOnce, Tally, Work, in_turn, leased


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


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything a run works with.

    `waits` is, by tracker, the seconds it may take to show what it did; `audit_hours` how often it is asked
    which tickets are there. `crash` is called with each of `sync.watched.CRASH_POINTS`; `progress` with a stage, done
    and total. `at_once` makes the calls that a tracker takes several of at a time. `policy` says how risks
    are accepted, `resolution` what has to be at hand before work counts as done. `recorded` is told
    the number of the newest record after each step.
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
    keeping: Keeping = field(default_factory=Keeping)
    policy: AcceptancePolicy = field(default_factory=AcceptancePolicy)
    resolution: ResolutionPolicy = field(default_factory=ResolutionPolicy)
    recorded: Callable[[int], None] = lambda _: None

    def plan(self, run: str, *, only: str | None = None, full: bool = False) -> Plan:
        """What `sync` would do now. Writes nothing, not even cursors, and needs no lease."""
        return self._inquiry.everything(run, self._chosen(only), self.store.open_intents(None), full=full).plan

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
        return adoption(self.store, self.trackers[tracker], self.rules, item, key, because, self._backings)

    def _backings(self, tracker: str, item: ActionItem, ticket: Ticket) -> Backing | None:
        rules, holds = self.rules.trackers[tracker], self.store.holds(item.ref)
        return backings(self.store, self.resolution, self.clock(), rules, [(item, ticket)], holds).get(item.ref)

    def link(self, ref: str, tracker: str, key: str, *, holder: Holder, because: Because) -> Report:
        """Make the ticket called `key` the item's: the link first, so that a crash leaves the rest to the next run.

        Raises what `adopt` raises, `Tampered`, and `state.store.LeaseHeld`; nothing was written then.
        """
        with leased(self.store, holder, self.crash) as lease:
            plan = self.adopt(ref, tracker, key, because=because)
            self._refuse_unrecorded(plan.steps)
            work = self._work(lease, self.trackers, because)
            links = [(step.link, because) for step in plan.steps if step.link is not None]
            work.commit("pull", Effects(linked=links, dirty=[link.item for link, _ in links]))
            Apply(work).run(plan.steps)
            return self._report(because.run, Findings(plan), work, 0)

    @property
    def _inquiry(self) -> Inquiry:
        return Inquiry(
            self.store,
            self.trackers,
            self.rules,
            self.safety,
            self.waits,
            self.audit_hours,
            self.clock,
            self.progress,
            self.policy,
            self.resolution,
        )

    def _chosen(self, only: str | None) -> Mapping[str, Tracker]:
        return self.trackers if only is None else {only: self.trackers[only]}

    def _run(self, run: str, work: Work, full: bool, expect: str | None, force: str | None) -> Report:
        open_ = self.store.open_intents(None)
        recovered, lost = self._recover(work) if open_ else (0, {})
        open_ = self.store.open_intents(None) if open_ else []
        there = {n: t for n, t in work.trackers.items() if n not in lost}
        found = self._inquiry.everything(run, there, open_, full=full)
        found.failed |= lost
        found.plan = replace(found.plan, problems=(*told(lost), *found.plan.problems))
        if expect is not None and found.plan.digest != expect:
            raise ExpectationFailed(
                f"the plan is now {found.plan.digest}, not the approved {expect}; nothing was applied. "
                "Look at `counterfoil plan` again"
            )
        if self._refusal(work, found, force) is None:
            self._apply(work, found, force, approved=expect is not None)
        work.tally.recovered += recovered
        return self._report(run, found, work, len(self._inquiry.in_doubt(open_)))

    def _work(self, lease: Lease, trackers: Mapping[str, Tracker], because: Because) -> Work:
        tools = (self.clock, self.sleep, self.crash, self.progress, self.at_once, self.keeping, self.recorded)
        return Work(self.store, lease, trackers, self.rules, because, *tools)

    def _refusal(self, work: Work, found: Findings, force: str | None) -> Brake | None:
        """The brake that refuses the plan; none if a person gave a reason to go past it, which is recorded."""
        refused = found.plan.refused
        if refused is not None and force is not None:
            because = replace(work.because, reason=force)
            work.commit("force", Effects(notes=[Note("brake.overridden", refused.name, because, after=refused.detail)]))
            found.plan = replace(found.plan, refused=None)
        return found.plan.refused

    def _apply(self, work: Work, found: Findings, force: str | None, *, approved: bool) -> None:
        self.store.check_integrity(again=found.audited)
        self._carry_out(work, found)
        if work.stale and not approved:
            self._again(work, found, force)
        if feeds := [self._feed(reading.feed, work) for reading in found.readings.values()]:
            work.commit("feed", Effects(feeds=feeds, notes=list(self._read(work, found))))

    def _read(self, work: Work, found: Findings) -> Iterator[Note]:
        """What trackers were asked, where the run recorded anything, or looked which tickets are there."""
        for name, reading in found.readings.items():
            if work.newest or reading.told.is_whole:
                yield reading.note(work.trackers[name], self.store.link_count(name), work.because)

    def _carry_out(self, work: Work, found: Findings) -> None:
        self._refuse_unrecorded(found.plan.steps)
        apply = Apply(work)
        apply.fall_due(found.fallen)
        steps = apply.end(found.endings, found.plan.steps)
        for reading in found.readings.values():
            apply.refresh(list(reading.touched.values()), sorted({*reading.lost, *reading.unread}))
            apply.unknown([h for h in found.unknown if h.tracker == reading.feed.tracker], reading.over)
        apply.run(steps)

    def _refuse_unrecorded(self, steps: Iterable[Step]) -> None:
        """Raise `Tampered` where something that is to be carried to a ticket, or from it, is in no record."""
        for each in self.store.apart_of(dict.fromkeys(step.item.ref for step in steps if step.operations)):
            raise Tampered(
                f"{each.words}: it was changed past the program, so nothing was carried to or from its ticket; "
                "put it back as its records tell. `counterfoil audit verify` lists whatever else differs"
            )

    def _again(self, work: Work, found: Findings, force: str | None) -> None:
        """Plan once more for the items whose ticket moved while we wrote; what moves again waits for the next run."""
        trackers = {name: tracker for name, tracker in work.trackers.items() if name not in work.stopped}
        again = self._inquiry.again(work.because.run, trackers, work.stale)
        found.failed |= again.failed
        work.refused += told(again.failed)
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

    def _report(self, run: str, found: Findings, work: Work, doubt: int) -> Report:
        errors = [*found.failed.values(), *work.stopped.values()]
        moved = (f"{ref}: its ticket moved while it was written to; the next sync compares it" for ref in work.stale)
        unread = sum(len(reading.unread) for reading in found.readings.values())
        work.tally.deferred += doubt + len(found.failed) + len(work.stale) + unread
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
