import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]

from state import proofs
from state.errors import StateError
from state.model import Priority
from state.proof import EvidenceDraft, EvidenceKind, Review, Verdict
from state.transaction import Transaction
from sync.report import figures
from sync.report.board import as_json, as_markdown
from sync.report.book import read
from sync.report.model import Book, Period, Policy, Span, midnight
from sync.report.page import pages
from sync.report.remarks import late, overdue, remarks
from sync.report.workbook import workbook
from tests.sync.conftest import World
from tests.sync.report.history import OLGA, RUTH, Past


def test_all_records_of_the_period_are_told_and_those_after_it_counted(half_year: Book) -> None:
    assert len(half_year.events) + half_year.later == half_year.position
    assert {each.made.seq for each in half_year.items} <= {event.seq for event in half_year.events}


def test_an_acceptance_that_is_over_leaves_its_item_open_whether_or_not_anything_ran(half_year: Book) -> None:
    lapsed = [each for each in half_year.acceptances if each.state == "lapsed" and each.ended is None]
    assert lapsed
    items = {each.ref: each for each in half_year.items}
    for each in lapsed:
        assert each.until is not None
        after = midnight(each.until + timedelta(days=1))
        assert (items[each.item].spans[-1].status, items[each.item].spans[-1].since) == ("open", after)


def test_as_many_are_open_in_the_chart_on_the_last_day_as_the_summary_says(half_year: Book) -> None:
    last = sum(values[-1] for values in figures.still_open(half_year).values.values())
    assert last == figures.summary(half_year)["open at its end"] > 0


def test_what_took_how_long_counts_each_item_resolved_in_the_period_once(half_year: Book) -> None:
    durations = figures.to_resolve(half_year)
    assert [each.priority for each in durations] == [each.value for each in Priority]
    assert sum(len(each.took) for each in durations) == figures.summary(half_year)["resolved in the period"] > 0
    assert sum(each.late for each in durations) == len(late(half_year))


def test_what_is_unusual_is_remarked_on(half_year: Book) -> None:
    sorts = {each.sort for each in remarks(half_year)}
    assert sorts >= {"due date moved", "acceptance lapsed", "evidence does not count"}
    assert all(each.due_date < half_year.period.last for each in overdue(half_year))


def test_an_acceptance_is_remarked_on_from_the_day_on_which_it_was_over(half_year: Book) -> None:
    until = {each.ref: each.until for each in half_year.acceptances}
    told = [each for each in remarks(half_year) if each.sort == "acceptance lapsed"]
    assert [each.at for each in told] == [
        midnight(day + timedelta(days=1)) for each in told if (day := until[each.words.split()[0]]) is not None
    ]
    assert told


def test_a_span_touches_the_days_on_which_it_began_and_ended() -> None:
    july = Period(midnight(datetime(2026, 7, 1, tzinfo=UTC)).date(), midnight(datetime(2026, 7, 31, tzinfo=UTC)).date())
    span = Span("failing", datetime(2026, 7, 3, 12, tzinfo=UTC), datetime(2026, 7, 5, 1, tzinfo=UTC))
    assert len(span.days(july)) == 3
    assert len(Span("failing", datetime(2026, 6, 1, tzinfo=UTC), None).days(july)) == 31


def test_a_day_on_which_a_control_failed_twice_is_one_day(half_year: Book) -> None:
    def failing(begin: int, end: int) -> Span:
        return Span("failing", datetime(2026, 8, 3, begin, tzinfo=UTC), datetime(2026, 8, 3, end, tzinfo=UTC))

    control = replace(half_year.controls[0], spans=(failing(8, 9), failing(10, 12), failing(22, 23)))
    assert control.days_as("failing", half_year.period) == 1
    assert control.days_as("implemented", half_year.period) == 0


@pytest.mark.parametrize(
    ("priority", "kind", "reviewed", "doubt"),
    [
        (Priority.CRITICAL, EvidenceKind.FILE, "", "the review that the policy asks for is missing"),
        (Priority.CRITICAL, EvidenceKind.FILE, "mia@acme.example", "the review that the policy asks for is missing"),
        (Priority.CRITICAL, EvidenceKind.FILE, "rae@acme.example", ""),
        (Priority.CRITICAL, EvidenceKind.TICKET_SNAPSHOT, "rae@acme.example", "the policy asks for none of its kind"),
        (Priority.MEDIUM, EvidenceKind.FILE, "", ""),
        (Priority.LOW, EvidenceKind.FILE, "", ""),
        (Priority.LOW, EvidenceKind.TICKET_SNAPSHOT, "", "the policy asks for none of its kind"),
    ],
)
def test_evidence_counts_only_where_it_does_by_the_policy(
    world: World, priority: Priority, kind: EvidenceKind, reviewed: str, doubt: str
) -> None:
    past = Past(world.store)
    draft = EvidenceDraft(kind, "it is done", "mia@acme.example", past.now, past.item(priority=priority))

    def write(w: Transaction) -> None:
        [(stored, _)] = proofs.add(w.connection, w.ledger, [(draft, past.by(OLGA))])
        if reviewed:
            proofs.review(
                *(w.connection, w.ledger, stored, Review(Verdict.ACCEPTED, reviewed, past.now)), past.by(RUTH)
            )

    past.write(write)
    book = read(past.store, Period(date(2026, 1, 1), date(2026, 1, 31)), Policy())
    [piece] = book.evidence
    assert piece.doubt == doubt
    row = json.loads(b"".join(as_json(book, "x").content))["evidence"][0]
    assert (row["counts"], row["why_not"]) == ("no" if doubt else "yes", doubt)


def test_a_tracker_is_known_by_the_configuration_or_by_the_ledger_alone(world: World) -> None:
    past, days = Past(world.store), Period(date(2026, 1, 1), date(2026, 1, 31))
    past.item()
    assert len(read(past.store, days, Policy(), tracker="eng").items) == 1
    assert read(past.store, days, Policy(), tracker="new", trackers={"new"}).items == ()
    with pytest.raises(StateError, match="no tracker is called nope"):
        read(past.store, days, Policy(), tracker="nope")


def test_what_lies_after_the_newest_record_is_not_told_as_a_fact(world: World) -> None:
    past = Past(world.store)
    past.item()
    day = world.clock().date()
    over = read(past.store, Period(day, day), Policy())
    assert (over.known, over.open_end, over.provided) == (day, "", "")
    book = read(past.store, Period(day, day + timedelta(days=400)), Policy())
    assert json.loads(b"".join(as_json(book, "x").content))["open_end"] == book.open_end
    for member in (as_markdown(book, "x"), next(pages(book, {}, proofs=False))):
        text = b"".join(member.content).decode()
        assert book.open_end in text.replace("\\", "")
        assert f"Overdue on {book.period.last}, if nothing happens after {day}" in text
    made = [load_workbook(io.BytesIO(b"".join(workbook(each).content))) for each in (over, book)]
    assert [{sheet["A1"].value for sheet in each} & {book.open_end} for each in made] == [set(), {book.open_end}]
    assert {sheet["A2"].value for sheet in made[1]} == {sheet["A1"].value for sheet in made[0]}
