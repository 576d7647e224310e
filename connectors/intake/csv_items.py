"""Items from a CSV file whose first row names the columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.base import BadRow, Row
from connectors.intake import fields
from connectors.intake.csv_rows import rows


@dataclass(frozen=True, slots=True)
class CsvItems:
    """Comma-separated items; lists within a cell are separated by `;`, an empty cell says nothing.

    Lines are counted as an editor shows them, and a row is named by the line it starts on.
    """

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the file's items; a broken header is the only row of its file."""
        file = fields.file_identity(stream)
        first_lines: dict[str, int] = {}
        for row in rows(stream, fields.COLUMNS, "title"):
            if isinstance(row, BadRow):
                yield row
                continue
            draft = fields.draft(row.said, f"{file}:{row.line}")
            if isinstance(draft, list):
                yield from (BadRow(row.line, column, what) for column, what in draft)
            elif draft.external_ref and (first := first_lines.setdefault(draft.external_ref, row.line)) != row.line:
                yield BadRow(row.line, "external_ref", f"{draft.external_ref!r} is already on line {first}")
            else:
                yield draft
