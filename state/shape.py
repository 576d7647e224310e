"""What every record has, whoever wrote it: its parts, and the form of each, which readers can count on."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import orjson

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

_S = r'"[ !#-\[\]-\x7f\xa0-\ud7ff\ue000-\U0010ffff]*"'
_KEY = r'"[ !#-\[\]-~]*"'
_M = (
    r'"[0-9]{2}(?:[0-9][1-9]|[1-9]0)-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|'
    r'(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"'
)
_T = rf'(?:{_S}|\{{"salted":"[0-9a-f]{{64}}"\}})'
_HASHED = re.compile(r'\{"salted":"[0-9a-f]{64}"\}')
_V = rf"(?:null|true|false|{_T}|0|-?[1-9][0-9]{{0,14}})"
_L = rf"(?:{_V}|\[(?:{_V}(?:,{_V})*)?\])"
_O = rf"(?:{_L}|(\{{(?:{_KEY}:{_L}(?:,{_KEY}:{_L})*)?\}}))"


@cache
def _ordinary() -> re.Pattern[str]:
    """Texts of records without anything that has to be escaped, of which most are.

    To make this takes as long as to read some thousand records in the other way, so only who reads more asks for it.
    """
    return re.compile(
        rf'\{{"action":{_S},"actor":\{{"account":{_T},"kind":"(?:{"|".join(map(str, Actor))})","name":{_T},'
        rf'"system":{_S}\}},"after":{_O},"at":{_M},"before":{_O},"field":{_S},"object":({_S}),"prev":({_S}),'
        rf'"reason":{_T},"recorded":{_M},"seq":([1-9][0-9]{{0,14}}),"source":\{{"event":{_S},"run":{_S}\}},"v":[12]\}}'
    )


def is_ordinary(text: str, seq: int, prev: str, about: str) -> bool:
    """Whether this is at a glance the canonical text of a record that has its shape, with these parts."""
    found = _ordinary().fullmatch(text)
    if found is None or found.group(3, 4, 5) != (f'"{about}"', f'"{prev}"', str(seq)):
        return False
    return all(map(_is_in_order, filter(None, found.group(1, 2))))


def _is_in_order(text: str) -> bool:
    """Whether the names in an object are in order, each once, and nothing in it only looks like a hash."""
    ordered = orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS) == text.encode()
    return ordered and stands_well(text, len(_HASHED.findall(text)))


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
