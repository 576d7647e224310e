"""What is wrong with a configuration, all of it at once, by file, line and key."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong with the configuration: at which key, on which line (0 = not known), and what mends it."""

    key: str
    what: str
    line: int = 0


class ConfigError(Exception):
    """The configuration cannot be used; `complaints` holds everything found wrong, and `file` where."""

    def __init__(self, file: str, complaints: Sequence[Complaint]) -> None:
        self.file = file
        self.complaints = tuple(complaints)
        lines = [f"{file}{f':{c.line}' if c.line else ''}: {c.key}: {c.what}" for c in self.complaints]
        super().__init__("\n".join(lines))


def line_numbers(text: str) -> dict[Place, int]:
    """The line on which each key of a TOML text stands; a key that is written unusually is left out."""
    numbers: dict[Place, int] = {}
    arrays: dict[str, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = header[2]
            table = tuple(_parts(name))
            if header[1] == "[[":
                arrays[name] = arrays.get(name, -1) + 1
                table = (*table, arrays[name])
            numbers.setdefault(table, number)
        elif key := _KEY.match(line):
            numbers.setdefault((*table, *_parts(key[1])), number)
    return numbers


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted)]


def at(place: Place, what: str, lines: Mapping[Place, int]) -> Complaint:
    """A complaint about one place, with the line of the nearest enclosing key that is known."""
    near = next((lines[place[:cut]] for cut in range(len(place), 0, -1) if place[:cut] in lines), 0)
    return Complaint(spelled(place), what, near)


def spelled(place: Place) -> str:
    """A place as people write it: `routes[0].when.priority`."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the file)"


def is_near(word: str, known: Iterable[str]) -> bool:
    """Whether this may be one of the words that are known, mistyped."""
    return bool(_nearest(word, known))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion for a near miss, else the words that are known."""
    names = sorted(known)
    near = _nearest(word, names)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names) or 'nothing'}"


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)


def from_validation(error: Mapping[str, Any], prefix: Place, known: Iterable[str]) -> tuple[Place, str]:
    """The place and the words for one error of the validating library, without the value it complains about."""
    place = (*prefix, *error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return place, f"is not a key; {did_you_mean(str(place[-1]), known)}"
        case "missing":
            return place, "is required"
        case "union_tag_not_found":
            return (*place, "kind"), "is required"
        case "union_tag_invalid":
            kinds = re.findall(r"'([^']*)'", error["ctx"]["expected_tags"])
            return (*place, "kind"), f"{error['ctx']['tag']!r} is unknown; {did_you_mean(error['ctx']['tag'], kinds)}"
        case _:
            return place, str(error["msg"]).removeprefix("Value error, ")
