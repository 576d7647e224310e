"""What the ledger tells of accepted risks: who asked, who decided, and how each ended."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sync.report.forms import TERMS
from sync.report.model import AcceptanceStory, Decided, Event

_BEFORE, _BEGIN = "acceptance.", "acceptance.requested"
_ENDS = frozenset({"rejected", "withdrawn", "revoked", "voided", "lapsed", "renewed"})


def acceptance_stories(events: Iterable[Event], last: date) -> tuple[AcceptanceStory, ...]:
    """Every request to live with a risk, by its ref, as it stood at the end of a day."""
    found: dict[str, AcceptanceStory] = {}
    for event in events:
        ref = event.said("ref") if event.action.startswith(_BEFORE) else ""
        if ref in found:
            found[ref] = _told(found[ref], event)
        elif event.action == _BEGIN:
            found[ref] = AcceptanceStory(ref, event.about, "requested", _terms(event), event, ())
    return tuple(_as_of(each, last) for _, each in sorted(found.items()))


def _told(story: AcceptanceStory, event: Event) -> AcceptanceStory:
    """What is known with one more record."""
    match event.action.removeprefix(_BEFORE):
        case "decided":
            return replace(story, decisions=(*story.decisions, Decided(event)))
        case "questioned":
            return replace(story, decisions=tuple(_questioned(each, event) for each in story.decisions))
        case "active":
            return replace(story, state="active", terms=_terms(event), began=event)
        case "amended":
            return replace(story, terms=_terms(event))
        case state if state in _ENDS:
            return replace(story, state=state, terms=_terms(event), ended=event)
        case _:
            return story


def _terms(event: Event) -> Mapping[str, Any]:
    """The terms that a record names; where it says nothing of one, that is none."""
    return {**dict.fromkeys(TERMS), **event.after}


def _questioned(decision: Decided, event: Event) -> Decided:
    same: Any = decision.event.said("event")
    return replace(decision, comment=str(event.said("comment"))) if same == event.said("event") else decision


def _as_of(story: AcceptanceStory, last: date) -> AcceptanceStory:
    over = story.until is not None and story.until < last
    return replace(story, state="lapsed") if story.state == "active" and over else story
