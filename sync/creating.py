"""New tickets: as many to a request as the tracker takes, each journalled before it is sent."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from connectors.base import Tracker
from connectors.errors import (
    Ambiguous,
    Denied,
    RateLimited,
    Rejected,
    TrackerError,
)
from mapping.read import observe
from mapping.render import desired
from mapping.rules import folded
from state.effects import Effects, Intent
from state.model import Agreed, Field, Hold, HoldKind, Link, OperationKind, Outcome, Status
from state.ticket import Created, Draft, NotCreated, Ticket
from sync.plan import Step
from sync.recover import CLOCK_SLACK, baseline_payload
from sync.work import DONE, TRIES, Work


@dataclass(slots=True)
class Batch:
    """One request's worth of new tickets, by the keys of their markers.

    `drafts` are those that have no result yet, `unassigned` those sent again without the person the tracker refused.
    """

    tracker: Tracker
    steps: Mapping[str, Step]
    drafts: dict[str, Draft]
    intents: Mapping[str, Intent] = field(default_factory=dict)
    results: list[Created | NotCreated] = field(default_factory=list)
    unassigned: set[str] = field(default_factory=set)
    failure: TrackerError | None = None
    tries: int = 0

    def send(self) -> "Batch":
        """Send what has no result yet; what came before a failure is kept. Nobody is left out for their assignee."""
        try:
            while self.drafts and self._sent():
                pass
        except TrackerError as error:
            self.failure = error
        return self

    def _sent(self) -> bool:
        """Send once; whether some are to be sent again without their assignee."""
        again = False
        for result in self.tracker.create(list(self.drafts.values())):
            key = result.marker.key
            if isinstance(result, NotCreated) and result.unassignable and self.drafts[key].assignee is not None:
                self.drafts[key] = replace(self.drafts[key], assignee=None)
                self.unassigned.add(key)
                again = True
            else:
                del self.drafts[key]
                self.results.append(result)
        return again


@dataclass(frozen=True, slots=True)
class Creating:
    """Creates the tickets of steps that have a draft."""

    work: Work

    def create(self, creates: Sequence[Step], tell: Callable[[int], None]) -> None:
        """Create the tickets in their order, tracker by tracker, and tell how many more are settled each time.

        As many requests are under way at once as the tracker takes, each of which keeps the lease; all else happens in
        the calling thread.
        """
        for name, tracker in self.work.trackers.items():
            left, again = deque(s for s in creates if s.tracker == name), deque[Batch]()
            while left or again:
                with closing(
                    self.work.at_once(self._requests(tracker, left, again, tell), tracker.caps.parallel)
                ) as answered:
                    for batch in answered:
                        if self._may_go_again(batch):
                            again.append(batch)
                        else:
                            self._settle(batch)
                            tell(len(batch.steps))

    def _requests(
        self, tracker: Tracker, left: deque[Step], again: deque[Batch], tell: Callable[[int], None]
    ) -> Iterator[Callable[[], Batch]]:
        """The requests, each written down before it is given out: what is to be sent again, then what is left."""
        while left or again:
            batch = again.popleft() if again else _next(tracker, left)
            if self._begin(batch):
                yield partial(self._send, batch)
            else:
                tell(len(batch.steps))

    def _send(self, batch: Batch) -> Batch:
        with self.work.sending(*batch.intents.values()):
            return batch.send()

    def _begin(self, batch: Batch) -> bool:
        """Write down what is about to be sent; `False` where the tracker takes no more in this run."""
        name = batch.tracker.name
        try:
            if name in self.work.stopped:
                raise self.work.stopped[name]
            self.work.keep_pace(batch.tracker, len(batch.drafts))
        except TrackerError as error:
            if name not in self.work.stopped:
                self.work.stopped[name] = error
                self.work.refused.append(f"{name}: {error}")
            self._put_off(batch, error)
            return False
        if not batch.tries:
            batch.intents = {key: self._create_intent(step) for key, step in batch.steps.items()}
            self.work.commit("creating", self._begun(batch))
        batch.tries += 1
        return True

    def _begun(self, batch: Batch) -> Effects:
        """The intents of a batch; with what was in the way of its tickets, since that is tried again now."""
        over = {i: why for step in batch.steps.values() for i, why in step.released.items()}
        released = self.work.ended(over.items())
        tried = [step.item.ref for step in batch.steps.values() if step.released]
        return Effects(begun=list(batch.intents.values()), released=released, dirty=tried)

    def _put_off(self, batch: Batch, error: TrackerError) -> None:
        """Leave a batch that is not sent, or not sent again, to a later run."""
        if batch.tries:
            batch.failure = error
            self._settle(batch)
        else:
            self.work.tally.deferred += len(batch.steps)

    def _may_go_again(self, batch: Batch) -> bool:
        """Whether the tracker takes the rest of the batch after a short pause, which has been kept then."""
        match batch.failure:
            case RateLimited(retry_at=at) if batch.tries <= TRIES and self.work.is_soon(at):
                self.work.wait(at)
                batch.failure = None
                return True
            case _:
                return False

    def _settle(self, batch: Batch) -> None:
        """Record what is known of each ticket of the batch."""
        self._created(batch)
        if batch.failure is not None:
            self._not_created(batch, batch.failure)
        else:
            self.work.went_well(batch.tracker.name)

    def _create_intent(self, step: Step) -> Intent:
        key = step.draft.marker.key if step.draft else ""
        payload = {
            "baseline": baseline_payload(step.pushed),
            "revision": step.item.revision if step.item.status is Status.OPEN else 0,
            "generation": step.generation,
        }
        return self.work.intent(OperationKind.CREATE, step.item.ref, step.tracker, key, payload)

    def _created(self, batch: Batch) -> None:
        links, finished, held = [], {}, []
        for result in batch.results:
            step, intent = batch.steps[result.marker.key], batch.intents[result.marker.key]
            match result:
                case Created():
                    links.append((self._link(step, result, batch.unassigned), self.work.because))
                    finished[intent.id] = DONE
                case NotCreated(reason=reason):
                    held.append((_no_ticket(step, reason), self.work.because))
                    finished[intent.id] = Outcome("refused", reason)
        self.work.commit("created", Effects(finished=finished, linked=links, held=held))
        self.work.tally.created += len(links)
        self.work.tally.held += len(held)
        self.work.tally.failed += len(held)

    def _link(self, step: Step, result: Created, unassigned: Collection[str]) -> Link:
        ticket = result.ticket
        revision, comments, baseline = "", 0, step.pushed
        if result.marker.key in unassigned:
            self.work.warn(f"{step.item.ref}: {step.item.owner} cannot be assigned in {step.tracker}")
            baseline = {**baseline, Field.ASSIGNEE: Agreed(baseline[Field.ASSIGNEE].ours, None)}
        if ticket is not None:
            wanted = desired(step.item, self.work.rules, step.tracker, result.marker)
            there = observe(ticket, self.work.rules, step.tracker, baseline=step.pushed, desired=wanted).values
            baseline = {f: Agreed(a.ours, there.get(f, a.theirs)) for f, a in step.pushed.items()}
            revision, comments = ticket.revision, ticket.comments or 0
            self._must_be_marked(step, ticket)
            self.work.written.setdefault(step.tracker, []).append(ticket.updated)
        else:
            self.work.unseen.setdefault(step.tracker, []).append(result.ref)
        return Link(
            item=step.item.ref,
            ref=result.ref,
            url=result.url,
            marker=result.marker,
            baseline=baseline,
            item_revision=step.item.revision if step.item.status is Status.OPEN else 0,
            ticket_revision=revision,
            linked_at=result.at,
            linked_by=self.work.because.run,
            generation=step.generation,
            comments=comments,
            seen_at=result.at if ticket is not None else result.at - CLOCK_SLACK,
        )

    def _must_be_marked(self, step: Step, ticket: Ticket) -> None:
        """Stop a tracker that drops the label by which the feed finds our tickets: what happens to them is not seen."""
        mark = self.work.rules.trackers[step.tracker].mark
        if folded(mark) not in map(folded, ticket.labels):
            error = Denied(
                f"{ticket.ref.key} did not get the label {mark}; give the account the right to label tickets"
            )
            self.work.note_failure(step.tracker, error)

    def _not_created(self, batch: Batch, error: TrackerError) -> None:
        """The drafts that have no result: refused, put off, or in doubt and left open."""
        left = [batch.steps[key] for key in batch.drafts]
        open_ = [batch.intents[key] for key in batch.drafts]
        match error:
            case Ambiguous():
                self.work.tally.deferred += len(left)
            case Rejected():
                held = [(_no_ticket(s, str(error)), self.work.because) for s in left]
                self.work.commit(
                    "failure", Effects(finished={i.id: Outcome("refused", str(error)) for i in open_}, held=held)
                )
                self.work.tally.held += len(held)
                self.work.tally.failed += len(held)
            case _:
                self.work.commit("failure", Effects(finished={i.id: Outcome("deferred", str(error)) for i in open_}))
                self.work.tally.deferred += len(left)
        self.work.note_failure(batch.tracker.name, error)


def _next(tracker: Tracker, left: deque[Step]) -> Batch:
    """The next of the steps, as many as one request of their tracker may carry by what is known of it now."""
    some = [left.popleft() for _ in range(min(tracker.caps.bulk_create, len(left)))]
    together = {s.draft.marker.key: s for s in some if s.draft is not None}
    return Batch(tracker, together, {key: s.draft for key, s in together.items() if s.draft is not None})


def _no_ticket(step: Step, reason: str) -> Hold:
    """The hold for a draft the tracker refused; it stands until the item or the mapping changes."""
    version = next(o.assumes for o in step.operations if o.kind is OperationKind.CREATE)
    return Hold(HoldKind.REJECTED, step.item.ref, step.tracker, reason, ours=version)
