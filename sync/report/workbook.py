"""Tables as the sheets of one workbook, the same bytes each time."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from sync.report.members import Member
from sync.report.model import Book
from sync.report.sheets import lines
from sync.report.tables import Sheet, sheets

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


def workbook(book: Book) -> Member:
    """All tables as the sheets of one workbook, whose cells are texts and numbers only."""
    return Member("report.xlsx", spreadsheet(sheets(book)))


def spreadsheet(tables: Iterable[Sheet]) -> Iterator[bytes]:
    """The bytes of a workbook with these tables as its sheets."""
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
    top = len(table.above)
    sheet.freeze_panes(top + 1, 1)
    for column, name in enumerate(table.heading):
        sheet.set_column(column, column, _WIDE if name in table.wide else max(_NARROW, min(24, len(name) + 6)))
    last = top
    for number, row in enumerate(chain(table.above, lines(table))):
        if number == _ROWS - 1:
            sheet.write_string(number, 0, f"There are more rows: see {table.name}.csv")
            break
        for column, cell in enumerate(row):
            if isinstance(cell, int):
                sheet.write_number(number, column, cell)
            elif cell:
                sheet.write_string(number, column, _safe(cell), bold if number == top else None)
        last = number
    sheet.autofilter(top, 0, last, len(table.heading) - 1)


def _safe(text: str) -> str:
    """A text as it goes into a cell, cut where that is full.

    What begins and ends as the library's own mark-up of rich texts is written by it as it stands, so that whoever wrote
    such a text would write cells of the workbook: an apostrophe stands before it.
    """
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"'{cut[: _LONGEST - 1]}" if cut.startswith("<r>") else cut
