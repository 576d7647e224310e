"""Tables as files: CSV that no spreadsheet takes for formulas, and one workbook, the same bytes each time."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from sync.report.members import Member
from sync.report.model import Book
from sync.report.tables import Cell, Row, Sheet, sheets

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST, _ROWS = 32_767, 1_048_576
"""What a cell and a sheet of a workbook hold."""
_WIDE, _NARROW = 60, 8
_PIECE = 1 << 16
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def csv_members(book: Book) -> Iterator[Member]:
    """Each table as a CSV file of RFC 4180, in UTF-8."""
    for sheet in sheets(book):
        yield Member(f"{sheet.name}.csv", _csv(sheet))


def _csv(sheet: Sheet) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for number, row in enumerate(_lines(sheet)):
        writer.writerow([harmless(cell) for cell in row])
        if number % 500 == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _lines(sheet: Sheet) -> Iterator[Row]:
    yield sheet.heading
    yield from sheet.rows()


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what would begin one."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def workbook(book: Book) -> Member:
    """All tables as the sheets of one workbook, whose cells are texts and numbers only."""
    return Member("report.xlsx", _workbook(sheets(book)))


def _workbook(tables: Iterable[Sheet]) -> Iterator[bytes]:
    with SpooledTemporaryFile(max_size=1 << 24) as file:
        made: Any = xlsxwriter.Workbook(file, _OPTIONS)
        made.set_properties({"created": _EPOCH, "comments": "A reading copy; what counts is the ledger."})
        bold = made.add_format({"bold": True, "bottom": 1})
        for table in tables:
            _fill(made.add_worksheet(table.name), table, bold)
        made.close()
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _fill(sheet: Any, table: Sheet, bold: Any) -> None:
    sheet.freeze_panes(1, 1)
    for column, name in enumerate(table.heading):
        sheet.set_column(column, column, _WIDE if name in _LONG else max(_NARROW, min(24, len(name) + 6)))
    last = 0
    for number, row in enumerate(_lines(table)):
        if number == _ROWS - 1:
            sheet.write_string(number, 0, f"There are more rows: see {table.name}.csv")
            break
        for column, cell in enumerate(row):
            if isinstance(cell, int):
                sheet.write_number(number, column, cell)
            elif cell:
                sheet.write_string(number, column, _cut(cell), bold if number == 0 else None)
        last = number
    sheet.autofilter(0, 0, last, len(table.heading) - 1)


_LONG = frozenset({"title", "what", "words", "reason", "justification", "shows", "statement", "why", "decisions"})


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
