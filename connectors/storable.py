"""Answers without the characters that no database can store."""

import re

_ESCAPED = re.compile(rb"(\x00)|\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u0000|u[dD][89a-fA-F]..)|[^\x00])", re.DOTALL)


def storable(answer: bytes) -> bytes:
    """JSON or plain text with U+FFFD in the place of each NUL and of each half of a character, as JSON can spell it."""
    if b"\\u" not in answer and b"\0" not in answer:
        return answer
    return _ESCAPED.sub(_mended, answer)


def _mended(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return "\ufffd".encode()
    return rb"\ufffd" if found[2] else found[0]
