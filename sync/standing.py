"""How controls stand is found out again wherever something has happened to them, and each change is recorded."""

from datetime import date

from state import controls, grounds
from state.effects import Because
from state.register import Control
from state.standing import standing
from state.store import Store

BATCH = 25
"""How many controls one transaction takes: few enough that nobody waits long for it, many as their items may be."""


def restate(store: Store, today: date, because: Because, *, silent_days: int = 30) -> list[Control]:
    """Record how controls stand by now, and return those whose status changed, as they are now.

    Only those are looked at that something has happened to, or whose evidence has come of age. A test that passed
    counts for as long as it was heard within `silent_days`. Nothing is written where nothing has happened.
    """
    moved: list[Control] = []
    if not store.ask(grounds.is_news, today):
        return moved
    while True:
        with store.writing() as w:
            grounds.age(w.connection, today, silent_days)
            ids = controls.stale(w.connection, BATCH)
            on = grounds.of_controls(w.connection, ids, today, silent_days)
            found = {id_: standing(each) for id_, each in on.items()}
            moved += controls.stand(w.connection, w.ledger, w.now, found, because)
        if len(ids) < BATCH:
            return moved
