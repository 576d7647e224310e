"""What makes a control's status, and the reason for it, without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from state.lifecycle import UNFINISHED
from state.model import Status
from state.register import ControlStatus, Exemption

SHOWN = 3
"""How many names a reason gives; the others are counted."""


@dataclass(frozen=True, slots=True)
class Some:
    """So many of a kind, the first few by name."""

    count: int = 0
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = self.names[:SHOWN]
        return ", ".join(shown) + (f" and {self.count - len(shown)} more" if self.count > len(shown) else "")


NOTHING = Some()


@dataclass(frozen=True, slots=True)
class Support:
    """A proof as far as a control is concerned: whether it counts today, and if not, why."""

    name: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a control's status rests on: its items, what fails, and what supports it."""

    exemption: Exemption | None = None
    items: Mapping[Status, Some] = field(default_factory=dict)
    failing: Some = NOTHING
    support: Sequence[Support] = ()


def standing(on: Grounds) -> tuple[ControlStatus, str]:
    """A control's status and the reason for it.

    Implemented needs valid evidence, nothing that fails, and every item resolved. Failing needs a failing test. In
    progress are those on which something has begun; an item that is merely open has begun nothing.
    """
    if on.exemption is not None:
        return ControlStatus.NOT_APPLICABLE, f"{on.exemption.reason} (approved by {on.exemption.by})"
    if on.failing.count:
        return ControlStatus.FAILING, f"failing: {on.failing}"
    items = {status: some for status, some in on.items.items() if some.count}
    unfinished = _together(items.get(status, NOTHING) for status in Status if status in UNFINISHED)
    accepted = items.get(Status.ACCEPTED_AS_RISK, NOTHING)
    valid = [each.name for each in on.support if not each.why_not]
    if valid and not unfinished.count and not accepted.count:
        return ControlStatus.IMPLEMENTED, f"evidence: {_some(valid)}"
    begun = bool(valid) or bool(items.keys() - {Status.OPEN})
    status = ControlStatus.IN_PROGRESS if begun else ControlStatus.NOT_STARTED
    if unfinished.count:
        return status, f"open: {unfinished}"
    if accepted.count:
        return status, f"the risk is accepted, not treated: {accepted}"
    return status, _unproven(on.support)


def _unproven(support: Sequence[Support]) -> str:
    spent = [f"{each.name} ({each.why_not})" for each in support]
    return f"no valid evidence: {_some(spent)}" if spent else "no evidence"


def _together(parts: Iterable[Some]) -> Some:
    both = list(parts)
    return Some(sum(some.count for some in both), tuple(name for some in both for name in some.names))


def _some(names: Sequence[str]) -> str:
    return str(Some(len(names), tuple(names)))
