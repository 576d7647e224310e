"""Tables and lists for people, without anything that a terminal would obey."""

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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


def rendered(*parts: object) -> str:
    """The parts as text, as wide as the terminal and coloured if standard output is one, else plain and unwrapped."""
    tty = sys.stdout.isatty()
    buffer = io.StringIO()
    width = None if tty else 400
    console = Console(file=buffer, force_terminal=tty, width=width or Console().width, highlight=False, emoji=False)
    for part in parts:
        console.print(part if not isinstance(part, str) else Text(printable(part)))
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    return "\n".join(lines)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table of cells; words that name a status, a priority or an operation are coloured."""
    made = Table(*headers, title=title, title_justify="left", title_style="bold", box=_box(), pad_edge=False)
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def _box() -> box.Box | None:
    return box.SIMPLE_HEAD if sys.stdout.isatty() else None


def cell(value: object) -> Text:
    """One value as a table shows it; nothing is a dash."""
    text = "-" if value is None or value == "" else printable(str(value)).replace("\n", " ")
    return Text(text, style=_STYLES.get(text, ""))


def heading(text: str) -> Text:
    """A line above a part of an answer."""
    return Text(f"\n{printable(text)}", style="bold")


def bullets(lines: Iterable[str]) -> str:
    """Lines as a list, with a word where there are none."""
    return "\n".join(f"  {line}" for line in lines) or "  none"


def counted(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def records(history: Iterable[Mapping[str, Any]]) -> Table:
    """Records of the ledger, one line each."""
    return table(("record", "at", "who", "what", "field", "before", "after", "because"), map(_record_cells, history))


def _record_cells(record: Mapping[str, Any]) -> tuple[object, ...]:
    actor = record["actor"]
    who = actor["name"] or actor["account"]
    system = "" if actor["system"] == "counterfoil" else f" ({actor['system']})"
    return (
        record["seq"],
        str(record["at"])[:16].replace("T", " "),
        f"{who}{system}",
        record["action"],
        record["field"],
        short(record["before"]),
        short(record["after"]),
        short(record["reason"]),
    )


def short(value: object, width: int = 60) -> str:
    """A value on one line, cut where it is long."""
    if value is None or value == "":
        return ""
    text = " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
