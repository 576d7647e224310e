"""What the demo takes in: a scanner's findings and a list of items, as files of their own formats."""

import csv
import io
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

FRAMEWORK = "SOC2"

_CHECKS = (
    (
        "s3_bucket_public_access",
        "Block public access to the bucket",
        "Critical",
        "CC6.1",
        "Turn on Block Public Access.",
    ),
    ("iam_root_mfa", "Require a second factor for the root account", "Critical", "CC6.1", "Enrol a hardware key."),
    ("ec2_sg_ssh_open", "Close port 22 to the internet", "High", "CC6.6", "Allow the bastion's address only."),
    ("rds_encryption", "Encrypt the database at rest", "High", "CC6.7", "Restore an encrypted copy from a snapshot."),
    (
        "iam_key_rotation",
        "Rotate access keys older than 90 days",
        "Medium",
        "CC6.2",
        "Make a new key, then retire the old.",
    ),
    ("cloudtrail_enabled", "Record every management event", "Medium", "CC7.2", "Turn on a trail for all regions."),
    ("ebs_snapshots", "Snapshot the volume every day", "Low", "A1.2", "Attach the daily backup policy."),
    ("vpc_flow_logs", "Keep the network's flow logs", "Low", "CC7.2", "Send flow logs to the archive."),
)
MENDED = "rds_encryption"
"""The check whose findings are mended while the demo runs."""
CONTROL = f"{FRAMEWORK}:CC6.7"
"""The control that this is about."""
CONTROLS = "code,title\nCC6.7,Data at rest is encrypted\nCC7.3,Incidents are escalated\nCC9.2,Vendors are looked at\n"
"""A framework's controls as CSV."""
PROOF = "2026-11-20 08:12 rotated key AKIA...7Q of payments-prod, the old one is deleted\n"
"""What an engineer brings as evidence."""
LAST = "AUD-09"
"""The last item of the risk R-05."""

_RESOURCES = ("payments-prod", "website-prod")
_PASSING = ("s3_bucket_public_access", "docs-internal")

_ITEMS = (
    ("AUD-01", "Review who may deploy to production", "high", "mia@acme.example", "CC6.2", "R-07"),
    ("AUD-02", "Write down how incidents are escalated", "medium", "omar@acme.example", "CC7.3", ""),
    ("AUD-03", "Test the restore of last night's backup", "high", "mia@acme.example", "A1.2;A1.3", "R-02"),
    ("AUD-04", "Sign the processor agreement with the mail provider", "medium", "omar@acme.example", "CC9.2", "R-11"),
    ("AUD-05", "Run the access review for Q4", "medium", "mia@acme.example", "CC6.2;CC6.3", ""),
    ("AUD-06", "Remove accounts of people who left in October", "critical", "omar@acme.example", "CC6.3", "R-03"),
    ("AUD-07", "Pin the build's base images by digest", "low", "mia@acme.example", "CC8.1", ""),
    ("AUD-08", "Require two reviewers on the main branch", "medium", "mia@acme.example", "CC8.1", ""),
    ("AUD-09", "Hold the yearly phishing exercise", "low", "omar@acme.example", "CC1.4", "R-05"),
    ("AUD-10", "Improve access control", "medium", "", "CC6.1", ""),
)


def findings(now: datetime, mended: Collection[str] = ()) -> str:
    """A scanner's findings as OCSF: two resources for each check, which fails unless `mended`, and one that passes."""
    failing = [
        _finding(check, resource, "PASS" if check[0] in mended else "FAIL", now)
        for check in _CHECKS
        for resource in _RESOURCES
    ]
    passing = [_finding(check, _PASSING[1], "PASS", now) for check in _CHECKS if check[0] == _PASSING[0]]
    return json.dumps([*failing, *passing], indent=1) + "\n"


def _finding(check: tuple[str, str, str, str, str], resource: str, outcome: str, now: datetime) -> dict[str, Any]:
    code, title, severity, control, remedy = check
    return {
        "class_uid": 2004,
        "metadata": {"event_code": code, "product": {"name": "Prowler"}, "version": "1.4.0"},
        "severity": severity,
        "status_code": outcome,
        "status_detail": f"{resource}: {title.lower()}: {'not so' if outcome == 'FAIL' else 'in order'}.",
        "time_dt": now.isoformat(),
        "finding_info": {"title": title, "uid": f"{code}-{resource}"},
        "resources": [{"uid": f"arn:aws:demo:::{code}/{resource}", "name": resource, "region": "eu-central-1"}],
        "cloud": {"account": {"uid": "123456789012"}, "provider": "aws", "region": "eu-central-1"},
        "remediation": {"desc": remedy, "references": ["https://docs.example/hardening"]},
        "unmapped": {"compliance": {FRAMEWORK: [control]}},
    }


def items() -> str:
    """An auditor's list of items as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("external_ref", "title", "description", "priority", "owner", "controls", "risks", "source"))
    for ref, title, priority, owner, controls, risks in _ITEMS:
        words = f"Asked for by the auditor as {ref}. Attach what shows that it is done."
        rows.writerow((ref, title, words, priority, owner, controls, risks, "assessment"))
    return text.getvalue()
