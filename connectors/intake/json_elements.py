"""The elements of a JSON file one at a time, whichever way the file strings them together."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from connectors.base import BadRow

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = 1_000_000
_NOT_READ = (ijson.JSONError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON value of the file and its place: the element's number or, one to a line, the line's."""

    at: int
    value: Any
    unit: str = "element"


def elements(stream: BinaryIO, under: str | None = None) -> Iterator[Element | BadRow]:
    """Yield the elements of a list, of the list under the key `under`, of JSON lines, or of objects in a row.

    A broken line costs only that line. Where elements are not one to a line, nothing after a fault can be told
    apart, and the fault comes last.
    """
    start = len(_BOM) if stream.read(len(_BOM)) == _BOM else 0
    stream.seek(start)
    opening = _first_byte(stream)
    stream.seek(start)
    if not opening:
        yield BadRow(1, "", "the file is empty", "element")
    elif opening == b"[":
        yield from _streamed(stream, "item")
    elif opening != b"{":
        yield BadRow(1, "", "the file is not JSON: it starts with neither '[' nor '{'", "element")
    elif under and _has_list(stream, start, under):
        yield from _streamed(stream, f"{under}.item")
    elif _one_to_a_line(stream, start):
        yield from _by_line(stream)
    else:
        yield from _streamed(stream, "")


def _first_byte(stream: BinaryIO) -> bytes:
    while (byte := stream.read(1)) and byte.isspace():
        pass
    return byte


def _has_list(stream: BinaryIO, start: int, key: str) -> bool:
    """Whether the first object of the file holds a list under `key`; leaves the stream at `start`."""
    found = False
    try:
        for prefix, event, _value in ijson.parse(stream, multiple_values=True):
            if (prefix, event) in {(key, "start_array"), ("", "end_map")}:
                found = event == "start_array"
                break
    except _NOT_READ:
        found = False
    stream.seek(start)
    return found


def _one_to_a_line(stream: BinaryIO, start: int) -> bool:
    """Whether the first line is a value of its own; leaves the stream at `start`."""
    line = b""
    while not line.strip() and (line := stream.readline(_FIRST_LINE)):
        pass
    stream.seek(start)
    try:
        json.loads(line)
    except _NOT_READ:
        return False
    return True


def _by_line(stream: BinaryIO) -> Iterator[Element | BadRow]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except _NOT_READ as error:
            yield BadRow(number, "", f"is not JSON: {_why(error)}")
        else:
            yield Element(number, value, "line")


def _streamed(stream: BinaryIO, prefix: str) -> Iterator[Element | BadRow]:
    number = 0
    values = ijson.items(stream, prefix, multiple_values=not prefix)
    while True:
        number += 1
        try:
            value = next(values)
        except StopIteration:
            return
        except _NOT_READ as error:
            yield BadRow(number, "", f"is not JSON, and nothing after it can be read: {_why(error)}", "element")
            return
        yield Element(number, value)


def _why(error: Exception) -> str:
    return str(error).splitlines()[0].strip()[:120] if str(error) else type(error).__name__
