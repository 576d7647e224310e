"""Tables as CSV files that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterator

from sync.report.members import Member
from sync.report.model import Book
from sync.report.tables import Cell, Row, Sheet, sheets

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_members(book: Book) -> Iterator[Member]:
    """Each table as a CSV file of RFC 4180, in UTF-8."""
    for sheet in sheets(book):
        yield Member(f"{sheet.name}.csv", _csv(sheet))


def _csv(sheet: Sheet) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for number, row in enumerate(lines(sheet)):
        writer.writerow([harmless(cell) for cell in row])
        if number % 500 == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def lines(sheet: Sheet) -> Iterator[Row]:
    """The heading of a table and its rows."""
    yield sheet.heading
    yield from sheet.rows()


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what would begin one."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
