"""What no database can store is taken out of an answer, and nothing else is touched."""

import json

import pytest

from connectors.storable import storable

WHOLE = 'plain, \\u0000 said with its backslash, \\\\, "quoted", emoji \U0001f600, tab\t, ü, \ufffd'


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_can_be_stored_stays_as_it_is(ascii_only: bool) -> None:
    answer = json.dumps({"body": WHOLE, "n": [1, None]}, ensure_ascii=ascii_only).encode()
    assert json.loads(storable(answer)) == {"body": WHOLE, "n": [1, None]}


@pytest.mark.parametrize("bad", ["\0", "\ud83d", "\udbff\0", "\ud800\ud801"])
@pytest.mark.parametrize("before", ["", "\\", "\\\\", "\U0001f600"])
def test_what_cannot_is_replaced(before: str, bad: str) -> None:
    answer = json.dumps({"a" + bad: before + bad + "u0000"}).encode()
    mended = "\ufffd" * len(bad)
    assert json.loads(storable(answer)) == {"a" + mended: before + mended + "u0000"}


def test_so_is_a_bare_nul_of_a_plain_text() -> None:
    assert storable(b"no\0 way") == "no\ufffd way".encode()
