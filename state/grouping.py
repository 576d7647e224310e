"""Which items share one ticket, and what the item of that ticket says of them (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from state.lifecycle import UNFINISHED
from state.model import GROUP, URGENCY, ActionItem, ItemDraft, Priority, SourceKind, Status

_LISTED = 20_000
"""How many characters of a checklist a ticket of either kind has room for."""
_TITLES = {
    "check": "Settle what the check {} found",
    "control": "Settle what is open under {}",
    "owner": "Settle what {} has to do",
}


class Key(NamedTuple):
    """What the items of one group have in common: the same check, control or owner."""

    by: str
    value: str

    @property
    def text(self) -> str:
        """The fingerprint of the group's item."""
        return f"group:{self.by}:{self.value}"


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Groups items `by` check, control or owner; `sources` and `controls` (patterns), where given, say which ones."""

    by: str
    sources: frozenset[SourceKind] = frozenset()
    controls: tuple[str, ...] = ()

    def key(self, draft: ItemDraft) -> Key | None:
        """The group that a new item belongs to by this rule, if any."""
        named = draft.controls or ()
        fitting = [c for c in named if not self.controls or any(fnmatchcase(c, each) for each in self.controls)]
        if (self.sources and draft.source_kind not in self.sources) or (self.controls and not fitting):
            return None
        value = {"check": draft.source_ref, "control": next(iter(fitting), ""), "owner": (draft.owner or "").lower()}
        return Key(self.by, value[self.by]) if value[self.by] else None


@dataclass(frozen=True, slots=True)
class Grouping:
    """The rules by which new items are grouped, of which the first that fits counts.

    A group all of whose items have ended is begun again for `reopen_days`; after that, new items begin another.
    """

    rules: tuple[GroupRule, ...] = ()
    reopen_days: int = 30

    def key(self, draft: ItemDraft) -> Key | None:
        """The group that a new item belongs to, if any."""
        return next((key for rule in self.rules if (key := rule.key(draft)) is not None), None)


@dataclass(frozen=True, slots=True)
class Joined:
    """The new items of one group."""

    key: Key
    items: list[ActionItem] = field(default_factory=list)

    def draft(self, predecessor: str | None) -> tuple[ItemDraft, date, Priority]:
        """The group's item, with its due date and priority; it goes on from an earlier group's."""
        shared = _shared(self.items)
        draft = ItemDraft(
            _TITLES[self.key.by].format(self.key.value),
            owner=self.key.value if self.key.by == "owner" else _only(item.owner for item in self.items),
            controls=shared["controls"],
            risks=shared["risks"],
            source_kind=self.items[0].source_kind,
            source_ref=self.key.text,
            fingerprint=self.key.text,
            origin={GROUP: self.key.text},
            predecessor=predecessor,
        )
        return draft, min(item.due_date for item in self.items), _most_urgent(self.items)


def following(group: ActionItem, items: Sequence[ActionItem], *, settled: bool = False) -> dict[str, Any]:
    """The values that a group's item takes from the items of the group.

    It is as urgent and as early due as the first of those that are unfinished, and ends when the last of them does; it
    is open again when one is. Where its own status has just been `settled`, that stands.
    """
    left = [item for item in items if item.status in UNFINISHED]
    values: dict[str, Any] = {"description": checklist(group.ref, items), **_shared(items)}
    if left:
        values |= {"priority": _most_urgent(left), "due_date": min(item.due_date for item in left)}
    if left and group.status not in UNFINISHED:
        values["status"] = Status.OPEN
    if not left and group.status in UNFINISHED and not settled:
        values["status"] = Status.RESOLVED
    return values


def checklist(group: str, items: Sequence[ActionItem]) -> str:
    """The items of a group as a list in Markdown: the unfinished first; what does not fit is counted."""
    lines = [_line(item) for item in sorted(items, key=_rank)]
    room, shown = _LISTED, 0
    while shown < len(lines) and (room := room - len(lines[shown]) - 1) >= 0:
        shown += 1
    left = sum(item.status in UNFINISHED for item in items)
    head = f"{left} of {len(items)} to do. Closing this ticket as done says so of all that are left."
    more = [f"- and {len(lines) - shown} more: `counterfoil item list --group {group}`"] if shown < len(lines) else []
    return "\n".join([head, "", *lines[:shown], *more])


def _line(item: ActionItem) -> str:
    title = " ".join(item.title.split())
    match item.status:
        case Status.OPEN | Status.IN_PROGRESS:
            return f"- [ ] **{item.ref}** {title}, due {item.due_date}"
        case Status.RESOLVED:
            return f"- [x] **{item.ref}** {title}, resolved"
        case Status.ACCEPTED_AS_RISK:
            return f"- [x] **{item.ref}** {title}, accepted as a risk"


def _rank(item: ActionItem) -> tuple[bool, int, date, str]:
    return item.status not in UNFINISHED, URGENCY[item.priority], item.due_date, item.ref


def _most_urgent(items: Iterable[ActionItem]) -> Priority:
    return min((item.priority for item in items), key=URGENCY.__getitem__)


def _shared(items: Sequence[ActionItem]) -> dict[str, tuple[str, ...]]:
    """The controls and risks that all of these items name."""
    names = ("controls", "risks")
    all_ = {name: [set(getattr(item, name)) for item in items] for name in names}
    return {name: tuple(sorted(set.intersection(*sets))) if (sets := all_[name]) else () for name in names}


def _only(owners: Iterable[str | None]) -> str | None:
    found = set(owners)
    return found.pop() if len(found) == 1 else None
