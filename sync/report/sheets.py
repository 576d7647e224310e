"""Tables as CSV files that no spreadsheet takes for formulas."""

import csv
import io
import re
from collections.abc import Iterator

from sync.report.members import Member
from sync.report.model import Book
from sync.report.tables import Cell, Row, Sheet, sheets

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FURTHER = re.compile('([;\t\r\n][" ]*)(?=[=+\\-@＝＋－＠])')
"""Behind what a formula would begin another cell, where somebody reads the file with that as the separator."""


def csv_members(book: Book) -> Iterator[Member]:
    """Each table as a CSV file of RFC 4180, in UTF-8, with each cell in quotation marks."""
    for sheet in sheets(book):
        yield Member(f"{sheet.name}.csv", _csv(sheet))


def _csv(sheet: Sheet) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
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
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what would begin one.

    That is at its beginning, and behind a semicolon, a tab or a line break, at which some would part it.
    """
    if not isinstance(cell, str):
        return cell
    text = _FURTHER.sub(r"\1'", cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
