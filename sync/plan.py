"""The ordered operations of a run: printable, hashable, refusable."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from state.acceptance import Acceptance, DueChange
from state.effects import Because, ItemChange, Note
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Baseline, Comment, Field, Hold, Link, OperationKind, Priority
from state.proof import EvidenceDraft
from state.ticket import Draft, Patch, Ticket

_PRIORITIES = list(Priority)


@dataclass(frozen=True, slots=True)
class FieldMove:
    """One field's canonical value before and after an operation."""

    field: Field
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One write to one ticket or to the record, with its reason; `assumes` names the revisions it was made for."""

    kind: OperationKind
    item: str
    tracker: str
    reason: str
    fields: tuple[FieldMove, ...] = ()
    assumes: str = ""


def opening(hold: Hold) -> Operation:
    """The operation that opens a hold."""
    return Operation(OperationKind.HOLD, hold.item, hold.tracker, f"{hold.kind}: {hold.detail}")


def release(hold: Hold, why: str) -> Operation:
    """The operation that says that a hold is over, and why."""
    return Operation(OperationKind.RELEASE, hold.item, hold.tracker, f"{hold.id}: {why}")


Move = tuple[Acceptance, Acceptance, Because]
"""What becomes of an acceptance: as it was, as it is, and because of what."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ticket asks a risk owner for, what became of earlier requests, and the holds that requests open."""

    requests: tuple[tuple[Acceptance, Because], ...] = ()
    moved: tuple[Move, ...] = ()
    later: tuple[tuple[DueChange, Because], ...] = ()
    held: tuple[Hold, ...] = ()

    def events(self) -> set[str]:
        """The tracker's own ids of what asks."""
        return {told[-1].event for some in (self.requests, self.moved, self.later) for told in some}


@dataclass(frozen=True, slots=True)
class Capture:
    """A piece of evidence that a ticket gives: with its bytes as `content`, or those of its `attachment` of this id."""

    draft: EvidenceDraft
    because: Because
    content: bytes = b""
    attachment: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """All that a run does about one item, and what is needed to do it; without a tracker, about one that has no ticket.

    `item` is the item as it will be once `changes` are made, `link` and `ticket` are as they were found.
    `edits` are records of what people did to the ticket alone. `heard` are comments that are new, `revised` those that
    were changed or deleted since, and `captured` is evidence.
    `pulled` is the baseline after the pull, `pushed` after the patch or the draft too. `generation` counts the tickets
    that the item has had in the tracker, the one to be made of `draft` included. `say` are new comments of ours
    and `waiting` those stored already; both are to be sent; `said` are found to stand in the ticket already. `standing`
    are comments about topics, as they are to say from now on. `asked` is what the ticket asks a risk owner for.
    `released` gives, by hold id, why a hold is over, and `answered` why it will be once the patch is written. `is_torn`
    says that the two sides' status waits for a person's choice.
    """

    item: ActionItem
    tracker: str
    operations: tuple[Operation, ...]
    link: Link | None = None
    ticket: Ticket | None = None
    changes: tuple[ItemChange, ...] = ()
    pulled: Baseline = field(default_factory=dict)
    draft: Draft | None = None
    generation: int = 0
    patch: Patch | None = None
    pushed: Baseline = field(default_factory=dict)
    edits: tuple[Note, ...] = ()
    heard: tuple[tuple[Comment, Because], ...] = ()
    revised: tuple[tuple[Comment, Because], ...] = ()
    captured: tuple[Capture, ...] = ()
    said: tuple[Comment, ...] = ()
    say: tuple[str, ...] = ()
    waiting: tuple[Comment, ...] = ()
    standing: tuple[Comment, ...] = ()
    held: tuple[Hold, ...] = ()
    asked: Asked = Asked()
    released: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_torn: bool = False

    def content(self) -> int:
        """How many tickets and comments the step makes."""
        return (self.draft is not None) + len(self.say) + len(self.waiting) + len(self.standing)

    def gathered(self) -> Iterator[str]:
        """What is taken in beside fields, in words."""
        if self.heard:
            names = sorted({comment.author for comment, _ in self.heard})
            yield f"{len(self.heard)} new comment(s) by {', '.join(names)}"
        if self.revised:
            yield f"{len(self.revised)} comment(s) changed or deleted since"
        if self.captured:
            kinds = Counter(each.draft.kind.replace("_", " ") for each in self.captured)
            yield "evidence: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        if self.said:
            yield f"{len(self.said)} comment(s) of ours, there already"

    @property
    def speaks(self) -> bool:
        """Whether there is something to say in the ticket."""
        return bool(self.say or self.waiting or self.standing)

    def moved_fields(self) -> frozenset[Field]:
        """The fields that the step changes on either side of an existing link."""
        return self._fields(OperationKind.UPDATE, OperationKind.PULL)

    def pushed_fields(self) -> frozenset[Field]:
        """The fields that the step writes to an existing ticket."""
        return self._fields(OperationKind.UPDATE)

    @property
    def is_decided(self) -> bool:
        """Whether the step only tells the ticket that its item ended, which was decided here and by no ticket."""
        return self.item.status not in UNFINISHED and not self._fields(OperationKind.PULL)

    def _fields(self, *kinds: OperationKind) -> frozenset[Field]:
        return frozenset(m.field for o in self.operations if o.kind in kinds for m in o.fields)


@dataclass(frozen=True, slots=True)
class Brake:
    """Why a plan is refused as a whole."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Safety:
    """How much a run may do without being told that it is meant."""

    max_creates: int = 200
    change_share: float = 0.30


@dataclass(frozen=True, slots=True)
class Sighted:
    """How many linked tickets of one tracker were looked at directly, of how many, and how many of them were there."""

    tracker: str
    looked: int
    there: int
    linked: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """About when (UTC) a tracker that takes only so much new content an hour has all that a plan makes."""

    tracker: str
    count: int
    per_hour: int
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, in order, and whether it is refused.

    `beside` are operations on holds alone, of items that no step is about. `problems` say which trackers could not be
    read; `denied` that one of them does not let us in. `doubts` say what is to be found out about earlier runs.
    `forecasts` are for trackers whose budget makes it take long.
    """

    steps: tuple[Step, ...]
    beside: tuple[Operation, ...] = ()
    holds: tuple[Hold, ...] = ()
    refused: Brake | None = None
    problems: tuple[str, ...] = ()
    denied: bool = False
    doubts: tuple[str, ...] = ()
    forecasts: tuple[Forecast, ...] = ()

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, in the order in which it is applied."""
        return (*self.beside, *(operation for step in self.steps for operation in step.operations))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should know, each once."""
        return tuple(dict.fromkeys(w for step in self.steps for w in step.warnings))

    @property
    def digest(self) -> str:
        """SHA-256 over the operations and the revisions they assume; equal digests mean the same plan."""
        content = [asdict(operation) for operation in self.operations]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps as they are applied: what tickets say first, new tickets last, urgent and early due ones first."""
    return tuple(sorted(steps, key=_rank))


def _rank(step: Step) -> tuple[bool, str, int, str, str]:
    item = step.item
    return (
        step.draft is not None,
        step.tracker,
        _PRIORITIES.index(item.priority),
        item.due_date.isoformat(),
        item.ref,
    )


def brake(
    steps: Sequence[Step],
    *,
    links: Mapping[str, int],
    sightings: Sequence[Sighted],
    safety: Safety,
    foreseen: Collection[str] = (),
) -> Brake | None:
    """The first reason to refuse the steps as a whole, or none; changes are judged by tracker and all together.

    `links` is how many links each tracker of the run has. That the due date of the items in `foreseen` has passed, and
    is told in their tickets, is the calendar's doing and no fault; nor is it one that items were ended here.
    """
    for seen in sightings:
        if seen.looked > 1 and seen.looked * 2 > seen.linked and not seen.there:
            detail = f"{seen.tracker} shows none of its {seen.looked} linked tickets"
            return Brake("empty_tracker", f"{detail}; is it the right project, and may the account read it?")
    creates = sum(step.draft is not None for step in steps)
    if creates > safety.max_creates:
        detail = f"{creates} tickets would be created, more than safety.max_creates = {safety.max_creates}"
        return Brake("max_creates", detail)
    late = frozenset(foreseen)
    steps = [s for s in steps if not s.is_decided and (s.item.ref not in late or s.moved_fields() - {Field.BODY})]
    for name, count in links.items():
        if found := _too_many_changes([step for step in steps if step.tracker == name], count, safety):
            return found
    return _too_many_changes(steps, sum(links.values()), safety)


def _too_many_changes(steps: Sequence[Step], links: int, safety: Safety) -> Brake | None:
    if links < 10:
        return None
    moved = [fields for step in steps if (fields := step.moved_fields())]
    most = Counter(f for step in steps for f in step.pushed_fields()).most_common(1)
    if most and most[0][1] > links / 2:
        name, count = most[0]
        detail = f"{count} of {links} linked tickets would get another {name.value}: a fault in the mapping?"
        return Brake("same_field", detail)
    if len(moved) > safety.change_share * links:
        detail = f"{len(moved)} of {links} linked items would change, more than {safety.change_share:.0%}"
        return Brake("change_share", f"{detail} (safety.change_share)")
    return None
