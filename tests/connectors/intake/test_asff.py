import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.registry import source
from state.model import Finding, Priority, SourceKind, TestOutcome

HUB = "arn:aws:securityhub:eu-west-1"
BUCKET: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": f"{HUB}:111122223333:security-control/S3.8/finding/0a1b2c3d-1111-2222-3333-444455556666",
    "ProductArn": f"{HUB}::product/aws/securityhub",
    "ProductName": "Security Hub",
    "CompanyName": "AWS",
    "Region": "eu-west-1",
    "GeneratorId": "security-control/S3.8",
    "AwsAccountId": "111122223333",
    "AwsAccountName": "acme-prod",
    "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
    "FirstObservedAt": "2026-10-01T10:00:00.000Z",
    "LastObservedAt": "2026-11-19T10:00:00.000Z",
    "CreatedAt": "2026-10-01T10:00:00.000Z",
    "UpdatedAt": "2026-11-20T08:30:00.123Z",
    "Severity": {"Label": "HIGH", "Normalized": 70, "Original": "HIGH"},
    "Title": "S3.8 S3 general purpose buckets should block public access",
    "Description": "This control checks whether a bucket blocks public access at the bucket level.",
    "Remediation": {
        "Recommendation": {
            "Text": "For information on how to correct this issue, consult the documentation.",
            "Url": "https://docs.aws.amazon.com/console/securityhub/S3.8/remediation",
        }
    },
    "ProductFields": {"RelatedAWSResources:0/type": "AWS::Config::ConfigRule"},
    "Resources": [
        {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-logs", "Partition": "aws", "Region": "eu-west-1"},
        {"Type": "AwsAccount", "Id": "AWS::::Account:111122223333", "Partition": "aws", "Region": "eu-west-1"},
    ],
    "Compliance": {
        "Status": "FAILED",
        "RelatedRequirements": ["NIST.800-53.r5 AC-3", "PCI DSS v3.2.1/1.2.1", "NIST.800-53.r5 AC-4(21)"],
        "SecurityControlId": "S3.8",
        "AssociatedStandards": [
            {"StandardsId": "standards/aws-foundational-security-best-practices/v/1.0.0"},
            {"StandardsId": "ruleset/cis-aws-foundations-benchmark/v/1.2.0"},
        ],
    },
    "WorkflowState": "NEW",
    "Workflow": {"Status": "NEW"},
    "RecordState": "ACTIVE",
}
THREAT: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": f"{HUB}:guardduty/detector/d1/finding/f1",
    "ProductArn": f"{HUB}::product/aws/guardduty",
    "GeneratorId": "arn:aws:guardduty:eu-west-1:111122223333:detector/d1",
    "AwsAccountId": "111122223333",
    "Types": ["TTPs/UnauthorizedAccess:EC2-SSHBruteForce"],
    "CreatedAt": "2026-11-01T00:00:00Z",
    "UpdatedAt": "2026-11-02T00:00:00Z",
    "Severity": {"Product": 8, "Normalized": 60},
    "Title": "198.51.100.7 is performing SSH brute force attacks against i-0123.",
    "Description": "It may be after your credentials.",
    "Resources": [{"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123"}],
    "RecordState": "ACTIVE",
}
# As Prowler writes it: several codes behind one framework, and no id that a control has everywhere.
SCANNED: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": "prowler-iam_no_root_access_key-111122223333-us-east-1-2b8c1f6f1",
    "ProductArn": "arn:aws:securityhub:us-east-1::product/prowler/prowler",
    "ProductFields": {"ProviderName": "Prowler", "ProviderVersion": "4.3"},
    "GeneratorId": "prowler-iam_no_root_access_key",
    "AwsAccountId": "111122223333",
    "Types": ["Software and Configuration Checks"],
    "FirstObservedAt": "2026-11-20T09:00:00Z",
    "UpdatedAt": "2026-11-20T09:00:00Z",
    "CreatedAt": "2026-11-20T09:00:00Z",
    "Severity": {"Label": "CRITICAL"},
    "Title": "Ensure no root account access key exists",
    "Description": "Root account has one active access key.",
    "Resources": [{"Type": "AwsIamAccessKey", "Id": "arn:aws:iam::111122223333:root", "Region": "us-east-1"}],
    "Compliance": {
        "Status": "FAILED",
        "RelatedRequirements": ["CIS-1.4 1.4 1.5", "ISO27001-2022 A.5.15"],
        "AssociatedStandards": [{"StandardsId": "CIS-1.4"}],
    },
}


def read(value: Any, **options: Any) -> list[Row]:
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    return list(source("asff", options).read(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def changed(finding: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    return {key: value for key, value in {**finding, **other}.items() if value is not ...}


def one(value: Any, **options: Any) -> Finding:
    [row] = read([value], **options)
    assert isinstance(row, Finding), row
    return row


def test_a_failed_control_of_security_hub_is_something_to_do() -> None:
    found = one(BUCKET)
    draft = found.draft
    assert draft.title == "Ensure that S3 general purpose buckets should block public access (acme-logs, eu-west-1)"
    assert (found.outcome, draft.priority, draft.source_ref) == (TestOutcome.FAIL, Priority.HIGH, "S3.8")
    assert (draft.source_kind, found.tool) == (SourceKind.AUTOMATED_TEST, "Security Hub")
    assert found.observed_at == datetime(2026, 11, 20, 8, 30, 0, 123000, tzinfo=UTC)
    assert draft.controls == (
        "NIST.800-53.r5:AC-3",
        "NIST.800-53.r5:AC-4(21)",
        "PCI DSS v3.2.1:1.2.1",
        "aws-foundational-security-best-practices-1.0.0:S3.8",
        "cis-aws-foundations-benchmark-1.2.0:S3.8",
    )
    for said in ("arn:aws:s3:::acme-logs", "AWS::::Account", "111122223333", "acme-prod", "<https://docs.aws.amazon"):
        assert said in draft.description


def test_only_wanted_frameworks_count() -> None:
    assert one(BUCKET, frameworks=["nist.800-53.r5"]).draft.controls == (
        "NIST.800-53.r5:AC-3",
        "NIST.800-53.r5:AC-4(21)",
    )


def test_a_finding_of_another_product_is_read_too() -> None:
    draft = one(SCANNED).draft
    assert draft.title == "Ensure no root account access key exists (root, us-east-1)"
    assert draft.controls == ("CIS-1.4:1.4", "CIS-1.4:1.5", "ISO27001-2022:A.5.15")
    threat = one(THREAT)
    assert (threat.outcome, threat.draft.priority, threat.draft.controls) == (TestOutcome.FAIL, Priority.MEDIUM, None)
    assert threat.tool.endswith("product/aws/guardduty")


def test_it_is_known_again_by_its_product_and_its_id() -> None:
    again = changed(BUCKET, UpdatedAt="2026-11-25T00:00:00Z", Title="Other", Severity={"Label": "LOW"})
    assert one(again).draft.fingerprint == one(BUCKET).draft.fingerprint
    others = [one(changed(BUCKET, Id="x")), one(changed(BUCKET, ProductArn="y")), one(SCANNED)]
    assert len({each.draft.fingerprint for each in [one(BUCKET), *others]}) == 4


def test_the_same_finding_of_another_day_reads_the_same() -> None:
    later = changed(BUCKET, UpdatedAt="2026-11-25T00:00:00Z", LastObservedAt="2026-11-24T00:00:00Z")
    assert one(later).draft == one(BUCKET).draft


@pytest.mark.parametrize(
    ("status", "workflow", "record", "comes_to"),
    [
        ("PASSED", "RESOLVED", "ACTIVE", TestOutcome.PASS),
        ("PASSED", "NEW", "ACTIVE", TestOutcome.PASS),
        ("FAILED", "NOTIFIED", "ACTIVE", TestOutcome.FAIL),
        ("WARNING", "NEW", "ACTIVE", TestOutcome.MANUAL),
        ("failed", "new", "active", TestOutcome.FAIL),
        ("FAILED", "SUPPRESSED", "ACTIVE", "suppressed"),
        ("PASSED", "SUPPRESSED", "ACTIVE", "suppressed"),
        ("FAILED", "RESOLVED", "ACTIVE", "resolved"),
        ("FAILED", "NEW", "ARCHIVED", "archived"),
        ("PASSED", "RESOLVED", "ARCHIVED", "archived"),
        ("NOT_AVAILABLE", "NEW", "ACTIVE", "could not be made"),
    ],
)
def test_what_security_hub_says_of_a_finding(
    status: str, workflow: str, record: str, comes_to: TestOutcome | str
) -> None:
    said = changed(BUCKET, Workflow={"Status": workflow}, RecordState=record)
    said["Compliance"] = {**BUCKET["Compliance"], "Status": status}
    [row] = read([said])
    if isinstance(row, LeftOut):
        assert str(comes_to) in row.why
    else:
        assert isinstance(row, Finding)
        assert row.outcome is comes_to


@pytest.mark.parametrize(
    ("severity", "priority"),
    [
        ({"Label": "INFORMATIONAL"}, Priority.LOW),
        ({"Label": "CRITICAL", "Normalized": 1}, Priority.CRITICAL),
        ({"Normalized": 90}, Priority.CRITICAL),
        ({"Normalized": 89}, Priority.HIGH),
        ({"Normalized": 40}, Priority.MEDIUM),
        ({"Normalized": 0}, Priority.LOW),
        ({"Label": "?"}, Priority.MEDIUM),
        (..., Priority.MEDIUM),
    ],
)
def test_severities_are_priorities(severity: Any, priority: Priority) -> None:
    assert one(changed(BUCKET, Severity=severity)).draft.priority is priority


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Findings": [BUCKET, SCANNED]}),
        json.dumps({"Findings": [BUCKET, SCANNED], "NextToken": "abc"}, indent=2),
        json.dumps([BUCKET, SCANNED]),
        "\ufeff" + json.dumps([BUCKET, SCANNED]),
        f"{json.dumps(BUCKET)}\n\n{json.dumps(SCANNED)}\n",
        json.dumps({"source": "aws.securityhub", "detail": {"findings": [BUCKET, SCANNED]}}),
        "\n".join(json.dumps({"id": "1", "detail": {"findings": [each]}}) for each in (BUCKET, SCANNED)),
    ],
    ids=["findings", "pretty", "list", "bom", "lines", "event", "events"],
)
def test_findings_come_in_several_wrappings(text: str) -> None:
    drafts = [row.draft for row in read(text) if isinstance(row, Finding)]
    assert drafts == [one(BUCKET).draft, one(SCANNED).draft]


@pytest.mark.parametrize(
    ("other", "column"),
    [
        ({"Id": ...}, "Id"),
        ({"ProductArn": 4}, "ProductArn"),
        ({"Title": ""}, "Title"),
        ({"AwsAccountId": ...}, "AwsAccountId"),
        ({"Resources": ...}, "Resources"),
        ({"Resources": [{}]}, "Resources[0].Id"),
        ({"Resources": ["x"]}, "Resources"),
        ({"Compliance": {"Status": "SOMETIMES"}}, "Compliance.Status"),
        ({"UpdatedAt": "yesterday", "LastObservedAt": ..., "CreatedAt": ...}, "UpdatedAt"),
    ],
)
def test_what_a_finding_lacks_is_named(other: dict[str, Any], column: str) -> None:
    rows = read([BUCKET, changed(BUCKET, **other)])
    bad = rows[1]
    assert isinstance(bad, BadRow)
    assert (bad.at, bad.column, bad.unit) == (2, column, "element")


@pytest.mark.parametrize("value", ["text", 4, None, [], {}, {"Compliance": "FAILED"}])
def test_what_is_no_finding_is_a_bad_row(value: Any) -> None:
    assert [type(row) for row in read([value])] == [BadRow]


@pytest.mark.parametrize("text", ["", "   ", "<xml/>", "[", '{"Findings": [', "nonsense"])
def test_what_is_no_json_is_a_bad_row(text: str) -> None:
    assert [type(row) for row in read(text)] == [BadRow]


def test_hostile_texts_are_refused_or_harmless() -> None:
    [bad] = read([changed(BUCKET, Title="A" * 10_000_000)])
    assert isinstance(bad, BadRow)
    assert "10 MB" in bad.what
    [bad] = read([changed(BUCKET, Description="a\0b")])
    assert isinstance(bad, BadRow)
    draft = one(changed(BUCKET, Title="Use `rm`\n# Heading", Description="@everyone")).draft
    assert "\n" not in draft.title
    odd = changed(BUCKET, Compliance={"Status": "FAILED", "RelatedRequirements": [3, None, ["x"], "", "CC6.1"]})
    assert one(odd).draft.controls == ("CC6.1",)
