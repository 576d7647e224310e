"""Tables and lists for people, without anything that a terminal would obey."""

import io
import json
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.table import Table
from rich.text import Text

from state.model import Hold
from sync.app.logs import printable

_STYLES = {
    "critical": "bold red",
    "high": "red",
    "open": "yellow",
    "in_progress": "cyan",
    "resolved": "green",
    "accepted_as_risk": "magenta",
    "create": "green",
    "update": "yellow",
    "pull": "cyan",
    "hold": "bold magenta",
    "comment": "blue",
}


_NAMES = ("key", "id", "title", "ref")
_WORDS = ("kind", "verdict", "until", "detail", "text")
"""What of a record's value is shown: the first of its names that is there, and all of these."""


_UNWRAPPED = 10_000
_NARROW = 110
_GAP = 2
_LEAST = 8
"""How far apart the columns of a table are, and how wide one is at least where another is not to be broken for it."""

PAPER: ContextVar[int] = ContextVar("PAPER", default=0)
"""How wide the paper is that answers are drawn on in colour, wherever they are written to; 0 means none."""


def width() -> int:
    """How wide the answer may be, 0 if nobody watches."""
    return PAPER.get() or (shutil.get_terminal_size().columns if sys.stdout.isatty() else 0)


def rendered(*parts: object) -> str:
    """The parts as text, as wide as the terminal and coloured if standard output is one, else plain and unwrapped."""
    wide = width()
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=wide > 0,
        width=wide or _UNWRAPPED,
        color_system="standard" if wide else None,
        highlight=False,
        emoji=False,
    )
    for part in parts:
        console.print(part if not isinstance(part, str) else Text(printable(part.replace("\r\n", "\n"))))
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    return "\n".join(lines)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table of cells; words that name a status, a priority or an operation are coloured."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    cells = [[cell(value) for value in row] for row in rows]
    whole = _unbroken(headers, cells)
    for number, header in enumerate(headers):
        made.add_column(header, overflow="fold", no_wrap=number in whole)
    for row in cells:
        made.add_row(*row)
    return made


def _unbroken(headers: Sequence[str], rows: Sequence[Sequence[Text]]) -> set[int]:
    """The columns of single words that are shown whole, the narrowest first, as long as the others keep some room."""
    single = [n for n in range(len(headers)) if not any(" " in row[n].plain for row in rows)]
    longest = {n: max(len(headers[n]), *(row[n].cell_len for row in rows), 0) for n in single}
    left = (width() or _UNWRAPPED) + _GAP - (_GAP + _LEAST) * len(headers)
    found = set()
    for needed, number in sorted((needed, number) for number, needed in longest.items()):
        left -= needed - _LEAST
        if left < 0:
            break
        found.add(number)
    return found


def listing(lines: Sequence[Mapping[str, object]], less: Collection[str], noun: str) -> str:
    """Rows of one kind, counted; on a narrow terminal without the columns `less`, which are named then."""
    left_out = [name for name in lines[0] if name in less] if 0 < width() < _NARROW else []
    headers = [name for name in lines[0] if name not in left_out]
    drawn = rendered(table(headers, ([line[name] for name in headers] for line in lines)))
    told = f"; no room for {' and '.join(left_out)}: widen the terminal, or --json" if left_out else ""
    return f"{drawn}\n{noun}{told}"


def cell(value: object) -> Text:
    """One value as a table shows it; nothing is a dash."""
    text = "-" if value is None or value == "" else printable(str(value)).replace("\n", " ")
    return Text(text, style=_STYLES.get(text, ""))


def heading(text: str) -> Text:
    """A line above a part of an answer."""
    return Text(f"\n{printable(text)}", style="bold")


def bullets(lines: Iterable[str]) -> str:
    """Lines as a list, wrapped below themselves on a terminal, with a word where there are none."""
    wide = (width() or _UNWRAPPED) - 1
    return "\n".join(_wrapped(part, wide) for line in lines for part in line.split("\n")) or "  none"


def _wrapped(line: str, wide: int) -> str:
    """The line in so many columns; a long word stays whole, as it may be an address, but for one in wide characters."""
    done, now = list[str](), "  "
    for word in re.findall(r"\s*\S+", line):
        for part in [word] if cell_len(word) == len(word) else chop_cells(word, wide - 6):
            if now.strip() and cell_len(now + part) > wide:
                done.append(now)
                now = f"      {part.lstrip()}"
            else:
                now += part
    return "\n".join([*done, now]).rstrip()


def holds(waiting: Iterable[Hold]) -> str:
    """What waits for a person, each with the command that settles it once it is stored."""
    return bullets(
        f"{hold.id or '(new)'} {hold.item} {hold.kind.value}: {hold.detail}"
        + (f"\n    {hold.command}" if hold.id else "")
        for hold in waiting
    )


def counted(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def minute(moment: str) -> str:
    """A time of an answer as people read it."""
    return moment[:16].replace("T", " ")


def records(history: Iterable[Mapping[str, Any]], *, of: bool = False) -> str:
    """Records of the ledger, one line each: number, time, `of` which item, who, what, and because of what."""
    return bullets(_record(record, f"{record['object']}  " if of else "") for record in history)


def _record(record: Mapping[str, Any], of: str) -> str:
    actor = record["actor"]
    system = "" if actor["system"] == "counterfoil" else f" ({actor['system']})"
    what = f"{record['action']}{_change(record)}"
    because = f"  -- {short(record['reason'])}" if record["reason"] else ""
    return (
        f"{record['seq']:>6}  {minute(record['at'])}  {of}{actor['name'] or actor['account']}{system}: {what}{because}"
    )


def _change(record: Mapping[str, Any]) -> str:
    before, after, field = record["before"], record["after"], record["field"]
    if field and (record["action"] == "item.changed" or not isinstance(after or before, dict)):
        return f" {moved(field, before, after)}"
    return "".join(f" {word}" for word in (field, _told(field, before if after is None else after, 60)) if word)


def moved(field: str, before: Any, after: Any) -> str:
    """What became of a field, on one line."""
    return f"{field}: {_told(field, before) or 'nothing'} -> {_told(field, after) or 'nothing'}"


def _told(field: str, value: Any, width: int = 40) -> str:
    """What a record says of a value; texts are only known by their digest."""
    if isinstance(value, dict):
        name = next((value[n] for n in _NAMES if value.get(n)), "")
        if not name and value.get("sha256"):
            return f"text {value['sha256'][:8]}"
        return short(" ".join(str(word) for word in (name, *(value.get(w) for w in _WORDS)) if word), width)
    if field == "body" and isinstance(value, str):
        return f"text {value[:8]}"
    return short(value, width)


def short(value: object, width: int = 60) -> str:
    """A value on one line, cut where it is long."""
    if value is None or value == "":
        return ""
    text = " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def drawn(text: str, title: str) -> str:
    """Coloured text of a terminal as an SVG picture."""
    console = Console(record=True, file=io.StringIO(), width=PAPER.get() or 100, force_terminal=True)
    console.print(Text.from_ansi(text))
    return console.export_svg(title=title)
