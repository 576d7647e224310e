"""What sources say becomes items and test results, and saying it twice changes nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, assert_never

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from connectors.base import BadRow, LeftOut, Row
from state import controls, proofs, results
from state.effects import Because, Effects, Note
from state.errors import Moved, SourceChanged
from state.grouping import Grouping
from state.model import ActionItem, Finding, ItemDraft, TestOutcome
from state.proof import EvidenceDraft
from state.results import Said
from state.store import Batch, Store
from sync.verdicts import (
    DuePolicy,
    Easing,
    Found,
    Report,
    Taken,
    Terms,
    TestPolicy,
    draft_of,
    judge,
    moved,
    refuted,
    values,
)

BATCH = 500
"""How many rows one transaction takes in."""

BAD_ROWS_SHOWN = 1000
"""How many bad rows a report holds; the rest are only counted."""

_judged_anew = Retrying(retry=retry_if_exception_type(Moved), stop=stop_after_attempt(5), reraise=True)
"""Takes in a batch once more where somebody changed one of its items meanwhile."""

_STRENGTH = {TestOutcome.MANUAL: 0, TestOutcome.PASS: 1, TestOutcome.FAIL: 2}

Key = tuple[str, str]


READ = "source.read"
"""The action of the record that says what a source was asked, and what of it came in."""
_LISTED = 100


@dataclass(slots=True)
class _Out:
    """The rows that became nothing, by the reason: how many, the names of the first, and a hash over all names."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)
    hashes: dict[str, Any] = field(default_factory=dict)

    def add(self, why: str, name: str) -> None:
        """One more."""
        self.counts[why] += 1
        self.hashes.setdefault(why, hashlib.sha256()).update(f"{name}\n".encode("utf-8", "surrogatepass"))
        if len(some := self.names.setdefault(why, [])) < _LISTED:
            some.append(name)

    def told(self) -> dict[str, Any]:
        """As it is recorded."""
        return {
            why: {"count": count, "first": self.names[why], "sha256": self.hashes[why].hexdigest()}
            for why, count in self.counts.items()
        }


@dataclass(slots=True)
class IntakeReport:
    """What taking in one file did, in rows.

    `reopened` and `succeeded` are items whose tests fail again: the same item, or a new one that goes on from it.
    `passed` are passing tests that are now evidence of unfinished items, and `withdrawn` counts what such tests proved
    before they failed again. `manual` and `left_out` asked for nothing, `repeated` are findings that another one of the
    same file speaks for, and `unchanged` said nothing new. `bad` holds the first of the `bad_count` bad rows. When
    `refused`, nothing was taken in because of them. `silent` counts the tests, of any file, that have said nothing for
    long, and `grouped` the new items that share a ticket with others. `kept` says by item why it does not ask for less,
    as the file would have it.
    """

    created: int = 0
    updated: int = 0
    reopened: int = 0
    succeeded: int = 0
    unchanged: int = 0
    passed: int = 0
    withdrawn: int = 0
    manual: int = 0
    left_out: int = 0
    repeated: int = 0
    bad_count: int = 0
    bad: list[BadRow] = field(default_factory=list)
    refused: bool = False
    silent: int = 0
    grouped: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    dry_run: bool = False


def take_in(
    store: Store,
    rows: Iterable[Row],
    *,
    policy: DuePolicy,
    today: date,
    because: Because,
    source: Report = Report(),  # noqa: B008
    tests: TestPolicy = TestPolicy(),  # noqa: B008
    grouping: Grouping = Grouping(),  # noqa: B008
    easing: Easing = lambda _item, _values: None,
    keep_going: bool = False,
    include_manual: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> IntakeReport:
    """Take in what `rows` say, which must give the same rows each time they are iterated.

    They are read once to see that all are sound and whether any says something new, and then once more to take them in.
    With a bad row among them nothing is taken in, unless `keep_going`. What is interrupted is finished by doing it
    again. A `dry_run` counts the same and writes nothing. `progress` is told how many rows are done. Raises
    `SourceChanged`, and `StateError` as the store does.
    """
    if isinstance(rows, Iterator):
        raise TypeError("rows are read twice, and an iterator can be read once")
    known, out = _Known(store), _Out()
    report, speaking = _look_through(rows, known, IntakeReport(dry_run=dry_run))
    if report.bad_count and not keep_going:
        report.refused = True
        return report
    if known.all():
        report.unchanged = known.count
    else:
        terms, done = Terms(policy, tests, source, today, because, grouping, easing), 0
        for some in _batches(_wanted(rows, speaking, include_manual, report, out)):
            _judged_anew(_take_batch, store, some, terms, report, out)
            progress(done := done + len(some))
        report.silent = 0 if dry_run else store.ask(controls.silent, tests.silent_since(today))
    _record(store, report, out, source, because)
    return report


def _record(store: Store, report: IntakeReport, out: _Out, source: Report, because: Because) -> None:
    """Write down that a source was read, and what came of each of its rows; nothing where nobody says which it was."""
    if report.dry_run or not source.form:
        return
    names = ("created", "updated", "reopened", "succeeded", "unchanged", "passed", "withdrawn")
    after = {"name": source.name, "sha256": source.sha256, "size": source.size, "out": out.told()}
    counts = {name: getattr(report, name) for name in names}
    note = Note(READ, source.form, because, after=after | {"rows": counts})
    store.commit(None, Effects(notes=[note]))


@dataclass(frozen=True, slots=True)
class Until:
    """Rows, of which findings that say to be from after `latest` (UTC) are bad."""

    rows: Iterable[Row]
    latest: datetime

    def __iter__(self) -> Iterator[Row]:
        for place, row in enumerate(self.rows, start=1):
            if isinstance(row, Finding) and row.observed_at > self.latest:
                yield BadRow(place, "", f"was seen at {row.observed_at.isoformat()}, which is yet to come", "row")
            else:
                yield row


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
            self.news |= item is None or bool(moved(values(draft), item))
        self.count += len(self._some)
        self._some.clear()


def _look_through(rows: Iterable[Row], known: _Known, report: IntakeReport) -> tuple[IntakeReport, dict[Key, int]]:
    """Count what is bad, and find which finding of the file speaks for each test: a failure, else the latest."""
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
    rows: Iterable[Row], speaking: Mapping[Key, int], include_manual: bool, report: IntakeReport, out: _Out
) -> Iterator[Taken]:
    """Yield the rows that ask for something, and count the others; raises `SourceChanged`."""
    bad = 0
    for place, row in enumerate(rows):
        match row:
            case ItemDraft():
                yield row
            case LeftOut():
                report.left_out += 1
                out.add(row.why, f"{row.unit} {row.at}")
            case Finding():
                if (key := _key(row.draft)) and key not in speaking:
                    raise SourceChanged
                if key and speaking[key] != place:
                    report.repeated += 1
                    out.add("another finding of the file speaks for the same test", row.draft.source_ref)
                elif row.outcome is TestOutcome.MANUAL and not include_manual:
                    report.manual += 1
                    out.add("it is to be checked by hand", row.draft.source_ref)
                else:
                    yield row
            case BadRow():
                bad += 1
                if bad > report.bad_count:
                    raise SourceChanged
                out.add("it cannot be read", f"{row.unit} {row.at}")
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


def _take_batch(store: Store, rows: list[Taken], terms: Terms, report: IntakeReport, out: _Out) -> None:
    known = _items(store, [draft_of(row) for row in rows])
    found = Found()
    idle = []
    for row in rows:
        key = _key(draft_of(row))
        item = known.get(key) if key else None
        judge(found, row, item, terms)
        if item is None and isinstance(row, Finding) and row.outcome is TestOutcome.PASS:
            idle.append(row.draft.source_ref)
    passes = _news(store, found.passes) if found.passes else []
    if found.failing:
        refuted(found, store.ask(proofs.of_items, [item for item, _, _ in found.failing]))
    if not report.dry_run:
        _write(store, found, passes, terms)
    for ref in idle:
        out.add("it passes, and no item is about it", ref)
    done = (found.created, found.updated, found.reopened, found.succeeded, len(passes))
    report.created += found.created
    report.updated += found.updated
    report.reopened += found.reopened
    report.succeeded += found.succeeded
    report.passed += len(passes)
    report.grouped += sum(terms.grouping.key(draft) is not None for draft, _, _ in found.new)
    report.withdrawn += len(found.reviews)
    report.kept |= found.kept
    report.unchanged += len(rows) - sum(done)


def _news(store: Store, passes: Sequence[tuple[Said, EvidenceDraft]]) -> list[tuple[Said, EvidenceDraft]]:
    """Those that are not known yet, and after which the same test is not known to have said anything else."""
    fresh = set(store.ask(results.unheard, [said for said, _ in passes]))
    words = store.ask(controls.last_words, [evidence.remote_id for _, evidence in passes])

    def outdated(passed: EvidenceDraft) -> bool:
        last = words.get(passed.remote_id)
        return last is not None and last.outcome is not TestOutcome.PASS and last.observed_at >= passed.captured_at

    return [(said, evidence) for said, evidence in passes if said in fresh and not outdated(evidence)]


def _write(store: Store, found: Found, passes: Sequence[tuple[Said, EvidenceDraft]], terms: Terms) -> None:
    batch = Batch(
        added=found.new,
        changes=found.changes,
        results=[said for said, _ in passes],
        evidence=[evidence for _, evidence in passes],
        reviews=found.reviews,
        heard=found.heard,
        grouping=terms.grouping,
    )
    if found.new or found.changes or passes or found.reviews or found.heard:
        store.take_in(batch, terms.because)


def _items(store: Store, drafts: Iterable[ItemDraft]) -> Mapping[Key, ActionItem]:
    """The items that the drafts speak of, by the drafts' keys."""
    keys = [key for draft in drafts if (key := _key(draft))]
    return store.existing(
        [value for name, value in keys if name == "external_ref"],
        [value for name, value in keys if name == "fingerprint"],
    )
