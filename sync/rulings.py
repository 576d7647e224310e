"""What a field that moved in the ticket leads to, before anything is pushed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from mapping.claims import claim
from mapping.read import ACCEPTANCE_REQUESTED, DUPLICATE
from state.acceptance import Acceptance, AcceptanceState
from state.effects import Because
from state.lacking import STILL
from state.lifecycle import BY_ITSELF, UNFINISHED, refusal
from state.model import (
    ActionItem,
    Actor,
    Agent,
    Agreed,
    Authority,
    Claim,
    ClaimKind,
    Comment,
    Field,
    Hold,
    HoldKind,
    Link,
    Priority,
    Status,
)
from state.ticket import Activity, ActivityKind, Category, Ticket
from sync.backing import Backing, Original
from sync.diff import Change, Flow, Values, ours_again
from sync.plan import Capture, Move

_STATUSES = frozenset(Status)
_MOVES_STATUS: Mapping[str, tuple[str, ...]] = {
    Status.OPEN: (Field.ASSIGNEE, ActivityKind.LINK),
    Status.IN_PROGRESS: (Field.ASSIGNEE, ActivityKind.LINK),
    Status.RESOLVED: ("resolution",),
}
_TOLD_AS: Mapping[Field, tuple[str, ...]] = {Field.STATUS: ("status", "claim"), Field.ASSIGNEE: ("owner",)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one linked item at one moment.

    `activity` is what people did since `link.seen_at`, `holds` are the item's open ones, `heard` the tracker's ids of
    comments already stored, `waiting` the comments yet to be sent, `said` those found to stand in the ticket already.
    `revised` are stored comments that were changed or deleted since, `captured` is evidence that the ticket gives.
    `taken` are the events that moved the item's fields before, as far as the activity may show one of them again, and
    `noted` those, with their times, of which it was written down that they moved the ticket's alone.
    `reread` says that the ticket was last read by another mapping, and `still` that it shows nothing done since.
    `asked` is the request to accept the risk that nobody has decided yet, `voted` what comments made of it, and
    `doubted` why others were not taken for that. `backing` is what is at hand where the item is said to be done, and
    `original` the item whose ticket this one repeats.
    """

    item: ActionItem
    link: Link
    ticket: Ticket
    activity: Sequence[Activity] = ()
    holds: tuple[Hold, ...] = ()
    heard: frozenset[str] = frozenset()
    waiting: tuple[Comment, ...] = ()
    said: tuple[Comment, ...] = ()
    asked: Acceptance | None = None
    voted: tuple[Move, ...] = ()
    doubted: tuple[str, ...] = ()
    backing: Backing | None = None
    original: Original | None = None
    revised: tuple[tuple[Comment, Because], ...] = ()
    captured: tuple[Capture, ...] = ()
    taken: frozenset[tuple[str, str]] = frozenset()
    noted: frozenset[tuple[str, datetime]] = frozenset()
    reread: bool = False
    still: bool = False

    @property
    def refused(self) -> Move | None:
        """The refusal of the request in a comment, if there is one."""
        return next((move for move in self.voted if move[1].state is AcceptanceState.REJECTED), None)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a field that moved in the ticket leads to: new values of the item, a hold, or neither.

    `because` is who made the change, where the ticket's history of late does not tell. `base` is what counts as agreed
    from now on, where that is not what the ticket shows.
    """

    change: Change
    values: Mapping[str, Any] = field(default_factory=dict)
    hold: Hold | None = None
    agree: bool = True
    warning: str = ""
    because: Because | None = None
    base: Agreed | None = None


def authority_over(
    authority: Mapping[Field, Authority], item: ActionItem, theirs: Values, backing: Backing | None
) -> Mapping[Field, Authority]:
    """Who may change each field: a ticket does not have the say alone while its value decides nothing.

    That is so where it means nothing to us, where it says that work is done which we have yet to see, and where it was
    decided here that nothing is left to do.
    """
    decisive = frozenset(Status) if backing is None else UNFINISHED
    decisive = decisive if item.status in UNFINISHED else frozenset()
    means: dict[Field, frozenset[str]] = {Field.STATUS: decisive, Field.PRIORITY: frozenset(Priority)}
    lost = [f for f, known in means.items() if authority[f] is Authority.TICKET and theirs.get(f) not in known]
    return {**authority, **dict.fromkeys(lost, Authority.BOTH)}


def rule(
    change: Change, seen: Sighting, authority: Mapping[Field, Authority], asking: Sequence[str] = ()
) -> Ruling | None:
    """What a moved field leads to before anything is pushed, or none where the push decides.

    `asking` are the names of the ticket's state and labels that ask for acceptance.
    """
    match change:
        case Change(field=Field.STATUS, theirs=str(theirs)) if change.theirs_moved and theirs not in _STATUSES:
            return _undecided(change, seen, theirs, asking)
        case Change(field=Field.DUE_DATE, theirs=str(theirs)) if (
            _asks_for_time(change, seen.item, authority) and not seen.item.is_group
        ):
            detail = f"{seen.ticket.ref.key} asks for {theirs} in place of {seen.item.due_date}"
            return Ruling(change, hold=_field_hold(HoldKind.DUE_CHANGE, seen, change, detail))
        case Change(flow=Flow.PULL):
            return _pull(change, seen)
        case Change(field=Field.STATUS, flow=Flow.SETTLE) if seen.item.claim is not None:
            return Ruling(change, {"claim": _claim_after(change, seen)})
        case Change(flow=Flow.CONFLICT):
            detail = (
                f"{change.field} was changed on both sides: here {shown(change.ours)}, there {shown(change.theirs)}"
            )
            return Ruling(change, hold=_field_hold(HoldKind.CONFLICT, seen, change, detail), agree=False)
        case _:
            return None


def _undecided(change: Change, seen: Sighting, theirs: str, asking: Sequence[str]) -> Ruling:
    """A closing that only a person can judge: the item keeps its status and a hold says what is asked."""
    key = seen.ticket.ref.key
    reason = seen.ticket.state.resolution or seen.ticket.state.name
    if no := refusal(seen.item.status, Status.OPEN, seen.link.ref.tracker):
        return Ruling(change, hold=_field_hold(HoldKind.CONFLICT, seen, change, no), agree=False)
    if theirs == ACCEPTANCE_REQUESTED and seen.item.is_group:
        detail = (
            f'{key} is in "{reason}", but risks are accepted one by one: `counterfoil accept request` for an item of it'
        )
        return Ruling(change, {"claim": None}, _field_hold(HoldKind.UNMAPPED, seen, change, detail))
    if theirs == ACCEPTANCE_REQUESTED:
        is_closed = seen.ticket.state.category is Category.DONE
        labels = [] if is_closed else [name for name in asking if name in seen.ticket.labels]
        said = claim(theirs, change.base.theirs, seen.activity, seen.ticket, labels)
        words = f': "{start_of(said.text)}"' if said and said.text else ""
        who = _name_of(said.by, seen.activity) if said and said.by else "somebody"
        did = f"{'closed' if is_closed else 'marked'} {key} as {reason}"
        did = f"put the label {labels[0]} on {key}" if labels else did
        detail = f"{who} {did}{words}; a risk is accepted by a named approver, never by a ticket"
        hold = _field_hold(HoldKind.ACCEPTANCE_REQUESTED, seen, change, detail)
        return Ruling(change, {"claim": said}, hold)
    if theirs == DUPLICATE:
        hold = _field_hold(HoldKind.DUPLICATE, seen, change, f"{key} was closed as {reason}")
        if (known := seen.original) is not None:
            detail = f"{hold.detail} of {known.key} ({known.item.ref}), and is resolved when that is"
            hold = replace(hold, ours=known.item.ref, detail=detail)
        return Ruling(change, {"claim": None}, hold)
    tracker = seen.link.ref.tracker
    table = "resolution" if seen.ticket.state.resolution else "status"
    detail = f'{key} is in "{reason}", which is not mapped; add the name to a list of [trackers.{tracker}.{table}]'
    return Ruling(change, {"claim": None}, _field_hold(HoldKind.UNMAPPED, seen, change, detail))


def _pull(change: Change, seen: Sighting) -> Ruling:
    theirs = change.theirs
    match change.field:
        case Field.STATUS:
            return _move(change, seen, Status(theirs or ""))
        case Field.TITLE | Field.PRIORITY | Field.DUE_DATE if seen.item.is_group:
            return Ruling(change)
        case Field.TITLE if theirs:
            return Ruling(change, {"title": theirs})
        case Field.PRIORITY if theirs in frozenset(Priority):
            return Ruling(change, {"priority": Priority(theirs)})
        case Field.DUE_DATE if theirs:
            return Ruling(change, {"due_date": date.fromisoformat(theirs)})
        case Field.ASSIGNEE if theirs and not theirs.startswith("account:"):
            return Ruling(change, {"owner": theirs})
        case Field.ASSIGNEE if theirs:
            who = theirs.removeprefix("account:")
            warning = f"{seen.ticket.ref.key} is assigned to {who}, who is not in [[people]]; the owner stays as it is"
            return Ruling(change, warning=warning)
        case Field.PRIORITY:
            detail = f"{seen.ticket.ref.key} has a priority that is not mapped: {shown(theirs)}"
            return Ruling(change, hold=_field_hold(HoldKind.UNMAPPED, seen, change, detail))
        case _:
            return Ruling(change)


def _move(change: Change, seen: Sighting, status: Status) -> Ruling:
    no = refusal(seen.item.status, status, seen.link.ref.tracker)
    if no is not None:
        return Ruling(change, hold=_field_hold(HoldKind.CONFLICT, seen, change, no), agree=False)
    if status is Status.RESOLVED and seen.backing is not None and seen.backing.missing:
        return _claimed(change, seen, seen.backing)
    return Ruling(change, {"status": status, "claim": _claim_after(change, seen)})


def _claim_after(change: Change, seen: Sighting) -> Claim | None:
    """The item's claim once its ticket's status moved: one that was not the ticket's stays while work goes on there."""
    before, after = change.base.theirs, change.theirs
    return seen.item.claim if before in UNFINISHED and after in UNFINISHED else None


def _claimed(change: Change, seen: Sighting, backing: Backing) -> Ruling:
    """The ticket says that the work is done, and not all is at hand that shows it: a claim, and a hold."""
    said = claim(Status.RESOLVED, change.base.theirs, seen.activity, seen.ticket)
    said = said or Claim(ClaimKind.RESOLVED, at=seen.ticket.updated)
    if backing.is_pending and seen.item.claim is not None:
        said = seen.item.claim
    hold = _lacking(seen, backing, _is_said(seen, said))
    return Ruling(change, {"status": Status.IN_PROGRESS, "claim": said}, hold)


def _lacking(seen: Sighting, backing: Backing, what: str) -> Hold:
    """The hold on what is missing: the one that is open stays, though it is from before the item had this ticket."""
    held = (h.tracker for h in seen.holds if h.kind is HoldKind.EVIDENCE_MISSING)
    return backing.hold(next(held, seen.link.ref.tracker), what)


def _is_said(seen: Sighting, said: Claim) -> str:
    """Who says that the work is done, in words."""
    name, key = _name_of(said.by, seen.activity) if said.by else "somebody", seen.ticket.ref.key
    if seen.ticket.state.category is not Category.DONE:
        return f"{said.by} says that the work on {key} is done"
    how = f" as {seen.ticket.state.resolution}" if seen.ticket.state.resolution else " without a resolution"
    return f"{name} closed {key}{how}"


def pending(seen: Sighting, ours: str | None, theirs: str | None, run: str) -> Iterator[Ruling]:
    """What becomes of a claim made before that the work is done, where the ticket's status did not move since."""
    backing, said = seen.backing, seen.item.claim
    base = seen.link.baseline.get(Field.STATUS)
    if backing is not None and base is not None and base.theirs == DUPLICATE and said is None:
        yield from _following(seen, backing, Change(Field.STATUS, base, ours, theirs, Flow.PULL), run)
    if backing is None or said is None or base is None or not backing.is_pending:
        return
    closed = base.theirs == Status.RESOLVED
    change = Change(Field.STATUS, base, ours, Status.RESOLVED if closed else theirs, Flow.PULL)
    if not backing.missing:
        values: dict[str, Any] = {"status": Status.RESOLVED, "claim": None}
        yield Ruling(replace(change, theirs=Status.RESOLVED), values, agree=False, because=backing.settled(run))
    elif backing.is_over:
        days = backing.policy.reopen_after_days
        because = Because(BY_ITSELF, run, "", f"still missing after {days} days")
        again = ours_again(Agreed(ours, theirs)) if closed else None
        yield Ruling(change, {"claim": None}, agree=False, because=because, base=again)
    else:
        told = next((h.detail.partition(STILL)[0] for h in seen.holds if h.kind is HoldKind.EVIDENCE_MISSING), None)
        yield Ruling(change, hold=_lacking(seen, backing, told or _is_said(seen, said)), agree=False)


def with_claim(found: Iterable[Ruling], claimed: Sequence[Ruling]) -> list[Ruling]:
    """The rulings, and what becomes of a claim from before: if that decides the status, nothing else does."""
    decided = any("status" in ruling.values for ruling in claimed)
    return [*(r for r in found if not (decided and r.change.field is Field.STATUS)), *claimed]


def declined(seen: Sighting, ours: str | None, theirs: str | None) -> Iterator[Ruling]:
    """A request that was refused in a comment is none any more: the ticket goes back to where its item is."""
    base = seen.link.baseline.get(Field.STATUS)
    if seen.refused is not None and base is not None and base.theirs == ACCEPTANCE_REQUESTED:
        change = Change(Field.STATUS, base, ours, theirs, Flow.PUSH)
        again, because = ours_again(Agreed(ours, theirs)), seen.refused[2]
        yield Ruling(change, {"claim": None}, agree=False, because=because, base=again)


def _following(seen: Sighting, backing: Backing, change: Change, run: str) -> Iterator[Ruling]:
    """A duplicate ends with its original, whose ticket it leaves to tell why."""
    known = seen.original
    if known is not None and backing.follows(known):
        why = f"{seen.ticket.ref.key} is a duplicate of {known.key}, and {known.item.ref} is resolved"
        because = Because(BY_ITSELF, run, "", why)
        yield Ruling(change, {"status": Status.RESOLVED, "claim": None}, because=because)


def _asks_for_time(change: Change, item: ActionItem, authority: Mapping[Field, Authority]) -> bool:
    """Whether the ticket alone moved to a later date than the item's, which is a request and no change."""
    theirs = change.theirs or ""
    only_theirs = change.theirs_moved and not change.ours_moved
    return authority[Field.DUE_DATE] is Authority.ITEM and only_theirs and theirs > item.due_date.isoformat()


def waits(name: Field, agreed: Agreed) -> bool:
    """Whether both sides were left apart on this field because a person is to judge the ticket's value."""
    return agreed.ours != agreed.theirs and (name is not Field.STATUS or agreed.theirs not in _STATUSES)


def _field_hold(kind: HoldKind, seen: Sighting, change: Change, detail: str) -> Hold:
    return Hold(kind, seen.item.ref, seen.link.ref.tracker, detail, change.field, change.ours, change.theirs)


def who(seen: Sighting, change: Change, run: str, said: Claim | None = None) -> Because:
    """The person who made the change, or by it a new claim, according to the ticket's history, else the tracker.

    Where another mapping reads a ticket that still stands as it was last read, or as its history tells, and that tells
    nothing new, nobody did anything there; nor where only the item was changed and the ticket has the say.
    """
    tracker, key, value = seen.link.ref.tracker, seen.ticket.ref.key, shown(change.theirs)
    if not change.theirs_moved:
        words = f"{key}: {change.field} is {value} again, over which the ticket has the say"
        return Because(BY_ITSELF, run, "", words)
    told = {id_ for name, id_ in seen.taken if name in _TOLD_AS.get(change.field, (change.field,))}
    known = max((n for n, act in enumerate(seen.activity, 1) if act.id in told), default=0)
    act = deed(replace(seen, activity=seen.activity[known:]), change, said)
    if act is None and _is_read_anew(seen, change):
        return Because(BY_ITSELF, run, "", f"{key}: its {change.field} is read as {value} now")
    reason = f"{key}: {change.field} is now {value}"
    if act is None:
        return Because(Agent(Actor.UNKNOWN, tracker, "unknown"), run, reason=reason, at=seen.ticket.updated)
    return because_of(act, tracker, run, reason)


def _is_read_anew(seen: Sighting, change: Change) -> bool:
    """Whether another mapping makes something else of a value that the ticket had, as far as can be told."""
    state = seen.ticket.state
    shows = {
        Field.STATUS: {"status": state.name, "resolution": state.resolution},
        Field.PRIORITY: {"priority": seen.ticket.priority},
        Field.ASSIGNEE: {"assignee": seen.ticket.assignee},
    }.get(change.field)
    if not seen.reread or not change.base.theirs or shows is None:
        return False
    told = {act.field: act.after for act in seen.activity if act.kind is ActivityKind.FIELD and act.field in shows}
    return seen.still or (change.field in told and told.items() <= shows.items())


def because_of(act: Activity, tracker: str, run: str, reason: str) -> Because:
    """The cause of a change that somebody made in a tracker: the person, the event and its time."""
    kind = Actor.BOT if act.by.bot else Actor.HUMAN
    return Because(Agent(kind, tracker, act.by.id, act.by.name), run, act.id, reason, act.at)


def deed(seen: Sighting, change: Change, said: Claim | None = None) -> Activity | None:
    """The last thing somebody else than us did that moved the field, or that is a new claim, if the history tells.

    A status also moves with who has taken the ticket, with a change linked to it, or with its resolution alone.
    """
    others = [a for a in seen.activity if not a.by.ours]
    found = [a for a in others if a.kind is ActivityKind.FIELD and a.field == change.field]
    if not found and change.field is Field.STATUS:
        since, moved = seen.link.seen_at or seen.link.linked_at, _MOVES_STATUS.get(change.theirs or "", ())
        recent = [a for a in others if a.at >= since and a.after is not None]
        found = [a for a in recent if (a.field if a.kind is ActivityKind.FIELD else a.kind) in moved]
    new = None if said == seen.item.claim else said
    if new is not None and (mine := [a for a in others if (a.by.id, a.at) == (new.by, new.at)]):
        found = [a for a in found if a in mine] or mine
    return found[-1] if found else None


def _name_of(account: str, activity: Sequence[Activity]) -> str:
    return next((a.by.name for a in activity if a.by.id == account and a.by.name), account)


def shown(value: str | None) -> str:
    """A canonical value as people read it."""
    return "nothing" if value is None else f'"{start_of(value)}"'


def start_of(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79].rstrip()}\u2026"
