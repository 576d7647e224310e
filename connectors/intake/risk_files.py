"""Risks from a file: rows of a CSV file, or objects in JSON."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.base import BadRow
from connectors.intake import fields
from connectors.intake.csv_rows import rows
from connectors.intake.json_elements import elements
from state.register import RiskDraft, ScoreKind, Treatment, folded

COLUMNS = (
    *("id", "statement", "owner", "treatment", "gap", "existing", "next_review"),
    *(kind.value for kind in ScoreKind),
)
"""The columns or keys that a risk may have."""

_Said = tuple[int, str, Mapping[str, Any]]


def read(path: Path) -> list[RiskDraft] | list[BadRow]:
    """The risks of a file, or everything that is wrong with it; raises `OSError`."""
    drafts: list[RiskDraft] = []
    wrong: list[BadRow] = []
    first: dict[str, int] = {}
    for row in _rows(path):
        if isinstance(row, BadRow):
            wrong.append(row)
            continue
        at, unit, said = row
        made = _risk(said)
        if isinstance(made, RiskDraft) and (place := first.setdefault(folded(made.id), at)) != at:
            made = [("id", f"{made.id!r} is already in {unit} {place}")]
        if isinstance(made, RiskDraft):
            drafts.append(made)
        else:
            wrong += (BadRow(at, column, what, unit) for column, what in made)
    return wrong or drafts


def rating(text: str) -> tuple[int, int]:
    """Likelihood and impact as `4x3`, each from 1 to 5; raises `WrongValue`."""
    likelihood, _, impact = text.lower().replace("×", "x").partition("x")
    if likelihood.strip() in "12345" and impact.strip() in "12345" and likelihood.strip() and impact.strip():
        return int(likelihood), int(impact)
    raise fields.WrongValue(f"{text[:60]!r} is not a likelihood and an impact from 1 to 5, as in 4x3")


def _rows(path: Path) -> Iterator[_Said | BadRow]:
    with path.open("rb") as stream:
        beginning = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        stream.seek(0)
        if not beginning.startswith((b"{", b"[")):
            for row in rows(stream, COLUMNS, "id"):
                yield row if isinstance(row, BadRow) else (row.line, "line", row.said)
            return
        for element in elements(stream, under="risks"):
            if isinstance(element, BadRow):
                yield element
            elif not isinstance(element.value, dict):
                yield BadRow(element.at, "", "is not an object", element.unit)
            elif strange := element.value.keys() - set(COLUMNS):
                yield BadRow(element.at, "", fields.unknown(strange, COLUMNS), element.unit)
            else:
                yield element.at, element.unit, element.value


def _risk(said: Mapping[str, Any]) -> RiskDraft | list[tuple[str, str]]:
    values: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for column, value in said.items():
        try:
            values[column] = _value(column, value)
        except fields.WrongValue as error:
            wrong.append((column, str(error)))
    wrong += ((name, "is required") for name in ("id", "statement") if not values.get(name) and name not in dict(wrong))
    if wrong:
        return wrong
    ratings = {kind: values.pop(kind.value) for kind in ScoreKind if values.get(kind.value)}
    given: dict[str, Any] = {name: values.get(name) for name in COLUMNS[:7]}
    return RiskDraft(**given, ratings=ratings)


def _value(column: str, value: Any) -> Any:
    match column:
        case "id":
            return "".join((fields.identifier(value) or "").split())
        case "owner":
            return fields.owner(value)
        case "treatment":
            return fields.one_of(Treatment, value)
        case "existing":
            return fields.listed(value)
        case "next_review":
            return fields.day(value)
        case "statement" | "gap":
            return fields.clean(value)
        case _:
            text = fields.clean(value)
            return None if text is None else rating(text)
