"""The elements of a JSON file one at a time, whichever way the file strings them together."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from connectors.base import BadRow

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = 1_000_000
_DEPTH = 1000
_DIGITS = 2000
_QUOTES = re.compile(rb'\\.|\\|"', re.DOTALL)
_STARTS = frozenset({"start_map", "start_array"})
_ENDS = frozenset({"end_map", "end_array"})
_INSIDE = _ENDS | {"map_key"}
_DEPTH_CHANGES = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}
_TOO_DEEP = BadRow(1, "", f"the file nests more than {_DEPTH} values in each other", "element")
_TOO_LONG = BadRow(1, "", "the file holds a number of thousands of digits", "element")
_NOT_READ = (ijson.JSONError, ValueError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON value of the file and its place: the element's number or, one to a line, the line's."""

    at: int
    value: Any
    unit: str = "element"


@dataclass(slots=True)
class Section:
    """An object that holds a long list, without it: the values under some of its keys, and how long the list is."""

    head: dict[str, Any] = field(default_factory=dict)
    count: int = 0


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
    elif opening not in (b"[", b"{"):
        yield BadRow(1, "", "the file is not JSON: it starts with neither '[' nor '{'", "element")
    elif opening == b"{" and _one_to_a_line(stream, start, under):
        yield from _by_line(stream)
    elif unfit := _unfit(stream, start):
        yield unfit
    elif opening == b"[":
        yield from _streamed(stream, "item")
    elif under and _has_list(stream, start, under):
        yield from _streamed(stream, f"{under}.item")
    else:
        yield from _streamed(stream, "")


def sections(stream: BinaryIO, name: str, head: Collection[str], body: str) -> Iterator["Section | Element | BadRow"]:
    """Yield the sections of the list `name`, each before the elements of the list `body` that stands in it.

    A section holds its values by the keys of `head`, wherever in the section they stand. For that the file is read
    twice, and only one element is in memory at a time.
    """
    start = len(_BOM) if stream.read(len(_BOM)) == _BOM else 0
    stream.seek(start)
    opening = _first_byte(stream)
    stream.seek(start)
    if opening != b"{":
        yield BadRow(1, "", "the file is empty" if not opening else "the file is not a JSON object", "element")
        return
    if unfit := _unfit(stream, start):
        yield unfit
        return
    try:
        found = list(_sections(stream, name, head, body))
    except _NOT_READ as error:
        yield BadRow(1, "", f"the file is not JSON: {_why(error)}", "element")
        return
    stream.seek(start)
    read = _streamed(stream, f"{name}.item.{body}.item")
    for section in found:
        yield section
        yield from islice(read, section.count)


def _sections(stream: BinaryIO, name: str, head: Collection[str], body: str) -> Iterator["Section"]:
    """Yield each section at its end, with the values of its head and the number of elements in its body."""
    whole, element = f"{name}.item", f"{name}.item.{body}.item"
    kept = {f"{whole}.{key}": key for key in head}
    known = {whole, element, *kept}
    section, building, builder = Section(), "", ijson.ObjectBuilder()
    for prefix, event, value in ijson.parse(stream):
        if building:
            builder.event(event, value)
            if prefix == building and event in _ENDS:
                section.head[kept[building]], building = builder.value, ""
        elif prefix not in known:
            continue
        elif prefix == element:
            section.count += event not in _INSIDE
        elif prefix in kept and event in _STARTS:
            building, builder = prefix, ijson.ObjectBuilder()
            builder.event(event, value)
        elif prefix in kept:
            section.head[kept[prefix]] = value
        elif event == "start_map":
            section = Section()
        elif event == "end_map":
            yield section


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


def _one_to_a_line(stream: BinaryIO, start: int, under: str | None) -> bool:
    """Whether the first line is an element of its own; leaves the stream at `start`."""
    line = b""
    while not line.strip() and (line := stream.readline(_FIRST_LINE)):
        pass
    stream.seek(start)
    try:
        value = json.loads(line)
    except _NOT_READ:
        return False
    return not (under and isinstance(value, dict) and isinstance(value.get(under), list))


def _unfit(stream: BinaryIO, start: int) -> BadRow | None:
    """What the parser must not be given, if the file holds it; leaves the stream at `start`."""
    if _too_long(stream, start):
        return _TOO_LONG
    return _TOO_DEEP if _too_deep(stream, start) else None


def _too_long(stream: BinaryIO, start: int) -> bool:
    """Whether a number has more digits than Python makes one of, 4,300, of which the parser would die.

    So many digits fill a step, wherever they begin; only if any do are texts told apart, where digits are no number.
    """
    found = any(map(_is_digits, iter(lambda: stream.read(_DIGITS), b"")))
    stream.seek(start)
    found = found and _digits_outside_texts(stream)
    stream.seek(start)
    return found


def _is_digits(step: bytes) -> bool:
    return len(step) == _DIGITS and step.isdigit()


def _digits_outside_texts(stream: BinaryIO) -> bool:
    within, rest = False, b""
    while step := stream.read(_DIGITS):
        if _is_digits(step) and not within:
            return True
        quotes = _QUOTES.findall(rest + step)
        within ^= quotes.count(b'"') % 2 == 1
        rest = b"\\" if quotes[-1:] == [b"\\"] else b""
    return False


def _too_deep(stream: BinaryIO, start: int) -> bool:
    """Whether values nest beyond reason, for which the parser would take memory without bound.

    Brackets are counted in steps so short that no depth can hide within one; as texts hold brackets too, only
    the parser's own count refuses. Leaves the stream at `start`.
    """
    excess = lowest = 0
    while (step := stream.read(_DEPTH)) and excess - lowest <= _DEPTH:
        excess += step.count(b"[") + step.count(b"{") - step.count(b"]") - step.count(b"}")
        lowest = min(lowest, excess)
    stream.seek(start)
    return excess - lowest > _DEPTH and _parsed_depth_exceeds(stream, start)


def _parsed_depth_exceeds(stream: BinaryIO, start: int) -> bool:
    depth = 0
    with suppress(*_NOT_READ):
        for event, _value in ijson.basic_parse(stream, multiple_values=True):
            depth += _DEPTH_CHANGES.get(event, 0)
            if depth > _DEPTH:
                break
    stream.seek(start)
    return depth > _DEPTH


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
    if isinstance(error, ArithmeticError):
        return "a number is larger than any that is read"
    return str(error).splitlines()[0].strip()[:120] if str(error) else type(error).__name__
