"""What sources say becomes items and test results, and saying it twice changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, assert_never

from connectors.base import BadRow, LeftOut, Row
from state.effects import Because, ItemChange
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Finding, ItemDraft, Priority, Status, TestOutcome
from state.store import Batch, StateError, Store

BATCH = 500
"""How many rows one transaction takes in."""

BAD_ROWS_SHOWN = 1000
"""How many bad rows a report holds; the rest are only counted."""

_STRENGTH = {TestOutcome.MANUAL: 0, TestOutcome.PASS: 1, TestOutcome.FAIL: 2}

Taken = ItemDraft | Finding
Key = tuple[str, str]
Decided = tuple[ItemDraft, date, Priority]


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


class SourceChanged(StateError):
    """The second reading gave other rows than the first; whole batches of rows may have been taken in."""

    def __init__(self) -> None:
        super().__init__("the source changed while it was read; take it in again, which does nothing twice")


@dataclass(slots=True)
class IntakeReport:
    """What taking in one file did, in rows.

    `passed` are passing tests recorded for unfinished items, `manual` and `left_out` asked for nothing, `repeated`
    are findings that another one of the same file speaks for, and `unchanged` said nothing new. `bad` holds the
    first of the `bad_count` bad rows. When `refused`, nothing was taken in because of them.
    """

    created: int = 0
    updated: int = 0
    reopened: int = 0
    unchanged: int = 0
    passed: int = 0
    manual: int = 0
    left_out: int = 0
    repeated: int = 0
    bad_count: int = 0
    bad: list[BadRow] = field(default_factory=list)
    refused: bool = False


@dataclass(slots=True)
class _Found:
    """What one transaction's worth of rows comes to."""

    new: list[Decided] = field(default_factory=list)
    changes: list[ItemChange] = field(default_factory=list)
    results: list[tuple[str, TestOutcome, datetime, str]] = field(default_factory=list)
    reopened: int = 0


def take_in(
    store: Store,
    rows: Iterable[Row],
    *,
    policy: DuePolicy,
    today: date,
    because: Because,
    keep_going: bool = False,
    include_manual: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> IntakeReport:
    """Take in what `rows` say, which must give the same rows each time they are iterated.

    They are read twice: once to see that all are sound, once to take them in, and only once where none of them says
    anything new. With a bad row among them nothing is taken in, unless `keep_going`. What is interrupted is finished
    by doing it again. `progress` is told how many rows are done. Raises `SourceChanged`, and `StateError` as the store
    does.
    """
    if isinstance(rows, Iterator):
        raise TypeError("rows are read twice, and an iterator can be read once")
    known = _Known(store)
    report, speaking = _look_through(rows, known)
    if report.bad_count and not keep_going:
        report.refused = True
        return report
    if known.all():
        report.unchanged = known.count
        return report
    done = 0
    for some in _batches(_wanted(rows, speaking, include_manual, report)):
        _take_batch(store, some, policy, today, because, report)
        done += len(some)
        progress(done)
    return report


@dataclass(slots=True)
class _Known:
    """Whether rows say only what their items say already; after the first that says more, nothing is looked up."""

    store: Store
    count: int = 0
    news: bool = False
    _some: list[ItemDraft] = field(default_factory=list)

    def hear(self, draft: ItemDraft) -> None:
        """One more row."""
        if not self.news:
            self._some.append(draft)
            if len(self._some) == BATCH:
                self._compare()

    def all(self) -> bool:
        """Whether every row was known."""
        self._compare()
        return not self.news

    def _compare(self) -> None:
        items = _items(self.store, self._some)
        for draft in self._some:
            item = items.get(key) if (key := _key(draft)) else None
            self.news |= item is None or bool(_moved(_said(draft), item))
        self.count += len(self._some)
        self._some.clear()


def _look_through(rows: Iterable[Row], known: _Known) -> tuple[IntakeReport, dict[Key, int]]:
    """Count what is bad, and find which finding of the file speaks for each test: a failure, else the latest."""
    report = IntakeReport()
    best: dict[Key, tuple[int, datetime, int]] = {}
    for place, row in enumerate(rows):
        match row:
            case BadRow():
                report.bad_count += 1
                if len(report.bad) < BAD_ROWS_SHOWN:
                    report.bad.append(row)
            case Finding():
                known.news = True
                key, strength = _key(row.draft), _STRENGTH[row.outcome]
                if key and (key not in best or (strength, row.observed_at) > best[key][:2]):
                    best[key] = (strength, row.observed_at, place)
            case ItemDraft():
                known.hear(row)
            case LeftOut():
                known.news = True
            case _:
                assert_never(row)
    return report, {key: place for key, (_, _, place) in best.items()}


def _wanted(
    rows: Iterable[Row], speaking: Mapping[Key, int], include_manual: bool, report: IntakeReport
) -> Iterator[Taken]:
    """Yield the rows that ask for something, and count the others; raises `SourceChanged`."""
    bad = 0
    for place, row in enumerate(rows):
        match row:
            case ItemDraft():
                yield row
            case LeftOut():
                report.left_out += 1
            case Finding():
                if (key := _key(row.draft)) and key not in speaking:
                    raise SourceChanged
                if key and speaking[key] != place:
                    report.repeated += 1
                elif row.outcome is TestOutcome.MANUAL and not include_manual:
                    report.manual += 1
                else:
                    yield row
            case BadRow():
                bad += 1
                if bad > report.bad_count:
                    raise SourceChanged
            case _:
                assert_never(row)


def _batches(rows: Iterable[Taken]) -> Iterator[list[Taken]]:
    some: list[Taken] = []
    for row in rows:
        some.append(row)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


def _key(draft: ItemDraft) -> Key | None:
    """What finds the item again on a second intake."""
    if draft.external_ref:
        return ("external_ref", draft.external_ref)
    return ("fingerprint", draft.fingerprint) if draft.fingerprint else None


def _take_batch(
    store: Store, rows: list[Taken], policy: DuePolicy, today: date, because: Because, report: IntakeReport
) -> None:
    known = _items(store, [_draft(row) for row in rows])
    batch = _Found()
    for row in rows:
        item = known.get(key) if (key := _key(_draft(row))) else None
        if item is None:
            _plan_new(batch, row, policy, today)
        else:
            _plan_known(batch, row, item, because)
    anything = batch.new or batch.changes or batch.results
    found = Batch(batch.new, batch.changes, batch.results)
    recorded = len(store.take_in(found, because).results) if anything else 0
    report.created += len(batch.new)
    report.updated += len(batch.changes) - batch.reopened
    report.reopened += batch.reopened
    report.passed += recorded
    report.unchanged += len(rows) - len(batch.new) - len(batch.changes) - recorded


def _items(store: Store, drafts: Iterable[ItemDraft]) -> Mapping[Key, ActionItem]:
    """The items that the drafts speak of, by the drafts' keys."""
    keys = [key for draft in drafts if (key := _key(draft))]
    return store.existing(
        [value for name, value in keys if name == "external_ref"],
        [value for name, value in keys if name == "fingerprint"],
    )


def _draft(row: Taken) -> ItemDraft:
    return row.draft if isinstance(row, Finding) else row


def _plan_new(batch: _Found, row: Taken, policy: DuePolicy, today: date) -> None:
    if isinstance(row, Finding) and row.outcome is TestOutcome.PASS:
        return
    draft = _draft(row)
    priority = draft.priority or Priority.MEDIUM
    batch.new.append((draft, draft.due_date or policy.due(priority, today), priority))


def _plan_known(batch: _Found, row: Taken, item: ActionItem, because: Because) -> None:
    match row:
        case ItemDraft():
            values = _said(row)
        case Finding(outcome=TestOutcome.PASS):
            if item.status in UNFINISHED:
                batch.results.append((item.ref, row.outcome, row.observed_at, row.draft.source_ref))
            return
        case Finding():
            values = _found(row, item)
        case _:
            assert_never(row)
    moved = _moved(values, item)
    if moved.get("status") is Status.OPEN:
        batch.reopened += 1
        because = replace(because, reason=f"{_draft(row).source_ref} fails again, after the item was resolved")
    if moved:
        batch.changes.append(ItemChange(item.ref, moved, because, seen=item.revision))


def _moved(values: Mapping[str, Any], item: ActionItem) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != getattr(item, name)}


def _said(draft: ItemDraft) -> dict[str, Any]:
    """The values the row gives; the status is not among them, and what is not said keeps its value."""
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


def _found(finding: Finding, item: ActionItem) -> dict[str, Any]:
    """The values that a test which did not pass gives its item, none once the item is finished.

    A failure seen after the item was resolved opens it again; one seen before says nothing about that.
    """
    values = _said(finding.draft)
    if finding.draft.priority is item.original_priority:
        # The scanner rates it as it always did, so that another rating is a person's and stands.
        del values["priority"]
    if item.status in UNFINISHED:
        return values
    failed_since = item.resolved_at is not None and finding.observed_at > item.resolved_at
    if item.status is Status.RESOLVED and finding.outcome is TestOutcome.FAIL and failed_since:
        return values | {"status": Status.OPEN, "claim": None}
    return {}
