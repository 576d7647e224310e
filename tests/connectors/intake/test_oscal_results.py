import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import SourceFile, source
from state.model import Finding, Priority, SourceKind, TestOutcome

WRITTEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
GAP: dict[str, Any] = {
    "uuid": "11111111-0000-4000-8000-000000000001",
    "title": "Audit logs are not reviewed",
    "description": "Nobody looks at them.",
    "origins": [{"actors": [{"type": "party", "actor-uuid": "p-ada"}]}],
    "target": {"type": "statement-id", "target-id": "au-6_smt.a", "status": {"state": "not-satisfied"}},
    "related-observations": [{"observation-uuid": "o-1"}],
    "related-risks": [{"risk-uuid": "r-1"}],
}
RISK: dict[str, Any] = {
    "uuid": "r-1",
    "title": "Intrusions go unseen",
    "description": "...",
    "statement": "An intruder would stay for long.",
    "status": "open",
    "deadline": "2027-03-31T00:00:00Z",
    "characterizations": [{"facets": [{"name": "likelihood", "value": "low"}, {"name": "severity", "value": "High"}]}],
    "remediations": [
        {
            "title": "Review",
            "description": "Review the logs each week.",
            "tasks": [{"responsible-roles": [{"role-id": "owner", "party-uuids": ["p-mia"]}]}],
        }
    ],
}


def result(*findings: Mapping[str, Any], day: str = "2026-11-02", **other: Any) -> dict[str, Any]:
    seen = {"uuid": "o-1", "title": "Interview", "description": "Who reviews them?", "collected": f"{day}T10:00:00Z"}
    made = {
        "title": day,
        "start": f"{day}T08:00:00Z",
        "end": f"{day}T18:00:00Z",
        "observations": [seen],
        "risks": [RISK],
    }
    return {**made, "findings": list(findings), **other}


def document(*results: Mapping[str, Any]) -> dict[str, Any]:
    parties = [
        {"uuid": "p-ada", "type": "person", "name": "Ada Auditor"},
        {"uuid": "p-mia", "type": "person", "name": "Mia", "email-addresses": ["mia@acme.example"]},
    ]
    lead = [{"role-id": "lead-assessor", "party-uuids": ["p-mia"]}]
    metadata = {"title": "Review", "oscal-version": "1.1.2", "parties": parties, "responsible-parties": lead}
    return {"assessment-results": {"uuid": "d", "metadata": metadata, "results": list(results)}}


def read(value: Any, **options: Any) -> list[Row]:
    text = value if isinstance(value, str) else json.dumps(value)
    return list(source("oscal-ar", {"written": WRITTEN, **options}).read(io.BytesIO(text.encode())))


def one(finding: Mapping[str, Any], **options: Any) -> Finding:
    [row] = read(document(result(finding)), **options)
    assert isinstance(row, Finding), row
    return row


def test_a_gap_has_its_owner_its_due_date_its_control_and_its_risk() -> None:
    found = one(GAP, subject="payments")
    draft = found.draft
    assert draft.title == "Fix: Audit logs are not reviewed (payments)"
    assert (draft.owner, draft.due_date, draft.priority) == ("mia@acme.example", date(2027, 3, 31), Priority.HIGH)
    assert (draft.controls, draft.risks) == (("au-6",), ("r-1",))
    assert (draft.source_kind, draft.source_ref) == (SourceKind.ASSESSMENT, "au-6_smt.a")
    assert draft.origin == {
        "question": "Interview\n\nWho reviews them?",
        "answer": "Nobody looks at them.",
        "assessor": "Ada Auditor",
        "system": "payments",
    }
    for said in ("Nobody looks", "Intrusions go unseen", "would stay for long", "**What to do:** Review the logs"):
        assert said in draft.description
    assert (found.outcome, found.observed_at) == (TestOutcome.FAIL, datetime(2026, 11, 2, 10, tzinfo=UTC))
    assert found.tool == "Ada Auditor"


def test_the_example_of_others_is_read(shared: Path) -> None:
    file = shared / "data/oscal-assessment-results-example.json"
    [row] = SourceFile(file, source("oscal-ar"))
    assert isinstance(row, Finding)
    assert (row.outcome, row.draft.controls, row.tool) == (TestOutcome.FAIL, ("ac-6.1",), "Amy Assessor")
    assert row.draft.risks == ("0cfa750e-3553-47ba-a7ba-cf84a884d261",)


def test_another_document_of_the_same_gap_is_known_again() -> None:
    again = {**GAP, "uuid": "other", "description": "Still nobody."}
    assert one(again).draft.fingerprint == one(GAP).draft.fingerprint
    others = [one(GAP), one({**GAP, "title": "Other"}), one(GAP, subject="payroll")]
    assert len({each.draft.fingerprint for each in others}) == 3


def test_of_several_days_the_latest_counts() -> None:
    closed = {**GAP, "target": {**GAP["target"], "status": {"state": "satisfied"}}}
    rows = read(document(result(closed, day="2026-11-09"), result(GAP)))
    assert [type(row) for row in rows] == [Finding, LeftOut]
    assert isinstance(rows[0], Finding)
    assert rows[0].outcome is TestOutcome.PASS


def test_older_documents_and_lesser_ones_are_read() -> None:
    old = {key: value for key, value in GAP.items() if key not in ("related-risks", "origins")}
    found = one({**old, "associated-risks": [{"risk-uuid": "r-1"}]})
    assert (found.draft.risks, found.tool) == (("r-1",), "Mia")
    bare = {"title": "T", "target": {"target-id": "ac-1_obj.a-1", "status": {"state": "not-satisfied"}}}
    rated = {**bare, "props": [{"name": "severity", "value": "critical"}, {"name": "owner", "value": "o@acme.example"}]}
    [row] = read(document(result(rated, observations=[], risks=[], end=None, start="2026-11-02T08:00:00Z")))
    assert isinstance(row, Finding)
    assert (row.draft.priority, row.draft.owner, row.draft.controls) == (Priority.CRITICAL, "o@acme.example", ("ac-1",))
    assert row.observed_at == datetime(2026, 11, 2, 8, tzinfo=UTC)
    [undated] = read(document(result(bare, observations=[], end=None, start=None)))
    assert isinstance(undated, Finding)
    assert undated.observed_at == WRITTEN


@pytest.mark.parametrize(
    ("target", "control"),
    [
        *(("ac-6.1_obj", "ac-6.1"), ("ac-2_obj.a-1", "ac-2"), ("ac-8_smt.a", "ac-8"), ("ac-1", "ac-1")),
        *(("AC-2(1)_obj", "AC-2(1)"), ("my_control", "my_control")),
    ],
)
def test_the_control_of_a_part(target: str, control: str) -> None:
    said = {**GAP, "target": {**GAP["target"], "target-id": target}}
    assert one(said).draft.controls == (control,)


@pytest.mark.parametrize(
    ("other", "column"),
    [
        ({"title": None}, "title"),
        ({"target": {}}, "target.status"),
        ({"target": {"target-id": "ac-1", "status": {}}}, "target.status.state"),
        ({"target": {"target-id": "ac-1", "status": {"state": "perhaps"}}}, "target.status.state"),
        ({"target": {"status": {"state": "satisfied"}}}, "target.target-id"),
        ({"description": "a\0b"}, ""),
    ],
)
def test_what_a_finding_lacks_is_named(other: dict[str, Any], column: str) -> None:
    rows = read(document(result({**GAP, "title": "Other"}, {**GAP, **other})))
    assert [(row.at, row.column, row.unit) for row in rows if isinstance(row, BadRow)] == [(2, column, "finding")]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "[4]", "<xml/>", '{"catalog": {}}', '{"assessment-results": 4}'),
        '{"assessment-results": {"results": {}}}',
        json.dumps({"assessment-results": {"metadata": {"parties": [{"uuid": "a\0"}]}, "results": []}}),
    ],
)
def test_what_holds_no_results_is_a_bad_row(text: str) -> None:
    assert {type(row) for row in read(text)} <= {BadRow}


def test_wrong_types_raise_nothing() -> None:
    odd = {"results": [4, {"findings": 4}, {"findings": [4, {"origins": [4], "related-risks": [4], "target": 4}]}]}
    assert [type(row) for row in read({"assessment-results": {**odd, "metadata": []}})] == [BadRow, BadRow]
