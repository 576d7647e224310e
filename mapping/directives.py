"""What people ask for in a comment: lines that begin with a slash and a word, outside code and quotations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_LINE = re.compile(r" {0,3}/(?P<word>[a-z][a-z-]*)(?:\s+(?P<rest>.*))?", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNTIL = re.compile(r"\buntil\s+(\d{4}-\d{2}-\d{2})\)?\.?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Directive:
    """One thing that is asked for: its word in lower case without the slash, and the rest of its line."""

    word: str
    rest: str


def directives(text: str) -> Iterator[Directive]:
    """Yield what a comment asks for, in its order."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip(" `~") else fence
        elif mark:
            fence = mark[1]
        elif found := _LINE.fullmatch(line.rstrip()):
            yield Directive(found["word"].lower(), (found["rest"] or "").strip())


def until(text: str) -> tuple[str, date | None]:
    """A text that may end in `until 2027-03-31`, without that, and the day; a day that does not exist is left in it."""
    text = text.strip()
    found = _UNTIL.search(text)
    if found is None:
        return text, None
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return text, None
    return text[: found.start()].rstrip().rstrip(",;(").rstrip(), day
