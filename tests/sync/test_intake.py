import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import SourceFile, source
from state.effects import Because, Effects, ItemChange
from state.model import ActionItem, Actor, Agent, Finding, ItemDraft, Priority, SourceKind, Status, TestOutcome
from state.store import Store
from sync import intake
from sync.intake import DuePolicy, IntakeReport, take_in
from tests.databases import Databases

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "ana"), reason="intake of items.csv")
POLICY = DuePolicy()


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    with Store.open(databases.made(), clock=lambda: NOW) as opened:
        yield opened


def take(store: Store, rows: Sequence[Row], **options: Any) -> IntakeReport:
    return take_in(store, rows, policy=POLICY, today=TODAY, because=BECAUSE, **options)


def items(store: Store) -> list[ActionItem]:
    return list(store.list_items())


def records(store: Store) -> int:
    return store.verify().records


def row(ref: str, title: str = "Rotate keys", **said: Any) -> ItemDraft:
    return ItemDraft(title=title, external_ref=ref, source_ref=ref, **said)


def finding(name: str = "a", outcome: TestOutcome = TestOutcome.FAIL, at: datetime = NOW, **said: Any) -> Finding:
    draft = ItemDraft(
        title=f"Ensure {name} is safe",
        description="It is not.",
        priority=Priority.HIGH,
        controls=("CC6.1",),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref="check",
        fingerprint=name,
    )
    return Finding(replace(draft, **said), outcome, at)


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
    assert (items(store), records(store)) == (before, recorded + 1)


def test_a_failure_after_the_resolution_opens_the_item_again(store: Store) -> None:
    take(store, [finding()])
    decide(store, "AI-000001", status=Status.RESOLVED, at=NOW)
    report = take(store, [finding(at=NOW + timedelta(hours=1))])
    [item] = items(store)
    assert (report.reopened, report.updated) == (1, 0)
    assert (item.status, item.claim, item.resolved_at) == (Status.OPEN, None, None)
    assert "fails again" in list(store.log(["AI-000001"]))[-1].body


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
    with pytest.raises(intake.SourceChanged, match="again"):
        take(store, Shifting([later, finding("a")]))
    assert items(store) == []


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
