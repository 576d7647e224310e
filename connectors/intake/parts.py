"""Parts of a finding by their path, and what to say of one that lacks them."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import BadRow, Row
from connectors.intake import fields
from connectors.intake.json_elements import Element
from state.model import Priority

_PRIORITIES = {
    **dict.fromkeys(("fatal", "critical", "very high", "very-high", "blocker"), Priority.CRITICAL),
    **dict.fromkeys(("high", "error", "major", "serious"), Priority.HIGH),
    **dict.fromkeys(("medium", "moderate", "warning"), Priority.MEDIUM),
    **dict.fromkeys(("low", "minor", "very low", "very-low", "note", "none"), Priority.LOW),
    **dict.fromkeys(("info", "informational", "negligible"), Priority.LOW),
}

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Programs that know no time write this one, or the year 1."""


class Lacks(ValueError):
    """The finding lacks a part, named in the first argument; the second says what is wrong with it."""


def rows(elements: Iterable[Element | BadRow], read: Callable[[Element], Iterable[Row]]) -> Iterator[Row]:
    """Yield what is read from each element, or what is wrong with it."""
    for element in elements:
        if isinstance(element, BadRow):
            yield element
            continue
        try:
            yield from read(element)
        except Lacks as lack:
            yield BadRow(element.at, lack.args[0], lack.args[1], element.unit)
        except fields.WrongValue as error:
            yield BadRow(element.at, "", str(error), element.unit)


def get(finding: Any, *path: str) -> Any:
    """What is at `path`, `None` where there is nothing."""
    value: Any = finding
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def optional(finding: Any, *path: str) -> str:
    """The text at `path`, blank where there is none."""
    value = get(finding, *path)
    return (fields.clean(value) or "") if isinstance(value, str) else ""


def text(finding: Any, *path: str) -> str:
    """The text at `path`; raises `Lacks` where there is none."""
    found = optional(finding, *path)
    if not found:
        raise Lacks(".".join(path), "is missing")
    return found


def listed(finding: Any, *path: str) -> list[Any]:
    """The list at `path`, empty where there is none."""
    value = get(finding, *path)
    return value if isinstance(value, list) else []


def texts(finding: Any, *path: str) -> Iterator[str]:
    """Yield the texts of the list at `path`; a text alone is a list of one."""
    value = get(finding, *path)
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and (found := fields.clean(each)):
            yield found


def written_time(said: str) -> datetime | None:
    """The time that is written there, with a zone or without; `None` where it is no time."""
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


def utc(time: datetime) -> datetime | None:
    """The same time in UTC, one without a zone taken as UTC; `None` where that is not after 1970 began, or no time."""
    try:
        at = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        return None
    return at if at > _NEVER else None


def moment(finding: Any, *path: str) -> datetime | None:
    """The time (UTC) at `path`, if one is written there."""
    written = written_time(optional(finding, *path))
    return None if written is None else utc(written)


def rated(word: str) -> Priority | None:
    """The priority that a scanner's word for a severity stands for, `None` for a word that says nothing."""
    return _PRIORITIES.get(word.casefold())


def fingerprint(*parts: Any) -> str:
    """The same for the same parts, and for no others."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def controls(named: Iterable[tuple[str, str]], wanted: Collection[str]) -> tuple[str, ...] | None:
    """The controls as `framework:code`, those of no framework as their code; of `wanted` frameworks (folded) or all.

    `None` where none is named: what a scanner does not know, it does not deny.
    """
    found = {
        " ".join((f"{framework}:{code}" if framework else code).split())
        for framework, code in named
        if not wanted or not framework or framework.casefold() in wanted
    }
    return tuple(sorted(found)) or None
