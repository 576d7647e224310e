"""New items join their groups, and a group's item is made for the first of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from state import items
from state.audit import Ledger
from state.effects import Because, ItemChange
from state.grouping import Grouping, Joined
from state.lifecycle import UNFINISHED
from state.model import ActionItem, ItemDraft


def join(
    connection: Connection,
    ledger: Ledger,
    now: datetime,
    new: Iterable[tuple[ItemDraft, ActionItem]],
    grouping: Grouping,
    because: Because,
) -> None:
    """Put new items, each with the draft that it was made from, into the groups that take them."""
    joined: dict[str, Joined] = {}
    for draft, item in new:
        if (key := grouping.key(draft)) is not None:
            joined.setdefault(key.text, Joined(key)).items.append(item)
    known = {name: item for (_, name), item in items.existing(connection, (), joined).items()}
    over = {name: item for name, item in known.items() if _is_over(item, now, grouping.reopen_days)}
    why = replace(because, reason="its items ended long ago, and others begin another group")
    items.change(connection, ledger, now, [ItemChange(each.ref, {"fingerprint": None}, why) for each in over.values()])
    begun = [name for name in joined if name not in known or name in over]
    drafts = [joined[name].draft(over[name].ref if name in over else None) for name in begun]
    made = dict(zip(begun, items.add(connection, ledger, now, drafts, because), strict=True))
    groups = {**known, **made}
    members = [(item, groups[name]) for name, each in joined.items() for item in each.items]
    items.change(connection, ledger, now, [ItemChange(i.ref, {"part_of": g.ref}, because) for i, g in members])


def _is_over(group: ActionItem, now: datetime, days: int) -> bool:
    ended = group.resolved_at or group.updated_at
    return group.status not in UNFINISHED and now - ended > timedelta(days=days)
