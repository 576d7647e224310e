"""Three-way comparison of an item and its ticket, field by field: the table is the rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from state.model import Agreed, Authority, Baseline, Field, Link

Values = Mapping[Field, str | None]
"""Canonical field values of one side; a field that is absent has nothing to say."""


def anything_but(value: str | None) -> str | None:
    """A value that differs from this one: agreed on, it makes a side count as moved."""
    return "" if value is None else None


def ours_again(agreed: Agreed) -> Agreed:
    """The same, by which the item's value goes to a ticket that reads as it did."""
    return Agreed(anything_but(agreed.ours), agreed.theirs)


def rebased(link: Link, field: Field, agreed: Agreed) -> Link:
    """The link by which the next run compares a field anew, from other values that both sides agreed on."""
    return replace(link, baseline={**link.baseline, field: agreed}, item_revision=0)


class Flow(StrEnum):
    """Which way a change goes."""

    PUSH = "push"
    PULL = "pull"
    SETTLE = "settle"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that moved on at least one side since both last agreed, and where it flows."""

    field: Field
    base: Agreed
    ours: str | None
    theirs: str | None
    flow: Flow

    @property
    def ours_moved(self) -> bool:
        """Whether the item renders differently from when both last agreed."""
        return self.ours != self.base.ours

    @property
    def theirs_moved(self) -> bool:
        """Whether the ticket reads differently from when both last agreed."""
        return self.theirs != self.base.theirs


def compare(
    baseline: Baseline, desired: Values, observed: Values, authority: Mapping[Field, Authority]
) -> tuple[Change, ...]:
    """Every field that moved, in the order of `Field`.

    A field the ticket does not show is left out. A field the item says nothing of has not moved on our side. A
    field without a baseline counts as never agreed: it moved on both sides.
    """
    return tuple(
        change
        for field in Field
        if field in observed and (change := _compare(field, baseline, desired, observed, authority)) is not None
    )


def _compare(
    field: Field, baseline: Baseline, desired: Values, observed: Values, authority: Mapping[Field, Authority]
) -> Change | None:
    theirs = observed[field]
    base = baseline.get(field)
    if base is None:
        if field not in desired:
            return None
        base = Agreed(anything_but(desired[field]), anything_but(theirs))
    ours = desired.get(field, base.ours)
    flow = _flow(base, ours, theirs, authority[field])
    return None if flow is None else Change(field, base, ours, theirs, flow)


def _flow(base: Agreed, ours: str | None, theirs: str | None, authority: Authority) -> Flow | None:
    match (ours != base.ours, theirs != base.theirs):
        case (False, False):
            return None
        case _ if ours == theirs:
            return Flow.SETTLE
        case (True, False):
            return Flow.PULL if authority is Authority.TICKET else Flow.PUSH
        case (False, True):
            return Flow.PUSH if authority is Authority.ITEM else Flow.PULL
        case _:
            return _contested(authority)


def _contested(authority: Authority) -> Flow:
    match authority:
        case Authority.ITEM:
            return Flow.PUSH
        case Authority.TICKET:
            return Flow.PULL
        case Authority.BOTH:
            return Flow.CONFLICT
        case _:
            assert_never(authority)
