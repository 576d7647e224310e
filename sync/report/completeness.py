"""Whether anything is missing: what was asked of whom and when, and where every item is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from state.audit import Told
from state.model import Status
from sync import intake, reading
from sync.report.members import Member, document
from sync.ticketless import needs_none

_LINKED = frozenset({"ticket.created", "ticket.linked"})


@dataclass(slots=True)
class _Item:
    """What decides whether an item has a ticket, and whether it is to have one."""

    status: Status
    source: str
    part_of: str | None = None
    tracker: str | None = None
    holds: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Completeness:
    """The population at the end of a period, and what was read in it; fed with the records from the first on.

    The period begins at `since` and ends before `until`, both as records write times. Of the `strange`
    records, by number, nothing is heard. So many items are `left_out` of the tables, which are confined.
    """

    since: str
    until: str
    strange: Mapping[int, str] = field(default_factory=dict)
    left_out: int = 0
    items: dict[str, _Item] = field(default_factory=dict)
    readings: dict[str, dict[str, list[dict[str, Any]]]] = field(
        default_factory=lambda: {intake.READ: {}, reading.READ: {}}
    )

    def hear(self, told: Told) -> None:
        """One more record."""
        if told["at"] >= self.until or told["seq"] in self.strange:
            return
        action, about, before, after = told["action"], told["object"], told["before"], told["after"]
        if action == "item.created":
            self.items[about] = _Item(Status(after["status"]), after["source_kind"])
        elif action in self.readings and told["at"] >= self.since:
            self.readings[action].setdefault(about, []).append({"record": told["seq"], "at": told["at"], **after})
        elif (item := self.items.get(about)) is not None:
            _change(item, action, told["field"], before, after)

    def member(self) -> Member:
        """All of it, with counts that add up: each item is linked, unlinked or excluded."""
        return document("completeness.json", {"items": self._items(), **self._read(), "strange": self.strange})

    def _items(self) -> dict[str, Any]:
        linked = {ref: item.tracker for ref, item in self.items.items() if item.tracker is not None}
        excluded = {
            ref: why
            for ref, item in self.items.items()
            if ref not in linked and (why := needs_none(item.status, item.part_of)) is not None
        }
        rest = {ref: _why(item) for ref, item in self.items.items() if ref not in linked and ref not in excluded}
        return {
            "count": len(self.items),
            "linked": _group(linked, "by_tracker"),
            "unlinked": _group(rest, "by_reason"),
            "excluded": _group(excluded, "by_reason"),
            "by_source": Counter(item.source for item in self.items.values()),
            "left_out": self.left_out,
        }

    def _read(self) -> dict[str, Any]:
        return {"sources": self.readings[intake.READ], "trackers": self.readings[reading.READ]}


def _change(item: _Item, action: str, name: str, before: Any, after: Any) -> None:
    """What a record makes of an item."""
    if action == "item.changed" and name == "status":
        item.status = Status(after)
    elif action == "item.changed" and name == "part_of":
        item.part_of = after
    elif action in _LINKED:
        item.tracker = after["tracker"]
    elif action == "ticket.unlinked":
        item.tracker = None
    elif action == "hold.opened":
        item.holds[after["id"]] = after["kind"]
    elif action == "hold.settled":
        item.holds.pop(before["id"], None)


def _why(item: _Item) -> str:
    """Why an item that is to have a ticket has none."""
    return ", ".join(f"held: {kind}" for kind in sorted(set(item.holds.values()))) or "the next sync is to make one"


def _group(items: Mapping[str, Any], by: str) -> dict[str, Any]:
    return {"count": len(items), "items": dict(sorted(items.items())), by: Counter(items.values())}
