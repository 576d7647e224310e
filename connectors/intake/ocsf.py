"""Cloud scanner findings in OCSF, as Prowler writes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from connectors.base import LeftOut, Row
from connectors.intake import fields, finding_text, parts
from connectors.intake.json_elements import Element, elements
from connectors.intake.parts import Lacks, get, optional, text, utc, written_time
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_BY_SEVERITY_ID = {1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "fatal"}
_OUTCOMES = {"FAIL": TestOutcome.FAIL, "PASS": TestOutcome.PASS, "MANUAL": TestOutcome.MANUAL}
# OCSF Detection Finding, `status`: only New and In Progress speak of something that still stands.
_SETTLED = {"suppressed": "suppressed", "muted": "suppressed", "resolved": "resolved", "archived": "archived"}
_SETTLED_IDS = {3: "suppressed", 4: "resolved", 5: "archived"}
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Ocsf:
    """Findings, one test result per finding and resource; `frameworks` names those whose controls count, none is all.

    The same check on the same resource of the same account has the same fingerprint in every scan.
    """

    frameworks: Sequence[str] = ()

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the file's findings, from a list or one object to a line."""
        wanted = frozenset(name.casefold() for name in self.frameworks)
        yield from parts.rows(elements(stream), lambda element: _rows(element, wanted))


def _rows(element: Element, wanted: frozenset[str]) -> list[Row]:
    finding = element.value
    if not isinstance(finding, dict):
        raise Lacks("", "is not an object")
    if settled := _settled(finding):
        return [LeftOut(element.at, f"the scanner has it as {settled}", element.unit)]
    outcome = _OUTCOMES.get(text(finding, "status_code").upper())
    if outcome is None:
        raise Lacks("status_code", f"{text(finding, 'status_code')[:40]!r} is none of {', '.join(_OUTCOMES)}")
    observed = _observed(finding)
    resources = finding.get("resources")
    if not isinstance(resources, list) or not resources:
        raise Lacks("resources", "is missing or empty")
    tool = optional(finding, "metadata", "product", "name")
    return [
        Finding(_draft(finding, index, outcome, wanted), outcome, observed, tool) for index in range(len(resources))
    ]


def _settled(finding: Mapping[str, Any]) -> str | None:
    if text(finding, "status_code").upper() == "MUTED":
        return "suppressed"
    by_name = _SETTLED.get(optional(finding, "status").lower())
    number = finding.get("status_id")
    return by_name or (_SETTLED_IDS.get(number) if isinstance(number, int) else None)


def _draft(finding: Mapping[str, Any], index: int, outcome: TestOutcome, wanted: frozenset[str]) -> ItemDraft:
    check = text(finding, "metadata", "event_code")
    resource = finding["resources"][index]
    if not isinstance(resource, dict):
        raise Lacks(f"resources[{index}]", "is not an object")
    uid = optional(resource, "uid") or optional(resource, "name")
    if not uid:
        raise Lacks(f"resources[{index}].uid", "is missing")
    account = _account(finding, resource)
    where = finding_text.Where(
        resource=uid,
        name=optional(resource, "name"),
        type=optional(resource, "type"),
        account=account,
        account_name=optional(finding, "cloud", "account", "name"),
        region=optional(resource, "region") or optional(finding, "cloud", "region"),
    )
    return ItemDraft(
        title=finding_text.title(text(finding, "finding_info", "title"), where),
        description=finding_text.description(
            _said(finding), finding_text.cloud_facts(where, check), manual=outcome is TestOutcome.MANUAL
        ),
        priority=_priority(finding),
        controls=_controls(finding, wanted),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref=check,
        fingerprint=parts.fingerprint(check, account, uid),
    )


def _said(finding: Mapping[str, Any]) -> finding_text.Said:
    references = get(finding, "remediation", "references")
    return finding_text.Said(
        status=optional(finding, "status_detail") or optional(finding, "message"),
        risk=optional(finding, "risk_details"),
        remediation=optional(finding, "remediation", "desc"),
        references=tuple(text for ref in references if (text := fields.clean(ref)))
        if isinstance(references, list)
        else (),
    )


def _account(finding: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    """The account; findings about a container cluster name none, and the namespace stands in."""
    account = optional(finding, "cloud", "account", "uid") or optional(finding, "unmapped", "provider_uid")
    if not account and "cloud" not in finding:
        profiles = get(finding, "metadata", "profiles")
        in_cluster = isinstance(profiles, list) and "container" in profiles
        account = optional(resource, "namespace") or ("cluster" if in_cluster else "")
    if not account:
        raise Lacks("cloud.account.uid", "is missing")
    return account


def _priority(finding: Mapping[str, Any]) -> Priority:
    number = finding.get("severity_id")
    by_number = _BY_SEVERITY_ID.get(number, "") if isinstance(number, int) else ""
    name = optional(finding, "severity").lower()
    return parts.rated(name) or parts.rated(by_number) or Priority.MEDIUM


def _controls(finding: Mapping[str, Any], wanted: frozenset[str]) -> tuple[str, ...] | None:
    table = get(finding, "unmapped", "compliance")
    if not isinstance(table, Mapping):
        return None
    named = (
        (fields.clean(framework) or "", control)
        for framework, ids in table.items()
        for entry in (ids if isinstance(ids, list) else [ids])
        if (control := fields.clean(entry))
    )
    return parts.controls(named, wanted)


def _observed(finding: Mapping[str, Any]) -> datetime:
    """When the test ran. A written time without a zone is the scanner's own local time, so the epoch goes first."""
    written = written_time(optional(finding, "time_dt"))
    if written is not None and written.tzinfo is not None and (observed := utc(written)):
        return observed
    seconds = finding.get("time")
    if isinstance(seconds, str):
        written = written or written_time(seconds)
    elif seconds is not None and not isinstance(seconds, bool):
        try:
            written = datetime.fromtimestamp(float(seconds) / (1000 if seconds >= _MILLISECONDS_FROM else 1), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            raise Lacks("time", "is not a number of seconds or milliseconds since 1970") from None
    observed = utc(written) if written is not None else None
    if observed is None:
        raise Lacks("time", "is missing or not after 1970 began, and so is a readable time_dt")
    return observed
