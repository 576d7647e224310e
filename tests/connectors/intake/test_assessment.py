import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import source
from state.model import Finding, Priority, SourceKind, TestOutcome

WRITTEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
CSV = """id,question,answer,gap,assessor,vendor,severity,owner,due_date,controls,risks,date,recommendation
Q1,Is data at rest encrypted?,Only backups are.,yes,Ada Auditor,Acme Hosting,high,mia@acme.example,2027-01-31,\
CC6.1;A.8.24,R-0001,2026-11-02,Encrypt the volumes.
Q2,Are leavers removed?,Within a day.,no,Ada Auditor,Acme Hosting,,,,CC6.2,,2026-11-02,
Q3,Do you print cards?,,n/a,Ada Auditor,Acme Hosting,,,,,,,
"""
ANSWER: dict[str, Any] = {"id": "Q1", "question": "Is there a plan?", "answer": "No.", "gap": True}


def read(value: Any, **options: Any) -> list[Row]:
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    given = {"written": WRITTEN, **options}
    return list(source("assessment", given).read(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def one(**said: Any) -> Finding:
    [row] = read([{**ANSWER, **said}])
    assert isinstance(row, Finding), row
    return row


def test_answers_as_csv() -> None:
    gap, fine, other = read(CSV)
    assert isinstance(gap, Finding)
    assert isinstance(fine, Finding)
    assert isinstance(other, LeftOut)
    draft = gap.draft
    assert draft.title == "Close the gap: Is data at rest encrypted? (Acme Hosting)"
    assert (draft.owner, draft.due_date, draft.priority) == ("mia@acme.example", date(2027, 1, 31), Priority.HIGH)
    assert (draft.controls, draft.risks) == (("CC6.1", "A.8.24"), ("R-0001",))
    assert (draft.source_kind, draft.source_ref) == (SourceKind.ASSESSMENT, "Q1")
    assert draft.origin == {
        "question": "Is data at rest encrypted?",
        "answer": "Only backups are.",
        "assessor": "Ada Auditor",
        "vendor": "Acme Hosting",
    }
    assert "**Answer:** Only backups are." in draft.description
    assert "**What to do:** Encrypt the volumes." in draft.description
    assert (gap.outcome, gap.observed_at, gap.tool) == (
        TestOutcome.FAIL,
        datetime(2026, 11, 2, tzinfo=UTC),
        "Ada Auditor",
    )
    assert fine.outcome is TestOutcome.PASS


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ANSWER]),
        json.dumps({"answers": [ANSWER]}, indent=1),
        "\n" + json.dumps(ANSWER) + "\n",
        "\ufeff" + json.dumps([ANSWER]),
        "id,question,answer,gap\r\nQ1,Is there a plan?,No.,Yes\r\n",
        "\ufeffGap,Question,Id,Answer\nyes,Is there a plan?,Q1,No.\n",
    ],
)
def test_answers_in_several_wrappings(text: str) -> None:
    [row] = read(text)
    assert isinstance(row, Finding)
    assert row == one()


@pytest.mark.parametrize(
    ("gap", "comes_to"),
    [
        *((word, TestOutcome.FAIL) for word in ("yes", "Y", True, "partial", 1)),
        *((word, TestOutcome.PASS) for word in ("no", "No ", False, "false", 0)),
    ],
)
def test_what_a_gap_may_be(gap: Any, comes_to: TestOutcome) -> None:
    assert one(gap=gap).outcome is comes_to


def test_an_answer_is_known_again_by_its_assessment_its_vendor_and_its_id() -> None:
    same = one(answer="Still no.", assessor="Bo", date="2026-11-21")
    assert same.draft.fingerprint == one().draft.fingerprint
    others = [one(), one(id="Q2"), one(vendor="Acme"), one(assessment="SOC 2 readiness")]
    assert len({each.draft.fingerprint for each in others}) == 4
    [of_vendor] = read([ANSWER], subject="Acme")
    assert isinstance(of_vendor, Finding)
    assert of_vendor.draft.fingerprint == others[2].draft.fingerprint


def test_dates_severities_and_titles() -> None:
    assert one(date="2026-11-02T10:00:00+02:00").observed_at == datetime(2026, 11, 2, 8, tzinfo=UTC)
    assert one().observed_at == WRITTEN
    assert [one(severity=word).draft.priority for word in ("Informational", "MAJOR", "", None)] == [
        *(Priority.LOW, Priority.HIGH, None, None)
    ]
    assert one(title="Write the plan", vendor="Acme").draft.title == "Write the plan (Acme)"
    assert len(one(question="why " * 100).draft.title) <= 120
    assert one(id=7).draft.source_ref == "7"


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ({"id": ""}, "id"),
        ({"id": ["x"]}, "id"),
        ({"question": None}, "question"),
        ({"gap": "maybe"}, "gap"),
        ({"gap": None}, "gap"),
        ({"severity": "dreadful"}, "severity"),
        ({"severity": 4}, "severity"),
        ({"owner": "Mia"}, "owner"),
        ({"due_date": "soon"}, "due_date"),
        ({"date": "yesterday"}, "date"),
        ({"answer": "a\0b"}, "answer"),
        ({"question": "A" * 10_000_000}, "question"),
        ({"colour": "red"}, ""),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(said: dict[str, Any], column: str) -> None:
    rows = read([{**ANSWER, "id": "Q0"}, {**ANSWER, **said}])
    assert [(row.at, row.column, row.unit) for row in rows if isinstance(row, BadRow)] == [(2, column, "element")]


def test_an_id_that_is_there_twice_is_refused_unless_it_is_another_vendor_s() -> None:
    rows = read([ANSWER, {**ANSWER, "vendor": "Acme"}, ANSWER])
    assert [type(row) for row in rows] == [Finding, Finding, BadRow]
    assert "already in element 1" in str(rows[2])


@pytest.mark.parametrize(
    "text", ["", "\n\n", "id,question,when\n", "[4]", "{", '["a"]', b"\xff\xfei\0d\0", "id,gap\n1,yes\n"]
)
def test_what_holds_no_answers_is_a_bad_row(text: Any) -> None:
    assert [type(row) for row in read(text)] == [BadRow]
