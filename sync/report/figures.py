"""The numbers behind the charts of a report, counted from its stories."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from state.model import Priority
from sync.report.model import UNFINISHED, Book, ItemStory, Period, Span, midnight

PRIORITIES = tuple(each.value for each in Priority)
STATUSES = ("implemented", "in_progress", "not_started", "failing", "not_applicable")
"""The statuses of a control, in the order in which they are stacked."""

_MOST = 53
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers by name at the ends of some days."""

    days: tuple[date, ...]
    values: Mapping[str, tuple[int, ...]]


def days(period: Period) -> tuple[date, ...]:
    """The days at whose end things are counted: each of a short period, else so far apart that they can be told."""
    length = (period.last - period.first).days
    step = 1 if length < _MOST else _WEEK * -(-length // (_WEEK * _MOST))
    return tuple(period.last - timedelta(days=back) for back in range(length - length % step, -1, -step))


def still_open(book: Book) -> Series:
    """How many items of each priority were unfinished."""
    spans = {p: [s for item in _of(book, p) for s in item.spans if s.status in UNFINISHED] for p in PRIORITIES}
    some = days(book.period)
    return Series(some, {name: _standing(each, some) for name, each in spans.items()})


def closed(book: Book) -> Series:
    """How many items of each priority were resolved or accepted since the day before in the series."""
    some = days(book.period)
    found: dict[str, tuple[int, ...]] = {}
    for name in PRIORITIES:
        ends = [s.since for item in _of(book, name) for s in item.spans if s.status not in UNFINISHED]
        counted = Counter(_slot(at, some, book.period) for at in ends)
        found[name] = tuple(counted[number] for number in range(len(some)))
    return Series(some, found)


def controls(book: Book) -> Series:
    """How many controls had each status."""
    spans = [span for control in book.controls for span in control.spans]
    some = days(book.period)
    return Series(some, {name: _standing([s for s in spans if s.status == name], some) for name in STATUSES})


def _of(book: Book, priority: str) -> list[ItemStory]:
    """The items of a priority, without those of a ticket that lists them, which are counted themselves."""
    return [each for each in book.items if each.priority == priority]


def _standing(spans: Sequence[Span], some: Sequence[date]) -> tuple[int, ...]:
    """How many spans there were at the end of each day."""
    ends = [midnight(day + timedelta(days=1)) for day in some]
    return tuple(sum(s.since < end and (s.until is None or s.until >= end) for s in spans) for end in ends)


def _slot(at: datetime, some: Sequence[date], period: Period) -> int:
    if not period.has(at):
        return -1
    return next((number for number, day in enumerate(some) if at.date() <= day), -1)


@dataclass(frozen=True, slots=True)
class Duration:
    """How long items of a priority took that were resolved in the period, in days, against the days they may take."""

    priority: str
    took: tuple[float, ...]
    late: int
    allowed: int | None

    @property
    def median(self) -> float | None:
        """Half of them took no longer."""
        return median(self.took) if self.took else None


def to_resolve(book: Book) -> tuple[Duration, ...]:
    """How long it took, by priority."""
    return tuple(_duration(book, name) for name in PRIORITIES)


def _duration(book: Book, priority: str) -> Duration:
    done = [(i, i.resolved_at) for i in _of(book, priority) if i.resolved_at and book.period.has(i.resolved_at)]
    took = sorted((at - item.made.at).total_seconds() / 86_400 for item, at in done)
    late = sum(item.is_late(book.period.last) for item, _ in done)
    return Duration(priority, tuple(round(each, 1) for each in took), late, book.policy.due_days.get(priority))


Grid = Mapping[tuple[int, int], int]
"""How many risks have this likelihood and impact."""


def heat(book: Book) -> tuple[Grid, Grid]:
    """The risks before treatment, and as they were last rated."""
    before = Counter(risk.before for risk in book.risks if risk.before is not None)
    after = Counter(rated for risk in book.risks if (rated := risk.score("current")) is not None)
    return dict(before), dict(after)


def summary(book: Book) -> dict[str, int]:
    """The numbers that stand at the top of a report, in the order in which they are read."""
    period, items = book.period, book.items
    resolved = [i for i in items if i.resolved_at is not None and period.has(i.resolved_at)]
    standing = [each for each in book.acceptances if each.state == "active"]
    return {
        "identified in the period": sum(period.has(each.made.at) for each in items),
        "resolved in the period": len(resolved),
        "of these after their due date": sum(each.is_late(period.last) for each in resolved),
        "open at its end": sum(each.status in UNFINISHED for each in items),
        "of these overdue": sum(each.status in UNFINISHED and each.is_late(period.last) for each in items),
        "risks accepted at its end": len(standing),
        "acceptances lapsed in the period": sum(
            each.state == "lapsed" and each.until is not None and period.first <= each.until <= period.last
            for each in book.acceptances
        ),
        "controls failing at its end": sum(each.status == "failing" for each in book.controls),
    }
