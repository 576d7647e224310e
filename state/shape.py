"""What every record has, whoever wrote it: its parts, and the form of each, which readers can count on."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from state.model import Actor

_PARTS = {"v", "seq", "prev", "at", "recorded", "actor", "source", "action", "object", "field"} | {
    *("before", "after", "reason"),
}
_ACTOR, _SOURCE = {"kind", "system", "account", "name"}, {"run", "event"}
_KINDS = frozenset(map(str, Actor))
_VERSIONS = (1, 2)
_TEXTS = ("prev", "action", "object", "field")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_STANDS_IN = '"salted":'


def has_shape(body: Mapping[str, Any]) -> bool:
    """Whether these are the parts of a record; what it says was `before` and `after` may be anything."""
    if body.keys() != _PARTS:
        return False
    actor, source = body["actor"], body["source"]
    return (
        actor.__class__ is dict
        and actor.keys() == _ACTOR
        and source.__class__ is dict
        and source.keys() == _SOURCE
        and body["v"].__class__ is int
        and body["v"] in _VERSIONS
        and body["seq"].__class__ is int
        and all(body[name].__class__ is str for name in _TEXTS)
        and source["run"].__class__ is source["event"].__class__ is actor["system"].__class__ is str
        and actor["kind"].__class__ is str
        and actor["kind"] in _KINDS
        and all(map(_is_told, (actor["account"], actor["name"], body["reason"])))
        and _is_moment(body["at"])
        and (body["recorded"] == body["at"] or _is_moment(body["recorded"]))
    )


def stands_well(text: str, named: int) -> bool:
    """Whether nothing else in the text of a record looks like the `named` hashes that stand for personal texts."""
    return text.count(_STANDS_IN) == named


def _is_told(value: Any) -> bool:
    """Whether this is a text, or what stands for a personal one."""
    if value.__class__ is dict:
        hash_ = value.get("salted")
        return len(value) == 1 and isinstance(hash_, str) and _HASH.fullmatch(hash_) is not None
    return value.__class__ is str


def _is_moment(value: Any) -> bool:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
