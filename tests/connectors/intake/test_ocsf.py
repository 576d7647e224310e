import copy
import io
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import BadRow, LeftOut, Row
from connectors.intake.ocsf import Ocsf
from connectors.intake.registry import SourceFile, source
from state.model import Finding, Priority, SourceKind, TestOutcome

FINDING: dict[str, Any] = {
    "metadata": {"event_code": "bucket_public", "product": {"name": "Prowler", "version": "5.4.0"}},
    "severity": "High",
    "severity_id": 4,
    "status": "New",
    "status_id": 1,
    "status_code": "FAIL",
    "status_detail": "Bucket logs is public.",
    "risk_details": "Anyone can read it.",
    "remediation": {"desc": "Block public access.", "references": ["aws s3 block", "https://docs.example/s3"]},
    "finding_info": {"title": "Check if buckets block public access."},
    "unmapped": {"compliance": {"CIS-3.0": ["2.1.4"], "ENS-RD2022": ["op.acc.1", "op.acc.2"], "SOC2": []}},
    "resources": [{"uid": "arn:aws:s3:::logs", "name": "logs", "type": "AwsS3Bucket", "region": "eu-west-1"}],
    "cloud": {"account": {"uid": "123456789012", "name": "acme"}, "region": "eu-west-1", "provider": "aws"},
    "time": 1739539623,
    "time_dt": "2025-02-14T14:27:03.913874",
}


def changed(path: str, value: Any) -> dict[str, Any]:
    finding = copy.deepcopy(FINDING)
    *parents, last = path.split(".")
    place: Any = finding
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return finding


def read(*findings: Any, frameworks: tuple[str, ...] = ()) -> list[Row]:
    return list(Ocsf(frameworks).read(io.BytesIO(json.dumps(findings).encode())))


def one(finding: Any, frameworks: tuple[str, ...] = ()) -> Finding:
    [row] = read(finding, frameworks=frameworks)
    assert isinstance(row, Finding), row
    return row


@pytest.mark.parametrize(("name", "outcomes"), [("aws", "fail manual fail manual manual"), ("azure", "fail " * 5)])
def test_real_files_read_whole(shared: Path, name: str, outcomes: str) -> None:
    rows = list(SourceFile(shared / f"data/prowler-{name}.ocsf.json", source("ocsf", {"frameworks": ["CIS-3.0"]})))
    findings = [row for row in rows if isinstance(row, Finding)]
    assert [row.outcome.value for row in findings] == outcomes.split()
    assert len({row.draft.fingerprint for row in findings}) == len(rows) == 5
    first = findings[0].draft
    assert first.controls == (("CIS-3.0:1.20",) if name == "aws" else ("CIS-3.0:6.3.1",))
    assert first.priority is Priority.LOW
    assert first.title.startswith("Ensure ")


def test_a_finding_says_what_to_do_where_and_why() -> None:
    draft = one(FINDING).draft
    assert draft.title == "Ensure buckets block public access (logs, eu-west-1)"
    assert draft.source_kind is SourceKind.AUTOMATED_TEST
    assert draft.source_ref == "bucket_public"
    said = ("Bucket logs is public.", "Anyone can read it.", "Block public access.", "`aws s3 block`")
    facts = ("<https://docs.example/s3>", "`arn:aws:s3:::logs`", "`123456789012`", "`eu-west-1`", "`bucket_public`")
    assert [text for text in said + facts if text not in draft.description] == []


def test_a_newer_scanner_says_the_same() -> None:
    assert one(changed("metadata.product.version", "6.0.0")).draft == one(FINDING).draft


@pytest.mark.parametrize(
    ("title", "asks"),
    [
        ("Ensure logs are kept.", "Ensure logs are kept"),
        ("Maintain current contact details.", "Maintain current contact details"),
        ("Checks whether  MFA is on", "Ensure MFA is on"),
        ("S3 bucket has encryption enabled", "Ensure that S3 bucket has encryption enabled"),
    ],
)
def test_titles_ask_for_something(title: str, asks: str) -> None:
    assert one(changed("finding_info.title", title)).draft.title == f"{asks} (logs, eu-west-1)"


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        ("metadata.event_code", "other", False),
        ("cloud.account.uid", "999", False),
        ("resources", [{"uid": "arn:aws:s3:::other", "name": "logs"}], False),
        ("finding_info.title", "Other words", True),
        ("status_code", "PASS", True),
        ("time", 1, True),
    ],
)
def test_check_account_and_resource_make_the_fingerprint(path: str, value: Any, same: bool) -> None:
    assert (one(changed(path, value)).draft.fingerprint == one(FINDING).draft.fingerprint) is same


def test_each_resource_of_a_finding_is_a_finding() -> None:
    rows = read(changed("resources", [{"uid": "a"}, {"uid": "b"}]))
    drafts = [row.draft for row in rows if isinstance(row, Finding)]
    assert [draft.title[-14:] for draft in drafts] == ["(a, eu-west-1)", "(b, eu-west-1)"]
    assert len({draft.fingerprint for draft in drafts}) == 2


def test_controls_are_those_of_the_named_frameworks() -> None:
    every = ("CIS-3.0:2.1.4", "ENS-RD2022:op.acc.1", "ENS-RD2022:op.acc.2")
    assert one(FINDING).draft.controls == every
    assert one(FINDING, ("ens-rd2022",)).draft.controls == every[1:]
    assert one(FINDING, ("ISO27001",)).draft.controls is None


@pytest.mark.parametrize(
    ("name", "number", "priority"),
    [
        ("Critical", 5, Priority.CRITICAL),
        ("High", 4, Priority.HIGH),
        ("Medium", 3, Priority.MEDIUM),
        ("Low", 2, Priority.LOW),
        ("Informational", 1, Priority.LOW),
        ("Unknown", 0, Priority.MEDIUM),
        (None, 5, Priority.CRITICAL),
        (None, None, Priority.MEDIUM),
    ],
)
def test_severity_is_the_priority(name: str | None, number: int | None, priority: Priority) -> None:
    assert one(changed("severity", name) | {"severity_id": number}).draft.priority is priority


@pytest.mark.parametrize(
    ("seconds", "written", "observed"),
    [
        (1739539623, "2025-02-14T14:27:03.913874", datetime(2025, 2, 14, 13, 27, 3, tzinfo=UTC)),
        (1739539623500, None, datetime(2025, 2, 14, 13, 27, 3, 500000, tzinfo=UTC)),
        (1739539623, "2025-02-14T14:27:03+02:00", datetime(2025, 2, 14, 12, 27, 3, tzinfo=UTC)),
        (None, "2025-02-14T14:27:03", datetime(2025, 2, 14, 14, 27, 3, tzinfo=UTC)),
        ("2025-02-14T14:27:03Z", None, datetime(2025, 2, 14, 14, 27, 3, tzinfo=UTC)),
    ],
)
def test_the_epoch_goes_before_a_time_without_a_zone(seconds: Any, written: str | None, observed: datetime) -> None:
    assert one(FINDING | {"time": seconds, "time_dt": written}).observed_at == observed


@pytest.mark.parametrize(
    "status", [{"status": "Suppressed"}, {"status_id": 4, "status": None}, {"status_code": "MUTED"}]
)
def test_what_the_scanner_has_settled_is_left_out(status: dict[str, Any]) -> None:
    [row] = read(FINDING | status)
    assert isinstance(row, LeftOut)


def test_a_manual_check_says_that_it_is_one() -> None:
    row = one(changed("status_code", "MANUAL"))
    assert row.outcome is TestOutcome.MANUAL
    assert "cannot decide" in row.draft.description


def test_a_cluster_has_a_namespace_for_an_account() -> None:
    finding = changed("cloud", ...)
    finding["resources"] = [{"uid": "pod-1", "name": "pod", "namespace": "kube-system"}]
    assert "`kube-system`" in one(finding).draft.description
    finding["resources"] = [{"uid": "role-1"}]
    assert isinstance(read(finding)[0], BadRow)
    finding["metadata"]["profiles"] = ["container", "datetime"]
    assert "`cluster`" in one(finding).draft.description


@pytest.mark.parametrize(
    ("finding", "lacks"),
    [
        ([], "element 2: is not an object"),
        (changed("metadata", ...), "element 2, metadata.event_code: is missing"),
        (changed("metadata.event_code", 7), "element 2, metadata.event_code: is missing"),
        (changed("status_code", ...), "element 2, status_code: is missing"),
        (changed("status_code", "ERROR"), "element 2, status_code: 'ERROR' is none of FAIL, PASS, MANUAL"),
        (changed("finding_info", None), "element 2, finding_info.title: is missing"),
        (changed("resources", []), "element 2, resources: is missing or empty"),
        (changed("resources", ["x"]), "element 2, resources[0]: is not an object"),
        (changed("resources", [{"uid": "a"}, {"region": "x"}]), "element 2, resources[1].uid: is missing"),
        (changed("cloud.account", {}), "element 2, cloud.account.uid: is missing"),
        (
            FINDING | {"time": None, "time_dt": "soon"},
            "element 2, time: is missing or not after 1970 began, and so is a readable time_dt",
        ),
        (FINDING | {"time": 1e300}, "element 2, time: is not a number"),
        (changed("status_detail", "a\0b"), "element 2: holds a NUL byte"),
        (changed("unmapped.compliance", {"CIS": [7]}), "element 2: must be text, not a number"),
    ],
)
def test_what_a_finding_lacks_is_named(finding: Any, lacks: str) -> None:
    rows = read(FINDING, finding, FINDING)
    assert len(rows) == 3
    assert isinstance(rows[1], BadRow)
    assert str(rows[1]).startswith(lacks)


@pytest.mark.parametrize("path", ["unmapped", "remediation", "risk_details", "severity", "status", "status_id"])
def test_what_a_finding_can_do_without(path: str) -> None:
    assert one(changed(path, ...)).draft.fingerprint == one(FINDING).draft.fingerprint


def test_findings_may_come_one_to_a_line() -> None:
    lines = f"{json.dumps(FINDING)}\n{{]\n{json.dumps(FINDING)}\n".encode()
    first, bad, last = Ocsf().read(io.BytesIO(lines))
    assert first == last == one(FINDING)
    assert isinstance(bad, BadRow)
    assert (bad.at, bad.unit) == (2, "line")


def test_text_from_a_scanner_cannot_leave_its_code_span() -> None:
    draft = one(changed("resources", [{"uid": "a`@everyone`\n# b", "name": "n"}])).draft
    assert "`a'@everyone' # b`" in draft.description


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    large = json.dumps(FINDING | {"raw": "x" * 20_000})
    path.write_text("[" + ",\n".join([large] * 500) + "]")
    rows = SourceFile(path, source("ocsf"))
    sum(1 for _ in rows)
    tracemalloc.start()
    count = sum(1 for _ in rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 500
    assert peak < path.stat().st_size / 10


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, part in inside for path in paths(part, (*at, key)))]


@pytest.mark.parametrize("path", paths(FINDING)[1:], ids=str)
def test_a_finding_of_any_shape_is_a_row(path: tuple[Any, ...]) -> None:
    for odd in (None, 1, -1.5, 10**40, True, "", "x\0", "\ud800", "2025", [], {}, [None, 1], {"a": {"b": None}}):
        finding = copy.deepcopy(FINDING)
        place: Any = finding
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = odd
        lines = f"{json.dumps(finding)}\n{json.dumps(finding)}\n".encode()
        assert len(read(finding)) == 1
        assert len(list(Ocsf().read(io.BytesIO(lines)))) == 2
