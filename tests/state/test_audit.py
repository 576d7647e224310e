"""A ledger that can only grow, and that shows where it was changed."""

import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from state import verifying
from state.audit import GENESIS, canonical, leaf, plain, read
from state.checkpoint import Head
from state.effects import Effects, Note
from state.guards import SERVER, TEXTS
from state.model import Priority
from state.store import AuditError
from state.verifying import Point
from tests.databases import ARM, DISARM, on_postgresql, on_sqlite
from tests.state.attacks import ON_POSTGRESQL, ON_SQLITE, REWRITES

if TYPE_CHECKING:
    from tests.state.conftest import Book

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ASCII = st.text(st.characters(max_codepoint=127))
ASCII_PLAIN = st.dictionaries(ASCII, st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | ASCII)


@pytest.fixture
def ten(book: "Book") -> "Book":
    """A book with ten records."""
    for number in range(10):
        book.item(f"Rotate key {number}")
    return book


@given(st.dictionaries(st.text(), PLAIN, max_size=5) | ASCII_PLAIN)
def test_a_body_is_written_as_rfc_8785_says_and_read_back_the_same(body: dict[str, Any]) -> None:
    assert canonical(body) == rfc8785.dumps(body)
    assert read(canonical(body)) == body


def test_only_what_was_marked_as_personal_is_hidden(book: "Book") -> None:
    class Name(str):
        __slots__ = ()

    with book.store.writing() as w:
        w.ledger.note("x", "AI-000001", replace(book.because, event=Name("E-7")), after=Name("n"))
    told = book.records()[-1]
    assert (told["source"]["event"], told["after"], book.store.verify().ok) == ("E-7", "n", True)


@pytest.mark.parametrize("text", ["1.5", '{"a":1.0}', '{"a":1e3}', '{"a":NaN}', '{"a":9007199254740992}', "[1]", "{"])
def test_what_is_not_a_plain_body_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"plain number|not an object|Expecting"):
        read(text)


def test_values_take_the_ledgers_form() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = plain({"p": Priority.HIGH, "d": date(2026, 1, 2), "t": at, "c": ("a", "b"), "s": {"y", "x"}, "n": None})
    assert found == {
        "p": "high",
        "d": "2026-01-02",
        "t": "2026-01-02T03:04:05.000000Z",
        "c": ["a", "b"],
        "s": ["x", "y"],
        "n": None,
    }


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), b"x", object(), {"a": [1.0]}, "half \ud800", {"\ud800": 1}])
def test_a_value_without_canonical_form_stops_the_whole_transaction(book: "Book", value: object) -> None:
    note = Note("ticket.written", "AI-000001", book.because, after=value)
    with pytest.raises(AuditError):
        book.store.commit(None, Effects(notes=[note], begun=[book.intent("i1")]))
    assert book.records() == []
    assert book.store.open_intents() == []


def test_a_record_says_who_when_what_and_why(book: "Book") -> None:
    when = datetime(2026, 11, 19, tzinfo=UTC)
    because = replace(book.because, event="evt-7", at=when)
    book.store.commit(None, Effects(notes=[Note("ticket.written", "eng:1", because, "title", "a", "b")]))
    assert book.records() == [
        {
            "v": 2,
            "seq": 1,
            "prev": GENESIS,
            "at": "2026-11-19T00:00:00.000000Z",
            "recorded": "2026-11-20T12:00:00.123456Z",
            "actor": {"kind": "human", "system": "counterfoil", "account": "kim@acme.example", "name": "Kim"},
            "source": {"run": "run-1", "event": "evt-7"},
            "action": "ticket.written",
            "object": "eng:1",
            "field": "title",
            "before": "a",
            "after": "b",
            "reason": "asked to",
        }
    ]


def test_records_are_chained_and_verify(ten: "Book") -> None:
    records = list(ten.store.log())
    assert [record.seq for record in records] == list(range(1, 11))
    for before, after in itertools.pairwise(records):
        assert after.prev == before.hash == leaf(before.body.encode())
    verdict = ten.store.verify()
    assert (verdict.ok, verdict.records, verdict.head, verdict.first_bad) == (True, 10, records[-1].hash, None)
    assert verdict.agreed == 0


def test_an_empty_ledger_is_in_order(book: "Book") -> None:
    verdict = book.store.verify()
    assert (verdict.ok, verdict.records, verdict.head) == (True, 0, GENESIS)


def _refused(book: "Book", attack: str) -> None:
    before = book.raw("SELECT * FROM audit ORDER BY seq")
    with pytest.raises((sqlite3.IntegrityError, psycopg.DatabaseError)) as caught:
        book.raw(attack)
    assert "ledger" in str(caught.value) or "a record only follows" in str(caught.value)
    assert book.raw("SELECT * FROM audit ORDER BY seq") == before


@pytest.mark.parametrize("attack", REWRITES)
def test_the_database_refuses_to_rewrite_its_ledger(ten: "Book", attack: str) -> None:
    _refused(ten, attack)


@on_sqlite
@pytest.mark.parametrize("attack", ON_SQLITE)
def test_a_file_refuses_to_rewrite_its_ledger(ten: "Book", attack: str) -> None:
    _refused(ten, attack)


@on_postgresql
@pytest.mark.parametrize("attack", ON_POSTGRESQL)
def test_a_server_refuses_to_rewrite_its_ledger(ten: "Book", attack: str) -> None:
    _refused(ten, attack)


def _rehashed(book: "Book", seq: int, **changes: Any) -> tuple[str, tuple[Any, ...]]:
    """Change a record as somebody would who knows how they are hashed."""
    [(text,)] = book.raw(("SELECT body FROM audit WHERE seq = ?", (seq,)))
    body = canonical(json.loads(text) | changes)
    return "UPDATE audit SET body = ?, hash = ? WHERE seq = ?", (body.decode(), leaf(body), seq)


@pytest.fixture(params=[0, verifying._MANY], ids=["quickly", "one by one"])
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are looked at as those of a long ledger are, or of a short one."""
    monkeypatch.setattr(verifying, "_MANY", request.param)


@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize(
    ("tamper", "seq", "reason"),
    [
        ("UPDATE audit SET body = replace(body, 'key 3', 'key 9') WHERE seq = 4", 4, "does not match its hash"),
        ("UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'z') WHERE seq = 4", 4, "does not match its hash"),
        ("UPDATE audit SET prev = 'x' WHERE seq = 4", 4, "another prev"),
        ("UPDATE audit SET object = 'AI-000009' WHERE seq = 4", 4, "another object"),
        ("DELETE FROM audit WHERE seq = 4", 4, "record 4 is missing: record 5 comes after record 3"),
        ("DELETE FROM audit WHERE seq = 1", 1, "record 1 is missing: record 2 comes after record 0"),
        ("UPDATE audit SET seq = 99 WHERE seq = 10", 10, "missing"),
        ("UPDATE audit SET seq = -5 WHERE seq = 10", 1, "missing"),
        ("INSERT INTO audit SELECT 11, prev, hash, object, body FROM audit WHERE seq = 10", 11, "another seq"),
    ],
)
def test_verify_names_the_first_record_that_was_tampered_with(ten: "Book", tamper: str, seq: int, reason: str) -> None:
    ten.raw(*DISARM[ten.kind], tamper)
    verdict = ten.store.verify()
    assert not verdict.ok
    assert verdict.first_bad is not None
    assert verdict.first_bad[0] == seq
    assert reason in verdict.first_bad[1]


@pytest.mark.usefixtures("pace")
@on_sqlite
@pytest.mark.parametrize("column", ["body", "hash"])
def test_bytes_that_are_no_text_are_a_record_that_was_tampered_with(ten: "Book", column: str) -> None:
    ten.raw(*DISARM[ten.kind], f"UPDATE audit SET {column} = X'FF00' WHERE seq = 4")  # noqa: S608
    assert (ten.store.verify().first_bad or (0,))[0] == 4


@pytest.mark.usefixtures("pace")
def test_a_record_changed_with_its_hash_is_found_by_its_successor(ten: "Book") -> None:
    ten.raw(*DISARM[ten.kind], _rehashed(ten, 4, reason="forged"))
    assert ten.store.verify().first_bad == (4, "record 4 was changed or replaced: record 5 does not follow it")


def test_a_first_record_with_a_past_is_found(ten: "Book") -> None:
    forged = _rehashed(ten, 1, prev="f" * 64)
    ten.raw(*DISARM[ten.kind], forged, ("UPDATE audit SET prev = ? WHERE seq = 1", ("f" * 64,)))
    assert ten.store.verify().first_bad == (1, "record 1 is not the first of its chain")


@pytest.mark.usefixtures("pace")
@pytest.mark.parametrize("text", ['{"a": 1}', '{"a":1.0}', "[]", "nonsense", '{"a":1,"a":1}', "[" * 100_000])
def test_a_body_that_is_not_canonical_is_found_even_if_its_hash_fits(ten: "Book", text: str) -> None:
    ten.raw(*DISARM[ten.kind], ("UPDATE audit SET body = ?, hash = ? WHERE seq = 4", (text, leaf(text.encode()))))
    verdict = ten.store.verify()
    assert verdict.first_bad is not None
    assert verdict.first_bad[0] == 4


@on_sqlite
def test_a_flipped_bit_anywhere_in_a_record_is_found(ten: "Book") -> None:
    [(body,)] = ten.raw("SELECT body FROM audit WHERE seq = 10")
    ten.raw(*DISARM[ten.kind])
    raw = body.encode()
    with closing(sqlite3.connect(ten.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for position in range(0, len(raw) * 8, 13):
            flipped = bytearray(raw)
            flipped[position // 8] ^= 1 << position % 8
            connection.execute("UPDATE audit SET body = CAST(? AS TEXT) WHERE seq = 10", (bytes(flipped),))
            assert (ten.store.verify(last=2).first_bad or (0,))[0] == 10


def test_the_tail_alone_can_be_verified_and_names_its_first_bad_record(ten: "Book") -> None:
    assert ten.store.verify(last=3).records == 3
    assert ten.store.verify(last=100).records == 10
    ten.raw(*DISARM[ten.kind], "UPDATE audit SET prev = 'x' WHERE seq = 2", *ARM[ten.kind])
    assert ten.store.verify(last=3).ok
    assert not ten.store.verify().ok
    ten.raw(*DISARM[ten.kind], "DELETE FROM audit WHERE seq = 7")
    assert ten.store.verify(last=3).first_bad == (7, "record 7 was changed or replaced: record 8 does not follow it")


def _distrusts(book: "Book", guard: str) -> None:
    verdict = book.store.verify()
    assert not verdict.ok
    assert verdict.first_bad is not None
    assert guard in verdict.first_bad[1]


@on_sqlite
@pytest.mark.parametrize("guard", sorted(TEXTS))
def test_a_file_without_a_guard_of_its_ledger_is_not_trusted(ten: "Book", guard: str) -> None:
    ten.raw(f"DROP TRIGGER {guard}")
    _distrusts(ten, guard)


@on_sqlite
@pytest.mark.parametrize("guard", sorted(TEXTS))
def test_what_only_goes_by_the_name_of_a_guard_is_none(ten: "Book", guard: str) -> None:
    idle = TEXTS[guard].split(" BEGIN ")[0].split(" WHEN ")[0]
    ten.raw(f"DROP TRIGGER {guard}", f"{idle} WHEN 0 BEGIN SELECT 1; END")
    _distrusts(ten, guard)


@on_postgresql
@pytest.mark.parametrize("guard", sorted(SERVER))
@pytest.mark.parametrize(
    "how", ["DROP TRIGGER {} ON audit", "ALTER TABLE audit DISABLE TRIGGER {}", "ALTER TABLE audit ENABLE TRIGGER {}"]
)
def test_a_server_without_a_guard_of_its_ledger_is_not_trusted(ten: "Book", guard: str, how: str) -> None:
    ten.raw(how.format(guard))
    _distrusts(ten, guard)


BEFORE = "DROP TRIGGER audit_no_rewrite ON audit; CREATE TRIGGER audit_no_rewrite BEFORE"
AFTER = "EXECUTE FUNCTION audit_refuse(); ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_no_rewrite"
IDLE = {
    "does nothing": "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$",
    "is never called": f"{BEFORE} UPDATE OR DELETE ON audit FOR EACH ROW WHEN (false) {AFTER}",
    "is called at less": f"{BEFORE} UPDATE ON audit FOR EACH ROW {AFTER}",
    "is called for one column": f"{BEFORE} UPDATE OF seq OR DELETE ON audit FOR EACH ROW {AFTER}",
    "is called once": f"{BEFORE} UPDATE OR DELETE ON audit FOR EACH STATEMENT {AFTER}",
}
"""What somebody puts in the place of a guard, who owns the tables of a server."""


@on_postgresql
@pytest.mark.parametrize("how", IDLE)
def test_what_only_goes_by_the_name_of_a_guard_of_a_server_is_none(ten: "Book", how: str) -> None:
    ten.raw(IDLE[how])
    _distrusts(ten, "audit_no_rewrite")


@on_postgresql
def test_a_guard_of_a_server_that_looks_for_what_it_calls_elsewhere_is_none(ten: "Book") -> None:
    ten.raw("ALTER FUNCTION audit_next() SET search_path = public")
    _distrusts(ten, "audit_only_next")


PAST_THE_GUARDS = {
    "dropped": (DISARM["sqlite"], ARM["sqlite"]),
    "taken out of the schema": (
        (
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE type = 'trigger'; "
            "PRAGMA writable_schema = RESET",
        ),
        ARM["sqlite"],
    ),
    "another table": (("ALTER TABLE audit RENAME TO kept", "CREATE TABLE audit AS SELECT * FROM kept"), ARM["sqlite"]),
}


@on_sqlite
@pytest.mark.parametrize("how", PAST_THE_GUARDS)
def test_what_is_cut_off_past_the_guards_of_a_file_is_found_by_a_checkpoint(ten: "Book", how: str) -> None:
    """Somebody who takes the guards away puts them back after it, and what is left follows each other."""
    off, on = PAST_THE_GUARDS[how]
    tree = ten.store.verify().tree
    assert tree is not None
    with closing(sqlite3.connect(ten.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        for statement in (*off, "DELETE FROM audit WHERE seq > 7", "DROP TABLE IF EXISTS kept", *on):
            other.executescript(statement)
    assert ten.store.verify().ok, "whoever has no checkpoint cannot tell"
    found = ten.store.verify([Point(Head("acme.example/ledger", 10, tree.root), "share")])
    assert (found.first_bad or (0, ""))[0] == 8
    assert "3 more were there when the checkpoint over 10 records was signed" in str(found.first_bad)


def test_a_ledger_emptied_beside_items_is_not_trusted(ten: "Book") -> None:
    ten.raw(*DISARM[ten.kind], "DELETE FROM audit", *ARM[ten.kind])
    verdict = ten.store.verify()
    assert (verdict.ok, verdict.first_bad) == (
        False,
        (1, "the ledger is empty, but there are items, each of which had its record"),
    )


def test_the_log_can_be_asked_by_object_action_run_and_end(ten: "Book") -> None:
    ten.change("AI-000003", title="Rotate key 3 today", owner="kim@acme.example")

    def seqs(**filters: Any) -> list[int]:
        return [record.seq for record in ten.store.log(**filters)]

    assert seqs(objects=["AI-000003"]) == [3, 11, 12]
    assert seqs(objects=["AI-000003", "AI-000004"], newest=3) == [4, 11, 12]
    assert seqs(action="item.changed") == [11, 12]
    assert seqs(action="item.changed", newest=1) == [12]
    assert seqs(run="run-1", since=9) == [10, 11, 12]
    assert seqs(run="run-2") == []


def test_a_long_ledger_is_read_in_steps_and_verified_whole(book: "Book") -> None:
    notes = [Note("ticket.written", "eng:1", book.because, after=number) for number in range(2_500)]
    book.store.commit(None, Effects(notes=notes))
    assert [record["after"] for record in book.records()] == list(range(2_500))
    assert book.store.verify().records == 2_500
