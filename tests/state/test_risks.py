"""The risk register as it is kept: every score beside the others, and due once the last item has ended."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from state import risks
from state.errors import StateError, UnknownRef
from state.model import Status
from state.register import Risk, Score, ScoreKind, Treatment
from tests.state.conftest import WHEN

if TYPE_CHECKING:
    from tests.state.conftest import Book

FIRST = (Score(ScoreKind.INHERENT, 5, 4, "kim", WHEN), Score(ScoreKind.CURRENT, 4, 4, "kim", WHEN))
RISK = Risk(
    *("R-0001", "Accounts are taken over", "ada@acme.example", Treatment.MITIGATE, "no MFA", ("CC6.1",)),
    *(date(2027, 1, 31), WHEN, WHEN),
    scores=FIRST,
)


def _add(book: "Book", *some: Risk) -> None:
    with book.store.writing() as w:
        risks.add(w.connection, w.ledger, some, book.because)


def _ended(book: "Book") -> dict[str, str]:
    with book.store.writing() as w:
        ids = risks.stale(w.connection)
        risks.looked_at(w.connection, ids)
        return risks.ended(w.connection, ids)


def test_a_risk_is_kept_with_its_scores_and_found_however_it_is_written(book: "Book") -> None:
    _add(book, RISK)
    assert book.store.ask(risks.one, "r-0001") == RISK
    assert book.store.ask(risks.everything) == [RISK]
    assert book.actions() == ["risk.added", "risk.scored", "risk.scored"]
    assert "taken over" not in str(book.records())


def test_an_id_is_taken_once_whatever_its_letters(book: "Book") -> None:
    _add(book, RISK)
    with pytest.raises(StateError, match="counterfoil risk edit R-0001"):
        _add(book, replace(RISK, id="r-0001"))
    with pytest.raises(UnknownRef, match="counterfoil risk list"):
        book.store.ask(risks.one, "R-9")


def test_a_new_id_is_one_that_nobody_gave(book: "Book") -> None:
    _add(book, RISK)
    with book.store.writing() as w:
        assert [risks.new_id(w.connection), risks.new_id(w.connection)] == ["R-0002", "R-0003"]


def test_a_new_score_stands_beside_the_old_and_ends_that_it_is_due(book: "Book") -> None:
    _add(book, RISK)
    with book.store.writing() as w:
        risks.make_due(w.connection, w.ledger, w.now, {"R-0001": "its last item has ended"}, book.because)
        risks.make_due(w.connection, w.ledger, w.now, {"R-0001": "again"}, book.because)
    due = book.store.ask(risks.one, "R-0001")
    assert (due.due_since, due.due_why) == (book.clock(), "its last item has ended")
    with book.store.writing() as w:
        scores = [Score(ScoreKind.CURRENT, 2, 4, "kim", WHEN, "MFA is on")]
        risks.score(w.connection, w.ledger, "R-0001", scores, book.because)
    after = book.store.ask(risks.one, "R-0001")
    assert (after.due_since, after.due_why, after.scores) == (None, "", (*FIRST, *scores))
    assert book.actions()[-2:] == ["risk.due", "risk.scored"]


def test_a_score_of_the_target_leaves_it_due(book: "Book") -> None:
    _add(book, RISK)
    with book.store.writing() as w:
        risks.make_due(w.connection, w.ledger, w.now, {"R-0001": "ended"}, book.because)
        risks.score(w.connection, w.ledger, "R-0001", [Score(ScoreKind.TARGET, 1, 2, "kim", WHEN)], book.because)
    assert book.store.ask(risks.one, "R-0001").due_since is not None


def test_a_change_is_recorded_field_by_field_without_long_words(book: "Book") -> None:
    _add(book, RISK)
    with book.store.writing() as w:
        values = {"owner": "kim@acme.example", "gap": "none", "statement": RISK.statement}
        risks.change(w.connection, w.ledger, w.now, "R-0001", values, book.because)
    changed = [r for r in book.records() if r["action"] == "risk.changed"]
    assert [(r["field"], r["after"]) for r in changed][1] == ("owner", "kim@acme.example")
    assert set(changed[0]["after"]) == {"sha256"}
    with pytest.raises(StateError, match="id cannot be changed"), book.store.writing() as w:
        risks.change(w.connection, w.ledger, w.now, "R-0001", {"id": "R-2"}, book.because)


def test_a_risk_is_due_with_the_last_of_its_items_and_not_before(book: "Book") -> None:
    _add(book, RISK)
    first, second = book.item(risks=("r-0001",)), book.item(risks=("R-0001", "R-7"))
    book.item(risks=("R-7",))
    assert _ended(book) == {}
    book.change(first.ref, status=Status.RESOLVED)
    assert _ended(book) == {}
    book.change(second.ref, status=Status.RESOLVED)
    assert _ended(book) == {"R-0001": f"its last item has ended: {second.ref} (resolved)"}
    assert _ended(book) == {}
    book.change(second.ref, owner="kim@acme.example")
    assert _ended(book) == {}


def test_an_item_that_leaves_a_risk_or_joins_it_counts(book: "Book") -> None:
    _add(book, RISK)
    done, left = book.item(risks=("R-0001",)), book.item(risks=("R-0001",))
    book.change(done.ref, status=Status.RESOLVED)
    assert _ended(book) == {}
    book.change(left.ref, risks=())
    assert [item.ref for item in book.store.ask(risks.items_of, "R-0001")] == [done.ref]
    assert list(_ended(book)) == ["R-0001"]
    book.change(left.ref, risks=("R-0001",))
    assert [item.ref for item in book.store.ask(risks.items_of, "R-0001")] == [done.ref, left.ref]
    assert _ended(book) == {}


def test_items_that_named_a_risk_before_it_was_there_are_its_items(book: "Book") -> None:
    item = book.item(risks=("R-0001",))
    _add(book, RISK)
    assert [each.ref for each in book.store.ask(risks.items_of, "R-0001")] == [item.ref]
