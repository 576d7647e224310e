"""What is seen at a glance of a record is what comes of reading it."""

import json
import random
from typing import Any

import pytest

from state.audit import canonical, read
from state.errors import AuditError
from state.salted import named_in
from state.shape import has_shape, is_ordinary, stands_well

HASH = "0123456789abcdef" * 4
BODY: dict[str, Any] = {
    "v": 2,
    "seq": 12,
    "prev": HASH,
    "at": "2026-11-22T12:00:00.000000Z",
    "recorded": "2026-10-31T23:59:59.999999Z",
    "actor": {"kind": "human", "system": "counterfoil", "account": {"salted": HASH}, "name": "Kim"},
    "source": {"run": "R-1", "event": ""},
    "action": "item.changed",
    "object": "AI-000001",
    "field": "title",
    "before": None,
    "after": {"list": ["a", 1, {"salted": HASH}], "name": {"salted": HASH}, "none": None, "number": -7, "yes": True},
    "reason": {"salted": HASH},
}
STRANGE = [*'"\\{}[]:,0159-.eaZ é\x7f\u2028\ue000\U0001f600\n\x00', '"salted":', "null", '{"salted":"x"}', "02-30T"]


def is_sound(text: str) -> bool:
    """Whether a text is the canonical one of a record that has its shape, as is found by reading it."""
    try:
        body = read(text)
        return canonical(body) == text.encode() and has_shape(body) and stands_well(text, len(named_in(text)))
    except (ValueError, RecursionError, AuditError):
        return False


def at_a_glance(text: str, **other: Any) -> bool:
    parts = BODY | other
    return is_ordinary(text, parts["seq"], parts["prev"], parts["object"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", "São Paulo \U0001f600"),
        ("after", None),
        ("before", ["a", 0, False]),
        ("before", {}),
        ("before", {"salted": HASH}),
        ("at", "2024-02-28T00:00:00.000000Z"),
        ("object", "ledger"),
    ],
)
def test_an_ordinary_record_is_seen_at_a_glance(name: str, value: Any) -> None:
    body = BODY | {name: value}
    text = canonical(body).decode()
    assert at_a_glance(text, **{name: value})
    assert is_sound(text)
    assert not at_a_glance(text, seq=13)
    assert not at_a_glance(text, prev="0" * 64)
    assert not at_a_glance(text, object="AI-000002")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", {"salted": "x"}),
        ("after", {"a": {"b": {"c": 1}}}),
        ("after", 2**60),
        ("at", "2026-02-30T12:00:00.000000Z"),
        ("recorded", "0000-01-01T12:00:00.000000Z"),
        ("v", 3),
        ("reason", None),
        ("more", 1),
    ],
)
def test_what_is_not_seen_at_a_glance_is_read(name: str, value: Any) -> None:
    text = json.dumps(BODY | {name: value}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert not at_a_glance(text)


def test_nothing_is_taken_at_a_glance_that_reading_refuses() -> None:
    dice = random.Random(7)  # noqa: S311
    whole = canonical(BODY).decode()
    taken = 0
    for _ in range(6_000):
        text = whole
        for _ in range(dice.choice((1, 1, 1, 2))):
            at, length = dice.randrange(len(text)), dice.choice((0, 0, 1, 1, 9))
            text = text[:at] + dice.choice([*STRANGE, text[at : at + 30], ""]) + text[at + length :]
        if at_a_glance(text):
            taken += 1
            assert is_sound(text), text
    assert taken > 300
    unordered = whole.replace('"none":null,', "").replace('"yes":true', '"none":null')
    assert (is_sound(whole), is_sound(unordered), at_a_glance(unordered)) == (True, False, False)
