import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import REPORTS, SourceFile, source
from state import audit, controls, proofs
from state.effects import Because, Effects, ItemChange
from state.errors import SourceChanged
from state.items import ITEM
from state.model import ActionItem, Actor, Agent, Finding, ItemDraft, Priority, SourceKind, Status, TestOutcome
from state.proof import Evidence, EvidenceKind, Review, Verdict
from state.register import Test
from state.store import Store
from sync import intake
from sync.intake import READ, IntakeReport, Until, take_in
from sync.verdicts import DuePolicy, Report, TestPolicy
from tests.connectors.intake.test_asff import BUCKET, SCANNED, THREAT
from tests.connectors.intake.test_assessment import CSV as ANSWERS
from tests.connectors.intake.test_junit import PYTEST
from tests.connectors.intake.test_ocsf import FINDING
from tests.connectors.intake.test_oscal_results import GAP, document, result
from tests.connectors.intake.test_sarif import CODEQL, TRIVY, log
from tests.databases import Databases

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "ana"), reason="intake of items.csv")
POLICY = DuePolicy()


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    with Store.open(databases.made(), clock=lambda: NOW) as opened:
        yield opened


def take(store: Store, rows: Iterable[Row], **options: Any) -> IntakeReport:
    return take_in(store, rows, policy=POLICY, today=TODAY, because=BECAUSE, **options)


def items(store: Store) -> list[ActionItem]:
    return list(store.list_items())


def records(store: Store) -> int:
    """How many changes were recorded; that a source was read is one of nothing."""
    return sum(record.told["action"] != READ for record in store.log())


def row(ref: str, title: str = "Rotate keys", **said: Any) -> ItemDraft:
    return ItemDraft(title=title, external_ref=ref, source_ref=ref, **said)


def finding(
    name: str = "a", outcome: TestOutcome = TestOutcome.FAIL, at: datetime = NOW, tool: str = "scan", **said: Any
) -> Finding:
    draft = ItemDraft(
        title=f"Ensure {name} is safe",
        description="It is not.",
        priority=Priority.HIGH,
        controls=("CC6.1",),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref="check",
        fingerprint=name,
    )
    return Finding(replace(draft, **said), outcome, at, tool)


def decide(store: Store, ref: str, **values: Any) -> None:
    because = Because(BECAUSE.agent, reason="by hand", at=values.pop("at", None))
    store.commit(None, Effects(changes=[ItemChange(ref, values, because)]))


@pytest.mark.parametrize(("priority", "days"), [("critical", 7), ("high", 30), ("medium", 90), ("low", 180)])
def test_an_item_without_a_due_date_has_its_priority_s_days(store: Store, priority: str, days: int) -> None:
    take(store, [row("R-1", priority=Priority(priority)), row("R-2", due_date=date(2030, 1, 1))])
    first, second = items(store)
    assert first.due_date == first.original_due_date == TODAY + timedelta(days=days)
    assert second.due_date == date(2030, 1, 1)
    assert second.priority is Priority.MEDIUM


def test_the_same_rows_again_change_nothing(store: Store) -> None:
    rows: list[Row] = [
        row("R-1", owner="ana@acme.example", controls=("CC6.1",)),
        finding(),
        ItemDraft("T", fingerprint="file:1"),
    ]
    assert take(store, rows).created == 3
    before, recorded = items(store), records(store)
    report = take(store, rows)
    assert (report.unchanged, report.created, report.updated) == (3, 0, 0)
    assert (items(store), records(store)) == (before, recorded)


def test_a_second_intake_changes_only_what_it_says(store: Store) -> None:
    take(store, [row("R-1", description="why", owner="ana@acme.example", controls=("A",), priority=Priority.HIGH)])
    [before] = items(store)
    report = take(store, [row("R-1", title="Rotate all keys", priority=Priority.LOW)])
    [after] = items(store)
    assert report.updated == 1
    assert after == replace(before, title="Rotate all keys", priority=Priority.LOW, revision=2)
    assert after.original_priority is Priority.HIGH
    assert after.due_date == before.due_date


def test_a_later_due_date_keeps_the_original(store: Store) -> None:
    take(store, [row("R-1", due_date=date(2027, 1, 1))])
    take(store, [row("R-1", due_date=date(2027, 2, 1))])
    [item] = items(store)
    assert (item.due_date, item.original_due_date) == (date(2027, 2, 1), date(2027, 1, 1))


def test_saying_none_empties_a_list_and_saying_nothing_keeps_it(store: Store) -> None:
    take(store, [row("R-1", controls=("A",), risks=("B",))])
    take(store, [row("R-1", controls=())])
    [item] = items(store)
    assert (item.controls, item.risks) == ((), ("B",))


def test_one_bad_row_keeps_the_whole_file_out(store: Store) -> None:
    bad = BadRow(3, "title", "is required")
    before = records(store)
    report = take(store, [row("R-1"), bad, row("R-2")])
    assert (report.refused, report.bad, report.bad_count, report.created) == (True, [bad], 1, 0)
    assert (items(store), records(store)) == ([], before)


def test_keep_going_takes_the_good_rows(store: Store) -> None:
    report = take(store, [row("R-1"), BadRow(3, "title", "is required"), row("R-2")], keep_going=True)
    assert (report.refused, report.bad_count, report.created) == (False, 1, 2)


def test_a_report_of_many_bad_rows_stays_small(store: Store) -> None:
    report = take(store, [BadRow(n, "", "is bad") for n in range(5000)])
    assert (report.bad_count, len(report.bad)) == (5000, intake.BAD_ROWS_SHOWN)


def test_rows_that_can_be_read_once_only_are_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="twice"):
        take_in(store, iter([row("R-1")]), policy=POLICY, today=TODAY, because=BECAUSE)


def test_a_failure_beats_a_pass_of_the_same_test_in_one_file(store: Store) -> None:
    early = NOW - timedelta(hours=1)
    rows = [finding(at=early), finding(outcome=TestOutcome.PASS), finding(at=early, description="again")]
    report = take(store, rows)
    [item] = items(store)
    assert (report.created, report.repeated, item.description) == (1, 2, "It is not.")
    assert take(store, rows).unchanged == 1


def test_a_pass_is_recorded_once_for_an_unfinished_item(store: Store) -> None:
    take(store, [finding("a"), finding("b")])
    decide(store, "AI-000001", status=Status.IN_PROGRESS)
    decide(store, "AI-000002", status=Status.RESOLVED)
    before = items(store)
    recorded = records(store)
    passes = [finding(name, TestOutcome.PASS, NOW + timedelta(days=1)) for name in ("a", "b", "never seen")]
    report = take(store, passes)
    assert (report.passed, report.unchanged, report.created) == (1, 2, 0)
    assert take(store, passes).passed == 0
    assert (items(store), records(store)) == (before, recorded + 2)


def test_a_failure_after_the_resolution_opens_the_item_again(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    report = take(store, [finding(at=NOW + timedelta(hours=1))])
    [item] = items(store)
    assert (report.reopened, report.updated) == (1, 0)
    assert (item.status, item.claim, item.resolved_at) == (Status.OPEN, None, None)
    assert "fails again" in str(list(store.log(["AI-000001"]))[-1].told)
    assert store.ask(audit.reopened, ["AI-000001"]) == {"AI-000001": NOW + timedelta(hours=1)}


def test_a_failure_from_before_the_resolution_says_nothing_about_it(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    recorded = records(store)
    for at in (NOW, NOW - timedelta(days=1)):
        assert take(store, [finding(at=at, description="Other words.")]).unchanged == 1
    [item] = items(store)
    assert (item.status, records(store)) == (Status.RESOLVED, recorded)


def test_a_manual_check_never_reopens(store: Store) -> None:
    take(store, [finding(outcome=TestOutcome.MANUAL)], include_manual=True)
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    later = finding(outcome=TestOutcome.MANUAL, at=NOW + timedelta(days=1))
    assert take(store, [later], include_manual=True).unchanged == 1


def test_a_manual_check_becomes_an_item_only_on_request(store: Store) -> None:
    manual = finding(outcome=TestOutcome.MANUAL)
    report = take(store, [manual, LeftOut(2, "suppressed")])
    assert (report.manual, report.left_out, items(store)) == (1, 1, [])
    assert take(store, [manual], include_manual=True).created == 1


def test_a_failure_updates_its_open_item(store: Store) -> None:
    take(store, [finding()])
    assert take(store, [finding(description="It still is not.", controls=("CC6.1", "CC6.2"))]).updated == 1
    [item] = items(store)
    assert (item.description, item.controls, item.revision) == ("It still is not.", ("CC6.1", "CC6.2"), 2)


def test_a_rating_by_hand_outlives_the_next_scan_until_the_scanner_rates_anew(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", priority=Priority.LOW)
    take(store, [finding()])
    assert items(store)[0].priority is Priority.LOW
    take(store, [finding(priority=Priority.CRITICAL)])
    assert items(store)[0].priority is Priority.CRITICAL
    assert items(store)[0].original_priority is Priority.HIGH


class Shifting(list[Row]):
    """Rows that are others when they are read again."""

    def __iter__(self) -> Iterator[Row]:
        yield self.pop()


@pytest.mark.parametrize("later", [BadRow(1, "", "is bad"), finding("b")])
def test_a_source_that_changes_while_it_is_read_is_noticed(store: Store, later: Row) -> None:
    with pytest.raises(SourceChanged, match="again"):
        take(store, Shifting([later, finding("a")]))
    assert items(store) == []


def test_what_somebody_changes_meanwhile_is_judged_as_it_is_then(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    take(store, [row("a"), row("b")])
    looked_up, others = Store.existing, iter(["tom@acme.example", "kim@acme.example"])

    def beaten(*asked: Any, **also: Any) -> Any:
        found = looked_up(*asked, **also)
        if owner := next(others, ""):
            decide(store, "AI-000001", owner=owner)
        return found

    monkeypatch.setattr(Store, "existing", beaten)
    report = take(store, [row("a", "Rotate all keys"), row("b"), row("c")])
    assert (report.created, report.updated, report.unchanged) == (1, 1, 1)
    assert (items(store)[0].title, items(store)[0].owner) == ("Rotate all keys", "kim@acme.example")


class Interrupted(Exception):
    """Stands for a crash."""


def stop_after(rows: int) -> Callable[[int], None]:
    def progress(done: int) -> None:
        if done >= rows:
            raise Interrupted

    return progress


def test_an_intake_that_was_interrupted_is_finished_by_doing_it_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH", 4)
    rows = [row(f"R-{n}") for n in range(10)]
    with pytest.raises(Interrupted):
        take(store, rows, progress=stop_after(4))
    assert len(items(store)) == 4
    report = take(store, rows)
    assert (report.created, report.unchanged, len(items(store))) == (6, 4, 10)


def test_files_of_each_format_go_all_the_way(store: Store, tmp_path: Path) -> None:
    csv, listed = tmp_path / "items.csv", tmp_path / "items.json"
    csv.write_bytes(b"\xef\xbb\xbftitle,controls\r\nRotate keys,CC6.1;CC6.2\r\nRotate keys,\r\n")
    listed.write_text(json.dumps({"items": [{"title": "Rotate keys", "external_ref": "R-1"}]}))
    for name, path, created in (("csv", csv, 2), ("json", listed, 1)):
        rows = SourceFile(path, source(name))
        reports = [take_in(store, rows, policy=POLICY, today=TODAY, because=BECAUSE) for _ in range(2)]
        assert [report.created for report in reports] == [created, 0]
    assert [item.ref for item in items(store)] == ["AI-000001", "AI-000002", "AI-000003"]


@pytest.mark.parametrize(("name", "failing", "manual"), [("aws", 2, 3), ("azure", 5, 0)])
def test_real_scans_go_all_the_way(store: Store, shared: Path, name: str, failing: int, manual: int) -> None:
    rows = SourceFile(shared / f"data/prowler-{name}.ocsf.json", source("ocsf"))
    report = take_in(store, rows, policy=POLICY, today=TODAY, because=BECAUSE)
    assert (report.created, report.manual) == (failing, manual)
    recorded = records(store)
    assert take_in(store, rows, policy=POLICY, today=TODAY, because=BECAUSE).unchanged == failing
    assert records(store) == recorded


class Read(list[Row]):
    """Rows that count how often they are read."""

    times = 0

    def __iter__(self) -> Iterator[Row]:
        self.times += 1
        return super().__iter__()


def test_a_file_is_read_again_only_if_a_row_says_something_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH", 2)
    rows = Read(row(f"A-{number}") for number in range(5))
    assert (take(store, rows).created, rows.times) == (5, 2)
    before = records(store)

    assert (take(store, rows).unchanged, rows.times) == (5, 3)
    assert records(store) == before

    rows[4] = row("A-4", "Rotate keys twice")
    report = take(store, rows)
    assert (report.updated, report.unchanged, rows.times) == (1, 4, 5)
    assert items(store)[4].title == "Rotate keys twice"


FILE = Report("ocsf", "scan.json", "a" * 64, 12)


def evidence(store: Store, ref: str = "AI-000001") -> list[Evidence]:
    return store.ask(proofs.of_items, [ref]).get(ref, [])


def test_a_passing_test_is_evidence_for_its_open_item(store: Store) -> None:
    take(store, [finding(tool="Prowler")])
    later = NOW + timedelta(days=1)
    passes = [finding(outcome=TestOutcome.PASS, at=later, tool="Prowler")]
    take(store, passes, source=FILE, tests=TestPolicy(valid_days=90))
    [kept] = evidence(store)
    draft = kept.draft
    assert (draft.kind, draft.origin, draft.by, draft.remote_id) == (
        EvidenceKind.TEST_RESULT,
        "Prowler",
        "Prowler",
        "a",
    )
    assert (draft.sha256, draft.size, draft.name, draft.captured_at) == ("a" * 64, 12, "scan.json", later)
    assert draft.expires_on == later.date() + timedelta(days=90)
    assert kept.resolves(later.date())
    recorded = records(store)
    take(store, passes, source=FILE, tests=TestPolicy(valid_days=90))
    assert records(store) == recorded
    take(store, [finding(outcome=TestOutcome.PASS, at=later + timedelta(days=1), tool="Prowler")], source=FILE_2)
    assert [(each.ref, each.version) for each in evidence(store)] == [(kept.ref, 1), (kept.ref, 2)]


FILE_2 = replace(FILE, sha256="b" * 64)


def test_a_pass_of_a_finished_item_s_test_is_no_evidence(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    assert take(store, [finding(outcome=TestOutcome.PASS, at=NOW + timedelta(days=1))]).passed == 0
    assert evidence(store) == []


def test_a_failure_takes_back_what_the_same_test_proved_before(store: Store) -> None:
    day = timedelta(days=1)
    take(store, [finding("a"), finding("b")])
    take(store, [finding(name, TestOutcome.PASS, NOW + day) for name in "ab"], source=FILE)
    take(store, [finding(at=NOW)], source=FILE)
    assert evidence(store)[0].resolves(TODAY)
    assert [take(store, [finding(at=NOW + 2 * day)], source=FILE_2).withdrawn for _ in range(2)] == [1, 0]
    [kept] = evidence(store)
    assert not kept.resolves(TODAY)
    assert kept.review == Review(Verdict.REJECTED, "scan", NOW + 2 * day, "the same test failed after that")
    assert len(list(store.log(action="evidence.reviewed"))) == 1
    assert evidence(store, "AI-000002")[0].resolves(TODAY)
    take(store, [finding(outcome=TestOutcome.PASS, at=NOW + 3 * day)], source=replace(FILE, sha256="c" * 64))
    assert [each.resolves(TODAY) for each in evidence(store)] == [False, True]


@pytest.mark.parametrize("before", [timedelta(), timedelta(days=400)])
def test_a_pass_from_before_the_failure_is_no_evidence(store: Store, before: timedelta) -> None:
    take(store, [finding("a"), finding("b")])
    passed = [finding(name, TestOutcome.PASS, NOW - before) for name in "ab"]
    report = take(store, passed, source=FILE)
    assert (report.passed, report.unchanged, evidence(store)) == (0, 2, [])
    assert words(store)["a"].outcome is TestOutcome.FAIL
    assert take(store, [finding("a", TestOutcome.PASS, NOW + timedelta(minutes=1))], source=FILE_2).passed == 1


def test_what_was_seen_tomorrow_or_later_is_a_wrong_row(store: Store) -> None:
    latest = NOW + timedelta(days=1)
    rows = [finding("a", at=latest), finding("b", TestOutcome.PASS, latest + timedelta(seconds=1))]
    assert take(store, Until(rows, latest)).refused
    report = take(store, Until(rows, latest), keep_going=True)
    assert (report.created, report.bad_count, list(words(store))) == (1, 1, ["a"])
    assert str(report.bad[0]) == "row 2: was seen at 2026-11-21T12:00:01+00:00, which is yet to come"


def words(store: Store) -> dict[str, Test]:
    return {each.fingerprint: each for each in store.ask(controls.latest_words)}


def test_the_latest_word_of_every_test_is_kept_with_its_item(store: Store) -> None:
    hour = timedelta(hours=1)
    take(store, [finding("a"), finding("b", TestOutcome.PASS), finding("m", TestOutcome.MANUAL)], source=FILE)
    heard = words(store)
    assert {name: (test.outcome, test.item) for name, test in heard.items()} == {
        "a": (TestOutcome.FAIL, "AI-000001"),
        "b": (TestOutcome.PASS, None),
    }
    assert (heard["a"].controls, heard["a"].report_sha256) == (("CC6.1",), "a" * 64)
    take(store, [finding("a", TestOutcome.PASS, NOW + hour), finding("b", at=NOW - hour)], source=FILE_2)
    heard = words(store)
    assert (heard["a"].outcome, heard["a"].item) == (TestOutcome.PASS, "AI-000001")
    assert (heard["b"].outcome, heard["b"].report_sha256) == (TestOutcome.PASS, "a" * 64)


@pytest.mark.parametrize(("days", "policy"), [(30, TestPolicy()), (2, TestPolicy(reopen_days=2))])
def test_a_failure_within_the_days_reopens(store: Store, days: int, policy: TestPolicy) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    report = take(store, [finding(at=NOW + timedelta(days=days))], tests=policy)
    assert (report.reopened, report.succeeded, len(items(store))) == (1, 0, 1)


@pytest.mark.parametrize(("days", "policy"), [(31, TestPolicy()), (1, TestPolicy(reopen_days=0))])
def test_a_failure_later_makes_a_successor(store: Store, days: int, policy: TestPolicy) -> None:
    take(store, [finding(owner="ana@acme.example", risks=("R-1",))])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    again = [finding(at=NOW + timedelta(days=days))]
    report = take(store, again, tests=policy)
    assert (report.succeeded, report.created, report.updated, report.reopened, report.unchanged) == (1, 0, 0, 0, 0)
    old, new = items(store)
    assert (old.status, old.fingerprint, new.fingerprint) == (Status.RESOLVED, None, "a")
    assert (new.predecessor, new.status, new.owner, new.risks) == (old.ref, Status.OPEN, "ana@acme.example", ("R-1",))
    assert words(store)["a"].item == new.ref
    assert "a new item goes on" in str(list(store.log([old.ref]))[-1].told)
    recorded = records(store)
    assert take(store, again, tests=policy).unchanged == 1
    assert records(store) == recorded


def test_an_accepted_item_stays_accepted_and_follows_what_the_test_says(store: Store) -> None:
    take(store, [finding()])
    with store.writing() as w:
        values = {"status": Status.ACCEPTED_AS_RISK.value}
        w.connection.execute(update(ITEM).values(**values))
    recorded = records(store)
    later = NOW + timedelta(days=100)
    assert take(store, [finding(at=later)]).unchanged == 1
    assert take(store, [finding(at=NOW - timedelta(days=1), description="Older words.")]).unchanged == 1
    assert records(store) == recorded
    assert take(store, [finding(at=later, priority=Priority.CRITICAL)]).updated == 1
    [item] = items(store)
    assert (item.status, item.priority) == (Status.ACCEPTED_AS_RISK, Priority.CRITICAL)


def test_tests_that_went_silent_are_counted_and_nothing_is_closed(store: Store) -> None:
    take(store, [finding("old", at=NOW - timedelta(days=40)), finding("new", at=NOW - timedelta(days=5))])
    report = take(store, [finding("new", at=NOW - timedelta(days=4))])
    assert report.silent == 1
    assert [each.fingerprint for each in store.ask(controls.latest_words, silent_since=NOW - timedelta(days=30))] == [
        "old"
    ]
    assert {each.status for each in items(store)} == {Status.OPEN}
    assert take(store, [finding("old")], tests=TestPolicy(stale_days=3)).silent == 1


def test_a_gap_of_an_assessment_is_no_test_and_closing_it_is_a_document(store: Store) -> None:
    gap = finding("q", source_kind=SourceKind.ASSESSMENT, origin={"question": "Why?"}, tool="Ada")
    take(store, [gap], source=FILE)
    [item] = items(store)
    assert (item.source_kind, item.origin, words(store)) == (SourceKind.ASSESSMENT, {"question": "Why?"}, {})
    take(store, [replace(gap, outcome=TestOutcome.PASS, observed_at=NOW + timedelta(days=1))], source=FILE)
    assert [each.draft.kind for each in evidence(store)] == [EvidenceKind.DOCUMENT]
    take(store, [replace(gap, observed_at=NOW + timedelta(days=2))], source=FILE_2)
    assert [each.resolves(TODAY) for each in evidence(store)] == [False]


def test_a_dry_run_counts_the_same_and_writes_nothing(store: Store) -> None:
    day = timedelta(days=1)
    take(store, [finding(name) for name in "abcd"])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    decide(store, "AI-000002", status=Status.RESOLVED, at=NOW - 50 * day)
    rows: list[Row] = [
        *(finding("a", at=NOW + day), finding("b", at=NOW + day), finding("c", TestOutcome.PASS, NOW + day)),
        *(finding("d", description="Other."), finding("e"), row("R-1"), LeftOut(1, "muted")),
    ]
    recorded, before = records(store), items(store)
    dry = take(store, rows, dry_run=True)
    assert (records(store), items(store), evidence(store, "AI-000003")) == (recorded, before, [])
    real = take(store, rows)
    assert replace(dry, dry_run=False) == real
    assert (real.created, real.updated, real.reopened, real.succeeded, real.passed, real.left_out) == (2, 1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("name", "text", "comes_to"),
    [
        ("asff", json.dumps({"Findings": [BUCKET, SCANNED, THREAT]}), (3, 0)),
        ("sarif", log(CODEQL, TRIVY), (2, 0)),
        ("junit", PYTEST, (2, 1)),
        ("oscal-ar", json.dumps(document(result(GAP))), (1, 0)),
        ("assessment", ANSWERS, (1, 1)),
    ],
)
def test_findings_of_each_format_go_all_the_way(
    store: Store, tmp_path: Path, name: str, text: str, comes_to: tuple[int, int]
) -> None:
    file = tmp_path / "report"
    file.write_text(text)
    rows = SourceFile(file, source(name, {"written": NOW} if name in REPORTS else {}))
    of = Report(name, file.name, rows.sha256(), file.stat().st_size)
    report = take(store, rows, source=of)
    assert (report.created, report.unchanged, report.bad_count) == (*comes_to, 0)
    kind = SourceKind.ASSESSMENT if name in ("oscal-ar", "assessment") else SourceKind.AUTOMATED_TEST
    assert {item.source_kind for item in items(store)} == {kind}
    recorded = records(store)
    again = take(store, rows, source=of)
    assert (again.created, again.updated, again.unchanged) == (0, 0, sum(comes_to))
    assert records(store) == recorded


SILENT = {
    "junit": "<testsuite><testcase name='a'><failure/></testcase></testsuite>",
    "sarif": log(TRIVY),
    "ocsf": json.dumps([{key: value for key, value in FINDING.items() if key != "unmapped"}]),
    "asff": json.dumps([THREAT]),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_report_that_names_no_control_leaves_an_item_those_that_a_person_gave_it(
    store: Store, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "report"
    file.write_text(SILENT[name])
    rows = SourceFile(file, source(name, {"written": NOW} if name in REPORTS else {}))
    take(store, rows)
    [item] = items(store)
    assert item.controls == ()
    decide(store, item.ref, controls=("CC6.1",))
    assert take(store, rows).updated == 0
    [item] = items(store)
    assert item.controls == ("CC6.1",)


def test_a_successor_has_the_controls_of_the_item_before_it_if_its_report_names_none(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    take(store, [finding(at=NOW + timedelta(days=31), controls=None)])
    assert [item.controls for item in items(store)] == [("CC6.1",), ("CC6.1",)]


def test_each_reading_of_a_source_is_recorded_with_what_came_in_and_what_was_left_out_and_why(store: Store) -> None:
    rows: list[Row] = [
        finding("a"),
        finding("b", outcome=TestOutcome.PASS),
        finding("c", outcome=TestOutcome.MANUAL),
        LeftOut(4, "skipped"),
        BadRow(5, "", "no title"),
    ]
    for _ in range(2):
        take(store, rows, source=FILE, keep_going=True)
    first, second = (record.told for record in store.log(action=READ))
    assert (first["object"], first["after"]["name"], first["after"]["sha256"]) == (FILE.form, FILE.name, FILE.sha256)
    assert (first["after"]["rows"]["created"], second["after"]["rows"]["created"]) == (1, 0)
    assert {why: (told["count"], len(told["first"])) for why, told in first["after"]["out"].items()} == {
        "it passes, and no item is about it": (1, 1),
        "it is to be checked by hand": (1, 1),
        "skipped": (1, 1),
        "it cannot be read": (1, 1),
    }
    assert first["after"]["out"]["skipped"]["first"] == ["line 4"]


def test_a_reading_names_the_first_that_were_left_out_and_proves_which_the_others_were(store: Store) -> None:
    rows: list[Row] = [LeftOut(number, "skipped") for number in range(300)]
    take(store, rows, source=FILE)
    [told] = (record.told["after"]["out"]["skipped"] for record in store.log(action=READ))
    names = "".join(f"line {number}\n" for number in range(300))
    assert (told["count"], len(told["first"])) == (300, 100)
    assert told["sha256"] == hashlib.sha256(names.encode()).hexdigest()
