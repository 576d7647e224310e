"""Answers to a readiness or vendor assessment, as CSV or JSON; each gap is something to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, BinaryIO

from connectors.base import BadRow, LeftOut, Row
from connectors.intake import fields, finding_text, parts
from connectors.intake.csv_rows import rows
from connectors.intake.json_elements import elements
from state.model import Finding, ItemDraft, TestOutcome

COLUMNS = (
    *("id", "question", "answer", "gap", "assessor", "assessment", "vendor", "date", "title", "recommendation"),
    *("severity", "owner", "due_date", "controls", "risks"),
)
"""The columns or keys that an answer may have."""

_GAPS: Mapping[str, TestOutcome | None] = {
    **dict.fromkeys(("yes", "y", "true", "1", "partial", "partially"), TestOutcome.FAIL),
    **dict.fromkeys(("no", "n", "false", "0", "none"), TestOutcome.PASS),
    **dict.fromkeys(("n/a", "na", "not applicable"), None),
}
_TITLE = 120
_TEXTS = ("id", "question", "answer", "assessor", "assessment", "vendor", "title", "recommendation")
_ORIGIN = ("question", "answer", "assessor", "assessment", "vendor")
_SAME = {"priority": "severity"}


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer: where it stands, and what it says by column."""

    at: int
    unit: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Answers, known again by their assessment, their vendor and their id.

    `written` dates answers without a date, and `subject` is the vendor of those that name none.
    """

    written: datetime | None = None
    subject: str = ""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield what each answer comes to: a gap, none, or nothing where the question does not apply."""
        first: dict[tuple[str, ...], int] = {}
        for answer in _answers(stream):
            if isinstance(answer, BadRow):
                yield answer
                continue
            said, wrong = _read(answer.said, self.subject)
            key = (said["assessment"], said["vendor"], said["id"])
            if not wrong and (place := first.setdefault(key, answer.at)) != answer.at:
                wrong = [("id", f"{said['id']!r} is already in {answer.unit} {place}")]
            if not wrong:
                row = self._row(answer, said)
                if not isinstance(row, list):
                    yield row
                    continue
                wrong = row
            yield from (BadRow(answer.at, column, what, answer.unit) for column, what in wrong)

    def _row(self, answer: _Answer, said: Mapping[str, str]) -> Row | list[tuple[str, str]]:
        outcome = _GAPS[said["gap"]]
        if outcome is None:
            return LeftOut(answer.at, "the question does not apply", answer.unit)
        draft = _draft(answer.said, said)
        if isinstance(draft, list):
            return draft
        try:
            observed = _day(answer.said.get("date")) or self.written
        except fields.WrongValue as error:
            return [("date", str(error))]
        if observed is None:
            return [("date", "is missing")]
        return Finding(draft, outcome, observed, said["assessor"] or said["vendor"] or said["assessment"])


def _answers(stream: BinaryIO) -> Iterator[_Answer | BadRow]:
    start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    stream.seek(0)
    if start[:1] not in (b"[", b"{"):
        for row in rows(stream, COLUMNS, "question"):
            yield row if isinstance(row, BadRow) else _Answer(row.line, "line", row.said)
        return
    for element in elements(stream, under="answers"):
        if isinstance(element, BadRow):
            yield element
        elif not isinstance(element.value, dict):
            yield BadRow(element.at, "", "is not an object", element.unit)
        elif strange := element.value.keys() - set(COLUMNS):
            yield BadRow(element.at, "", fields.unknown(strange, COLUMNS), element.unit)
        else:
            yield _Answer(element.at, element.unit, element.value)


def _read(said: Mapping[str, Any], subject: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The texts of an answer by column, and which columns are wrong and why."""
    found: dict[str, str] = {}
    wrong: list[tuple[str, str]] = []
    for column in (*_TEXTS, "gap"):
        value = said.get(column)
        try:
            found[column] = fields.clean(str(value) if isinstance(value, (bool, int)) else value) or ""
        except fields.WrongValue as error:
            found[column] = ""
            wrong.append((column, str(error)))
    found["vendor"] = found["vendor"] or subject
    found["gap"] = found["gap"].casefold()
    bad = {column for column, _ in wrong}
    wrong += [(column, "is required") for column in ("id", "question") if not found[column] and column not in bad]
    if found["gap"] not in _GAPS and "gap" not in bad:
        what = f"{found['gap'][:60]!r} is none of" if found["gap"] else "is required:"
        wrong.append(("gap", f"{what} yes, partial, no, n/a"))
    return found, wrong


def _draft(given: Mapping[str, Any], said: Mapping[str, str]) -> ItemDraft | list[tuple[str, str]]:
    named = {name: given.get(name) for name in ("owner", "due_date", "controls", "risks")}
    word = given.get("severity")
    rated = parts.rated(word.strip()) if isinstance(word, str) else None
    draft = fields.draft(
        {**named, "title": _title(said), "description": _description(said), "priority": rated or word}
        | {"source": "assessment"},
        parts.fingerprint("assessment", said["assessment"], said["vendor"], said["id"]),
    )
    if isinstance(draft, list):
        return [(_SAME.get(column, column), what) for column, what in draft]
    origin = {name: said[name] for name in _ORIGIN if said[name]}
    return replace(draft, source_ref=said["id"], origin=origin)


def _title(said: Mapping[str, str]) -> str:
    what = " ".join((said["title"] or f"Close the gap: {said['question']}").split())
    what = f"{what[: _TITLE - 1]}…" if len(what) > _TITLE else what
    return f"{what} ({said['vendor']})" if said["vendor"] else what


def _description(said: Mapping[str, str]) -> str:
    answered = f"**Question:** {said['question']}\n\n**Answer:** {said['answer'] or 'none was given'}"
    facts = {"Assessment": said["assessment"], "Vendor": said["vendor"], "Assessor": said["assessor"]}
    lines = [finding_text.fact(label, text) for label, text in facts.items() if text]
    return finding_text.description(finding_text.Said(answered, remediation=said["recommendation"]), lines)


def _day(value: Any) -> datetime | None:
    """The day that is written there, as its beginning (UTC), or the very time; raises `WrongValue`."""
    text = fields.clean(value)
    if text is None:
        return None
    written = parts.written_time(text)
    if written is None:
        raise fields.WrongValue(f"{text[:60]!r} is not a date as in {date(2026, 1, 31)}")
    return parts.utc(written)
