"""The writing half of a run: each intention is written down before it is acted on, each outcome after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.base import Tracker
from connectors.errors import (
    Ambiguous,
    NotFound,
    NoWay,
    Rejected,
    Stale,
    TrackerError,
    Unassignable,
    Unavailable,
)
from mapping.read import observe
from mapping.render import desired
from state.effects import Because, Effects, Intent, Note
from state.errors import Moved
from state.model import Agreed, Baseline, Comment, Field, Hold, HoldKind, Link, OperationKind, Outcome
from state.proof import EvidenceDraft
from state.series import chunks
from state.ticket import KEEP, Patch, Ticket
from sync.creating import Creating
from sync.endings import Ending
from sync.gather import taken_in
from sync.plan import FieldMove, Step
from sync.recover import baseline_payload
from sync.speaking import Speaking
from sync.work import DONE, Work

_BATCH = 500
_TOGETHER = 100
_SEEN = (Field.ASSIGNEE, Field.LABELS)
"""What a tracker may leave out without a word; its answer then shows the ticket, and what is seen there is told of."""


@dataclass(frozen=True, slots=True)
class Apply:
    """One run's writing, item by item; `untold` were written to and are still to be read, by tracker."""

    work: Work
    untold: dict[str, list[tuple[Step, Link]]] = field(default_factory=dict)

    def end(self, endings: Sequence[Ending], steps: Sequence[Step]) -> Sequence[Step]:
        """Write down what became of acceptances; the steps then send the comments that were stored by that."""
        said: dict[Comment, Comment] = {}
        for each in endings:
            stored = self.work.commit("pull", each.effects(self.work.because))
            said[each.comment] = stored[0]
        return [replace(s, waiting=tuple(said.get(c, c) for c in s.waiting)) for s in steps] if said else steps

    def fall_due(self, items: Sequence[str]) -> None:
        """Keep that the due date of these items has passed, so that their tickets are told whatever happens now."""
        for some in chunks(items, _BATCH):
            self.work.commit("refresh", Effects(fallen=some))

    def refresh(self, touched: Sequence[Link], lost: Sequence[str]) -> None:
        """Store what links now know of their tickets, where nothing else is to be done."""
        for some in chunks(touched, _BATCH):
            self.work.commit("refresh", Effects(touched=some))
        if lost:
            self.work.commit("refresh", Effects(dirty=lost))

    def unknown(self, held: Sequence[Hold], over: Mapping[str, str]) -> None:
        """Hold tickets that wait for their items, and release those holds that have nothing to wait for."""
        if held or over:
            because, released = self.work.because, self.work.ended(over.items())
            self.work.commit("refresh", Effects(held=[(h, because) for h in held], released=released))
            self.work.tally.held += sum(not h.id for h in held)

    def take(self, steps: Sequence[Step]) -> None:
        """Make tickets that were found their items' again; the next run compares them."""
        for some in chunks(steps, _BATCH):
            because = replace(self.work.because, reason="found by its marker, the database being older than the ticket")
            links = [(s.link, because) for s in some if s.link is not None]
            released = self.work.ended(over for s in some for over in s.released.items())
            dirty = [s.item.ref for s in some]
            self.work.commit("refresh", Effects(linked=links, released=released, dirty=dirty))
            self.work.tally.recovered += len(some)

    def run(self, steps: Sequence[Step]) -> None:
        """Apply the steps in their order, new tickets last and in as few requests as the tracker allows."""
        total = len(steps)
        found = [s for s in steps if _is_found(s)]
        self.take(found)
        notes = [s for s in steps if s.link is None and s.draft is None]
        self._note(notes)
        done = len(notes) + len(found)
        for step in steps:
            if step.link is not None and not _is_found(step):
                self._step(step, step.link)
                self._read_back(step.tracker, _TOGETHER)
                done += 1
                self.work.progress("apply", done, total)
        for name in list(self.untold):
            self._read_back(name, 1)

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self.work.progress("apply", done, total)

        Creating(self.work).create([s for s in steps if s.draft is not None], tell)

    def _note(self, steps: Sequence[Step]) -> None:
        """Write down holds that are opened and over, where nothing else is to be done."""
        because = self.work.because
        for some in chunks(steps, _BATCH):
            self.work.commit(
                "pull",
                Effects(
                    held=[(h, because) for s in some for h in s.held],
                    released=self.work.ended(over for s in some for over in s.released.items()),
                    clean=[(s.item.ref, s.item.revision) for s in some if not s.tracker],
                ),
            )
            self.work.tally.held += sum(o.kind is OperationKind.HOLD for s in some for o in s.operations)

    def _step(self, step: Step, link: Link) -> None:
        """One item: take in what the ticket says, then push, then speak; a failure stops this item only."""
        halted = step.tracker in self.work.stopped
        intent = self._intent(step) if step.patch is not None and not halted else None
        try:
            link, said = self._take(step, link, intent, self._evidence(step, link, halted=halted))
        except Moved:
            self._put_off(step)
            return
        except TrackerError as error:
            self._put_off(step)
            self.work.note_failure(step.tracker, error)
            return
        writes = step.patch is not None or bool(said) or bool(step.waiting)
        if not writes:
            return
        if halted:
            self.work.tally.deferred += 1
            return
        try:
            if intent is not None:
                link = self._push(step, link, intent)
            Speaking(self.work).say(link, (*step.waiting, *said))
        except TrackerError as error:
            self._failed(step, link, error)
        else:
            self.work.went_well(step.tracker)

    def _put_off(self, step: Step) -> None:
        """Leave the whole item to the next run."""
        self.work.tally.deferred += 1
        self.work.commit("failure", Effects(dirty=[step.item.ref]))

    def _evidence(self, step: Step, link: Link, *, halted: bool) -> Sequence[tuple[EvidenceDraft, Because]]:
        """What the ticket gives as evidence, its bytes read; nothing is read from a tracker that takes no more."""
        if not step.captured:
            return ()
        if halted and any(each.attachment for each in step.captured):
            raise Unavailable(f"{link.ref.key}: its attachments are read in a later run")
        work = self.work
        return work.keeping.kept(step.captured, work.trackers[step.tracker], link.ref, work.clock(), work.warn)

    def _take(
        self, step: Step, link: Link, intent: Intent | None, evidence: Sequence[tuple[EvidenceDraft, Because]]
    ) -> tuple[Link, tuple[Comment, ...]]:
        """Everything about the item that needs no network, in one transaction with the intent of its push."""
        writes = step.patch is not None or step.speaks
        if step.ticket is not None:
            link = taken_in(link, step.ticket, step)
        else:
            link = replace(link, item_revision=step.item.revision)
        now = self.work.clock()
        say = [Comment("", step.item.ref, "counterfoil", t, now, inbound=False, tracker=step.tracker) for t in step.say]
        stored = self.work.commit(
            "pull",
            Effects(
                begun=[intent] if intent else (),
                changes=step.changes,
                touched=[link],
                held=[(h, self.work.because) for h in step.held],
                released=self.work.ended(step.released.items()),
                notes=step.edits,
                comments=[*step.heard, *((c, self.work.because) for c in (*step.said, *say, *step.standing))],
                revised=step.revised,
                evidence=evidence,
                dirty=[step.item.ref] if writes else (),
                requests=step.asked.requests,
                acceptances=step.asked.moved,
                later=step.asked.later,
            ),
        )
        self.work.tally.pulled += bool(step.changes or step.heard or step.revised or step.captured)
        self.work.tally.held += len(step.held)
        return link, tuple(c for c in stored if c.due)

    def _intent(self, step: Step) -> Intent:
        moves = _moves(step)
        payload = {
            "baseline": baseline_payload({m.field: step.pushed[m.field] for m in moves}),
            "before": {m.field.value: m.before for m in moves},
            "ticket": step.link.ref.id if step.link else "",
        }
        return self.work.intent(OperationKind.UPDATE, step.item.ref, step.tracker, "", payload)

    def _push(self, step: Step, link: Link, intent: Intent) -> Link:
        patch = step.patch
        if patch is None:
            return link
        tracker = self.work.trackers[step.tracker]
        try:
            with self.work.sending(intent):
                sent, ticket = self._update(tracker, step, link, patch)
        except TrackerError as error:
            if not isinstance(error, Ambiguous) and not error.partly:
                self.work.commit("failure", Effects(finished={intent.id: Outcome("refused", str(error))}))
            raise
        step = step if sent.assignee is patch.assignee else _unassigned(step)
        return self._pushed(step, link, intent, ticket)

    def _update(self, tracker: Tracker, step: Step, link: Link, patch: Patch) -> tuple[Patch, Ticket | None]:
        """Write the patch, and without its assignee if the tracker refuses that person; what was written in the end."""
        seen = link.ticket_revision
        try:
            return patch, self.work.patiently(lambda: tracker.update(link.ref, patch, seen=seen))
        except Unassignable as error:
            self.work.warn(f"{link.item}: {step.item.owner} cannot be assigned to {link.ref.key}: {error}")
            rest = replace(patch, assignee=KEEP)
            try:
                return rest, self.work.patiently(lambda: tracker.update(link.ref, rest, seen=seen))
            except TrackerError as second:
                second.partly |= error.partly
                raise

    def _pushed(self, step: Step, link: Link, intent: Intent, ticket: Ticket | None) -> Link:
        """Agree on what was pushed, or on what the ticket shows of it, if that was told."""
        link, strange = replace(link, baseline=step.pushed, ticket_revision=""), True
        if ticket is not None:
            link, strange = self._shown(step, link, ticket)
            self.work.written.setdefault(step.tracker, []).append(ticket.updated)
        elif not step.speaks:
            self.untold.setdefault(step.tracker, []).append((step, link))
        moves = _moves(step)
        taken = {f: agreed.theirs for f, agreed in link.baseline.items()}
        done = [m for m in moves if m.field not in _SEEN or taken.get(m.field) == m.after]
        if Field.LABELS in {m.field for m in moves} - {m.field for m in done}:
            self.work.warn(f"{link.item}: {link.ref.key} did not take the labels it should have")
        notes = [Note("ticket.changed", step.item.ref, self.work.because, m.field, m.before, m.after) for m in done]
        again = strange or step.speaks
        self.work.commit(
            "updated",
            Effects(
                finished={intent.id: DONE},
                touched=[link],
                notes=notes,
                released=self.work.ended(step.answered.items()),
                dirty=[step.item.ref] if again else (),
            ),
        )
        self.work.tally.updated += 1
        return link

    def _shown(self, step: Step, link: Link, ticket: Ticket) -> tuple[Link, bool]:
        """The link once the ticket was seen after the push, and whether anything else moved meanwhile."""
        wanted = desired(step.item, self.work.rules, step.tracker, link.marker)
        there = observe(ticket, self.work.rules, step.tracker, baseline=step.pushed, desired=wanted).values
        ours = {m.field for m in _moves(step)}
        agreed = {f: Agreed(a.ours, there.get(f, a.theirs)) if f in ours else a for f, a in step.pushed.items()}
        strange = any(there[f] != a.theirs for f, a in step.pushed.items() if f in there and f not in ours)
        strange |= ticket.comments is None or ticket.comments != link.comments
        revision = "" if strange else ticket.revision
        seen_at = link.seen_at if strange or step.is_torn else ticket.updated
        link = replace(link, ref=ticket.ref, url=ticket.url, baseline=agreed, ticket_revision=revision, seen_at=seen_at)
        return link, strange

    def _read_back(self, name: str, count: int) -> None:
        """See what tickets show that were written to untold, if so many are; what is not seen is for the next run."""
        untold = self.untold.get(name, [])
        if len(untold) < count or name in self.work.stopped:
            return
        self.untold[name] = []
        try:
            seen = list(self._seen(self.work.trackers[name], {link.ref.id: (step, link) for step, link in untold}))
        except TrackerError as error:
            self.work.note_failure(name, error)
            return
        strange = [link.item for link in seen if not link.ticket_revision]
        self.work.commit("refresh", Effects(touched=seen, dirty=strange))

    def _seen(self, tracker: Tracker, untold: Mapping[str, tuple[Step, Link]]) -> Iterator[Link]:
        """The links of those tickets that show our write, and of our fields nothing that others wrote since."""
        before = {i: step.ticket.revision for i, (step, _) in untold.items() if step.ticket is not None}
        for ticket in list(tracker.fetch([link.ref for _, link in untold.values()], known=before)):
            if not isinstance(ticket, Ticket):
                continue
            step, link = untold[ticket.ref.id]
            shown, _ = self._shown(step, link, ticket)
            newer = ticket.revision > before.get(ticket.ref.id, "")
            if shown.baseline == step.pushed or (newer and not self._touched(tracker, step, ticket)):
                self.work.written.setdefault(step.tracker, []).append(ticket.updated)
                yield shown

    def _touched(self, tracker: Tracker, step: Step, ticket: Ticket) -> bool:
        """Whether anybody else did something to the ticket since the step was planned."""
        since = step.ticket.updated if step.ticket is not None else ticket.created
        return any(not act.by.ours and act.at > since for act in tracker.activity(ticket.ref, since))

    def _failed(self, step: Step, link: Link, error: TrackerError) -> None:
        """What a failure on one linked item leaves behind: a hold, a note to look again, or an open intent."""
        match error:
            case Rejected():
                self._refused(step, link, error)
            case NotFound():
                gone = replace(link, missing_since=link.missing_since or self.work.clock(), item_revision=0)
                self.work.commit("failure", Effects(touched=[gone], dirty=[step.item.ref]))
                self.work.tally.deferred += 1
            case Stale():
                self.work.stale.add(step.item.ref)
                return
            case _:
                self.work.tally.deferred += 1
        self.work.note_failure(step.tracker, error)

    def _refused(self, step: Step, link: Link, error: Rejected) -> None:
        """Hold what was refused for a person; the rest of the patch is for the next run."""
        moves = _moves(step)
        left = self._unwritten(step, link) if error.partly and not isinstance(error, NoWay) else moves
        held = _refusals(step, left, error) if left or not moves else []
        dirty = [step.item.ref] if {m.field for m in moves} - {h.field for h in held} else []
        self.work.commit("failure", Effects(held=[(h, self.work.because) for h in held], touched=[link], dirty=dirty))
        self.work.tally.held += bool(held)
        self.work.tally.failed += 1

    def _unwritten(self, step: Step, link: Link) -> list[FieldMove]:
        """The changes that the ticket does not show after a part was written; all of them where it cannot be read."""
        moves = _moves(step)
        try:
            found = list(self.work.trackers[step.tracker].fetch([link.ref]))
        except TrackerError:
            return moves
        for ticket in found:
            if isinstance(ticket, Ticket):
                there = self._shown(step, link, ticket)[0].baseline
                moves = [m for m in moves if there[m.field].theirs != m.after]
        return moves


def _is_found(step: Step) -> bool:
    """Whether the step only links a ticket that was found; one that is adopted comes with what it shows."""
    return step.ticket is None and any(o.kind is OperationKind.LINK for o in step.operations)


def _moves(step: Step) -> list[FieldMove]:
    """The fields that the step's patch changes."""
    return [m for o in step.operations if o.kind is OperationKind.UPDATE for m in o.fields]


def _unassigned(step: Step) -> Step:
    """The step where the tracker refused the person: the assignee is not written, and both sides stay apart on it."""
    refused = {m.field: m for m in _moves(step) if m.field is Field.ASSIGNEE}
    apart: Baseline = {f: replace(step.pushed[f], theirs=m.before) for f, m in refused.items()}
    done = (replace(o, fields=tuple(m for m in o.fields if m not in refused.values())) for o in step.operations)
    return replace(step, operations=tuple(done), pushed={**step.pushed, **apart})


def _refusals(step: Step, moves: Sequence[FieldMove], error: Rejected) -> list[Hold]:
    """The holds for refused changes; each stands until its field moves on either side."""
    kind = HoldKind.NO_WAY if isinstance(error, NoWay) else HoldKind.REJECTED
    if kind is HoldKind.NO_WAY:
        moves = [m for m in moves if m.field is Field.STATUS]
    if not moves:
        return [Hold(kind, step.item.ref, step.tracker, str(error))]
    return [Hold(kind, step.item.ref, step.tracker, str(error), m.field, m.after, m.before) for m in moves]
