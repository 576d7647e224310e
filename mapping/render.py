"""How an item should read in a tracker."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from mapping import block as blocks
from mapping.document import text_size, to_document
from mapping.markup import (
    ZERO_WIDTH_SPACE,
    break_references,
    clean,
    clean_title,
    close_fences,
    code_span,
    cut_title,
    escape,
    fitted,
    neutralise,
    size,
    unforgeable,
)
from mapping.mentions import Accounts, nobody, revived
from mapping.rules import ACCEPTED_LABEL, Rules, TrackerRules, folded, transition_key
from mapping.wiki import to_wiki
from state.model import ActionItem, Baseline, Field, SourceKind, Status
from state.ticket import KEEP, Body, BodyFormat, Category, Draft, Keep, Marker, Patch, Ticket, TransitionTo

_SOURCES: Mapping[SourceKind, str] = {
    SourceKind.AUTOMATED_TEST: "automated test",
    SourceKind.UNIMPLEMENTED_CONTROL: "unimplemented control",
    SourceKind.MANUAL: "entered by hand",
    SourceKind.ASSESSMENT: "assessment",
}
_CATEGORIES: Mapping[Status, Category] = {
    Status.OPEN: Category.NEW,
    Status.IN_PROGRESS: Category.INDETERMINATE,
    Status.RESOLVED: Category.DONE,
    Status.ACCEPTED_AS_RISK: Category.DONE,
}


@dataclass(frozen=True, slots=True)
class Desired:
    """How an item should read in one tracker.

    `values` are canonical, to be compared with what is observed; a field that has no value there, for want of a field
    or of an account, is left out. The others are in the tracker's terms. `warnings` say what could not be said.
    """

    values: Mapping[Field, str | None]
    title: str
    block: Body
    priority: str | None
    account: str | None
    due_date: date
    labels: tuple[str, ...]
    mark: str
    warnings: tuple[str, ...]
    item: ActionItem
    marker: Marker


def desired(item: ActionItem, rules: Rules, tracker: str, marker: Marker) -> Desired:
    """How the item should read in the tracker; the same item and rules give the same answer everywhere."""
    known = rules.trackers[tracker]
    title = rendered_title(item, known)
    block, left_out = _fitted(item, known, marker, known.body_limit)
    account = rules.account(item.owner, known.account_kind) if item.owner else None
    labels = tuple(sorted(known.labels_of(item)))
    values: dict[Field, str | None] = {
        Field.STATUS: item.status.value,
        Field.TITLE: canonical_title(title),
        Field.BODY: blocks.digest(block, known.body_format),
        Field.PRIORITY: item.priority.value,
        Field.DUE_DATE: item.due_date.isoformat(),
        Field.LABELS: "\n".join(labels),
    }
    if account:
        values[Field.ASSIGNEE] = rules.person(account, known.account_kind)
    warnings = []
    if item.owner and not account:
        warnings.append(f"{item.ref}: {item.owner} has no {known.account_kind} account among the people; not assigned")
    if left_out:
        warnings.append(f"{item.ref}: {left_out} characters of the description do not fit into {tracker}")
    return Desired(
        values={field: value for field, value in values.items() if field in known.fields},
        title=title,
        block=block,
        priority=known.priority[item.priority] if Field.PRIORITY in known.fields else None,
        account=account if Field.ASSIGNEE in known.fields else None,
        due_date=item.due_date,
        labels=labels,
        mark=known.mark,
        warnings=tuple(warnings),
        item=item,
        marker=marker,
    )


def draft(wanted: Desired, marker: Marker) -> Draft:
    """The ticket to create. The label that every mirrored ticket carries comes with the marker."""
    return Draft(
        marker=marker,
        title=wanted.title,
        body=wanted.block,
        priority=wanted.priority,
        assignee=wanted.account,
        due_date=wanted.due_date if Field.DUE_DATE in wanted.values else None,
        labels=tuple(label for label in wanted.labels if label != wanted.mark),
    )


def patch(
    wanted: Desired,
    fields: Collection[Field],
    ticket: Ticket | None,
    baseline: Baseline | None,
    rules: Rules,
    tracker: str,
) -> Patch:
    """Exactly the change that makes these fields of the ticket read as they should.

    A label that asks for acceptance goes with the state that it stands for: as long as it is there, no other is seen.
    The body needs the ticket: its managed block is replaced. Where it has none, the block is appended if the baseline
    has no body yet, which is how a ticket is adopted; otherwise a person took it out, and the body is left alone.
    """
    known = rules.trackers[tracker]
    present = ticket.labels if ticket is not None else frozenset(_ours(baseline))
    labels = _label_changes(wanted, present, baseline, known) if Field.LABELS in fields else ((), ())
    answers = Field.STATUS in fields and wanted.item.status is not Status.ACCEPTED_AS_RISK
    return Patch(
        title=wanted.title if Field.TITLE in fields else KEEP,
        body=_patched_body(wanted, ticket, baseline, known) if Field.BODY in fields else KEEP,
        priority=wanted.priority if Field.PRIORITY in fields and Field.PRIORITY in wanted.values else KEEP,
        assignee=wanted.account if Field.ASSIGNEE in fields and Field.ASSIGNEE in wanted.values else KEEP,
        due_date=wanted.due_date if Field.DUE_DATE in fields and Field.DUE_DATE in wanted.values else KEEP,
        add_labels=labels[0],
        remove_labels=(*labels[1], *(known.asking(present) if answers else ())),
        state=transition(wanted.item.status, known) if Field.STATUS in fields else None,
    )


def transition(status: Status, rules: TrackerRules) -> TransitionTo:
    """The state that a ticket of an item with this status should be in."""
    here = transition_key(status)
    mine = (here, "acceptance") if status is Status.ACCEPTED_AS_RISK else (here,)
    others = tuple(name for key, names in rules.status.items() if key not in mine for name in names)
    return TransitionTo(_CATEGORIES[status], rules.status[here], rules.resolutions_to_write(status), others)


def rendered_title(item: ActionItem, rules: TrackerRules) -> str:
    """The item's title as the tracker gets it: one line, harmless, cut on a word."""
    title = clean_title(item.title) or item.ref
    if rules.body_format is not BodyFormat.MARKDOWN:
        return cut_title(title, rules.title_limit)
    limit = rules.title_limit
    while size(safe := break_references(cut_title(title, limit))) > rules.title_limit:
        limit -= size(safe) - rules.title_limit
    return safe


def canonical_title(title: str) -> str:
    """A title as titles are compared: one line, without what is invisible."""
    return " ".join(title.replace(ZERO_WIDTH_SPACE, "").split())


@dataclass(frozen=True, slots=True)
class Told:
    """What in a block tells an item from others: where it comes from, and its description, line by line."""

    source: str
    description: tuple[str, ...]


def told(inner: Body) -> Told:
    """What a block tells, as it was rendered: its description stands between the head and the facts."""
    lines = blocks.lines(inner)
    facts = max((at for at, line in enumerate(lines) if line.startswith("Owner ")), default=0)
    source = next((line for line in lines[facts:] if line.startswith("Source ")), "")
    return Told(source, tuple(lines[1:facts]))


def _patched_body(
    wanted: Desired, ticket: Ticket | None, baseline: Baseline | None, rules: TrackerRules
) -> Body | Keep:
    if ticket is None:
        raise ValueError("a body is changed only within the ticket as it is now")
    form = rules.body_format
    stands = blocks.find(ticket.body, form) is not None
    if not stands and baseline is not None and Field.BODY in baseline:
        return KEEP
    around = blocks.remove(ticket.body, form)
    room = rules.body_limit - body_size(around) - 4
    block = wanted.block
    if body_size(block) > room:
        block, _ = _fitted(wanted.item, rules, wanted.marker, room)
    return (blocks.replace if stands else blocks.insert)(ticket.body, block, form)


def _label_changes(
    wanted: Desired, present: Collection[str], baseline: Baseline | None, rules: TrackerRules
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    there = {folded(label) for label in present}
    keep = {folded(label) for label in wanted.labels}
    stale = {folded(label) for label in (*_ours(baseline), *rules.priority_labels, ACCEPTED_LABEL)} - keep
    added = tuple(label for label in wanted.labels if folded(label) not in there)
    return added, tuple(sorted(label for label in present if folded(label) in stale))


def _ours(baseline: Baseline | None) -> list[str]:
    agreed = (baseline or {}).get(Field.LABELS)
    return (
        [label for side in (agreed.ours, agreed.theirs) for label in (side or "").split("\n") if label]
        if agreed
        else []
    )


def _fitted(item: ActionItem, rules: TrackerRules, marker: Marker, limit: int) -> tuple[Body, int]:
    """The block within the limit, and how many characters of the description had to be left out."""
    limit = limit * 19 // 20 if rules.body_format is BodyFormat.ADF else limit

    def write(text: str, left_out: int) -> Body:
        return blocks.wrap(_whole(_parts(item, text, left_out), rules.body_format), rules.body_format, marker)

    return fitted(clean(item.description).strip("\n"), limit, write, body_size)


def body_size(body: Body) -> int:
    """How many characters a tracker counts in the body."""
    return size(body) if isinstance(body, str) else text_size(body or {})


def _whole(parts: Sequence[str], form: BodyFormat) -> Body:
    """The parts one below the other, each written by itself, since many items have one in common."""
    if form is BodyFormat.MARKDOWN:
        return native("\n\n".join(parts), form)
    written = [native(part, form) for part in parts]
    if form is BodyFormat.WIKI:
        return "\n\n".join(str(each) for each in written if each)
    nodes = (node for each in written if isinstance(each, Mapping) for node in each["content"])
    return {"type": "doc", "version": 1, "content": list(nodes)}


@lru_cache(maxsize=256)
def native(markdown: str, form: BodyFormat) -> Body:
    """The Markdown as the tracker writes long text, with nothing in it that notifies anybody or forges a block."""
    return mentioning(markdown, form, nobody)


def mentioning(markdown: str, form: BodyFormat, accounts: Accounts) -> Body:
    """As `native`, but those in `accounts` are notified where they are mentioned."""
    match form:
        case BodyFormat.MARKDOWN:
            return revived(neutralise(markdown), accounts)
        case BodyFormat.WIKI:
            return unforgeable(to_wiki(markdown, accounts))
        case BodyFormat.ADF:
            return to_document(unforgeable(markdown), accounts)


def _parts(item: ActionItem, description: str, left_out: int) -> list[str]:
    """The parts of the block as Markdown."""
    head = f"**{item.ref}** \u00b7 {item.priority.value} priority \u00b7 due {item.due_date.isoformat()}"
    if item.overdue_since is not None:
        head += f" \u00b7 **overdue since {item.overdue_since.isoformat()}**"
    cut = f"*{left_out} more characters are not shown here:* `counterfoil item show {item.ref}` *has all of it.*"
    owner = escape(item.owner) if item.owner else "nobody yet"
    source = (
        f"{_SOURCES[item.source_kind]} {code_span(item.source_ref)}" if item.source_ref else _SOURCES[item.source_kind]
    )
    facts = [f"**Owner** {owner}"]
    if item.controls:
        facts.append(f"**Controls** {', '.join(map(escape, item.controls))}")
    if item.risks:
        facts.append(f"**Risks** {', '.join(map(escape, item.risks))}")
    facts.append(f"**Source** {source}")
    if item.predecessor:
        facts.append(f"**Goes on from** {item.predecessor}")
    if item.accepted:
        facts.append(f"**Accepted as a risk** until {item.accepted.until.isoformat()}, by {item.accepted.ref}")
    foot = (
        f"*Counterfoil keeps this section in step with {item.ref}. Text outside it is yours and stays as you write it.*"
    )
    parts = [head, close_fences(description), cut if left_out else "", "\\\n".join(facts), foot]
    return [part for part in parts if part.strip()]
