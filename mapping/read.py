"""How a ticket reads, in the same canonical values as an item renders to."""

from collections.abc import Mapping
from dataclasses import dataclass

from mapping import block as blocks
from mapping.render import Desired, canonical_title, told
from mapping.rules import Rules, TrackerRules, folded
from state.model import Agreed, Baseline, Field, Status
from state.ticket import Body, BodyFormat, Category, Ticket, TicketState

ACCEPTANCE_REQUESTED = "acceptance_requested"
DUPLICATE = "duplicate"
UNMAPPED = "unmapped:"

_READ_AS_MEANT = frozenset({Status.OPEN.value, Status.ACCEPTED_AS_RISK.value})


@dataclass(frozen=True, slots=True)
class Observed:
    """How a ticket reads: canonical values for every field the tracker holds, and what was odd about it.

    The status is one of ours, `acceptance_requested`, `duplicate` or `unmapped:NAME`. The body is `None` when the
    managed block is missing. An assignee nobody knows is `account:ID`.
    """

    values: Mapping[Field, str | None]
    warnings: tuple[str, ...] = ()


def observe(
    ticket: Ticket,
    rules: Rules,
    tracker: str,
    *,
    baseline: Baseline | None,
    desired: Desired | None,
) -> Observed:
    """How the ticket reads under the rules; baseline and desired tell which assignment was ours."""
    known = rules.trackers[tracker]
    assignee = _assignee(ticket, rules, known)
    values: dict[Field, str | None] = {
        Field.STATUS: _status(ticket, known, baseline, desired, _started(ticket, known, assignee, baseline, desired)),
        Field.TITLE: canonical_title(ticket.title),
        Field.BODY: blocks.digest(ticket.body, known.body_format),
        Field.PRIORITY: _priority(ticket, known),
        Field.ASSIGNEE: assignee,
        Field.DUE_DATE: ticket.due_date.isoformat() if ticket.due_date else None,
        Field.LABELS: "\n".join(sorted(_our_labels(ticket, known))),
    }
    return Observed(
        {field: value for field, value in values.items() if field in known.fields},
        tuple(_warnings(ticket, known, values)),
    )


def observe_after(ticket: Ticket, rules: Rules, tracker: str, *, baseline: Baseline, meant: Baseline) -> Observed:
    """How the ticket reads where a write that meant this may have been done.

    Who is assigned to a ticket that may have been opened again has not begun for that, and whatever one is closed as
    that may have been closed for an accepted risk, it is that.
    """
    status = meant.get(Field.STATUS)
    told = {Field.STATUS: status} if status is not None and status.theirs in _READ_AS_MEANT else {}
    return observe(ticket, rules, tracker, baseline={**baseline, **told}, desired=None)


def reads_as(ticket: Ticket, wanted: Desired, rules: Rules, tracker: str) -> bool:
    """Whether the ticket is about the item that is wanted, whosever key it carries.

    Its block reads as it should, or its title does and the block names the same source, or where the item has none,
    says neither of one nor anything else than the item's description.
    """
    form = rules.trackers[tracker].body_format
    block = blocks.find(ticket.body, form)
    if block is None:
        return False
    if blocks.digest(ticket.body, form) == wanted.values.get(Field.BODY):
        return True
    theirs, ours = told(block.inner), told(_inner(wanted.block, form))
    alike = canonical_title(ticket.title) == canonical_title(wanted.title)
    return alike and theirs.source == ours.source and (bool(wanted.item.source_ref) or theirs == ours)


def _inner(block: Body, form: BodyFormat) -> Body:
    found = blocks.find(block, form)
    return None if found is None else found.inner


def names_item(ticket: Ticket, rules: Rules, tracker: str) -> str:
    """The ref of the item that the ticket says it is for; empty where it does not say."""
    if ticket.marker is not None and ticket.marker.item:
        return ticket.marker.item
    block = blocks.find(ticket.body, rules.trackers[tracker].body_format)
    return block.item if block is not None else ""


def _status(
    ticket: Ticket, rules: TrackerRules, baseline: Baseline | None, desired: Desired | None, started: bool
) -> str:
    """What the ticket's state says; whatever that of an item that ended was closed as, it says no more than that."""
    ours = desired.values.get(Field.STATUS) if desired is not None else None
    agreed = (baseline or {}).get(Field.STATUS)
    for ended in (Status.ACCEPTED_AS_RISK.value, Status.RESOLVED.value):
        if ticket.state.category is Category.DONE and (ours == ended or agreed == Agreed(ended, ended)):
            return ended
    return status_of(ticket, rules, started=started)


def status_of(ticket: Ticket, rules: TrackerRules, *, started: bool) -> str:
    """What the ticket's state says; `started` says that somebody has begun work on it although it is still new."""
    if rules.asking([ticket.state.name, *ticket.labels]):
        return ACCEPTANCE_REQUESTED
    named = rules.status_named(ticket.state.name)
    if named == Status.OPEN or (named is None and ticket.state.category is Category.NEW):
        return Status.IN_PROGRESS.value if started else Status.OPEN.value
    if named == Status.IN_PROGRESS or (named is None and ticket.state.category is Category.INDETERMINATE):
        return Status.IN_PROGRESS.value
    return _closed_as(ticket.state, rules)


def is_unexplained(state: TicketState, rules: TrackerRules) -> bool:
    """Whether a ticket was closed without a word on what became of the work, be it a state's that somebody mapped."""
    named = rules.status_named(state.name) or rules.resolution_named(state.name)
    return state.category is Category.DONE and not state.resolution and named is None


def _closed_as(state: TicketState, rules: TrackerRules) -> str:
    """What a closed ticket's reason says; where none is given, the name of a state that nobody mapped may say it."""
    resolution = state.resolution if state.category is Category.DONE else None
    unmapped = rules.status_named(state.name) is None
    told = rules.resolution_named(resolution or (state.name if unmapped else ""))
    if not resolution and told is None:
        return Status.RESOLVED.value
    match told:
        case "resolved":
            return Status.RESOLVED.value
        case "acceptance":
            return ACCEPTANCE_REQUESTED
        case "duplicate":
            return DUPLICATE
        case _:
            return f"{UNMAPPED}{resolution}"


def _started(
    ticket: Ticket, rules: TrackerRules, assignee: str | None, baseline: Baseline | None, desired: Desired | None
) -> bool:
    """Whether somebody works on a new ticket: a change is open for it, or a person took it who was not given it.

    Once begun, work goes on for as long as anybody is assigned.
    """
    if ticket.linked_change_open:
        return True
    if not rules.assignment_starts_work or assignee is None:
        return False
    agreed = baseline or {}
    if Field.STATUS in agreed and agreed[Field.STATUS].theirs == Status.IN_PROGRESS:
        return True
    given = {desired.values.get(Field.ASSIGNEE)} if desired is not None else set()
    if Field.ASSIGNEE in agreed:
        given |= {agreed[Field.ASSIGNEE].ours, agreed[Field.ASSIGNEE].theirs}
    return assignee not in given


def _assignee(ticket: Ticket, rules: Rules, known: TrackerRules) -> str | None:
    if not ticket.assignee:
        return None
    return rules.person(ticket.assignee, known.account_kind) or f"account:{ticket.assignee}"


def _priority(ticket: Ticket, rules: TrackerRules) -> str | None:
    if ticket.priority is None:
        return None
    priority = rules.priority_named(ticket.priority)
    return priority.value if priority else f"{UNMAPPED}{ticket.priority}"


def _our_labels(ticket: Ticket, rules: TrackerRules) -> list[str]:
    there = {folded(label) for label in ticket.labels}
    return [label for label in {*rules.our_labels} if folded(label) in there]


def _warnings(ticket: Ticket, rules: TrackerRules, values: Mapping[Field, str | None]) -> list[str]:
    called = ticket.ref.key or ticket.ref.id
    found = []
    if (values[Field.STATUS] or "").startswith(UNMAPPED):
        found.append(
            f"{called}: resolution {ticket.state.resolution!r} is in no list; "
            f"add it to one in [trackers.{rules.tracker}.resolution]"
        )
    if (values[Field.PRIORITY] or "").startswith(UNMAPPED):
        found.append(
            f"{called}: priority {ticket.priority!r} is not mapped; name it in [trackers.{rules.tracker}.priority]"
        )
    if ticket.state.category is Category.DONE and not ticket.state.resolution:
        found.append(f"{called}: closed without a resolution")
    elif values[Field.STATUS] == Status.ACCEPTED_AS_RISK and status_of(ticket, rules, started=False) == Status.RESOLVED:
        found.append(f"{called}: its risk is accepted, but it says that the work is done: {ticket.state.resolution!r}")
    return found
