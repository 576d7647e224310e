"""Which items a group has, and what follows for it, and for them, from a change."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from state.effects import Because, ItemChange
from state.grouping import following
from state.lifecycle import UNFINISHED
from state.model import GROUP, ActionItem, Status
from state.rows import item_of
from state.series import chunks
from state.tables import ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]

Pairs = Mapping[str, tuple[ActionItem, ActionItem, Because]]
"""Items that have just changed, as they were and as they are, and because of what, by ref."""


def of_groups(connection: Connection, refs: Iterable[str]) -> dict[str, list[ActionItem]]:
    """The items of each of these groups, in the order of their refs."""
    found: dict[str, list[ActionItem]] = {ref: [] for ref in refs}
    for some in chunks(found):
        for row in connection.execute(select(ITEM).where(ITEM.c.part_of.in_(some)).order_by(ITEM.c.seq)):
            found[row.part_of].append(item_of(row))
    return found


def consequences(connection: Connection, changed: Pairs) -> list[ItemChange]:
    """What the change of items leads to: for the group of one, and for those of a group that is said to be done."""
    because = {ref: why for was, now, why in changed.values() for ref in (was.part_of, now.part_of) if ref is not None}
    because |= {ref: why for ref, (_, now, why) in changed.items() if now.is_group}
    if not because:
        return []
    groups = _get(connection, because)
    items = of_groups(connection, groups)
    found: list[ItemChange] = []
    for ref, group in groups.items():
        settled = ref in changed and changed[ref][0].status is not group.status
        left = [item for item in items[ref] if item.status in UNFINISHED]
        if settled and group.status is Status.RESOLVED and left:
            found += (ItemChange(item.ref, {"status": Status.RESOLVED}, because[ref]) for item in left)
            continue
        why = replace(because[ref], reason="as its items now stand")
        values = following(group, items[ref], settled=settled)
        if group.status not in UNFINISHED and "status" in values:
            found += _begun_again(connection, group, left, values, why)
        elif any(getattr(group, name) != value for name, value in values.items()):
            found.append(ItemChange(ref, values, why))
    return found


def _begun_again(
    connection: Connection, group: ActionItem, left: list[ActionItem], values: Mapping[str, object], why: Because
) -> Iterator[ItemChange]:
    """A finished group has something to do again: it is open, unless another has begun, which those items then join."""
    key = group.origin[GROUP]
    other = connection.execute(select(ITEM.c.ref).where(ITEM.c.fingerprint == key, ITEM.c.ref != group.ref)).scalar()
    if other is None:
        yield ItemChange(group.ref, {**values, "fingerprint": key}, why)
    else:
        yield from (ItemChange(item.ref, {"part_of": other}, why) for item in left)


def _get(connection: Connection, refs: Iterable[str]) -> dict[str, ActionItem]:
    rows = (row for some in chunks(refs) for row in connection.execute(select(ITEM).where(ITEM.c.ref.in_(some))))
    return {row.ref: item_of(row) for row in rows}
