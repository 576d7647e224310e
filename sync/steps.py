"""What one item and its ticket call for: a comparison turned into the operations that answer it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mapping.read import Observed, observe
from mapping.render import Desired, desired, draft, patch
from mapping.rules import Rules
from state.effects import Because, ItemChange
from state.model import (
    ActionItem,
    Agreed,
    Baseline,
    ClaimKind,
    Comment,
    Field,
    Hold,
    HoldKind,
    Link,
    OperationKind,
    Status,
)
from state.ticket import ActivityKind, Marker, Missing, Patch
from sync.asked import Asking
from sync.backing import TOPIC
from sync.diff import Change, Flow, compare
from sync.edits import edits
from sync.endings import end_words
from sync.plan import FieldMove, Operation, Step, opening, release
from sync.rulings import (
    Ruling,
    Sighting,
    authority_over,
    because_of,
    declined,
    pending,
    rule,
    shown,
    start_of,
    waits,
    who,
    with_claim,
)

_REFUSALS = frozenset({HoldKind.NO_WAY, HoldKind.REJECTED})
_REQUESTS = frozenset(
    {HoldKind.ACCEPTANCE_REQUESTED, HoldKind.UNMAPPED, HoldKind.DUPLICATE, HoldKind.DUE_CHANGE},
)
_OBSTACLES = frozenset({HoldKind.NO_ROUTE, HoldKind.REJECTED})


def answer(seen: Sighting, rules: Rules, run: str) -> Step:
    """The step for a linked item; one without operations only refreshes what the link knows of the ticket."""
    tracker = seen.link.ref.tracker
    before = desired(seen.item, rules, tracker, seen.link.marker)
    there = observe(seen.ticket, rules, tracker, baseline=seen.link.baseline, desired=before)
    said = rules.trackers[tracker].authority
    authority = authority_over(said, seen.item, there.values, seen.backing)
    moved = compare(seen.link.baseline, before.values, there.values, authority)
    asking = rules.trackers[tracker].asking([seen.ticket.state.name, *seen.ticket.labels])
    found = [r for change in moved if (r := rule(change, seen, authority, asking)) is not None]
    if not any(ruling.change.field is Field.STATUS and ruling.change.theirs_moved for ruling in found):
        sides = before.values.get(Field.STATUS), there.values.get(Field.STATUS)
        found = with_claim(found, (*pending(seen, *sides, run), *declined(seen, *sides)))
    rulings = tuple(found)
    changes = tuple(_item_changes(seen, rulings, run))
    item = _with(seen.item, changes)
    wanted = desired(item, rules, tracker, seen.link.marker)
    there = observe(seen.ticket, rules, tracker, baseline=seen.link.baseline, desired=wanted)
    agreed = {
        r.change.field: Agreed(wanted.values.get(r.change.field, r.change.base.ours), r.change.theirs)
        for r in rulings
        if r.agree
    }
    base = {**seen.link.baseline, **agreed, **{r.change.field: r.base for r in rulings if r.base is not None}}
    authority = authority_over(said, item, there.values, seen.backing)
    rest = compare(base, wanted.values, there.values, authority)
    return _Answer(seen, rules, run, item, wanted, there, base, rest, rulings, changes).step()


@dataclass(frozen=True, slots=True)
class _Answer:
    """The second half of an answer: what is left to push once the ticket's changes are taken in."""

    seen: Sighting
    rules: Rules
    run: str
    item: ActionItem
    wanted: Desired
    there: Observed
    base: Baseline
    rest: tuple[Change, ...]
    rulings: tuple[Ruling, ...]
    changes: tuple[ItemChange, ...]

    def step(self) -> Step:
        settled = {c.field: Agreed(c.ours, c.theirs) for c in self.rest if self._is_settled(c)}
        archived = self.seen.ticket.archived
        pushes = [c for c in self.rest if c.flow is Flow.PUSH and c.field not in settled and not archived]
        say = [self._lost_block(c) for c in pushes if self._block_is_lost(c)]
        say += [end_words(self.seen.refused[1])] if self.seen.refused is not None and not archived else []
        lost = {c.field: Agreed(c.ours, None) for c in pushes if self._block_is_lost(c)}
        pulled = {**self.base, **settled, **lost}
        pushes = [c for c in pushes if c.field not in lost and not self._refused_before(c)]
        released, answered = self._released(pulled), self._answered(pushes)
        over = [h for h in self.seen.holds if h.id in released or h.id in answered]
        standing = () if archived else tuple(self._standing(over))
        asked = Asking(self.seen, self.item, self.rulings, self.rules, self.run).answer(over)
        held = tuple(h for h in (*self._holds(), *asked.held) if not _already(h, self.seen.holds))
        step = Step(
            item=self.item,
            tracker=self.seen.link.ref.tracker,
            operations=(),
            link=self.seen.link,
            ticket=self.seen.ticket,
            changes=self.changes,
            pulled=pulled,
            patch=self._patch(pushes),
            pushed={**pulled, **{c.field: Agreed(c.ours, c.ours) for c in pushes}},
            heard=tuple(self._heard()),
            edits=tuple(edits(self.seen, asked.events() | {c.because.event for c in self.changes}, self.run)),
            revised=self.seen.revised,
            captured=self.seen.captured,
            said=self.seen.said,
            say=tuple(say),
            waiting=() if archived else tuple(c for c in self.seen.waiting if not (standing and c.topic == TOPIC)),
            standing=standing,
            held=held,
            asked=asked,
            released=released,
            answered=answered,
            warnings=tuple(self._warnings()),
            is_torn=any(h.kind is HoldKind.CONFLICT and h.field is Field.STATUS for h in self._holds()),
        )
        return replace(step, operations=tuple(self._operations(step, pushes)))

    def _warnings(self) -> Iterable[str]:
        told = (r.warning for r in self.rulings if r.warning)
        return (*self.wanted.warnings, *self.there.warnings, *told, *self.seen.doubted)

    def _is_settled(self, change: Change) -> bool:
        """Whether there is nothing to write: both sides say the same, or the item says nothing, which wipes nothing."""
        return change.flow is Flow.SETTLE or (change.flow is Flow.PUSH and change.field not in self.wanted.values)

    def _patch(self, pushes: Sequence[Change]) -> Patch | None:
        if not pushes:
            return None
        link, ticket, fields = self.seen.link, self.seen.ticket, [c.field for c in pushes]
        change = patch(self.wanted, fields, ticket, link.baseline, self.rules, link.ref.tracker)
        planted = ticket.marker is not None and ticket.marker.key == link.marker.key
        return change if planted else replace(change, marker=link.marker)

    def _block_is_lost(self, change: Change) -> bool:
        return change.field is Field.BODY and change.theirs is None and Field.BODY in self.seen.link.baseline

    def _lost_block(self, change: Change) -> str:
        if change.theirs_moved:
            return (
                f"The block that mirrors {self.item.ref} does not stand in this ticket's description any more, or not "
                "once and whole. What is there is left as it is; until the block stands there once and whole again, "
                "changes to the action item will be told in comments like this one."
            )
        item = self.item
        facts = {
            "priority": item.priority.value,
            "due": item.due_date.isoformat() + (", which is past" if item.overdue_since else ""),
            "owner": item.owner or "nobody",
            "controls": ", ".join(item.controls) or "none",
            "risks": ", ".join(item.risks) or "none",
        }
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        return f"{item.ref} has changed and is now: **{item.title}**; {told}.\n\n{item.description}"

    def _refused_before(self, change: Change) -> bool:
        return any(h.kind in _REFUSALS and _is_about(h, change) for h in self.seen.holds)

    def _holds(self) -> Iterable[Hold]:
        yield from (r.hold for r in self.rulings if r.hold is not None)
        if self.seen.ticket.archived:
            yield Hold(
                HoldKind.ARCHIVED,
                self.item.ref,
                self.seen.link.ref.tracker,
                f"{self.seen.ticket.ref.key} is archived, so nothing can be written to it",
            )

    def _standing(self, over: Sequence[Hold]) -> Iterable[Comment]:
        """What the one comment about missing evidence is to say from now on, if that is something else."""
        backing, tracker = self.seen.backing, self.seen.link.ref.tracker
        if backing is None:
            return
        if any(h.kind is HoldKind.EVIDENCE_MISSING for h in self._holds()):
            text = backing.asking()
        elif backing.standing is None or not any(h.kind is HoldKind.EVIDENCE_MISSING for h in over):
            return
        elif self.item.status is Status.RESOLVED:
            text = backing.answered()
        elif self.item.status is Status.ACCEPTED_AS_RISK:
            text = backing.accepted()
        else:
            text = backing.reopened(self._not_resolved())
        if (said := backing.says(text, tracker)) is not None:
            yield said

    def _not_resolved(self) -> str:
        """Why what was claimed to be done does not count as done."""
        words = [r.because.reason for r in self.rulings if r.because is not None]
        return f"it was opened again, {words[0]}" if words else "it is being worked on again"

    def _answered(self, pushes: Sequence[Change]) -> dict[str, str]:
        """The open holds on what the ticket asks for that the patch answers, by id, with how."""
        fields = {c.field for c in pushes}
        return {h.id: "answered by the item" for h in self.seen.holds if h.kind in _REQUESTS and h.field in fields}

    def _released(self, pulled: Baseline) -> dict[str, str]:
        """The open holds whose cause is gone, by id, with why."""
        still = {(h.kind, h.field) for h in self._holds()}
        stuck = {c.field for c in self.rest if c.flow is Flow.CONFLICT}
        undecided = {(f, a.theirs) for f, a in pulled.items() if a.theirs is not None and waits(f, a)}
        gone: dict[str, str] = {}
        for hold in self.seen.holds:
            elsewhere = hold.tracker != self.seen.link.ref.tracker and hold.kind is not HoldKind.EVIDENCE_MISSING
            if elsewhere or (hold.kind, hold.field) in still:
                continue
            match hold.kind:
                case HoldKind.GONE:
                    gone[hold.id] = "the ticket is there again"
                case HoldKind.ARCHIVED:
                    gone[hold.id] = "the ticket is no longer archived"
                case HoldKind.EVIDENCE_MISSING if not self._is_claimed:
                    gone[hold.id] = "resolved" if self.item.status is Status.RESOLVED else "no longer said to be done"
                case HoldKind.DUPLICATE if self.item.status is Status.RESOLVED:
                    gone[hold.id] = "resolved with its original"
                case HoldKind.CONFLICT if hold.field not in stuck:
                    gone[hold.id] = "both sides agree again"
                case kind if kind in _REQUESTS and (hold.field, hold.theirs) not in undecided:
                    gone[hold.id] = "no longer asked for in the tracker"
                case kind if kind in _REFUSALS and not any(_is_about(hold, c) for c in self.rest):
                    gone[hold.id] = "tried again, since one side has changed"
                case _:
                    continue
        return gone

    @property
    def _is_claimed(self) -> bool:
        """Whether the item is still said to be done, and has not been judged for good."""
        return self.item.claim is not None and self.item.claim.kind is ClaimKind.RESOLVED

    def _heard(self) -> Iterable[tuple[Comment, Because]]:
        tracker = self.seen.link.ref.tracker
        for act in self.seen.activity:
            if act.kind is not ActivityKind.COMMENT or act.marker_key or act.confined or act.id in self.seen.heard:
                continue
            comment = Comment("", self.item.ref, act.by.name or act.by.id, act.text, act.at, True, tracker, act.id)
            yield comment, because_of(act, tracker, self.run, "")

    def _operations(self, step: Step, pushes: Sequence[Change]) -> Iterable[Operation]:
        assumes = f"{self.seen.item.revision}/{self.seen.ticket.revision}"

        def operation(
            kind: OperationKind, reason: str, fields: Iterable[Change] = (), *, push: bool = False
        ) -> Operation:
            moves = tuple(
                FieldMove(c.field, c.theirs, c.ours) if push else FieldMove(c.field, c.ours, c.theirs) for c in fields
            )
            return Operation(kind, self.item.ref, step.tracker, reason, moves, assumes)

        taken = [r for r in self.rulings if r.hold is None and r.values]
        if taken or step.heard or step.revised or step.captured or step.said:
            moved = [r.change for r in taken if r.because is None or "status" in r.values]
            yield operation(OperationKind.PULL, self._pull_reason(taken, step), moved)
        for before, after, _ in step.asked.moved:
            yield operation(OperationKind.ACCEPTANCE, f"{before.ref}: {after.state}")
        for hold in step.held:
            yield operation(OperationKind.HOLD, f"{hold.kind}: {hold.detail}")
        for hold_id, why in {**step.released, **step.answered}.items():
            yield operation(OperationKind.RELEASE, f"{hold_id}: {why}")
        if pushes:
            yield operation(OperationKind.UPDATE, _push_reason(pushes), pushes, push=True)
        for text in (*step.say, *(c.text for c in (*step.waiting, *step.standing))):
            yield operation(OperationKind.COMMENT, start_of(text))

    def _pull_reason(self, taken: Sequence[Ruling], step: Step) -> str:
        parts = [_taken(r) or f"{r.change.field} is now {shown(r.change.theirs)}{self._by(r.change)}" for r in taken]
        return "; ".join((*parts, *step.gathered()))

    def _by(self, change: Change) -> str:
        told = who(self.seen, change, self.run)
        return f" ({told.agent.name or told.agent.account})" if told.event else ""


def begin(
    item: ActionItem,
    rules: Rules,
    marker: Marker,
    generation: int,
    tracker: str,
    holds: Sequence[Hold],
) -> Step | None:
    """The step that creates an item's ticket, or none while a refusal of the very same draft waits for a person."""
    version = f"{item.revision}/{rules.digest(tracker)[:16]}"
    refusals = [h for h in holds if h.kind is HoldKind.REJECTED and h.tracker == tracker]
    if any(h.ours == version for h in refusals):
        return None
    wanted = desired(item, rules, tracker, marker)
    released = {h.id: "tried again, since the item or the mapping has changed" for h in refusals}
    released |= {h.id: f"routed to {tracker}" for h in holds if h.kind is HoldKind.NO_ROUTE}
    why = f"{item.priority}, due {item.due_date}: {item.title}"
    create = Operation(OperationKind.CREATE, item.ref, tracker, why, (), version)
    releases = (Operation(OperationKind.RELEASE, item.ref, tracker, f"{i}: {why}") for i, why in released.items())
    return Step(
        item,
        tracker,
        (*releases, create),
        draft=draft(wanted, marker),
        generation=generation,
        pushed=first_agreed(wanted),
        released=released,
        warnings=wanted.warnings,
    )


def first_agreed(wanted: Desired) -> Baseline:
    """The baseline of a ticket just made: it is open, and else reads as the item."""
    return {f: Agreed(v, v) for f, v in wanted.values.items()} | {
        Field.STATUS: Agreed(Status.OPEN, Status.OPEN),
        Field.ASSIGNEE: Agreed(wanted.values.get(Field.ASSIGNEE), wanted.values.get(Field.ASSIGNEE)),
    }


def unrouted(item: ActionItem, holds: Sequence[Hold], routing: str) -> Step:
    """The step for an item that none of the routes takes: held until the item changes or the routes do."""
    words = "no [[routes]] entry matches this item; add one, or a last one without `when`"
    hold = Hold(HoldKind.NO_ROUTE, item.ref, "", words, ours=routing)
    told = any(h.kind is HoldKind.NO_ROUTE for h in holds)
    opened = () if told else (opening(hold),)
    return Step(item, "", opened, held=(hold,))


def needless(item: ActionItem, holds: Sequence[Hold], why: str) -> Step:
    """The step for an item that needs no ticket of its own, and why; whatever was in the way of one is over."""
    over = [h for h in holds if h.kind in _OBSTACLES]
    return Step(item, "", tuple(release(h, why) for h in over), released={h.id: why for h in over})


def vanished(item: ActionItem, link: Link, missing: Missing, holds: tuple[Hold, ...]) -> Step:
    """The step for a ticket that a direct read did not find: remembered the first time, held the second."""
    hold = Hold(
        HoldKind.GONE,
        item.ref,
        link.ref.tracker,
        f"{link.ref.key} is {missing.why.replace('_', ' ')}: {missing.detail}",
    )
    if link.missing_since is None or _already(hold, holds):
        return Step(item, link.ref.tracker, (), link=link, pulled=link.baseline)
    return Step(item, link.ref.tracker, (opening(hold),), link=link, pulled=link.baseline, held=(hold,))


def _taken(ruling: Ruling) -> str:
    """What a ruling makes of an item, where that is no change of the ticket's."""
    return ruling.because.reason if ruling.because is not None else ""


def _is_about(hold: Hold, change: Change) -> bool:
    """Whether this is what the hold was opened for: the same field, with the same values on both sides."""
    return (hold.field, hold.ours, hold.theirs) == (change.field, change.ours, change.theirs)


def _already(hold: Hold, holds: Iterable[Hold]) -> bool:
    """Whether the same hold over the same values is open; what is missing is told in its words alone."""

    def key(each: Hold) -> tuple[object, ...]:
        words = each.detail if each.kind is HoldKind.EVIDENCE_MISSING else ""
        return each.kind, each.tracker, each.field, each.ours, each.theirs, words

    return any(key(each) == key(hold) for each in holds)


def _item_changes(seen: Sighting, rulings: Iterable[Ruling], run: str) -> Iterable[ItemChange]:
    """What the ticket changes about the item, each change for the revision that it finds."""
    revision = seen.item.revision
    for ruling in rulings:
        if any(getattr(seen.item, name) != value for name, value in ruling.values.items()):
            because = ruling.because or who(seen, ruling.change, run, ruling.values.get("claim"))
            yield ItemChange(seen.item.ref, ruling.values, because, seen=revision)
            revision += 1


def _with(item: ActionItem, changes: Sequence[ItemChange]) -> ActionItem:
    for change in changes:
        item = replace(item, **change.values, revision=item.revision + 1)
    return item


def _push_reason(pushes: Sequence[Change]) -> str:
    ours = [c.field.value for c in pushes if c.ours_moved]
    restored = [c.field.value for c in pushes if not c.ours_moved]
    parts = [f"{', '.join(ours)} changed here"] if ours else []
    parts += [f"{', '.join(restored)} restored, the item has the say"] if restored else []
    return "; ".join(parts)
