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

    Such are what the item's side puts back or does not follow, and all steps but the last where a field moved more than
    once. Values are as the tracker spells them; of a description there is the hash. What was written down before is not
    told again, nor what nobody is known to have done.
    """
    taken, noted = {*changing, *(event for _, event in seen.taken)}, {*seen.noted}
    for act in seen.activity:
        if act.kind is not ActivityKind.FIELD or act.field not in _FIELDS or act.by.ours or not act.by.id:
            continue
        if act.id not in taken and (act.id, act.at) not in noted and not _is_older(act, seen):
            noted.add((act.id, act.at))
            because = because_of(act, seen.link.ref.tracker, run, "")
            before, after = (_shown(act.field, value) for value in (act.before, act.after))
            yield Note(EDITED, seen.item.ref, because, str(act.field), before, after)


def _is_older(act: Activity, seen: Sighting) -> bool:
    """Whether it was done to a ticket made by hand before that became the item's.

    One that we made counts as seen when it was made, or before that where only our clock says when.
    """
    link = seen.link
    is_ours = seen.ticket.created >= link.linked_at or (link.seen_at is not None and link.seen_at < link.linked_at)
    return not is_ours and act.at <= link.linked_at


def _shown(field: str, value: str | None) -> object:
    if value is None or field != Field.BODY:
        return value
    return {"sha256": hashlib.sha256(value.encode()).hexdigest()}
