"""Risks are to be scored again once the last of their items has ended, or their review date has come."""

from state import risks
from state.effects import Because
from state.store import Store


def reevaluate(store: Store, because: Because) -> dict[str, str]:
    """Record which risks are due since their last item ended, by id, with the reason.

    Nothing is written where no item of a risk has ended, begun again or been linked.
    """
    if not store.ask(risks.stale):
        return {}
    with store.writing() as w:
        ids = risks.stale(w.connection)
        due = risks.ended(w.connection, ids)
        risks.make_due(w.connection, w.ledger, w.now, due, because)
        risks.looked_at(w.connection, ids)
    return due
