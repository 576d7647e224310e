"""Items from JSON: a list of objects, an object that holds the list as `items`, or one object to a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.base import BadRow, Row
from connectors.intake import fields
from connectors.intake.json_elements import Element, elements
from state.model import ItemDraft

_KNOWN = frozenset(fields.COLUMNS)


@dataclass(frozen=True, slots=True)
class JsonItems:
    """Items as objects; lists are arrays or texts separated by `;`, a missing key, `null` and `""` say nothing."""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the file's items."""
        file = fields.file_identity(stream)
        first: dict[str, int] = {}
        for element in elements(stream, under="items"):
            if isinstance(element, BadRow):
                yield element
                continue
            draft = _draft(element, file)
            if isinstance(draft, list):
                yield from draft
            elif draft.external_ref and (place := first.setdefault(draft.external_ref, element.at)) != element.at:
                what = f"{draft.external_ref!r} is already in {element.unit} {place}"
                yield BadRow(element.at, "external_ref", what, element.unit)
            else:
                yield draft


def _draft(element: Element, file: str) -> ItemDraft | list[BadRow]:
    said = element.value
    if not isinstance(said, dict):
        return [BadRow(element.at, "", "is not an object", element.unit)]
    wrong: list[tuple[str, str]] = []
    if not said.keys() <= _KNOWN:
        wrong.append(("", fields.unknown(said.keys() - _KNOWN)))
    draft = fields.draft(said, f"{file}:{element.at}")
    if isinstance(draft, list):
        wrong += draft
    if isinstance(draft, ItemDraft) and not wrong:
        return draft
    return [BadRow(element.at, column, what, element.unit) for column, what in wrong]
