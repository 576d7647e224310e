"""What items, controls and risks, and what belongs to them, have according to their records."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from state import audit
from state.audit import FORM, Told
from state.register import ControlStatus, ScoreKind
from state.salted import ERASED
from state.series import Rows


class Thing(NamedTuple):
    """Something that records tell of: its kind, the object of the records, and its name under that if it has one."""

    kind: str
    object: str
    name: str = ""

    def __str__(self) -> str:
        """What people call it."""
        match self.kind:
            case "item":
                return self.object
            case "control" | "risk":
                return f"{self.kind} {self.object}"
            case "ticket":
                return f"the ticket of {self.object}"
            case "due":
                return f"later due dates of {self.object}"
            case _:
                return f"{self.name} of {self.object}"


Values = dict[Thing, dict[str, Any]]
"""What is known of things, by field."""

_ALONE = frozenset({"item", "control", "risk", "ticket", "due"})
"""Of these there is one under an object; `ticket` is the one that an item has, `due` what was asked for of its date."""
_NAMED: dict[str, Callable[[dict[str, Any]], str]] = {
    "acceptance": lambda said: str(said.get("ref")),
    "comment": lambda said: str(said.get("id")),
    "evidence": lambda said: piece(said.get("id"), said.get("version")),
    "hold": lambda said: str(said.get("id")),
}
"""Of these there may be several, and what is recorded of one names it."""
_BEGINNINGS: dict[str, dict[str, Any]] = {
    "item.created": dict.fromkeys(("part_of", "claim", "accepted")),
    "acceptance.requested": {"decisions": []},
    "evidence.added": {"review": None},
    "hold.opened": {"open": True},
    "risk.added": {"scores": [], "due": False},
    "ticket.created": {},
    "ticket.linked": {},
}
"""The records that tell all of something, with what each does not tell since it is not there yet."""
_FIRST: dict[str, dict[str, Any]] = {
    "control": {"status": ControlStatus.NOT_STARTED.value, "answered_by": None, "exemption": None},
    "due": {"requests": []},
}
"""What something has that no record says it began."""
_STRANGE = (ValueError, TypeError, AttributeError, LookupError)
"""What a record raises that the program does not write; it tells nothing."""


def told(rows: Rows, objects: Sequence[str]) -> Values:
    """What things have according to the records about these objects, which must be of a sound ledger.

    A value that nobody can tell is `ERASED`; what began in an earlier form of records has only what changed since.
    """
    found: Values = {}
    for record in audit.log(rows, objects=objects):
        with suppress(*_STRANGE):
            _hear(found, record.told)
    return found


def piece(id_: object, version: object) -> str:
    """What a piece of evidence is called."""
    return f"{id_} in version {version}"


def first(kind: str) -> dict[str, Any]:
    """What something of this kind has as long as no record tells of it."""
    return dict(_FIRST[kind])


def _hear(found: Values, record: Told) -> None:
    action, after, is_new = record["action"], record["after"], record["v"] == FORM
    kind = action.partition(".")[0]
    said = record["before"] if action == "hold.settled" else after
    if kind not in _ALONE and (kind not in _NAMED or not isinstance(said, dict)):
        return
    about = Thing(kind, record["object"], "" if kind in _ALONE else _NAMED[kind](said))
    if action == "ticket.unlinked":
        found.pop(about, None)
    elif action in _BEGINNINGS:
        found[about] = {**after, **_BEGINNINGS[action]} if is_new and isinstance(after, dict) else {}
    elif kind == "comment" and about not in found:
        found[about] = _comment({}, record) if is_new else {}
    elif (before := found.get(about, _FIRST.get(kind))) is not None and (became := _BECAME.get(action)):
        now = became(before, record)
        found[about] = before | (now if is_new else dict.fromkeys(now, ERASED))


def _field(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    return {record["field"]: record["after"]}


def _whole(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    return dict(record["after"])


def _scored(before: dict[str, Any], record: Told) -> dict[str, Any]:
    """One more score; a current one ends that the risk is due for it."""
    ended = {"due": False} if record["field"] == ScoreKind.CURRENT and "due" in before else {}
    return _more(before, "scores", {"kind": record["field"], **record["after"]}) | ended


def _decided(before: dict[str, Any], record: Told) -> dict[str, Any]:
    names = record["after"].keys() - {"ref", "until"}
    return _more(before, "decisions", {name: record["after"][name] for name in names})


def _moved_on(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    """What a record of an acceptance says of all of it, if it does."""
    after = record["after"]
    return {name: after[name] for name in after.keys() - {"ref", "decisions"}} if "state" in after else {}


def _reviewed(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    return {"review": {name: value for name, value in record["after"].items() if name not in ("id", "version")}}


def _comment(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    return {name: record["after"][name] for name in ("author", "text", "tracker", "remote_id")}


def _sent(_before: dict[str, Any], record: Told) -> dict[str, Any]:
    """Where a comment stands; it may say other words by now than those that were sent."""
    return {name: record["after"][name] for name in ("tracker", "remote_id")}


def _asked(before: dict[str, Any], record: Told) -> dict[str, Any]:
    """The requests for later due dates: one at most is open, the last, and another date takes its place."""
    some, after = before["requests"], record["after"]
    if some == ERASED:
        return {}
    is_open = bool(some) and not some[-1]["decided"]
    if record["action"] == "due.requested":
        new = {"before": record["before"], **after, "decided": False, "verdict": "", "by": ""}
        return {"requests": [*(some[:-1] if is_open else some), new]}
    decided = {"decided": True, "verdict": after["verdict"], "by": after["by"]}
    return {"requests": [*some[:-1], some[-1] | decided]} if is_open else {}


def _more(before: dict[str, Any], field: str, said: dict[str, Any]) -> dict[str, Any]:
    """A list with one more; nothing where nobody can tell what it began with."""
    return {field: [*before[field], said]} if field in before else {}


_BECAME: dict[str, Callable[[dict[str, Any], Told], dict[str, Any]]] = {
    "item.changed": _field,
    "risk.changed": _field,
    "risk.scored": _scored,
    "risk.due": lambda *_: {"due": True},
    "ticket.moved": _whole,
    "ticket.archived": lambda *_: {"archived": True},
    "ticket.unarchived": lambda *_: {"archived": False},
    "ticket.missing": lambda *_: {"missing": True},
    "ticket.found": lambda *_: {"missing": False},
    "control.changed": _whole,
    "control.status": lambda _, record: {"status": record["after"]["status"]},
    "control.answered": lambda _, record: {"answered_by": record["after"]},
    "control.exempted": lambda _, record: {"exemption": record["after"]},
    "comment.sent": _sent,
    **dict.fromkeys(("comment.reworded", "comment.edited", "comment.deleted", "comment.restored"), _comment),
    **dict.fromkeys(("due.requested", "due.decided"), _asked),
    **{f"acceptance.{what}": _moved_on for what in ("amended", "active", "rejected", "withdrawn", "revoked")},
    **{f"acceptance.{what}": _moved_on for what in ("voided", "lapsed", "renewed", "warned")},
    "acceptance.decided": _decided,
    "hold.settled": lambda *_: {"open": False},
    "evidence.reviewed": _reviewed,
    "evidence.stored": lambda *_: {"stored": True},
}
"""What records say of something that was there, by their action."""
