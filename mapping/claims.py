"""What a change of a ticket claims about its item, by whom and in which words; never a decision."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from mapping.read import ACCEPTANCE_REQUESTED
from mapping.rules import folded
from state.model import Claim, ClaimKind, Field, Status
from state.ticket import ORIGINAL, Activity, ActivityKind, Ticket

NEARBY = timedelta(hours=1)
"""How far from the closing event the comment that explains it may stand."""

_KINDS: Mapping[str, ClaimKind] = {
    Status.RESOLVED.value: ClaimKind.RESOLVED,
    ACCEPTANCE_REQUESTED: ClaimKind.ACCEPTANCE_REQUESTED,
}
_ORIGINAL = re.compile(r"\bduplicate(?:s| of)[:\s]+\[?([^\s\])>,;]+)", re.IGNORECASE)
_DECISIVE = (Field.STATUS.value, "resolution")


def claim(
    observed: str | None, before: str | None, activity: Sequence[Activity], ticket: Ticket, labels: Sequence[str] = ()
) -> Claim | None:
    """What the ticket's new status says of the item; `None` when it says nothing new, or when we said it ourselves.

    `labels` are those that say it by themselves, so that it is said by who put one on. Without any event that tells who
    did it, the claim has no person and the time of the ticket's last change.
    """
    kind = _KINDS.get(observed or "")
    if kind is None or observed == before:
        return None
    event = _labelled(activity, labels) or _deciding(activity, kind)
    if event is None:
        return None if any(_decides(event) for event in activity) else Claim(kind, at=ticket.updated)
    return Claim(kind, by=event.by.id, at=event.at, text=_explanation(event, activity))


def original(activity: Sequence[Activity], ticket: Ticket) -> str | None:
    """What people call the ticket of which this one is the duplicate, by the last link or else comment that says it."""
    ordered = sorted(activity, key=lambda act: act.at)
    if linked := [act.after for act in ordered if act.kind is ActivityKind.LINK and act.field == ORIGINAL]:
        return linked[-1]
    found = None
    for act in ordered:
        spoken = act.kind is ActivityKind.COMMENT and not act.by.ours and act.marker_key is None
        if spoken and (said := _ORIGINAL.search(act.text)):
            found = said[1].rstrip(".:!?")
    return f"{ticket.project}{found}" if found is not None and found.startswith("#") else found


def _deciding(activity: Sequence[Activity], kind: ClaimKind) -> Activity | None:
    """The latest event by somebody else that led to this claim; a label may ask for acceptance too."""
    others = sorted((event for event in activity if not event.by.ours), key=lambda event: event.at)
    decisive = [event for event in others if _decides(event)]
    if not decisive and kind is ClaimKind.ACCEPTANCE_REQUESTED:
        decisive = [event for event in others if event.kind is ActivityKind.FIELD and event.field == Field.LABELS]
    return decisive[-1] if decisive else None


def _labelled(activity: Sequence[Activity], labels: Sequence[str]) -> Activity | None:
    """The latest event by somebody else that put one of the labels on."""
    where = (Field.LABELS, Field.STATUS)
    found = [a for a in activity if a.kind is ActivityKind.FIELD and a.field in where and not a.by.ours]
    names = {folded(label) for label in labels}
    put_on = [a for a in found if names & (_among(a.after) - _among(a.before))]
    return max(put_on, key=lambda event: event.at, default=None)


def _among(labels: str | None) -> set[str]:
    """The labels that a history names: one, or several with blanks between them."""
    return {folded(name) for name in (labels or "", *(labels or "").split())}


def _decides(event: Activity) -> bool:
    return event.kind is ActivityKind.FIELD and event.field in _DECISIVE


def _explanation(event: Activity, activity: Sequence[Activity]) -> str | None:
    texts = [
        other.text
        for other in sorted(activity, key=lambda other: other.at)
        if other.kind is ActivityKind.COMMENT
        and other.by.id == event.by.id
        and abs(other.at - event.at) <= NEARBY
        and other.text.strip()
    ]
    return texts[-1] if texts else None
