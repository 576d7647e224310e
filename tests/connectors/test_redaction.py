"""A secret is known however it is written, and what is too short to be one is left alone."""

import base64
import json
from urllib.parse import quote

import pytest

from connectors.redaction import spellings

SECRET = 's3cr3t/with+signs="and\\n more'


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_known_within_a_longer_text_that_was_encoded_as_a_whole(before: str) -> None:
    coded = base64.b64encode(f"{before}{SECRET} and so on".encode()).decode()
    assert any(form in coded for form in spellings([SECRET]) if len(form) > len(SECRET))


def test_every_usual_encoding_is_known() -> None:
    raw = SECRET.encode()
    wanted = {SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], raw.hex(), raw.hex().upper()}
    wanted |= {base64.urlsafe_b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("="), repr(raw)[2:-1]}
    assert wanted <= set(spellings([SECRET]))


def test_an_encoded_secret_is_known_within_an_address_too() -> None:
    raw = SECRET.encode()
    encoded = (quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], repr(raw)[2:-1], base64.b64encode(raw).decode())
    assert {quote(each, safe="") for each in encoded} <= set(spellings([SECRET]))


def test_the_longest_comes_first_and_each_long_line_counts() -> None:
    found = spellings(["begin\nMIIEvQIBADANBgkqhkiG\nend"])
    assert "MIIEvQIBADANBgkqhkiG" in found
    assert "begin" not in found
    assert found == sorted(found, key=len, reverse=True)


def test_what_is_short_takes_no_words_apart() -> None:
    assert spellings(["", "x", "abc"]) == []
    assert spellings(["hunter2"]) == ["hunter2"]


def test_bytes_that_are_no_text_are_known_too() -> None:
    assert "hunter%E92hunter" in spellings([b"hunter\xe92hunter".decode(errors="surrogateescape")])
