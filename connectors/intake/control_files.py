"""Controls from a file: an OSCAL catalog as JSON, or rows of a CSV file; and which control answers which."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.base import BadRow
from connectors.intake import fields
from connectors.intake.csv_rows import rows
from state.register import ControlDraft

COLUMNS = ("code", "title", "guidance", "owner")
"""The columns of a file of controls."""

ANSWERS = ("control", "answered_by")
"""The columns of a file that says which control answers which."""

LIMIT = 100_000_000
"""A catalog of this many bytes is refused."""

_PARSERS = {"code": fields.identifier, "owner": fields.owner}


class Unreadable(ValueError):
    """A file holds no controls that can be read; the text says why, and what can."""


@dataclass(frozen=True, slots=True)
class ControlFile:
    """What a file says: the framework's title and version where it names them, and its controls in their order."""

    title: str
    version: str
    sha256: str
    controls: tuple[ControlDraft, ...]


def read(path: Path) -> ControlFile | list[BadRow]:
    """The controls of a file, or every row of it that is wrong; raises `Unreadable` and `OSError`."""
    if path.stat().st_size > LIMIT:
        raise Unreadable("it is larger than 100 MB, which no catalog of controls is")
    with path.open("rb") as stream:
        sha256 = fields.file_identity(stream).removeprefix("file:")
        beginning = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        stream.seek(0)
        if beginning.startswith((b"{", b"[")):
            from connectors.intake.oscal_catalog import catalog

            title, version, found = catalog(stream.read())
            return ControlFile(title, version, sha256, found)
        if beginning.startswith(b"<"):
            raise Unreadable("it is XML; OSCAL is read as JSON")
        drafts: list[ControlDraft] = []
        wrong: list[BadRow] = []
        for row in rows(stream, COLUMNS, "code"):
            if isinstance(row, BadRow):
                wrong.append(row)
                continue
            made = _control(row.said)
            if isinstance(made, ControlDraft):
                drafts.append(made)
            else:
                wrong += (BadRow(row.line, column, what) for column, what in made)
    return wrong or ControlFile("", "", sha256, tuple(drafts))


def _control(said: Mapping[str, str]) -> ControlDraft | list[tuple[str, str]]:
    values: dict[str, str | None] = {}
    wrong: list[tuple[str, str]] = []
    for column, cell in said.items():
        try:
            values[column] = _PARSERS.get(column, fields.clean)(cell)
        except fields.WrongValue as error:
            wrong.append((column, str(error)))
    code = " ".join((values.get("code") or "").split())
    if not code and "code" not in dict(wrong):
        wrong.append(("code", "is required"))
    if wrong:
        return wrong
    title = " ".join((values.get("title") or code).split())
    return ControlDraft(code, title, values.get("guidance") or "", values.get("owner"))


def answers(path: Path) -> Iterator[tuple[int, str, str | None] | BadRow]:
    """Yield the line, the control, and the control that answers it (none, to take that back)."""
    with path.open("rb") as stream:
        for row in rows(stream, ANSWERS, "control"):
            if isinstance(row, BadRow):
                yield row
            elif not (control := row.said["control"].strip()):
                yield BadRow(row.line, "control", "is required")
            else:
                yield row.line, control, row.said.get("answered_by", "").strip() or None


def id_of(path: Path) -> str:
    """The id that a framework has where nobody names one: the file's name up to its first dot that ends a word."""
    stem = re.sub(r"(\.oscal)?\.(json|csv)$", "", path.name, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9._-]+", "-", stem.casefold()).strip("-.") or "framework"
