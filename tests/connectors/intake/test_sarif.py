import io
import json
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import source
from state.model import Finding, Priority, SourceKind, TestOutcome

WRITTEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
# As CodeQL writes it: rules apart from results, tags with weaknesses, a score, a hash of the line.
CODEQL: dict[str, Any] = {
    "tool": {
        "driver": {
            "name": "CodeQL",
            "semanticVersion": "2.19.0",
            "rules": [
                {
                    "id": "js/reflected-xss",
                    "name": "js/reflected-xss",
                    "shortDescription": {"text": "Reflected cross-site scripting"},
                    "fullDescription": {"text": "Writing user input directly to a page is dangerous."},
                    "defaultConfiguration": {"level": "error"},
                    "helpUri": "https://codeql.example/xss",
                    "properties": {
                        "tags": ["security", "external/cwe/cwe-079", "NIST-800-53:SI-10", "control:CC7.1"],
                        "security-severity": "6.1",
                    },
                }
            ],
        },
        "extensions": [{"name": "packs", "rules": [{"id": "js/other", "shortDescription": {"text": "Other"}}]}],
    },
    "automationDetails": {"id": "/language:javascript/2026-11-20"},
    "versionControlProvenance": [{"repositoryUri": "https://git.example/acme/web", "revisionId": "abc"}],
    "results": [
        {
            "ruleId": "js/reflected-xss",
            "ruleIndex": 0,
            "message": {"text": "Cross-site scripting vulnerability due to a [user-provided value](1)."},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "src/app%20one.js", "uriBaseId": "%SRCROOT%", "index": 0},
                        "region": {"startLine": 12, "startColumn": 3},
                    }
                }
            ],
            "partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1", "primaryLocationStartColumn": "4"},
        }
    ],
}
# As Trivy writes it for configurations.
TRIVY: dict[str, Any] = {
    "tool": {
        "driver": {
            "name": "Trivy",
            "version": "0.57.0",
            "rules": [
                {
                    "id": "DS002",
                    "name": "Misconfiguration",
                    "shortDescription": {"text": "Image user should not be 'root'"},
                    "help": {"text": "Add a USER statement."},
                    "properties": {"security-severity": "8.0", "tags": ["misconfiguration", "security", "HIGH"]},
                }
            ],
        }
    },
    "results": [
        {
            "ruleId": "DS002",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "Artifact: Dockerfile\nType: dockerfile\nVulnerability DS002"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "Dockerfile"}, "region": {"startLine": 1}}}
            ],
        }
    ],
}


def log(*runs: Mapping[str, Any], **more: Any) -> str:
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": list(runs), **more})


def read(text: str | bytes, **options: Any) -> list[Row]:
    given = {"written": WRITTEN, **options}
    return list(source("sarif", given).read(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def found(*runs: Mapping[str, Any], **options: Any) -> list[Finding]:
    rows = read(log(*runs), **options)
    for row in rows:
        assert isinstance(row, Finding), row
    return [row for row in rows if isinstance(row, Finding)]


def with_result(run: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    [result] = run["results"]
    return {**run, "results": [{key: value for key, value in {**result, **other}.items() if value is not ...}]}


def test_a_result_is_something_to_do() -> None:
    [xss] = found(CODEQL)
    draft = xss.draft
    assert draft.title == "Fix: Reflected cross-site scripting (src/app one.js)"
    assert (xss.outcome, xss.tool, xss.observed_at) == (TestOutcome.FAIL, "CodeQL", WRITTEN)
    assert (draft.priority, draft.source_ref) == (Priority.MEDIUM, "js/reflected-xss")
    assert draft.source_kind is SourceKind.AUTOMATED_TEST
    assert draft.controls == ("CC7.1", "NIST-800-53:SI-10", "cwe:cwe-079")
    assert draft.origin == {"place": "src/app one.js:12", "tool": "CodeQL 2.19.0"}
    for said in ("due to a user-provided value.", "directly to a page", "<https://codeql.example/xss>", "acme/web"):
        assert said in draft.description
    [user] = found(TRIVY, subject="acme/api")
    assert user.draft.title == "Ensure that Image user should not be 'root' (Dockerfile)"
    assert user.draft.priority is Priority.HIGH
    assert "Add a USER statement." in user.draft.description
    assert "acme/api" in user.draft.description


def test_the_same_finding_elsewhere_in_its_file_reads_the_same() -> None:
    region = {"startLine": 400, "startColumn": 1}
    for run in (CODEQL, TRIVY):
        [result] = run["results"]
        [location] = result["locations"]
        moved = {"physicalLocation": {**location["physicalLocation"], "region": region}}
        [was], [now] = found(run), found(with_result(run, locations=[moved]))
        assert (now.draft.fingerprint, now.draft.title, now.draft.description) == (
            was.draft.fingerprint,
            was.draft.title,
            was.draft.description,
        )


def test_what_tells_results_apart() -> None:
    named = {"partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:2"}}
    elsewhere = [{"physicalLocation": {"artifactLocation": {"uri": "src/b.js"}}}]
    another_category = {**CODEQL, "automationDetails": {"id": "/language:python/2026-11-20"}}
    another_repository = {**CODEQL, "versionControlProvenance": [{"repositoryUri": "https://git.example/acme/api"}]}
    runs = [
        *(CODEQL, with_result(CODEQL, **named), with_result(CODEQL, locations=elsewhere), another_category),
        *(another_repository, TRIVY, with_result(TRIVY, message={"text": "Other"})),
        with_result(CODEQL, fingerprints={"id/v1": "aa"}),
        with_result(CODEQL, fingerprints={"id/v1": "ab"}),
    ]
    prints = [finding.draft.fingerprint for run in runs for finding in found(run)]
    assert len(set(prints)) == len(runs)
    assert found(TRIVY, subject="a")[0].draft.fingerprint != found(TRIVY, subject="b")[0].draft.fingerprint
    another_day = {**CODEQL, "automationDetails": {"id": "/language:javascript/2026-12-01"}}
    newer = {**CODEQL, "tool": {**CODEQL["tool"], "driver": {**CODEQL["tool"]["driver"], "semanticVersion": "3"}}}
    assert found(another_day)[0].draft.fingerprint == found(newer)[0].draft.fingerprint == prints[0]


def test_a_fingerprint_that_a_tool_withholds_makes_no_two_findings_one() -> None:
    withheld = {"fingerprints": {"matchBasedId/v1": "requires login"}}
    one, other = with_result(TRIVY, **withheld), with_result(TRIVY, message={"text": "Other"}, **withheld)
    assert len({each.draft.fingerprint for each in found(one, other)}) == 2


def test_findings_that_nothing_tells_apart_are_as_many_as_there_are() -> None:
    [result] = TRIVY["results"]
    prints = [each.draft.fingerprint for each in found({**TRIVY, "results": [result] * 3})]
    assert len(set(prints)) == 3
    assert [each.draft.fingerprint for each in found({**TRIVY, "results": [result] * 2})] == prints[:2]


@pytest.mark.parametrize(
    ("said", "comes_to"),
    [
        ({}, TestOutcome.FAIL),
        ({"kind": "fail"}, TestOutcome.FAIL),
        ({"kind": "pass", "level": "none"}, TestOutcome.PASS),
        ({"baselineState": "absent"}, TestOutcome.PASS),
        ({"baselineState": "unchanged"}, TestOutcome.FAIL),
        ({"kind": "review"}, TestOutcome.MANUAL),
        ({"kind": "open"}, TestOutcome.MANUAL),
        ({"kind": "notApplicable"}, "notapplicable"),
        ({"kind": "informational"}, "informational"),
        ({"suppressions": [{"kind": "inSource"}]}, "suppressed"),
        ({"suppressions": [{"kind": "external", "status": "accepted"}]}, "suppressed"),
        ({"suppressions": [{"kind": "external", "status": "rejected"}]}, TestOutcome.FAIL),
        ({"suppressions": []}, TestOutcome.FAIL),
    ],
)
def test_what_a_result_may_be(said: dict[str, Any], comes_to: TestOutcome | str) -> None:
    [row] = read(log(with_result(CODEQL, **said)))
    if isinstance(row, LeftOut):
        assert str(comes_to) in row.why
    else:
        assert isinstance(row, Finding)
        assert row.outcome is comes_to


def rated(level: Any = ..., score: Any = ..., default: Any = ..., severity: Any = ...) -> Priority | None:
    properties = {"security-severity": score, "severity": severity}
    rule = {
        "id": "R",
        "defaultConfiguration": {"level": default},
        "properties": {key: value for key, value in properties.items() if value is not ...},
    }
    if default is ...:
        del rule["defaultConfiguration"]
    run = {"tool": {"driver": {"name": "T", "rules": [rule]}}, "results": [{"ruleId": "R", "level": level}]}
    [finding] = found(with_result(run))
    return finding.draft.priority


def test_scores_and_levels_are_priorities() -> None:
    assert rated(score="9.0") is Priority.CRITICAL
    assert rated(score=7) is Priority.HIGH
    assert rated(score="4.0", level="error") is Priority.MEDIUM
    assert rated(score="0.0", level="error") is Priority.LOW
    assert rated(score="much", level="error") is Priority.HIGH
    assert rated(score=10**400, level="error") is Priority.HIGH
    assert rated(severity="CRITICAL", level="warning") is Priority.CRITICAL
    assert [rated(level=level) for level in ("error", "warning", "note", "none")] == [
        *(Priority.HIGH, Priority.MEDIUM, Priority.LOW, Priority.LOW)
    ]
    assert rated(default="error") is Priority.HIGH
    assert rated() is Priority.MEDIUM


def test_rules_are_found_wherever_they_stand() -> None:
    in_extension = with_result(CODEQL, ruleId=..., ruleIndex=..., rule={"index": 0, "toolComponent": {"index": 0}})
    assert found(in_extension)[0].draft.source_ref == "js/other"
    under_it = with_result(CODEQL, ruleId="js/reflected-xss/stored", ruleIndex=...)
    assert "cross-site" in found(under_it)[0].draft.title
    by_index = with_result(CODEQL, ruleId=...)
    assert found(by_index)[0].draft.source_ref == "js/reflected-xss"
    unknown = with_result(CODEQL, ruleId="own/rule", ruleIndex=...)
    assert found(unknown)[0].draft.title.startswith("Fix: Cross-site scripting vulnerability")
    [bad] = read(log(with_result(CODEQL, ruleId=..., ruleIndex=7)))
    assert isinstance(bad, BadRow)
    assert bad.column == "ruleId"


def test_messages_are_put_together() -> None:
    rule = {"id": "R", "messageStrings": {"default": {"text": "Port {0} of {1} is open."}}}
    message = {"id": "default", "arguments": ["22", "web"]}
    run = {"tool": {"driver": {"name": "T", "rules": [rule]}}, "results": [{"ruleId": "R", "message": message}]}
    assert found(run)[0].draft.title == "Fix: Port 22 of web is open"


@pytest.mark.parametrize("piece", ["[", "[a](", "](1", "[a](1"])
def test_a_message_of_any_length_is_read(piece: str) -> None:
    text = f"see [the rule](1) {piece * (300_000 // len(piece))}"
    [finding] = found({"tool": {"driver": {"name": "T"}}, "results": [{"ruleId": "R", "message": {"text": text}}]})
    assert finding.draft.title.startswith("Fix: see the rule ")


def test_controls_stand_in_properties_too() -> None:
    said = {"requirement": "CC6.1; CC6.2", "compliance": {"ISO27001": ["A.5.1"], "SOC2": "CC1"}, "tags": ["a:b:c", 5]}
    [finding] = found(with_result(TRIVY, properties=said, taxa=[{"id": "12", "toolComponent": {"name": "OWASP"}}]))
    assert finding.draft.controls == ("CC6.1", "CC6.2", "ISO27001:A.5.1", "OWASP:12", "SOC2:CC1")
    [finding] = found(with_result(TRIVY, properties=said), frameworks=("soc2",))
    assert finding.draft.controls == ("CC6.1", "CC6.2", "SOC2:CC1")


def test_a_run_dates_its_results() -> None:
    run = {**TRIVY, "invocations": [{"startTimeUtc": "2026-11-01T10:00:00Z", "endTimeUtc": "2026-11-01T10:05:00Z"}]}
    assert found(run)[0].observed_at == datetime(2026, 11, 1, 10, 5, tzinfo=UTC)
    [bad] = read(log(TRIVY), written=None)
    assert isinstance(bad, BadRow)
    assert bad.column == "invocations"


def test_each_result_belongs_to_its_run_whatever_the_order_of_keys() -> None:
    runs = [
        {"tool": {"driver": {"name": "Empty"}}, "results": []},
        CODEQL,
        {"tool": {"driver": {"name": "None"}}},
        TRIVY,
    ]
    for sort in (False, True):
        rows = read(json.dumps({"version": "2.1.0", "runs": runs}, sort_keys=sort, indent=1))
        assert [row.tool for row in rows if isinstance(row, Finding)] == ["CodeQL", "Trivy"]


def test_a_bad_result_is_named_by_its_number_and_the_others_are_read() -> None:
    [result] = TRIVY["results"]
    mixed = {**TRIVY, "results": [result, 4, {**result, "kind": "odd"}, {**result, "message": {"text": "a\0"}}, result]}
    rows = read(log(CODEQL, mixed))
    assert [(row.at, row.column, row.unit) for row in rows if isinstance(row, BadRow)] == [
        *((3, "", "result"), (4, "kind", "result"), (5, "", "result"))
    ]
    assert sum(isinstance(row, Finding) for row in rows) == 3


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "[]", "{}", "<xml/>", '{"runs": []}', '{"runs": {}}', '{"runs": [4]}', '{"runs": [{"results": [{'),
        '{"runs": null}',
    ],
)
def test_what_is_no_log_is_a_bad_row(text: str) -> None:
    assert [type(row) for row in read(text)] == [BadRow]


@pytest.mark.parametrize("tool", [None, 4, [], {"driver": 5}, {"driver": {"rules": [4]}}, {"extensions": {}}])
def test_wrong_types_raise_nothing(tool: Any) -> None:
    odd = {"ruleId": "R", "locations": 4, "message": "x", "properties": [], "partialFingerprints": [], "taxa": {}}
    odder = {"ruleId": "R", "locations": [4], "message": {"text": 5}, "rule": 5, "ruleIndex": "a", "suppressions": 3}
    run = {"tool": tool, "invocations": {}, "automationDetails": [], "artifacts": 4, "results": [odd, odder]}
    assert [type(row) for row in read(log(run))] == [Finding, Finding]


def test_a_run_that_cannot_be_described_costs_its_results_only() -> None:
    bad = {**TRIVY, "tool": {"driver": {"name": "T\0"}}}
    assert [type(row) for row in read(log(bad, CODEQL))] == [BadRow, BadRow, Finding]


def test_hostile_logs_are_refused() -> None:
    [huge] = read(log(with_result(TRIVY, message={"text": "A" * 10_000_000})))
    assert isinstance(huge, BadRow)
    assert "10 MB" in huge.what
    [deep] = read(b'{"runs":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert isinstance(deep, BadRow)
    assert "nests" in deep.what
    [long] = read(b'{"runs":' + b"9" * 5_000 + b"}")
    assert isinstance(long, BadRow)
    assert "thousands of digits" in long.what
    assert [type(row) for row in read(b"\xef\xbb\xbf" + log(TRIVY).encode())] == [Finding]


def test_memory_does_not_grow_with_the_file() -> None:
    [result] = TRIVY["results"]
    filler = {**result, "codeFlows": [{"text": "x" * 2000}]}
    peaks = []
    for count in (100, 1000):
        data = io.BytesIO(log({**TRIVY, "results": [filler] * count}).encode())
        tracemalloc.start()
        assert sum(1 for _ in source("sarif", {"written": WRITTEN}).read(data)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000
