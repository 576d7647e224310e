"""The writing half of a run: each intention is written down before it is acted on, each outcome after."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from connectors.errors import (
    Ambiguous,
    Denied,
    NotFound,
    NoWay,
    RateLimited,
    Rejected,
    Stale,
    TrackerError,
    Unavailable,
)
from mapping.read import observe
from mapping.render import desired
from mapping.rules import Rules
from mapping.speech import spoken
from state.effects import Because, Effects, Intent, Lease, Note
from state.model import (
    Agreed,
    Comment,
    Created,
    Field,
    Hold,
    HoldKind,
    Link,
    NotCreated,
    OperationKind,
    Outcome,
    Status,
    Ticket,
    TicketRef,
)
from state.store import Store
from sync.gather import refreshed
from sync.pace import Pace
from sync.plan import Step
from sync.recover import baseline_payload

_DONE = Outcome("done")
LEASE_SECONDS = 600
"""How long a run holds the lease without renewing it."""

_IN_A_ROW = 3
_BATCH = 500


@dataclass(slots=True)
class Tally:
    """What a run has done, counted by item."""

    created: int = 0
    updated: int = 0
    pulled: int = 0
    commented: int = 0
    held: int = 0
    deferred: int = 0
    failed: int = 0


@dataclass(slots=True)
class Apply:
    """One run's writing, item by item.

    A tracker in `stopped` takes no more writes in this run, for the reason given there. `written` and `unseen` say
    when (the tracker's time) our writes happened, or on which tickets where the answer did not tell.
    """

    store: Store
    lease: Lease
    trackers: Mapping[str, Tracker]
    rules: Rules
    because: Because
    clock: Callable[[], datetime]
    pace: Pace
    crash: Callable[[str], None]
    progress: Callable[[str, int, int], None]
    tally: Tally = field(default_factory=Tally)
    stopped: dict[str, TrackerError] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    written: dict[str, list[datetime]] = field(default_factory=dict)
    unseen: dict[str, list[TicketRef]] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def refresh(self, touched: Sequence[Link], lost: Sequence[str]) -> None:
        """Store what links now know of their tickets, where nothing else is to be done."""
        for start in range(0, len(touched), _BATCH):
            self._commit(Effects(touched=touched[start : start + _BATCH]))
        if lost:
            self._commit(Effects(dirty=lost))

    def run(self, steps: Sequence[Step]) -> None:
        """Apply the steps in their order, new tickets last and in as few requests as the tracker allows."""
        total = len(steps)
        old = [s for s in steps if s.draft is None]
        for number, step in enumerate(old, 1):
            self._step(step)
            self.progress("apply", number, total)
        done = len(old)
        for batch in self._batches([s for s in steps if s.draft is not None]):
            self._create(batch)
            done += len(batch)
            self.progress("apply", done, total)

    def _commit(self, effects: Effects) -> Sequence[Comment]:
        if self.lease.expires_at - self.clock() < timedelta(seconds=LEASE_SECONDS / 2):
            self.lease = self.store.renew_lease(self.lease, LEASE_SECONDS)
        return self.store.commit(self.lease, effects).comments

    def _step(self, step: Step) -> None:
        """One item: take in what the ticket says, then push, then speak; a failure stops this item only."""
        halted = step.tracker in self.stopped
        intent = self._intent(step) if step.patch is not None and not halted else None
        link, said = self._take(step, intent)
        writes = step.patch is not None or bool(said) or bool(step.waiting)
        if link is None or not writes:
            return
        if halted:
            self.tally.deferred += 1
            return
        try:
            if intent is not None:
                link = self._push(step, link, intent)
            for comment in (*step.waiting, *said):
                link = self._speak(step, link, comment)
        except TrackerError as error:
            self._failed(step, link, error)
        else:
            self._failures.pop(step.tracker, None)

    def _take(self, step: Step, intent: Intent | None) -> tuple[Link | None, tuple[Comment, ...]]:
        """Everything about the item that needs no network, in one transaction with the intent of its push."""
        link = step.link
        writes = step.patch is not None or step.say or step.waiting
        if link is not None and step.ticket is not None:
            link = replace(refreshed(link, step.ticket, step.item.revision), baseline=step.pulled)
        elif link is not None:
            link = replace(link, item_revision=step.item.revision)
        now = self.clock()
        say = [Comment("", step.item.ref, "counterfoil", t, now, inbound=False, tracker=step.tracker) for t in step.say]
        self.crash("pull.before")
        stored = self._commit(
            Effects(
                begun=[intent] if intent else (),
                changes=step.changes,
                touched=[link] if link else (),
                held=[(h, self.because) for h in step.held],
                released={i: replace(self.because, reason=why) for i, why in step.released.items()},
                comments=[*step.heard, *((c, self.because) for c in say)],
                dirty=[step.item.ref] if writes else (),
            )
        )
        self.crash("pull.after")
        self.tally.pulled += bool(step.changes or step.heard)
        self.tally.held += len(step.held)
        return link, tuple(c for c in stored if not c.inbound)

    def _intent(self, step: Step) -> Intent:
        fields = sorted(m.field.value for o in step.operations if o.kind is OperationKind.UPDATE for m in o.fields)
        key = f"{step.item.ref}/{step.item.revision}"
        return self._begin(OperationKind.UPDATE, step.item.ref, step.tracker, key, {"fields": fields})

    def _begin(self, kind: OperationKind, item: str, tracker: str, key: str, payload: Mapping[str, object]) -> Intent:
        name = hashlib.sha256(f"{self.because.run}/{kind}/{tracker}/{item}/{key}".encode()).hexdigest()[:26]
        return Intent(name, self.because.run, kind, item, tracker, key, payload, self.clock())

    def _push(self, step: Step, link: Link, intent: Intent) -> Link:
        patch = step.patch
        if patch is None:
            return link
        tracker = self.trackers[step.tracker]
        self.crash("update.before")
        try:
            ticket = self.pace.patiently(lambda: tracker.update(link.ref, patch, seen=link.ticket_revision))
        except Ambiguous:
            raise
        except TrackerError as error:
            self._commit(Effects(finished={intent.id: Outcome("refused", str(error))}))
            raise
        self.crash("update.after")
        return self._pushed(step, link, intent, ticket)

    def _pushed(self, step: Step, link: Link, intent: Intent, ticket: Ticket) -> Link:
        """Agree on what the ticket shows after the push; anything else that moved meanwhile is looked at again."""
        wanted = desired(step.item, self.rules, step.tracker, link.marker)
        there = observe(ticket, self.rules, step.tracker, baseline=step.pushed, desired=wanted).values
        moves = [m for o in step.operations if o.kind is OperationKind.UPDATE for m in o.fields]
        ours = {m.field for m in moves}
        agreed = {f: Agreed(a.ours, there.get(f, a.theirs)) if f in ours else a for f, a in step.pushed.items()}
        strange = any(there[f] != a.theirs for f, a in step.pulled.items() if f in there and f not in ours)
        strange |= ticket.comments not in (None, link.comments)
        link = replace(
            link,
            ref=ticket.ref,
            url=ticket.url,
            baseline=agreed,
            ticket_revision="" if strange else ticket.revision,
            seen_at=link.seen_at if strange else ticket.updated,
        )
        notes = [Note("ticket.changed", step.item.ref, self.because, m.field, m.before, m.after) for m in moves]
        again = strange or bool(step.say) or bool(step.waiting)
        self.crash("update.record")
        self._commit(
            Effects(finished={intent.id: _DONE}, touched=[link], notes=notes, dirty=[step.item.ref] if again else ())
        )
        self.crash("update.recorded")
        self.written.setdefault(step.tracker, []).append(ticket.updated)
        self.tally.updated += 1
        return link

    def _speak(self, step: Step, link: Link, comment: Comment) -> Link:
        """Send one comment under its own key, by which a lost answer can be found."""
        tracker = self.trackers[step.tracker]
        key = hashlib.sha256(f"{self.store.installation}/{comment.id}".encode()).hexdigest()[:26]
        self.pace.keep(tracker)
        intent = self._begin(OperationKind.COMMENT, step.item.ref, step.tracker, key, {"comment": comment.id})
        self.crash("comment.begin")
        self._commit(Effects(begun=[intent]))
        self.crash("comment.before")
        text = spoken(comment, tracker.caps.comment_limit)
        try:
            remote = self.pace.patiently(lambda: tracker.comment(link.ref, text, marker=key))
        except Ambiguous:
            raise
        except TrackerError as error:
            self._commit(Effects(finished={intent.id: Outcome("refused", str(error))}))
            raise
        self.crash("comment.after")
        link = replace(link, comments=link.comments + 1, ticket_revision="")
        sent = replace(comment, tracker=step.tracker, remote_id=remote)
        effects = Effects(finished={intent.id: _DONE}, touched=[link], comments=[(sent, self.because)])
        self.crash("comment.record")
        self._commit(effects)
        self.crash("comment.recorded")
        self.tally.commented += 1
        return link

    def _failed(self, step: Step, link: Link, error: TrackerError) -> None:
        """What a failure on one linked item leaves behind: a hold, a note to look again, or an open intent."""
        match error:
            case Rejected():
                self._commit(Effects(held=[(h, self.because) for h in _refusals(step, error)], touched=[link]))
                self.tally.held += 1
                self.tally.failed += 1
            case NotFound():
                gone = replace(link, missing_since=link.missing_since or self.clock(), item_revision=0)
                self._commit(Effects(touched=[gone], dirty=[step.item.ref]))
                self.tally.deferred += 1
            case _:
                self.tally.deferred += 1
        self._note_failure(step.tracker, error)

    def _note_failure(self, tracker: str, error: TrackerError) -> None:
        """Stop a tracker that denies us, asks for a long pause, or does not answer several times in a row."""
        if isinstance(error, Denied | RateLimited):
            self.stopped[tracker] = error
        elif isinstance(error, Unavailable | Ambiguous):
            self._failures[tracker] = self._failures.get(tracker, 0) + 1
            if self._failures[tracker] >= _IN_A_ROW:
                self.stopped[tracker] = error
        elif not isinstance(error, Rejected | NotFound | Stale):
            raise error
        self.refused.append(f"{tracker}: {error}")

    def _batches(self, creates: Sequence[Step]) -> list[Sequence[Step]]:
        found: list[Sequence[Step]] = []
        for name, tracker in self.trackers.items():
            mine = [s for s in creates if s.tracker == name]
            size = tracker.caps.bulk_create
            found += [mine[start : start + size] for start in range(0, len(mine), size)]
        return found

    def _create(self, batch: Sequence[Step]) -> None:
        """Create one request's worth of tickets and record what is known of each."""
        name = batch[0].tracker
        tracker = self.trackers[name]
        try:
            if name in self.stopped:
                raise self.stopped[name]
            self.pace.keep(tracker)
        except TrackerError as error:
            self.tally.deferred += len(batch)
            self.stopped.setdefault(name, error)
            return
        intents = {s.draft.marker.key: self._create_intent(s) for s in batch if s.draft is not None}
        self.crash("create.begin")
        self._commit(Effects(begun=list(intents.values())))
        self.crash("create.before")
        results: list[Created | NotCreated] = []
        failure: TrackerError | None = None
        try:
            self.pace.patiently(lambda: self._send(tracker, batch, results))
        except TrackerError as error:
            failure = error
        self.crash("create.after")
        self._created(batch, intents, results)
        if failure is not None:
            self._not_created(batch, intents, results, failure)
        else:
            self._failures.pop(name, None)

    def _create_intent(self, step: Step) -> Intent:
        key = step.draft.marker.key if step.draft else ""
        payload = {
            "baseline": baseline_payload(step.pushed),
            "revision": step.item.revision if step.item.status is Status.OPEN else 0,
            "generation": self.store.generation(step.item.ref, step.tracker),
        }
        return self._begin(OperationKind.CREATE, step.item.ref, step.tracker, key, payload)

    def _send(self, tracker: Tracker, batch: Sequence[Step], results: list[Created | NotCreated]) -> None:
        known = {r.marker.key for r in results}
        drafts = [s.draft for s in batch if s.draft is not None and s.draft.marker.key not in known]
        for result in tracker.create(drafts):
            results.append(result)  # noqa: PERF402 - what came before an error must be kept

    def _created(
        self, batch: Sequence[Step], intents: Mapping[str, Intent], results: Sequence[Created | NotCreated]
    ) -> None:
        steps = {s.draft.marker.key: s for s in batch if s.draft is not None}
        links, finished, held = [], {}, []
        released: dict[str, Because] = {}
        for result in results:
            step, intent = steps[result.marker.key], intents[result.marker.key]
            match result:
                case Created():
                    links.append((self._link(step, intent, result), self.because))
                    finished[intent.id] = _DONE
                    released |= {i: replace(self.because, reason=why) for i, why in step.released.items()}
                case NotCreated(reason=reason):
                    held.append((_no_ticket(step, reason), self.because))
                    finished[intent.id] = Outcome("refused", reason)
        self.crash("create.record")
        self._commit(Effects(finished=finished, linked=links, held=held, released=released))
        self.crash("create.recorded")
        self.tally.created += len(links)
        self.tally.held += len(held)
        self.tally.failed += len(held)

    def _link(self, step: Step, intent: Intent, result: Created) -> Link:
        ticket = result.ticket
        revision, comments, baseline = "", 0, step.pushed
        if ticket is not None:
            wanted = desired(step.item, self.rules, step.tracker, result.marker)
            there = observe(ticket, self.rules, step.tracker, baseline=step.pushed, desired=wanted).values
            baseline = {f: Agreed(a.ours, there.get(f, a.theirs)) for f, a in step.pushed.items()}
            revision, comments = ticket.revision, ticket.comments or 0
            self.written.setdefault(step.tracker, []).append(ticket.updated)
        else:
            self.unseen.setdefault(step.tracker, []).append(result.ref)
        return Link(
            item=step.item.ref,
            ref=result.ref,
            url=result.url,
            marker=result.marker,
            baseline=baseline,
            item_revision=step.item.revision if step.item.status is Status.OPEN else 0,
            ticket_revision=revision,
            linked_at=result.at,
            linked_by=self.because.run,
            generation=int(str(intent.payload["generation"])),
            comments=comments,
            seen_at=result.at,
        )

    def _not_created(
        self,
        batch: Sequence[Step],
        intents: Mapping[str, Intent],
        results: Sequence[Created | NotCreated],
        error: TrackerError,
    ) -> None:
        """The drafts that have no result: refused, put off, or in doubt and left open."""
        known = {r.marker.key for r in results}
        left = [s for s in batch if s.draft is not None and s.draft.marker.key not in known]
        open_ = [intents[s.draft.marker.key] for s in left if s.draft is not None]
        match error:
            case Ambiguous():
                self.tally.deferred += len(left)
            case Rejected():
                held = [(_no_ticket(s, str(error)), self.because) for s in left]
                self._commit(Effects(finished={i.id: Outcome("refused", str(error)) for i in open_}, held=held))
                self.tally.held += len(held)
                self.tally.failed += len(held)
            case _:
                self._commit(Effects(finished={i.id: Outcome("deferred", str(error)) for i in open_}))
                self.tally.deferred += len(left)
        self._note_failure(batch[0].tracker, error)


def _no_ticket(step: Step, reason: str) -> Hold:
    """The hold for a draft the tracker refused; it stands until the item or the mapping changes."""
    version = next(o.assumes for o in step.operations if o.kind is OperationKind.CREATE)
    return Hold(HoldKind.REJECTED, step.item.ref, step.tracker, reason, ours=version)


def _refusals(step: Step, error: Rejected) -> list[Hold]:
    """The holds for the fields of a refused patch; each stands until that field moves on either side."""
    kind = HoldKind.NO_WAY if isinstance(error, NoWay) else HoldKind.REJECTED
    moves = [m for o in step.operations if o.kind is OperationKind.UPDATE for m in o.fields]
    if kind is HoldKind.NO_WAY:
        moves = [m for m in moves if m.field is Field.STATUS]
    if not moves:
        return [Hold(kind, step.item.ref, step.tracker, str(error))]
    return [Hold(kind, step.item.ref, step.tracker, str(error), m.field, m.after, m.before) for m in moves]
