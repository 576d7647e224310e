"""What a row may say about an item, whatever the format it is written in."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, BinaryIO, TypeVar

from state.model import ItemDraft, Priority, SourceKind

COLUMNS = ("external_ref", "title", "description", "priority", "owner", "due_date", "controls", "risks", "source")
"""The columns or keys that a row may have."""

CELL_LIMIT = 10_000_000
"""A cell of this many bytes of UTF-8 is refused."""

ID_LIMIT = 1000
"""An id of more bytes of UTF-8 is refused: a database finds nothing again by one of a few thousand."""

_BROKEN = re.compile("[\0\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CHUNK = 1 << 20
Kind = TypeVar("Kind", bound=StrEnum)


class WrongValue(ValueError):
    """A value that its column cannot hold; the text says why and shows what it can."""


def draft(said: Mapping[str, Any], unnamed: str) -> ItemDraft | list[tuple[str, str]]:
    """The item that the row speaks of, or every column that is wrong and what is wrong with it.

    Values are strings, or lists of strings where the column is a list; `None` and blank strings mean "not said".
    A row without `external_ref` is known again by `unnamed`, which the caller makes from the file and the row.
    """
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    wrong: list[tuple[str, str]] = []
    for column, parse in _PARSERS.items():
        if (value := said.get(column)) is None and column != "title":
            continue
        try:
            values[column] = parse(value)
        except WrongValue as error:
            wrong.append((column, str(error)))
    if wrong:
        return wrong
    ref = values["external_ref"]
    kind = values.pop("source") or SourceKind.MANUAL
    values["description"] = values["description"] or ""
    return ItemDraft(**values, source_kind=kind, source_ref=ref or unnamed, fingerprint=None if ref else unnamed)


def unknown(names: Iterable[str], known: Iterable[str] = COLUMNS) -> str:
    """What to say of columns that no row may have."""
    shown = ", ".join(repr(name[:60]) for name in sorted(names)[:10])
    return f"unknown: {shown}; known are {', '.join(known)}"


def file_identity(stream: BinaryIO) -> str:
    """A name for what the file holds; leaves `stream` at its beginning."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    stream.seek(0)
    return f"file:{digest.hexdigest()}"


def clean(value: Any) -> str | None:
    """The text without the blanks around it, or `None` for none; raises `WrongValue` for what is no sound text."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongValue(f"must be text, not {_kind(value)}")
    if len(value) * 4 >= CELL_LIMIT and len(value.encode(errors="surrogatepass")) >= CELL_LIMIT:
        raise WrongValue("holds 10 MB or more, which no item needs; move the text to a document and link it")
    if (not value.isascii() or "\0" in value) and (bad := _BROKEN.search(value)):
        raise WrongValue("holds a NUL byte" if bad.group() == "\0" else "holds bytes that are not UTF-8")
    return value.strip() or None


def identifier(value: Any) -> str | None:
    """The id that something is found again by, or `None` for none; raises `WrongValue`."""
    text = clean(value)
    if text is not None and len(text.encode()) > ID_LIMIT:
        raise WrongValue(f"is longer than {ID_LIMIT:,} bytes, which no id needs")
    return text


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case Mapping():
            return "an object"
        case list():
            return "a list"
        case _:
            return "a number"


def _title(value: Any) -> str:
    text = clean(value)
    if text is None:
        raise WrongValue("is required")
    return " ".join(text.split())


def _reference(value: Any) -> str | None:
    return identifier(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _priority(value: Any) -> Priority | None:
    return one_of(Priority, value)


def _source(value: Any) -> SourceKind | None:
    return one_of(SourceKind, value)


def one_of(kinds: type[Kind], value: Any) -> Kind | None:
    """One of a few words, or none; raises `WrongValue`."""
    text = clean(value)
    if text is None:
        return None
    try:
        return kinds(text.lower())
    except ValueError:
        raise WrongValue(f"{text[:60]!r} is none of {', '.join(kinds)}") from None


def owner(value: Any) -> str | None:
    """An e-mail address, or nobody; raises `WrongValue`."""
    text = clean(value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise WrongValue(f"{text[:60]!r} does not look like an e-mail address")
    return text


def day(value: Any) -> date | None:
    """A date as 2026-01-31, or none; raises `WrongValue`."""
    text = clean(value)
    if text is None:
        return None
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise WrongValue(f"{text[:60]!r} is not a date as in 2026-01-31")


def listed(value: Any) -> tuple[str, ...] | None:
    """A list, or a text with `;` between its entries; raises `WrongValue`."""
    if not isinstance(value, list):
        text = clean(value)
        return None if text is None else _entries(text.split(";"))
    return _entries([clean(entry) or "" for entry in value])


def _entries(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for value in values if (entry := " ".join(value.split()))))


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "external_ref": _reference,
    "title": _title,
    "description": clean,
    "priority": _priority,
    "owner": owner,
    "due_date": day,
    "controls": listed,
    "risks": listed,
    "source": _source,
}
