"""A long ledger is looked at by two processes, and what is found is what one finds."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from state.audit import leaf
from state.checkpoint import Head
from state.effects import Because, Effects, Note
from state.lease import Holder
from state.merkle import Tree
from state.model import Actor, Agent
from state.persons import Person
from state.second import second
from state.store import Store
from state.stored import PAGE
from state.verifying import Point, Start, Verdict, verify
from tests.databases import Databases, disarm, on_sqlite, raw, statements

RECORDS = 5 * PAGE + 900
WHEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"), run="run-1")
MIA = Because(Agent(Actor.HUMAN, "counterfoil", "mia@acme.example", "Mia"), run="run-2")
LONG = b"a long ledger...".ljust(16)
EMPTY = Start()
FOURTH = 3 * PAGE
WHY = f"record {FOURTH} was changed or replaced: record {FOURTH + 1} does not follow it"
SHARES = {"before": 1500, "first": FOURTH + 1, "in": FOURTH + 700, "last": FOURTH + PAGE, "after": FOURTH + PAGE + 1}
"""Records by how they stand to the fourth share, which the second process looks at, as at the sixth."""
TAMPERED = {
    "text": "UPDATE audit SET body = replace(body, 'ticket.changed', 'ticket.created') WHERE seq = ?",
    "hash": "UPDATE audit SET hash = replace(replace(hash, 'a', 'b'), '0', '1') WHERE seq = ?",
    "link": "UPDATE audit SET prev = replace(replace(prev, 'a', 'b'), '0', '1') WHERE seq = ?",
    "gone": "DELETE FROM audit WHERE seq = ?",
    "person": "DELETE FROM salted WHERE text = (SELECT 'since ' || ((? - 1) / 500))",
}


@pytest.fixture(scope="module")
def kept() -> dict[str, list[Point]]:
    """The checkpoints of the ledger that was made in each kind of database."""
    return {}


@pytest.fixture
def ledger(databases: Databases, kept: dict[str, list[Point]]) -> tuple[str, list[Point]]:
    """Where a ledger is in which the clock went back twice, and its checkpoints."""
    if databases.kind not in kept:
        url = databases.made()
        kept[databases.kind] = fill(url)
        databases.keep(LONG, url)
    return databases.made(lambda _: LONG), kept[databases.kind]


def fill(url: str) -> list[Point]:
    steps = count()
    with Store.open(url, clock=lambda: WHEN + timedelta(hours=next(steps) % 2)) as store:
        for start in range(0, RECORDS, 900):
            told = [replace(KIM, reason=f"since {number // 500}") for number in range(start, min(start + 900, RECORDS))]
            store.commit(None, Effects(notes=[Note("ticket.changed", "AI-1", why, "title", "a", "b") for why in told]))
        tree, points = Tree(), []
        for record in store.log():
            tree.push(bytes.fromhex(record.hash))
            if record.seq in (700, 3 * PAGE, 3 * PAGE + 300, RECORDS):
                points.append(Point(Head("acme.example/ledger", record.seq, tree.root), "elsewhere"))
    return points


@contextmanager
def opened(url: str) -> Iterator[Any]:
    with Store.open(url, clock=lambda: WHEN) as store, store.reading() as connection:
        yield connection


def alone(url: str, points: Sequence[Point]) -> Verdict:
    with opened(url) as connection:
        return verify(connection, points)


def by_two(url: str, points: Sequence[Point]) -> Verdict:
    with opened(url) as connection, second(connection, 1) as helper:
        assert helper is not None
        return verify(connection, points, second=helper)


def whole(verdict: Verdict) -> tuple[Any, ...]:
    """All that a verdict says, to be compared."""
    trees = [None if tree is None else (tree.size, tree.edge) for tree in (verdict.tree, verdict.before.tree)]
    return (replace(verdict, tree=None, before=EMPTY), verdict.before.head, *trees)


def test_two_find_what_one_finds_in_half_of_the_pages(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    one = alone(url, points)
    assert (one.ok, one.records, one.agreed, one.backdated) == (
        True,
        RECORDS,
        RECORDS,
        tuple(range(1801, RECORDS, 1800)),
    )
    with statements() as said:
        assert whole(by_two(url, points)) == whole(one)
    later = sum("audit.seq > " in each for each in said)
    assert later == len(("second", "third", "fifth", "whether there are more"))


@on_sqlite
@pytest.mark.parametrize(("how", "where"), list(zip(TAMPERED, SHARES, strict=True)))
def test_two_name_the_same_record_as_one(how: str, where: str, ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    disarm(url)
    raw(url, (TAMPERED[how], (SHARES[where],)))
    one = alone(url, points)
    assert one.first_bad is not None
    assert whole(by_two(url, points)) == whole(one)


@on_sqlite
def test_two_find_that_what_one_looked_at_does_not_go_on_with_what_the_other_did(
    ledger: tuple[str, list[Point]],
) -> None:
    url, _ = ledger
    disarm(url)
    [(body,)] = raw(url, ("SELECT body FROM audit WHERE seq = ?", (FOURTH,)))
    other = body.replace("ticket.changed", "ticket.created")
    raw(url, ("UPDATE audit SET body = ?, hash = ? WHERE seq = ?", (other, leaf(other.encode()), FOURTH)))
    found = by_two(url, ())
    assert found.first_bad == alone(url, ()).first_bad == (FOURTH, WHY)


@on_sqlite
def test_a_text_that_was_erased_on_record_is_no_fault_to_two_either(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    with Store.open(url, clock=lambda: WHEN) as store:
        store.erase_person(Person(["kim@acme.example"]), Holder("h1", 1), MIA, words=True)
    one = alone(url, points)
    assert (one.ok, one.redacted > 0) == (True, True)
    assert whole(by_two(url, points)) == whole(one)


@on_sqlite
def test_what_is_written_meanwhile_is_not_looked_at(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    with opened(url) as connection, second(connection, 1) as helper:
        with Store.open(url, clock=lambda: WHEN) as store:
            store.commit(None, Effects(notes=[Note("ticket.changed", "AI-1", KIM, "title", "b", "c")]))
        assert verify(connection, points, second=helper).records == RECORDS


@on_sqlite
def test_one_does_it_alone_where_the_second_does_not_start(
    ledger: tuple[str, list[Point]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, points = ledger
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert whole(by_two(url, points)) == whole(alone(url, points))


@on_sqlite
def test_a_ledger_that_is_not_long_is_looked_at_by_one(ledger: tuple[str, list[Point]]) -> None:
    with opened(ledger[0]) as connection, second(connection) as helper:
        assert helper is None
