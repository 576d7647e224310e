"""What one row of a source comes to: a new item, new values, evidence, or nothing (pure)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, assert_never

from state.easing import less
from state.effects import Because, ItemChange
from state.grouping import Grouping
from state.items import Decided
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Finding, ItemDraft, Priority, SourceKind, Status, TestOutcome
from state.proof import Evidence, EvidenceDraft, EvidenceKind, Review, Verdict
from state.register import Test
from state.results import Said

_SHOWN = 200

Taken = ItemDraft | Finding

Easing = Callable[[ActionItem, Mapping[str, Any]], str | None]
"""Why an item may not have values that ask for less of it, in words; `None` if it may."""


@dataclass(frozen=True, slots=True)
class DuePolicy:
    """How many days an item of each priority has when its source gives no due date."""

    critical: int = 7
    high: int = 30
    medium: int = 90
    low: int = 180

    def due(self, priority: Priority, today: date) -> date:
        """The due date of an item that is new today."""
        days: int = getattr(self, priority.value)
        return today + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class TestPolicy:
    """How tests are heard, in days.

    A failure opens its resolved item again for `reopen_days` after the resolution, and makes a successor after that. A
    test that said nothing for `stale_days` is silent. A passing test is evidence for `valid_days`, or without end.
    """

    __test__ = False

    reopen_days: int = 30
    stale_days: int = 30
    valid_days: int | None = None

    def silent_since(self, today: date) -> datetime:
        """The time (UTC) since which a test must have spoken, or is silent."""
        return datetime.combine(today - timedelta(days=self.stale_days), time(), UTC)


@dataclass(frozen=True, slots=True)
class Report:
    """The file that rows come from, with its format and the hash of its bytes."""

    form: str = ""
    name: str = ""
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides beside the row and its item."""

    due: DuePolicy
    tests: TestPolicy
    report: Report
    today: date
    because: Because
    grouping: Grouping
    easing: Easing


@dataclass(slots=True)
class Found:
    """What one transaction's worth of rows comes to, and how many rows came to what.

    `kept` says by item why it does not ask for less, as its row would have it.
    """

    new: list[Decided] = field(default_factory=list)
    changes: list[ItemChange] = field(default_factory=list)
    passes: list[tuple[Said, EvidenceDraft]] = field(default_factory=list)
    reviews: list[tuple[Evidence, Review]] = field(default_factory=list)
    heard: list[Test] = field(default_factory=list)
    failing: list[tuple[str, str, datetime]] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    reopened: int = 0
    succeeded: int = 0
    kept: dict[str, str] = field(default_factory=dict)


def judge(found: Found, row: Taken, item: ActionItem | None, terms: Terms) -> None:
    """Add what the row comes to, given the item that it speaks of."""
    if isinstance(row, Finding) and row.draft.source_kind is not SourceKind.ASSESSMENT:
        found.heard.append(_test(row, item, terms))
    match row, item:
        case Finding(outcome=TestOutcome.PASS), None:
            pass
        case Finding(outcome=TestOutcome.PASS), ActionItem():
            if item.status in UNFINISHED:
                said = (item.ref, row.outcome, row.observed_at, row.draft.source_ref)
                found.passes.append((said, _evidence(row, item, terms)))
        case _, None:
            found.new.append(_decided(draft_of(row), terms))
            found.created += 1
        case Finding(), ActionItem():
            if row.outcome is TestOutcome.FAIL and row.draft.fingerprint:
                found.failing.append((item.ref, row.draft.fingerprint, row.observed_at))
            _failed(found, row, item, terms)
        case ItemDraft(), ActionItem():
            found.updated += _change(found, item, values(row), terms, terms.because)
        case _:
            assert_never(row)


def draft_of(row: Taken) -> ItemDraft:
    """What the row says of an item."""
    return row.draft if isinstance(row, Finding) else row


def values(draft: ItemDraft) -> dict[str, Any]:
    """The values the draft gives; the status is not among them, and what is not said keeps its value."""
    given = {
        "title": draft.title,
        "description": draft.description or None,
        "priority": draft.priority,
        "owner": draft.owner,
        "due_date": draft.due_date,
        "controls": draft.controls,
        "risks": draft.risks,
    }
    return {name: value for name, value in given.items() if value is not None}


def moved(said: Mapping[str, Any], item: ActionItem) -> dict[str, Any]:
    """Those of the values that the item does not have."""
    return {name: value for name, value in said.items() if value != getattr(item, name)}


def refuted(found: Found, evidence: Mapping[str, list[Evidence]]) -> None:
    """Reject what items' tests proved by passing, where the same test failed after that.

    `evidence` is that of the items that failing tests are about.
    """
    for item, fingerprint, failed_at in found.failing:
        for piece in evidence.get(item, ()):
            same = piece.draft.remote_id == fingerprint and piece.draft.captured_at < failed_at
            if same and not piece.superseded and not piece.rejected:
                why = "the same test failed after that"
                found.reviews.append((piece, Review(Verdict.REJECTED, piece.draft.origin, failed_at, why)))


def _failed(found: Found, finding: Finding, item: ActionItem, terms: Terms) -> None:
    """What a test that did not pass does to its item.

    A failure seen after the item was resolved opens it again, or later on makes a successor; one seen before says
    nothing about that. An accepted item stays accepted: its values follow, and void the acceptance if they matter.
    """
    said = values(finding.draft)
    if finding.draft.priority is item.original_priority:
        # The scanner rates it as it always did, so that another rating is a person's and stands.
        said.pop("priority", None)
    fails = finding.outcome is TestOutcome.FAIL
    match item.status:
        case Status.OPEN | Status.IN_PROGRESS:
            found.updated += _change(found, item, said, terms, terms.because)
        case Status.ACCEPTED_AS_RISK:
            if fails and finding.observed_at > item.updated_at:
                found.updated += _change(found, item, said, terms, terms.because)
        case Status.RESOLVED:
            if fails and item.resolved_at is not None and finding.observed_at > item.resolved_at:
                _again(found, finding, item, said, item.resolved_at, terms)
        case _:
            assert_never(item.status)


def _again(
    found: Found, finding: Finding, item: ActionItem, said: dict[str, Any], resolved_at: datetime, terms: Terms
) -> None:
    what = f"{finding.draft.source_ref} fails again"
    if finding.observed_at - resolved_at <= timedelta(days=terms.tests.reopen_days):
        why = f"{what}, after the item was resolved"
        because = replace(terms.because, reason=why, at=finding.observed_at)
        found.reopened += _change(found, item, said | {"status": Status.OPEN, "claim": None}, terms, because)
        return
    days = (finding.observed_at - resolved_at).days
    because = replace(terms.because, reason=f"{what}, {days} days after the item was resolved: a new item goes on")
    _change(found, item, {"fingerprint": None}, terms, because)
    draft = finding.draft
    inherited = {name: getattr(draft, name) or getattr(item, name) for name in ("owner", "controls", "risks")}
    found.new.append(_decided(replace(draft, **inherited, predecessor=item.ref), terms))
    found.succeeded += 1


def _change(found: Found, item: ActionItem, said: Mapping[str, Any], terms: Terms, because: Because) -> bool:
    """Give the item other values, but for those that whoever takes them in may not have ask for less."""
    other = moved(said, item)
    if (eased := less(item, other)) and (why := terms.easing(item, other)):
        found.kept[item.ref] = why
        other = {name: value for name, value in other.items() if name not in eased}
    if other:
        found.changes.append(ItemChange(item.ref, other, because, seen=item.revision))
    return bool(other)


def _decided(draft: ItemDraft, terms: Terms) -> Decided:
    priority = draft.priority or Priority.MEDIUM
    return draft, draft.due_date or terms.due.due(priority, terms.today), priority


def _test(finding: Finding, item: ActionItem | None, terms: Terms) -> Test:
    draft = finding.draft
    return Test(
        fingerprint=draft.fingerprint or "",
        title=draft.title,
        outcome=finding.outcome,
        observed_at=finding.observed_at,
        controls=tuple(draft.controls or ()),
        item=item.ref if item else None,
        source_ref=draft.source_ref,
        report_sha256=terms.report.sha256 or "",
    )


def _evidence(finding: Finding, item: ActionItem, terms: Terms) -> EvidenceDraft:
    draft, report = finding.draft, terms.report
    tool = finding.tool or report.form or "counterfoil"
    day = finding.observed_at.date()
    last = None if terms.tests.valid_days is None else day + timedelta(days=terms.tests.valid_days)
    assessed = draft.source_kind is SourceKind.ASSESSMENT
    what = "no gap any more" if assessed else f"{draft.source_ref} passes"
    return EvidenceDraft(
        kind=EvidenceKind.DOCUMENT if assessed else EvidenceKind.TEST_RESULT,
        shows=f"{what}: {draft.title}"[:_SHOWN],
        by=tool,
        captured_at=finding.observed_at,
        item=item.ref,
        origin=tool,
        remote_id=draft.fingerprint or "",
        name=report.name,
        sha256=report.sha256,
        size=report.size,
        period_start=day,
        period_end=day,
        expires_on=last,
    )
