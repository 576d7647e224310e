"""Risks are due for a new score once their last item has ended, in whichever way it did."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from state import items, risks
from state.effects import Because, Effects, ItemChange
from state.model import Accepted, Actor, Agent, ItemDraft, Priority, Status
from state.register import Risk, Score, ScoreKind, Treatment
from state.store import Store
from sync.reevaluation import reevaluate
from tests.databases import Databases

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
KIM = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example"))


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    with Store.open(databases.made(), clock=lambda: WHEN) as store:
        with store.writing() as w:
            risk = Risk("R-0001", "Accounts", None, Treatment.MITIGATE, "", (), None, WHEN, WHEN)
            risks.add(w.connection, w.ledger, [risk], KIM)
        drafts = [(ItemDraft(f"Do {n}", risks=("R-0001",)), date(2026, 12, 1), Priority.LOW) for n in range(2)]
        store.add_items(drafts, KIM)
        yield store


def _change(store: Store, item: str, **values: Any) -> None:
    store.commit(None, Effects(changes=[ItemChange(item, values, KIM)]))


def test_the_last_item_that_ends_makes_its_risk_due_once(store: Store) -> None:
    assert reevaluate(store, KIM) == {}
    _change(store, "AI-000001", status=Status.RESOLVED)
    assert reevaluate(store, KIM) == {}
    _change(store, "AI-000002", status=Status.RESOLVED)
    why = "its last item has ended: AI-000002 (resolved)"
    assert reevaluate(store, KIM) == {"R-0001": why}
    assert reevaluate(store, KIM) == {}
    due = store.ask(risks.one, "R-0001")
    assert (due.due_since, due.due_why) == (WHEN, why)
    [record] = store.log(action="risk.due")
    assert why in str(record.told)


def test_a_risk_that_is_accepted_ends_its_item_too(store: Store) -> None:
    _change(store, "AI-000001", status=Status.RESOLVED)
    assert reevaluate(store, KIM) == {}
    with store.writing() as w:
        accepted = Accepted("RA-000001", date(2027, 1, 1), "f")
        items.accept(w.connection, w.ledger, w.now, "AI-000002", accepted, KIM)
    assert reevaluate(store, KIM) == {"R-0001": "its last item has ended: AI-000002 (accepted as risk)"}


def test_after_a_new_score_it_is_due_again_only_when_an_item_ends_again(store: Store) -> None:
    for item in ("AI-000001", "AI-000002"):
        _change(store, item, status=Status.RESOLVED)
    reevaluate(store, KIM)
    with store.writing() as w:
        risks.score(w.connection, w.ledger, "R-0001", [Score(ScoreKind.CURRENT, 1, 2, "kim", WHEN)], KIM)
    _change(store, "AI-000001", owner="mia@acme.example", controls=("CC6.1",))
    assert reevaluate(store, KIM) == {}
    _change(store, "AI-000001", status=Status.OPEN)
    assert reevaluate(store, KIM) == {}
    _change(store, "AI-000001", status=Status.RESOLVED)
    assert list(reevaluate(store, KIM)) == ["R-0001"]


def test_where_nothing_ended_nothing_is_written(store: Store) -> None:
    reevaluate(store, KIM)
    before = list(store.log())
    assert reevaluate(store, KIM) == {}
    assert list(store.log()) == before
