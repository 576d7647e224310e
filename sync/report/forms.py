"""What a record of each action says where this program wrote it, as far as a report counts on that."""

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from state.acceptance import DecisionVerdict
from state.audit import Told
from state.model import Priority, SourceKind, Status
from state.proof import EvidenceKind, LinkHealth, Verdict
from state.register import ControlStatus, ScoreKind, Treatment

Check = Callable[[Any], bool]

ITEM = re.compile(r"AI-[0-9]{6,}")
"""What items are called; a framework may be called `AI-` and something else."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HASH = re.compile(r"[0-9a-f]{64}")
_HIGHEST = 5
_OF_TICKETS = "hold."
"""What may be about a ticket that names an item of which the database knows nothing, as it was put back."""
_BEGINNINGS = frozenset({"item.created", "risk.added", "acceptance.requested", "evidence.added"})


class Reader:
    """Tells of records, which it is fed from the first on, whether they can be this program's."""

    def __init__(self) -> None:
        self._begun: set[tuple[str, ...]] = set()

    def takes(self, told: Told) -> bool:
        """Whether one more record says what those of its action say, and is about something that there was by then."""
        action, about, field = told["action"], told["object"], told["field"]
        form = FORMS.get(action) or OF_FIELDS.get(action, {}).get(field)
        if form is None or not form.before(told["before"]) or not form.after(told["after"]):
            return False
        thing = _thing(action, about, told["after"])
        if action == "item.created" and (thing in self._begun or not ITEM.fullmatch(about)):
            return False
        named = ITEM.fullmatch(about) and not action.startswith(_OF_TICKETS)
        needed = {thing, ("item", about) if named else ()} - {()}
        begins = {thing} if action in _BEGINNINGS else set()
        if not needed - begins <= self._begun:
            return False
        self._begun |= begins
        return True


def _thing(action: str, about: str, after: Any) -> tuple[str, ...]:
    """What a record is about, beside the item; nothing where that is never begun."""
    match kind := action.partition(".")[0]:
        case "item" | "risk":
            return kind, about
        case "acceptance":
            return kind, after["ref"]
        case "evidence":
            return kind, after["id"], str(after["version"])
        case _:
            return ()


def _anything(_: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _day(value: Any) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _whole(value: Any) -> bool:
    return type(value) is int


def _rate(value: Any) -> bool:
    return type(value) is int and 1 <= value <= _HIGHEST


def _one_of(names: type[StrEnum]) -> Check:
    known = frozenset(map(str, names))
    return lambda value: isinstance(value, str) and value in known


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _object(**parts: Check) -> Check:
    """Whether a value is an object that has these parts, beside whatever else; one that may be nothing may be missing.

    So it is in records that earlier versions wrote.
    """
    return lambda value: isinstance(value, dict) and all(check(value.get(name)) for name, check in parts.items())


def _pairs(value: Any) -> bool:
    """Whether this is texts by name: pairs of both, or an object as earlier versions wrote it."""
    some = [*map(list, value.items())] if isinstance(value, dict) else value
    return isinstance(some, list) and all(isinstance(e, list) and len(e) == 2 and all(map(_text, e)) for e in some)


_some = _maybe(_text)
_digest = _object(sha256=_hash)
_status, _priority, _kind = _one_of(Status), _one_of(Priority), _one_of(SourceKind)
_item = {
    "title": _text,
    "description": _digest,
    "priority": _priority,
    "status": _status,
    "owner": _some,
    "due_date": _day,
    "controls": _each(_text),
    "risks": _each(_text),
    "source_kind": _kind,
    "source_ref": _some,
    "external_ref": _some,
    "fingerprint": _some,
    "origin": _maybe(_pairs),
    "predecessor": _some,
}
OF_ITEMS = _item | {
    "part_of": _some,
    "claim": _maybe(_object(kind=_text)),
    "accepted": _maybe(_object(ref=_text, until=_day)),
}
OF_RISKS = {
    "statement": _digest,
    "owner": _some,
    "treatment": _one_of(Treatment),
    "gap": _anything,
    "existing": _anything,
    "next_review": _maybe(_day),
}
_rating = _object(likelihood=_rate, impact=_rate, by=_text, reason=_some)
_ticket = _object(tracker=_text, id=_text, key=_some, url=_some)
TERMS = dict.fromkeys(("justification", "compensating", "conditions", "renewal_of", "why"), _some) | {
    "ref": _text,
    "requester": _text,
    "until": _maybe(_day),
    "likelihood": _maybe(_rate),
    "impact": _maybe(_rate),
    "editors": _each(_text),
}
_terms = _object(**TERMS)
_piece = _object(id=_text, version=_whole)
OF_EVIDENCE = {
    **dict.fromkeys(("url", "shows", "by", "origin", "remote_id", "captured_at"), _some),
    **{name: _maybe(_day) for name in ("period_start", "period_end", "expires_on")},
    "id": _text,
    "version": _whole,
    "kind": _one_of(EvidenceKind),
    "sha256": _maybe(_hash),
    "size": _maybe(_whole),
    "stored": lambda value: isinstance(value, bool),
}
"""What records say of items, of risks, of the terms on which one is accepted, and of evidence, by name."""
_decision = _object(
    **dict.fromkeys(("by", "reason", "authority", "channel", "typed_by", "event"), _some),
    ref=_text,
    verdict=_one_of(DecisionVerdict),
)
_any_object = _object()


class Form(NamedTuple):
    """What a record says is so now, and was before."""

    after: Check
    before: Check = _anything


FORMS = {
    **{f"comment.{what}": Form(_any_object) for what in ("added", "sent", "reworded", "perhaps_sent", "received")},
    **{f"comment.{what}": Form(_any_object) for what in ("edited", "deleted", "restored")},
    **{f"ticket.{what}": Form(_anything) for what in ("changed", "perhaps_changed", "edited", "missing", "found")},
    **{f"ticket.{what}": Form(_anything) for what in ("archived", "unarchived")},
    **{f"ticket.{what}": Form(_ticket, _maybe(_ticket)) for what in ("created", "linked", "moved")},
    **{f"acceptance.{what}": Form(_terms) for what in ("requested", "amended", "active", "rejected", "withdrawn")},
    **{f"acceptance.{what}": Form(_terms) for what in ("revoked", "voided", "lapsed", "renewed")},
    **{f"state.{what}": Form(_anything) for what in ("moved", "reclaimed")},
    "item.created": Form(_object(**_item)),
    "ticket.unlinked": Form(_anything, _maybe(_ticket)),
    "hold.opened": Form(_object(id=_text, kind=_text)),
    "hold.settled": Form(_maybe(_any_object), _object(id=_text)),
    "test.recorded": Form(_any_object),
    "evidence.added": Form(_object(**OF_EVIDENCE)),
    "evidence.stored": Form(_piece),
    "evidence.reviewed": Form(_object(id=_text, version=_whole, verdict=_one_of(Verdict), by=_text, reason=_some)),
    "evidence.checked": Form(_object(id=_text, version=_whole, health=_one_of(LinkHealth))),
    "acceptance.warned": Form(_object(ref=_text)),
    "acceptance.questioned": Form(_object(ref=_text, event=_some, comment=_text)),
    "acceptance.decided": Form(_decision),
    "due.requested": Form(_object(after=_day)),
    "due.decided": Form(_object(after=_day, by=_text, verdict=_text)),
    "framework.added": Form(_any_object),
    "control.changed": Form(_any_object),
    "control.answered": Form(_some),
    "control.exempted": Form(_maybe(_object(by=_text, reason=_some))),
    "control.status": Form(_object(status=_one_of(ControlStatus), why=_text)),
    "risk.added": Form(_object(**OF_RISKS)),
    "risk.due": Form(_any_object),
    "source.read": Form(_any_object),
    "tracker.read": Form(_any_object),
    "person.erased": Form(_any_object),
    "ledger.checked": Form(_anything),
    "ledger.forked": Form(_any_object),
    "key.rotated": Form(_any_object),
    "brake.overridden": Form(_anything),
}
"""The records of each action that says the same of whatever field."""
OF_FIELDS = {
    "item.changed": {name: Form(check, check) for name, check in OF_ITEMS.items()},
    "risk.changed": {name: Form(check, check) for name, check in OF_RISKS.items()},
    "risk.scored": {str(name): Form(_rating) for name in ScoreKind},
}
