"""Items from a CSV file whose first row names the columns."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.base import BadRow, Row
from connectors.intake import fields

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_LIMIT = 2**31 - 1
_MEANING = {
    "unexpected end of data": "a quoted cell opens here and is never closed",
    "',' expected after '\"'": "text follows a closing quote; a quote within a quoted cell is written twice",
    "new-line character seen": "a line ends with CR alone; save the file with LF or CRLF",
}

Cells = tuple[int, list[str]]


class _Lines:
    """The file's physical lines as text, and which of them the row being read has taken so far."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._number = 0
        self.row_start = 1
        self.row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._stream.readline()
        if not raw:
            raise StopIteration
        self._number += 1
        if self._number == 1:
            raw = raw.removeprefix(_BOM)
        text = raw.decode(errors="surrogateescape")
        self.row.append(text)
        return text

    def begin_row(self) -> None:
        self.row_start = self._number + 1
        self.row.clear()

    def leave_row(self) -> None:
        """Skip to the end of the quoted cell in which reading the row stopped, if it did in one."""
        quotes = sum(line.count('"') for line in self.row)
        while quotes % 2:
            self.row.clear()
            line = next(self, None)
            if line is None:
                return
            quotes += line.count('"')


@dataclass(frozen=True, slots=True)
class CsvItems:
    """Comma-separated items; lists within a cell are separated by `;`, an empty cell says nothing.

    Lines are counted as an editor shows them, and a row is named by the line it starts on.
    """

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the file's items; a broken header is the only row of its file."""
        file = fields.file_identity(stream)
        if stream.read(2) in _UTF16:
            yield BadRow(1, "", "the file is UTF-16; save it as UTF-8")
            return
        stream.seek(0)
        rows = _rows(_Lines(stream))
        header = _header(next(rows, None))
        if isinstance(header, BadRow):
            yield header
            return
        yield from _items(rows, header, file)


def _items(rows: Iterator[Cells | BadRow], header: list[str], file: str) -> Iterator[Row]:
    first_lines: dict[str, int] = {}
    for row in rows:
        if isinstance(row, BadRow):
            column = header[int(row.column)] if row.column and int(row.column) < len(header) else ""
            yield BadRow(row.at, column, row.what)
            continue
        line, cells = row
        if len(cells) != len(header):
            yield BadRow(line, "", f"has {len(cells)} cells where the header has {len(header)}")
            continue
        said = dict(zip(header, cells, strict=True))
        draft = fields.draft(said, f"{file}:{line}")
        if isinstance(draft, list):
            yield from (BadRow(line, column, what) for column, what in draft)
        elif draft.external_ref and (first := first_lines.setdefault(draft.external_ref, line)) != line:
            yield BadRow(line, "external_ref", f"{draft.external_ref!r} is already on line {first}")
        else:
            yield draft


def _header(row: Cells | BadRow | None) -> list[str] | BadRow:
    if row is None:
        return BadRow(1, "", f"the file is empty; its first row names the columns: {', '.join(fields.COLUMNS)}")
    if isinstance(row, BadRow):
        return BadRow(row.at, "", row.what)
    line, cells = row
    names = [cell.strip().lower() for cell in cells]
    if strange := [name for name in names if name not in fields.COLUMNS]:
        return BadRow(line, "", fields.unknown(strange))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return BadRow(line, twice[0], "is there twice")
    return names if "title" in names else BadRow(line, "title", "is required, and the header lacks it")


def _rows(lines: _Lines) -> Iterator[Cells | BadRow]:
    """Yield each row that is not blank with its first line; a bad row's column is its index, where that is known."""
    # The limit is the process's own, and nothing else here reads CSV.
    csv.field_size_limit(fields.CELL_LIMIT - 1)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _broken(lines, str(error))
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield lines.row_start, cells


def _broken(lines: _Lines, error: str) -> BadRow:
    if not error.startswith("field larger"):
        what = next((text for start, text in _MEANING.items() if error.startswith(start)), error)
        return BadRow(lines.row_start, "", what)
    csv.field_size_limit(_NO_LIMIT)
    cells = next(csv.reader(list(lines.row)))
    csv.field_size_limit(fields.CELL_LIMIT - 1)
    lines.leave_row()
    large = next((index for index, cell in enumerate(cells) if len(cell) >= fields.CELL_LIMIT), "")
    return BadRow(lines.row_start, str(large), "a cell holds 10 MB or more, or its quote is never closed")
