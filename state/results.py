"""What automated tests said about items, as rows: each result once."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from state.audit import Ledger
from state.effects import Because
from state.model import TestOutcome
from state.series import chunks
from state.tables import ResultRow

RESULT = ResultRow.__table__  # type: ignore[attr-defined]


class Result(NamedTuple):
    """What a test said about an item at one time (UTC), and which finding said it."""

    item: str
    outcome: TestOutcome
    observed_at: datetime
    source_ref: str = ""


Said = tuple[str, TestOutcome, datetime, str]
"""A `Result`, or its plain tuple."""


def record(connection: Connection, ledger: Ledger, said: Sequence[Said], because: Because) -> list[Result]:
    """Keep what tests said, each result once, and return those that were new."""
    new = unheard(connection, said)
    for each in new:
        after = {"outcome": each.outcome, "observed_at": each.observed_at, "source": each.source_ref}
        ledger.note("test.recorded", each.item, because, after=after)
    if new:
        connection.execute(insert(RESULT), [_result_columns(each) for each in new])
    return new


def unheard(connection: Connection, said: Iterable[Said]) -> list[Result]:
    """Those results of tests that are not known yet, each once."""
    first: dict[tuple[str, TestOutcome, datetime], Result] = {}
    for each in map(Result._make, said):
        first.setdefault(each[:3], each)
    known = {each for some in chunks(first.values()) for each in _known_results(connection, some)}
    return [each for same, each in first.items() if same not in known]


def _known_results(connection: Connection, results: Sequence[Result]) -> Iterator[tuple[str, TestOutcome, datetime]]:
    """The stored results on the same items from the same stretch of time."""
    times = [each.observed_at for each in results]
    query = select(RESULT.c.item, RESULT.c.outcome, RESULT.c.observed_at).where(
        RESULT.c.item.in_({each.item for each in results}), RESULT.c.observed_at.between(min(times), max(times))
    )
    for row in connection.execute(query):
        yield row.item, TestOutcome(row.outcome), row.observed_at


def _result_columns(result: Result) -> dict[str, Any]:
    return {
        "item": result.item,
        "outcome": result.outcome.value,
        "observed_at": result.observed_at,
        "source_ref": result.source_ref,
    }
