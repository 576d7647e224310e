"""New tickets: as many to a request as the tracker takes, each journalled before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from connectors.base import Tracker
from connectors.errors import (
    Ambiguous,
    Denied,
    Rejected,
    TrackerError,
)
from mapping.read import observe
from mapping.render import desired
from state.effects import Because, Effects, Intent
from state.model import Agreed, Field, Hold, HoldKind, Link, OperationKind, Outcome, Status
from state.ticket import Created, Draft, NotCreated, Ticket
from sync.plan import Step
from sync.recover import CLOCK_SLACK, baseline_payload
from sync.work import DONE, Work


@dataclass(frozen=True, slots=True)
class Creating:
    """Creates the tickets of steps that have a draft."""

    work: Work
    unassigned: set[str] = field(default_factory=set)

    def batches(self, creates: Sequence[Step]) -> list[Sequence[Step]]:
        """The steps in the order they came, cut to what one request of their tracker may carry."""
        found: list[Sequence[Step]] = []
        for name, tracker in self.work.trackers.items():
            mine = [s for s in creates if s.tracker == name]
            size = tracker.caps.bulk_create
            found += [mine[start : start + size] for start in range(0, len(mine), size)]
        return found

    def create(self, batch: Sequence[Step]) -> None:
        """Create one request's worth of tickets and record what is known of each."""
        name = batch[0].tracker
        tracker = self.work.trackers[name]
        try:
            if name in self.work.stopped:
                raise self.work.stopped[name]
            self.work.pace.keep(tracker)
        except TrackerError as error:
            self.work.tally.deferred += len(batch)
            self.work.stopped.setdefault(name, error)
            return
        intents = {s.draft.marker.key: self._create_intent(s) for s in batch if s.draft is not None}
        self.work.crash("create.begin")
        self.work.commit(Effects(begun=list(intents.values())))
        self.work.crash("create.before")
        results: list[Created | NotCreated] = []
        failure: TrackerError | None = None
        try:
            resent = Effects(resent=[i.id for i in intents.values()])
            send, again = partial(self._send, tracker, batch, results), partial(self.work.commit, resent)
            self.work.pace.patiently(send, again)
        except TrackerError as error:
            failure = error
        self.work.crash("create.after")
        self._created(batch, intents, results)
        if failure is not None:
            self._not_created(batch, intents, results, failure)
        else:
            self.work.went_well(name)

    def _create_intent(self, step: Step) -> Intent:
        key = step.draft.marker.key if step.draft else ""
        payload = {
            "baseline": baseline_payload(step.pushed),
            "revision": step.item.revision if step.item.status is Status.OPEN else 0,
            "generation": self.work.store.generation(step.item.ref, step.tracker),
        }
        return self.work.intent(OperationKind.CREATE, step.item.ref, step.tracker, key, payload)

    def _send(self, tracker: Tracker, batch: Sequence[Step], results: list[Created | NotCreated]) -> None:
        """Send what has no result yet; what came before an error is kept. Nobody is left out for their assignee."""
        known = {r.marker.key for r in results}
        drafts = {s.draft.marker.key: s.draft for s in batch if s.draft is not None}
        left = [draft for key, draft in drafts.items() if key not in known]
        while left:
            again: list[Draft] = []
            for result in tracker.create(left):
                draft = drafts[result.marker.key]
                if isinstance(result, NotCreated) and result.unassignable and draft.assignee is not None:
                    self.work.warn(f"{draft.marker.item}: {draft.assignee} cannot be assigned in {tracker.name}")
                    drafts[result.marker.key] = replace(draft, assignee=None)
                    self.unassigned.add(result.marker.key)
                    again.append(drafts[result.marker.key])
                else:
                    results.append(result)
            left = again

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
                    links.append((self._link(step, intent, result), self.work.because))
                    finished[intent.id] = DONE
                    released |= {i: replace(self.work.because, reason=why) for i, why in step.released.items()}
                case NotCreated(reason=reason):
                    held.append((_no_ticket(step, reason), self.work.because))
                    finished[intent.id] = Outcome("refused", reason)
        self.work.crash("create.record")
        self.work.commit(Effects(finished=finished, linked=links, held=held, released=released))
        self.work.crash("create.recorded")
        self.work.tally.created += len(links)
        self.work.tally.held += len(held)
        self.work.tally.failed += len(held)

    def _link(self, step: Step, intent: Intent, result: Created) -> Link:
        ticket = result.ticket
        revision, comments, baseline = "", 0, step.pushed
        if result.marker.key in self.unassigned:
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
            generation=int(str(intent.payload["generation"])),
            comments=comments,
            seen_at=result.at if ticket is not None else result.at - CLOCK_SLACK,
        )

    def _must_be_marked(self, step: Step, ticket: Ticket) -> None:
        """Stop a tracker that drops the label by which the feed finds our tickets: what happens to them is not seen."""
        mark = self.work.rules.trackers[step.tracker].mark
        if mark not in ticket.labels:
            error = Denied(
                f"{ticket.ref.key} did not get the label {mark}; give the account the right to label tickets"
            )
            self.work.note_failure(step.tracker, error)

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
                self.work.tally.deferred += len(left)
            case Rejected():
                held = [(_no_ticket(s, str(error)), self.work.because) for s in left]
                self.work.commit(Effects(finished={i.id: Outcome("refused", str(error)) for i in open_}, held=held))
                self.work.tally.held += len(held)
                self.work.tally.failed += len(held)
            case _:
                self.work.commit(Effects(finished={i.id: Outcome("deferred", str(error)) for i in open_}))
                self.work.tally.deferred += len(left)
        self.work.note_failure(batch[0].tracker, error)


def _no_ticket(step: Step, reason: str) -> Hold:
    """The hold for a draft the tracker refused; it stands until the item or the mapping changes."""
    version = next(o.assumes for o in step.operations if o.kind is OperationKind.CREATE)
    return Hold(HoldKind.REJECTED, step.item.ref, step.tracker, reason, ours=version)
