"""The rows of a CSV file by the names of its columns, each with its line, and what is wrong with those that are not."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from connectors.base import BadRow
from connectors.intake import fields

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_LIMIT = 2**31 - 1
_MEANING = {
    "unexpected end of data": "a quoted cell opens here and is never closed, so that nothing after it can be read",
    "',' expected after '\"'": "text follows a closing quote; a quote within a quoted cell is written twice",
    "new-line character seen": "a line ends with CR alone; save the file with LF or CRLF",
}

_Cells = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Cells:
    """One row: the line it starts on, as an editor counts, and its cells by column."""

    line: int
    said: Mapping[str, str]


def rows(stream: BinaryIO, columns: Sequence[str], required: str) -> Iterator[Cells | BadRow]:
    """Yield the rows that are not blank; the first row names the columns, `required` among them.

    A broken header is the only row of its file.
    """
    if stream.read(2) in _UTF16:
        yield BadRow(1, "", "the file is UTF-16; save it as UTF-8")
        return
    stream.seek(0)
    read = _rows(_Lines(stream))
    header = _header(next(read, None), columns, required)
    if isinstance(header, BadRow):
        yield header
        return
    for row in read:
        if isinstance(row, BadRow):
            column = header[int(row.column)] if row.column and int(row.column) < len(header) else ""
            yield BadRow(row.at, column, row.what)
        elif len(row[1]) != len(header):
            yield BadRow(row[0], "", f"has {len(row[1])} cells where the header has {len(header)}")
        else:
            yield Cells(row[0], dict(zip(header, row[1], strict=True)))


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


def _header(row: _Cells | BadRow | None, columns: Sequence[str], required: str) -> list[str] | BadRow:
    if row is None:
        return BadRow(1, "", f"the file is empty; its first row names the columns: {', '.join(columns)}")
    if isinstance(row, BadRow):
        return BadRow(row.at, "", row.what)
    line, cells = row
    names = [cell.strip().lower() for cell in cells]
    if len(names) == 1 and (mark := next((each for each in ";\t" if each in names[0]), None)):
        return BadRow(line, "", f"separates its columns by {mark!r}; save it with commas between them")
    if strange := [name for name in names if name not in columns]:
        return BadRow(line, "", fields.unknown(strange, columns))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return BadRow(line, twice[0], "is there twice")
    return names if required in names else BadRow(line, required, "is required, and the header lacks it")


def _rows(lines: _Lines) -> Iterator[_Cells | BadRow]:
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
