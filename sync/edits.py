"""What people did to a ticket that changes nothing about its item, written down all the same."""

import hashlib
from collections.abc import Collection, Iterator

from state.audit import EDITED
from state.effects import Note
from state.model import Field
from state.ticket import Activity, ActivityKind
from sync.rulings import Sighting, because_of

_FIELDS = frozenset({Field.TITLE, Field.BODY, Field.STATUS, Field.PRIORITY, Field.ASSIGNEE, Field.DUE_DATE})


def edits(seen: Sighting, changing: Collection[str], run: str) -> Iterator[Note]:
    """The records of what other accounts did to fields that items have too, but for the events that are `changing` it.

    Such are what the item's side puts back, and all steps but the last where a field moved more than once. Values are
    as the tracker spells them; of a description there is the hash. What was written down before is not told again.
    """
    told = {*seen.noted, *(event for _, event in seen.taken), *changing}
    for act in seen.activity:
        if act.kind is not ActivityKind.FIELD or act.field not in _FIELDS or act.by.ours:
            continue
        if act.id not in told and not _is_older(act, seen):
            because = because_of(act, seen.link.ref.tracker, run, "")
            before, after = (_shown(act.field, value) for value in (act.before, act.after))
            yield Note(EDITED, seen.item.ref, because, str(act.field), before, after)


def _is_older(act: Activity, seen: Sighting) -> bool:
    """Whether it was done to a ticket made by hand before that became the item's."""
    return seen.ticket.created < seen.link.linked_at and act.at <= seen.link.linked_at


def _shown(field: str, value: str | None) -> object:
    if value is None or field != Field.BODY:
        return value
    return {"sha256": hashlib.sha256(value.encode()).hexdigest()}
