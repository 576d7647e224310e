"""What items, controls and risks, and what belongs to them, have according to their records."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from state import audit
from state.audit import FORM, Told
from state.register import ControlStatus
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
            case _:
                return f"{self.name} of {self.object}"


Values = dict[Thing, dict[str, Any]]
"""What is known of things, by field."""

TICKET, LATER = "the ticket", "later due dates"

_NAMED: dict[str, Callable[[Any], str]] = {
    "item": lambda _: "",
    "control": lambda _: "",
    "risk": lambda _: "",
    "ticket": lambda _: TICKET,
    "due": lambda _: LATER,
    "acceptance": lambda after: str(after.get("ref")),
    "comment": lambda after: str(after.get("id")),
    "evidence": lambda after: piece(after.get("id"), after.get("version")),
}
"""What something is called under the object of its records, by the kind of these."""
_PARTS = ("acceptance", "comment", "evidence")
"""Of these there may be several under an object, so what is recorded of one names it."""
_BEGINNINGS: dict[str, dict[str, Any]] = {
    "item.created": dict.fromkeys(("part_of", "claim", "accepted")),
    "acceptance.requested": {"decisions": []},
    "evidence.added": {"review": None},
    "risk.added": {"scores": []},
    "ticket.created": {},
    "ticket.linked": {},
    "ticket.moved": {},
}
"""The records that tell all of something, with what each does not tell since it is not there yet."""
_FIRST: dict[str, dict[str, Any]] = {
    "control": {"status": ControlStatus.NOT_STARTED.value, "answered_by": None, "exemption": None},
    "due": {"requests": []},
    "comment": {},
}
"""What something has that no record says it began."""


def told(rows: Rows, objects: Sequence[str]) -> Values:
    """What things have according to the records about these objects, which must be of a sound ledger.

    A value that nobody can tell is `ERASED`; what began in an earlier form of records has only what changed since.
    """
    found: Values = {}
    for record in audit.log(rows, objects=objects):
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
    if kind not in _NAMED or (kind in _PARTS and not isinstance(after, dict)):
        return
    about = Thing(kind, record["object"], _NAMED[kind](after))
    if action == "ticket.unlinked":
        found.pop(about, None)
    elif action in _BEGINNINGS:
        found[about] = {**after, **_BEGINNINGS[action]} if is_new and isinstance(after, dict) else {}
    elif (before := found.get(about, _FIRST.get(kind))) is not None:
        said = _became(before, record)
        found[about] = before | (said if is_new else dict.fromkeys(said, ERASED))


def _became(before: dict[str, Any], record: Told) -> dict[str, Any]:
    """What a record says of something that was there."""
    action, field, after = record["action"], record["field"], record["after"]
    match action:
        case "item.changed" | "risk.changed":
            return {field: after}
        case "risk.scored":
            return _more(before, "scores", {"kind": field, **after})
        case "control.status":
            return {"status": after["status"]}
        case "control.answered":
            return {"answered_by": after}
        case "control.exempted":
            return {"exemption": after}
        case "control.changed":
            return dict(after)
        case "evidence.reviewed" | "evidence.stored" | "acceptance.decided":
            return _of_parts(before, action, after)
        case "comment.sent" if before:
            return {"tracker": after["tracker"], "remote_id": after["remote_id"]}
        case _ if action.startswith("comment.") and "text" in after:
            return {name: after[name] for name in ("author", "text", "tracker", "remote_id")}
        case "due.requested" | "due.decided":
            return {"requests": _asked(before["requests"], action, after)}
        case _ if action.startswith("acceptance.") and "state" in after:
            return {name: value for name, value in after.items() if name not in ("ref", "decisions")}
        case _:
            return {}


def _of_parts(before: dict[str, Any], action: str, after: dict[str, Any]) -> dict[str, Any]:
    """The same of what was decided or found out about something."""
    said = {name: value for name, value in after.items() if name not in ("id", "version", "ref")}
    match action:
        case "evidence.reviewed":
            return {"review": said}
        case "evidence.stored":
            return {"stored": True}
        case _:
            said.pop("until", None)
            return _more(before, "decisions", said)


def _more(before: dict[str, Any], field: str, said: dict[str, Any]) -> dict[str, Any]:
    """A list with one more; nothing where nobody can tell what it began with."""
    return {field: [*before[field], said]} if field in before else {}


def _asked(before: Any, action: str, after: dict[str, Any]) -> Any:
    """The requests for later due dates: one at most is open, the last, and another date takes its place."""
    if before == ERASED:
        return before
    is_open = bool(before) and before[-1]["verdict"] is None
    if action == "due.requested":
        return [*(before[:-1] if is_open else before), {**after, "verdict": None, "by": None}]
    return [*before[:-1], before[-1] | {"verdict": after["verdict"], "by": after["by"]}] if is_open else before
