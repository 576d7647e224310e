from datetime import UTC, datetime, timedelta

from state.model import Priority
from sync.report import figures
from sync.report.model import Book, Period, Span, midnight
from sync.report.remarks import late, overdue, remarks


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


def test_a_span_touches_the_days_on_which_it_began_and_ended() -> None:
    july = Period(midnight(datetime(2026, 7, 1, tzinfo=UTC)).date(), midnight(datetime(2026, 7, 31, tzinfo=UTC)).date())
    span = Span("failing", datetime(2026, 7, 3, 12, tzinfo=UTC), datetime(2026, 7, 5, 1, tzinfo=UTC))
    assert span.days_in(july) == 3
    assert Span("failing", datetime(2026, 6, 1, tzinfo=UTC), None).days_in(july) == 31
