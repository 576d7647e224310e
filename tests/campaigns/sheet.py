"""The score sheet: what each campaign found, kept as data and published as a page."""

import json
import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
CHANGED = " with changes"
"""What stands behind a commit that is not all of what was tried."""

_HEAD = """# How hard it is to break

Written by the campaigns themselves (`make campaign`), never by hand. A row is one campaign: what was done to the
program, how often, and how often it went wrong. What went wrong is to be 0 in every row. A case is repeated by its
number: `python -m tests.campaigns NAME --only NUMBER`.

| Row | What was done | Cases | What went wrong | Also measured |
|---|---|---|---|---|
"""
_REST = """
Cases are said to be so many of so many where a run was smaller than the campaign is meant to be. Where processes are
said to be forked, each run is a process of its own that begins as a copy of one that has imported the program and
opened nothing; newly started ones begin with nothing. Installations are kept in memory where there is room, since a
process that is killed leaves the same there as on a disk; what a loss of power leaves is R14.

R12 of the score sheet, ticks of a scheduler, does not apply: the program has none, cron runs it, and what becomes of
runs that cron begins on top of each other is R9 and R11.

What A5, A7 and A8 ask for is no campaign. That each change has its one record, written with it, is looked at wherever a
row counts ledgers that are unsound: each table is held against what its records tell. That others read checkpoints,
trees and time stamps as we do is tested with every change (`tests/state/test_checkpoint.py`,
`tests/state/test_merkle.py`, `tests/sync/report` and `tests/connectors/anchors/test_timestamp.py`).
"""
_FOOT = """
## How each row was made

| Row | Command | Seed | Commit | When | Took | Machine |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Score:
    """One row: `wrong` counts, by name, what must not happen; `also` holds further figures, by name.

    `again` is the command that repeats the row. `seconds` are of wall time. `full` is how many cases the row has at
    the campaign's full size; where the campaign does not say, they are in proportion to the size.
    """

    row: str
    what: str
    cases: int
    wrong: Mapping[str, int]
    seed: int
    seconds: float
    again: str
    also: Mapping[str, str] = field(default_factory=dict)
    full: int = 0

    @property
    def passed(self) -> bool:
        return self.cases > 0 and not any(self.wrong.values())


def publish(scores: Sequence[Score], begun: str) -> None:
    """Put scores in the place of older ones of the same row, and write the page anew.

    `begun` is the commit with which they were begun.
    """
    rows: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    ended = commit()
    which = begun if ended == begun else f"{begun}, at its end {ended}"
    made = {"commit": which, "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "machine": machine()}
    rows |= {score.row: asdict(score) | made for score in scores}
    ordered = dict(sorted(rows.items(), key=lambda row: _place(row[0])))
    DATA.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(ordered), encoding="utf-8")


def page(rows: Mapping[str, Any]) -> str:
    """The page that tells these rows."""
    results = [
        f"| {name} | {row['what']} | {_cases(row)} | {_told(row['wrong'])} | {_told(row['also'])} |"
        for name, row in rows.items()
    ]
    origins = [
        f"| {name} | `{row['again']}` | {row['seed']} | {row['commit']} | {row['at']} | {_span(row['seconds'])} "
        f"| {row['machine']} |"
        for name, row in rows.items()
    ]
    return _HEAD + "\n".join(results) + "\n" + _REST + _FOOT + "\n".join(origins) + "\n"


def commit() -> str:
    """The commit that is checked out, marked if anything else than this page was changed since, or none is known."""
    asked = ["git", "-C", str(ROOT)]
    ours = [f":!{path.relative_to(ROOT)}" for path in (DATA, PAGE)]
    try:
        head = subprocess.run([*asked, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            [*asked, "status", "--porcelain", "--", ".", *ours], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return f"unknown{CHANGED}"
    return head.stdout.strip() + (CHANGED if changed.stdout.strip() else "")


def machine() -> str:
    """What it ran on, as far as it matters."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )


def _place(row: str) -> tuple[str, int, str]:
    letters, number = re.match(r"([A-Za-z]*)(\d*)", row).groups()  # type: ignore[union-attr]
    return letters, int(number or 0), row


def _cases(row: Mapping[str, Any]) -> str:
    return f"{row['cases']:,}" + (f" of {row['full']:,}" if row["cases"] < row["full"] else "")


def _told(figures: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}" for name, value in figures.items()
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
