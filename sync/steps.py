"""What one item and its ticket call for: a comparison turned into the operations that answer it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from mapping.claims import claim
from mapping.read import Observed, observe
from mapping.render import Desired, desired, draft, patch
from mapping.rules import Rules
from state.effects import Because, ItemChange
from state.lifecycle import refusal
from state.model import (
    ActionItem,
    Activity,
    ActivityKind,
    Actor,
    Agent,
    Agreed,
    Authority,
    Baseline,
    Comment,
    Field,
    Hold,
    HoldKind,
    Link,
    Marker,
    Missing,
    OperationKind,
    Patch,
    Priority,
    Status,
    Ticket,
)
from sync.diff import Change, Flow, compare
from sync.plan import FieldMove, Operation, Step

_STATUSES = frozenset(Status)
_REFUSALS = frozenset({HoldKind.NO_WAY, HoldKind.REJECTED})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one linked item at one moment.

    `activity` is what people did since `link.seen_at`, `holds` are the item's open ones, `heard` the tracker's ids of
    comments already stored, `waiting` the comments yet to be sent.
    """

    item: ActionItem
    link: Link
    ticket: Ticket
    activity: Sequence[Activity] = ()
    holds: tuple[Hold, ...] = ()
    heard: frozenset[str] = frozenset()
    waiting: tuple[Comment, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a field that moved in the ticket leads to: new values of the item, a hold, or neither."""

    change: Change
    values: Mapping[str, Any] = field(default_factory=dict)
    hold: Hold | None = None
    agree: bool = True
    warning: str = ""


def answer(seen: Sighting, rules: Rules, run: str) -> Step:
    """The step for a linked item; one without operations only refreshes what the link knows of the ticket."""
    tracker = seen.link.ref.tracker
    authority = rules.trackers[tracker].authority
    before = desired(seen.item, rules, tracker, seen.link.marker)
    there = observe(seen.ticket, rules, tracker, baseline=seen.link.baseline, desired=before)
    moved = compare(seen.link.baseline, before.values, there.values, authority)
    rulings = tuple(r for change in moved if (r := _rule(change, seen, authority)) is not None)
    changes = tuple(
        ItemChange(seen.item.ref, r.values, _who(seen, r.change, run)) for r in rulings if _changes(seen.item, r.values)
    )
    item = _with(seen.item, changes)
    wanted = desired(item, rules, tracker, seen.link.marker)
    there = observe(seen.ticket, rules, tracker, baseline=seen.link.baseline, desired=wanted)
    agreed = {
        r.change.field: Agreed(wanted.values.get(r.change.field, r.change.base.ours), r.change.theirs)
        for r in rulings
        if r.agree
    }
    base = {**seen.link.baseline, **agreed}
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
    rulings: tuple[_Ruling, ...]
    changes: tuple[ItemChange, ...]

    def step(self) -> Step:
        settled = {c.field: Agreed(c.ours, c.theirs) for c in self.rest if c.flow is Flow.SETTLE}
        pushes = [c for c in self.rest if c.flow is Flow.PUSH]
        say = [self._lost_block(c) for c in pushes if self._block_is_lost(c)]
        lost = {c.field: Agreed(c.ours, None) for c in pushes if self._block_is_lost(c)}
        pulled = {**self.base, **settled, **lost}
        pushes = [c for c in pushes if c.field not in lost and not self._refused_before(c)]
        held = tuple(h for h in self._holds() if not _already(h, self.seen.holds))
        heard = tuple(self._heard())
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
            heard=heard,
            say=tuple(say),
            waiting=self.seen.waiting,
            held=held,
            released=self._released(pushes),
            warnings=(*self.wanted.warnings, *self.there.warnings, *(r.warning for r in self.rulings if r.warning)),
        )
        return replace(step, operations=tuple(self._operations(step, pushes)))

    def _patch(self, pushes: Sequence[Change]) -> Patch | None:
        if not pushes:
            return None
        link = self.seen.link
        fields = [c.field for c in pushes]
        return patch(self.wanted, fields, self.seen.ticket, link.baseline, self.rules, link.ref.tracker)

    def _block_is_lost(self, change: Change) -> bool:
        return change.field is Field.BODY and change.theirs is None and Field.BODY in self.seen.link.baseline

    def _lost_block(self, change: Change) -> str:
        if change.theirs_moved:
            return (
                f"The block that mirrors {self.item.ref} was removed from this ticket's description. It stays removed; "
                "changes to the action item will be told in comments like this one."
            )
        owner = self.item.owner or "nobody"
        return (
            f"{self.item.ref} has changed: **{self.item.title}**, priority {self.item.priority}, due "
            f"{self.item.due_date.isoformat()}, owner {owner}.\n\n{self.item.description}"
        )

    def _refused_before(self, change: Change) -> bool:
        return any(
            h.kind in _REFUSALS and h.field is change.field and (h.ours, h.theirs) == (change.ours, change.theirs)
            for h in self.seen.holds
        )

    def _holds(self) -> Iterable[Hold]:
        yield from (r.hold for r in self.rulings if r.hold is not None)
        if self.seen.ticket.archived:
            yield Hold(
                HoldKind.ARCHIVED,
                self.item.ref,
                self.seen.link.ref.tracker,
                f"{self.seen.ticket.ref.key} is archived, so nothing can be written to it",
            )

    def _released(self, pushes: Sequence[Change]) -> dict[str, str]:
        """The open holds whose cause is gone, by id, with why."""
        still = {(h.kind, h.field) for h in self._holds()}
        stuck = {c.field for c in self.rest if c.flow is Flow.CONFLICT}
        waits = {f for f, a in self.base.items() if a.theirs is not None and _waits(f, a)}
        gone: dict[str, str] = {}
        for hold in self.seen.holds:
            if hold.tracker != self.seen.link.ref.tracker or (hold.kind, hold.field) in still:
                continue
            match hold.kind:
                case HoldKind.GONE:
                    gone[hold.id] = "the ticket is there again"
                case HoldKind.ARCHIVED:
                    gone[hold.id] = "the ticket is no longer archived"
                case HoldKind.CONFLICT if hold.field not in stuck:
                    gone[hold.id] = "both sides agree again"
                case HoldKind.ACCEPTANCE_REQUESTED | HoldKind.UNMAPPED | HoldKind.DUPLICATE | HoldKind.DUE_CHANGE if (
                    hold.field not in waits or any(c.field is hold.field for c in pushes)
                ):
                    gone[hold.id] = "no longer asked for in the tracker"
                case kind if kind in _REFUSALS and not any(self._refused_before(c) for c in self.rest):
                    gone[hold.id] = "tried again, since one side has changed"
                case _:
                    continue
        return gone

    def _heard(self) -> Iterable[tuple[Comment, Because]]:
        tracker = self.seen.link.ref.tracker
        for act in self.seen.activity:
            if act.kind is not ActivityKind.COMMENT or act.marker_key or act.id in self.seen.heard:
                continue
            comment = Comment("", self.item.ref, act.by.name or act.by.id, act.text, act.at, True, tracker, act.id)
            yield comment, _because(act, tracker, self.run, "")

    def _operations(self, step: Step, pushes: Sequence[Change]) -> Iterable[Operation]:
        assumes = f"{self.seen.item.revision}/{self.seen.ticket.revision}"

        def operation(
            kind: OperationKind, reason: str, fields: Iterable[Change] = (), *, push: bool = False
        ) -> Operation:
            moves = tuple(
                FieldMove(c.field, c.theirs, c.ours) if push else FieldMove(c.field, c.ours, c.theirs) for c in fields
            )
            return Operation(kind, self.item.ref, step.tracker, reason, moves, assumes)

        taken = [r.change for r in self.rulings if r.hold is None]
        if taken or step.heard:
            yield operation(OperationKind.PULL, self._pull_reason(taken, step), taken)
        for hold in step.held:
            yield operation(OperationKind.HOLD, f"{hold.kind}: {hold.detail}")
        for hold_id, why in step.released.items():
            yield operation(OperationKind.RELEASE, f"{hold_id}: {why}")
        if pushes:
            yield operation(OperationKind.UPDATE, _push_reason(pushes), pushes, push=True)
        for text in (*step.say, *(c.text for c in step.waiting)):
            yield operation(OperationKind.COMMENT, _start_of(text))

    def _pull_reason(self, taken: Sequence[Change], step: Step) -> str:
        parts = [f"{c.field} is now {_shown(c.theirs)}{self._by(c)}" for c in taken]
        if step.heard:
            names = sorted({c.author for c, _ in step.heard})
            parts.append(f"{len(step.heard)} new comment(s) by {', '.join(names)}")
        return "; ".join(parts)

    def _by(self, change: Change) -> str:
        act = _latest(self.seen.activity, change.field)
        return f" ({act.by.name or act.by.id})" if act else ""


def begin(item: ActionItem, rules: Rules, marker: Marker, tracker: str, holds: tuple[Hold, ...]) -> Step | None:
    """The step that creates an item's ticket, or none while a refusal of the very same draft waits for a person."""
    wanted = desired(item, rules, tracker, marker)
    version = f"{item.revision}/{rules.digest(tracker)[:16]}"
    refusals = [h for h in holds if h.kind is HoldKind.REJECTED and h.tracker == tracker]
    if any(h.ours == version for h in refusals):
        return None
    released = {h.id: "tried again, since the item or the mapping has changed" for h in refusals}
    released |= {h.id: f"routed to {tracker}" for h in holds if h.kind is HoldKind.NO_ROUTE}
    create = Operation(
        OperationKind.CREATE, item.ref, tracker, f"{item.priority}, due {item.due_date}: {item.title}", (), version
    )
    releases = (Operation(OperationKind.RELEASE, item.ref, tracker, f"{i}: {why}") for i, why in released.items())
    start = {f: Agreed(v, v) for f, v in wanted.values.items()} | {
        Field.STATUS: Agreed(Status.OPEN, Status.OPEN),
        Field.ASSIGNEE: Agreed(wanted.values.get(Field.ASSIGNEE), wanted.values.get(Field.ASSIGNEE)),
    }
    return Step(
        item,
        tracker,
        (*releases, create),
        draft=draft(wanted, marker),
        pushed=start,
        released=released,
        warnings=wanted.warnings,
    )


def unrouted(item: ActionItem, holds: tuple[Hold, ...]) -> Step | None:
    """The step that holds an item which matches no route, or none if that hold is open already."""
    hold = Hold(
        HoldKind.NO_ROUTE, item.ref, "", "no [[routes]] entry matches this item; add one, or a last one without `when`"
    )
    if _already(hold, holds):
        return None
    return Step(item, "", (Operation(OperationKind.HOLD, item.ref, "", f"{hold.kind}: {hold.detail}"),), held=(hold,))


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
    operation = Operation(OperationKind.HOLD, item.ref, link.ref.tracker, f"{hold.kind}: {hold.detail}")
    return Step(item, link.ref.tracker, (operation,), link=link, pulled=link.baseline, held=(hold,))


def adopted(baseline_of: Desired, authority: Mapping[Field, Authority], there: Observed) -> Baseline:
    """The baseline that makes a first comparison follow authority: the item's fields push, all others pull."""
    base: dict[Field, Agreed] = {}
    for name, theirs in there.values.items():
        ours = baseline_of.values.get(name)
        if name is Field.BODY or name not in baseline_of.values or ours == theirs:
            continue
        if authority[name] is Authority.ITEM:
            base[name] = Agreed(_anything_but(ours), theirs)
        else:
            base[name] = Agreed(ours, _anything_but(theirs))
    return base


def _rule(change: Change, seen: Sighting, authority: Mapping[Field, Authority]) -> _Ruling | None:
    """What a moved field leads to before anything is pushed, or none where the push decides."""
    match change:
        case Change(field=Field.STATUS, theirs=str(theirs)) if change.theirs_moved and theirs not in _STATUSES:
            return _undecided(change, seen, theirs)
        case Change(field=Field.DUE_DATE, theirs=str(theirs)) if _asks_for_time(change, seen.item, authority):
            detail = f"{seen.ticket.ref.key} asks for {theirs} in place of {seen.item.due_date}"
            return _Ruling(change, hold=_field_hold(HoldKind.DUE_CHANGE, seen, change, detail))
        case Change(flow=Flow.PULL):
            return _pull(change, seen)
        case Change(flow=Flow.CONFLICT):
            detail = (
                f"{change.field} was changed on both sides: here {_shown(change.ours)}, there {_shown(change.theirs)}"
            )
            return _Ruling(change, hold=_field_hold(HoldKind.CONFLICT, seen, change, detail), agree=False)
        case _:
            return None


def _undecided(change: Change, seen: Sighting, theirs: str) -> _Ruling:
    """A closing that only a person can judge: the item keeps its status and a hold says what is asked."""
    key = seen.ticket.ref.key
    reason = seen.ticket.state.resolution or seen.ticket.state.name
    if theirs == "acceptance_requested":
        said = claim(theirs, change.base.theirs, seen.activity, seen.ticket)
        words = f': "{_start_of(said.text)}"' if said and said.text else ""
        who = _name_of(said.by, seen.activity) if said and said.by else "somebody"
        detail = f"{who} closed {key} as {reason}{words}; a risk is accepted by a named approver, never by a ticket"
        hold = _field_hold(HoldKind.ACCEPTANCE_REQUESTED, seen, change, detail)
        return _Ruling(change, {"claim": said}, hold)
    if theirs == "duplicate":
        return _Ruling(change, hold=_field_hold(HoldKind.DUPLICATE, seen, change, f"{key} was closed as {reason}"))
    tracker = seen.link.ref.tracker
    table = "resolution" if seen.ticket.state.resolution else "status"
    detail = f'{key} is in "{reason}", which is not mapped; add the name to a list of [trackers.{tracker}.{table}]'
    return _Ruling(change, hold=_field_hold(HoldKind.UNMAPPED, seen, change, detail))


def _pull(change: Change, seen: Sighting) -> _Ruling:
    theirs = change.theirs
    match change.field:
        case Field.STATUS:
            return _move(change, seen, Status(theirs or ""))
        case Field.TITLE if theirs:
            return _Ruling(change, {"title": theirs})
        case Field.PRIORITY if theirs in frozenset(Priority):
            return _Ruling(change, {"priority": Priority(theirs)})
        case Field.DUE_DATE if theirs:
            return _Ruling(change, {"due_date": date.fromisoformat(theirs)})
        case Field.ASSIGNEE if theirs and not theirs.startswith("account:"):
            return _Ruling(change, {"owner": theirs})
        case Field.ASSIGNEE if theirs:
            who = theirs.removeprefix("account:")
            warning = f"{seen.ticket.ref.key} is assigned to {who}, who is not in [[people]]; the owner stays as it is"
            return _Ruling(change, warning=warning)
        case Field.PRIORITY:
            detail = f"{seen.ticket.ref.key} has a priority that is not mapped: {_shown(theirs)}"
            return _Ruling(change, hold=_field_hold(HoldKind.UNMAPPED, seen, change, detail))
        case _:
            return _Ruling(change)


def _move(change: Change, seen: Sighting, status: Status) -> _Ruling:
    no = refusal(seen.item.status, status, seen.link.ref.tracker)
    if no is None:
        return _Ruling(change, {"status": status, "claim": None})
    return _Ruling(change, hold=_field_hold(HoldKind.CONFLICT, seen, change, no), agree=False)


def _asks_for_time(change: Change, item: ActionItem, authority: Mapping[Field, Authority]) -> bool:
    """Whether the ticket alone moved to a later date than the item's, which is a request and no change."""
    theirs = change.theirs or ""
    only_theirs = change.theirs_moved and not change.ours_moved
    return authority[Field.DUE_DATE] is Authority.ITEM and only_theirs and theirs > item.due_date.isoformat()


def _waits(name: Field, agreed: Agreed) -> bool:
    return agreed.ours != agreed.theirs and (name is not Field.STATUS or agreed.theirs not in _STATUSES)


def _field_hold(kind: HoldKind, seen: Sighting, change: Change, detail: str) -> Hold:
    return Hold(kind, seen.item.ref, seen.link.ref.tracker, detail, change.field, change.ours, change.theirs)


def _already(hold: Hold, holds: Iterable[Hold]) -> bool:
    """Whether the same hold over the same values is open."""
    return any(
        (h.kind, h.tracker, h.field, h.ours, h.theirs) == (hold.kind, hold.tracker, hold.field, hold.ours, hold.theirs)
        for h in holds
    )


def _changes(item: ActionItem, values: Mapping[str, Any]) -> bool:
    return any(getattr(item, name) != value for name, value in values.items())


def _with(item: ActionItem, changes: Sequence[ItemChange]) -> ActionItem:
    for change in changes:
        item = replace(item, **change.values, revision=item.revision + 1)
    return item


def _who(seen: Sighting, change: Change, run: str) -> Because:
    """The person who made the change according to the ticket's history, else the tracker itself."""
    tracker = seen.link.ref.tracker
    act = _latest(seen.activity, change.field)
    reason = f"{seen.ticket.ref.key}: {change.field} is now {_shown(change.theirs)}"
    if act is None:
        return Because(Agent(Actor.BOT, tracker, "unknown"), run, reason=reason, at=seen.ticket.updated)
    return _because(act, tracker, run, reason)


def _because(act: Activity, tracker: str, run: str, reason: str) -> Because:
    kind = Actor.BOT if act.by.bot else Actor.HUMAN
    return Because(Agent(kind, tracker, act.by.id, act.by.name), run, act.id, reason, act.at)


def _latest(activity: Sequence[Activity], name: Field) -> Activity | None:
    found = [a for a in activity if a.kind is ActivityKind.FIELD and a.field == name and not a.by.ours]
    return found[-1] if found else None


def _name_of(account: str, activity: Sequence[Activity]) -> str:
    return next((a.by.name for a in activity if a.by.id == account and a.by.name), account)


def _push_reason(pushes: Sequence[Change]) -> str:
    ours = [c.field.value for c in pushes if c.ours_moved]
    restored = [c.field.value for c in pushes if not c.ours_moved]
    parts = [f"{', '.join(ours)} changed here"] if ours else []
    parts += [f"{', '.join(restored)} restored, the item has the say"] if restored else []
    return "; ".join(parts)


def _shown(value: str | None) -> str:
    return "nothing" if value is None else f'"{_start_of(value)}"'


def _start_of(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def _anything_but(value: str | None) -> str | None:
    return "" if value is None else None
