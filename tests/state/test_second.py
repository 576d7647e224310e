"""A long ledger is looked at by two processes, and what is found is what one finds."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from state.audit import leaf
from state.checkpoint import Head
from state.effects import Because, Effects, Note
from state.lease import Holder
from state.merkle import Tree
from state.model import Actor, Agent
from state.persons import Person
from state.second import processors, second
from state.store import Store
from state.stored import PAGE
from state.verifying import Point, Start, Verdict, verify
from sync import proving
from tests.databases import Databases, disarm, on_postgresql, on_sqlite, raw, statements

RECORDS = 6 * PAGE + 900
WHEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"), run="run-1")
MIA = Because(Agent(Actor.HUMAN, "counterfoil", "mia@acme.example", "Mia"), run="run-2")
LONG = b"a long ledger...".ljust(16)
EMPTY = Start()
FOURTH = 3 * PAGE
"""After so many records begins the fourth share, which the second process looks at, as at the sixth."""
WHY = f"record {FOURTH} was changed or replaced: record {FOURTH + 1} does not follow it"
TAMPERED = {
    "text before": ("UPDATE audit SET body = replace(body, 'ticket.c', 'ticket.e') WHERE seq = 1500", 1500),
    "hash first": ("UPDATE audit SET hash = replace(replace(hash, 'a', 'b'), '0', '1') WHERE seq = 6001", 6001),
    "gone last": ("DELETE FROM audit WHERE seq = 8000", 8000),
    "link after": ("UPDATE audit SET prev = replace(replace(prev, 'a', 'b'), '0', '1') WHERE seq = 8001", 8001),
    "person's words in it": ("""UPDATE salted SET text = '"never"' WHERE text = '"since 13"'""", 6501),
    "person's words gone in it": ("""DELETE FROM salted WHERE text = '"since 13"'""", 6501),
}
"""What is done to the records around that share, and the first record that is bad then."""

pytestmark = pytest.mark.skipif(processors() < 2, reason="there is one processor")


@pytest.fixture(scope="module")
def kept() -> dict[str, list[Point]]:
    """The checkpoints of the ledger that was made in each kind of database."""
    return {}


@pytest.fixture
def ledger(databases: Databases, kept: dict[str, list[Point]]) -> tuple[str, list[Point]]:
    """Where a ledger is in which the clock went back now and then, and its checkpoints."""
    if databases.kind not in kept:
        url = databases.made()
        kept[databases.kind] = fill(url)
        databases.keep(LONG, url)
    return databases.made(lambda _: LONG), kept[databases.kind]


def fill(url: str, many: int = RECORDS) -> list[Point]:
    steps = count()
    with Store.open(url, clock=lambda: WHEN + timedelta(hours=next(steps) % 2)) as store:
        for start in range(0, many, 1000):
            told = [replace(KIM, reason=f"since {number // 500}") for number in range(start, min(start + 1000, many))]
            store.commit(None, Effects(notes=[Note("ticket.changed", "AI-1", why, "title", "a", "b") for why in told]))
        tree, points = Tree(), []
        for record in store.log():
            tree.push(bytes.fromhex(record.hash))
            if record.seq in (700, 3 * PAGE, 3 * PAGE + 300, many):
                points.append(Point(Head("acme.example/ledger", record.seq, tree.root), "elsewhere"))
    return points


@contextmanager
def opened(url: str) -> Iterator[Any]:
    with Store.open(url, clock=lambda: WHEN) as store, store.reading() as connection:
        yield connection


def alone(url: str, points: Sequence[Point]) -> Verdict:
    with opened(url) as connection:
        return verify(connection, points)


def by_two(url: str, points: Sequence[Point], ours: int = 1) -> Verdict:
    with opened(url) as connection, second(connection, ours) as helper:
        assert helper is not None
        return verify(connection, points, second=helper)


def second_is(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this script started in the place of a second Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def erase(url: str) -> None:
    with Store.open(url, clock=lambda: WHEN) as store:
        store.erase_person(Person(["kim@acme.example"]), Holder("h1", 1), MIA, words=True)


def read_later(said: Sequence[str]) -> int:
    """How many pages of whole records were asked for by this process after the first."""
    return sum("audit.seq > " in each and "prev" in each and "audit.object IN" not in each for each in said)


def whole(verdict: Verdict) -> tuple[Any, ...]:
    """All that a verdict says, to be compared."""
    trees = [None if tree is None else (tree.size, tree.edge) for tree in (verdict.tree, verdict.before.tree)]
    return (replace(verdict, tree=None, before=EMPTY), verdict.before.head, *trees)


def test_two_find_what_one_finds_while_each_reads_fewer_pages(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    one = alone(url, points)
    assert (one.ok, one.records, one.agreed, one.backdated) == (
        True,
        RECORDS,
        RECORDS,
        tuple(range(2001, RECORDS, 2000)),
    )
    with statements() as said:
        assert whole(by_two(url, points)) == whole(one)
    assert read_later(said) == len(("second", "third", "fifth", "seventh"))


@on_sqlite
@pytest.mark.parametrize("what", TAMPERED)
def test_two_name_the_same_record_as_one(what: str, ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    statement, bad = TAMPERED[what]
    disarm(url)
    raw(url, statement)
    one = alone(url, points)
    assert one.first_bad is not None
    assert one.first_bad[0] == bad
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
def test_a_record_with_a_number_that_is_none_is_named(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    disarm(url)
    raw(url, "CREATE TABLE other AS SELECT * FROM audit", "DROP TABLE audit", "ALTER TABLE other RENAME TO audit")
    raw(url, "CREATE INDEX audit_by_object ON audit (object, seq)")
    raw(url, "INSERT INTO audit (seq, prev, hash, object, body) VALUES ('x', '', '', '', '')")
    with opened(url) as connection, second(connection, 1) as helper:
        found = verify(connection, points, second=helper).first_bad
    assert found is not None
    assert found[0] == RECORDS + 1


@on_sqlite
def test_a_text_that_was_erased_on_record_is_no_fault_to_two_either(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    erase(url)
    one = alone(url, points)
    assert (one.ok, one.redacted > 0) == (True, True)
    with statements() as said:
        assert whole(by_two(url, points)) == whole(one)
    assert read_later(said) == len(("second", "third", "fifth", "seventh"))


@on_sqlite
def test_what_is_erased_meanwhile_is_looked_at_as_it_was(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    with opened(url) as connection, second(connection, 1) as helper:
        one = verify(connection, points)
        erase(url)
        assert whole(verify(connection, points, second=helper)) == whole(one)
    assert alone(url, points).redacted > one.redacted


@on_sqlite
def test_what_is_written_meanwhile_is_not_looked_at(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    with opened(url) as connection, second(connection, 1) as helper:
        with Store.open(url, clock=lambda: WHEN) as store:
            store.commit(None, Effects(notes=[Note("ticket.changed", "AI-1", KIM, "title", "b", "c")]))
        assert verify(connection, points, second=helper).records == RECORDS


@on_sqlite
@pytest.mark.parametrize("then", ["", "echo null"])
def test_one_does_the_rest_alone_where_the_second_is_gone_after_its_first_share(
    then: str, ledger: tuple[str, list[Point]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, points = ledger
    second_is(f"head -n 1 | '{sys.executable}' \"$@\"\n{then}\n", tmp_path, monkeypatch)
    one = alone(url, points)
    with statements() as said:
        assert whole(by_two(url, points)) == whole(one)
    assert read_later(said) == len(("second", "third", "fifth", "sixth", "seventh"))


@on_sqlite
def test_the_second_looks_at_longer_shares_and_is_met_again_after_each(databases: Databases) -> None:
    url = databases.made()
    points = fill(url, 12 * PAGE + 900)
    one = alone(url, points)
    with statements() as said:
        assert whole(by_two(url, points, ours=2)) == whole(one)
    assert read_later(said) == len((*range(2, 7), "tenth", "eleventh", "whether there are more"))


@on_sqlite
@pytest.mark.parametrize("said", ["", '["half of', '["a", "zz", [], [], [], [], []]'])
def test_one_does_it_alone_where_the_second_says_nothing_that_can_be_read(
    said: str, ledger: tuple[str, list[Point]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, points = ledger
    second_is(f"read line\nprintf '%s' '{said}'\n", tmp_path, monkeypatch)
    assert whole(by_two(url, points)) == whole(alone(url, points))


@on_sqlite
def test_what_the_second_says_at_once_of_two_shares_is_heard_as_two(
    ledger: tuple[str, list[Point]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, points = ledger
    both = f"said=$(head -n 2 | '{sys.executable}' \"$@\")\nprintf '%s\\n' \"$said\"\n"
    second_is(both, tmp_path, monkeypatch)
    one = alone(url, points)
    with statements() as said:
        assert whole(by_two(url, points)) == whole(one)
    assert read_later(said) == len(("second", "third", "fifth", "seventh"))


@on_postgresql
def test_on_a_server_both_see_one_moment(ledger: tuple[str, list[Point]]) -> None:
    url, points = ledger
    swap = "UPDATE audit SET body = replace(body, '{}', '{}') WHERE seq = 6700"
    disarm(url)
    raw(url, swap.format("ticket.changed", "ticket.created"))
    with opened(url) as connection, second(connection, 1) as helper:
        raw(url, swap.format("ticket.created", "ticket.changed"))
        found = verify(connection, points, second=helper).first_bad
        assert found is not None
        assert found[0] == 6700


@on_sqlite
def test_the_program_has_two_look_where_it_examines_a_ledger(
    ledger: tuple[str, list[Point]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "second", partial(second, ours=1))
    with Store.open(ledger[0], clock=lambda: WHEN) as store, statements() as said:
        assert proving.examine(store, (), ()).verdict.records == RECORDS
    assert read_later(said) == 4


@on_sqlite
def test_a_ledger_that_is_not_long_is_looked_at_by_one(ledger: tuple[str, list[Point]]) -> None:
    with opened(ledger[0]) as connection, second(connection) as helper:
        assert helper is None
