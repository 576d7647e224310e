"""Cloud scanner findings in OCSF, as Prowler writes them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from connectors.base import BadRow, LeftOut, Row
from connectors.intake import fields, finding_text
from connectors.intake.json_elements import Element, elements
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_PRIORITIES = {
    "fatal": Priority.CRITICAL,
    "critical": Priority.CRITICAL,
    "high": Priority.HIGH,
    "medium": Priority.MEDIUM,
    "low": Priority.LOW,
    "informational": Priority.LOW,
}
_BY_SEVERITY_ID = {1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "fatal"}
_OUTCOMES = {"FAIL": TestOutcome.FAIL, "PASS": TestOutcome.PASS, "MANUAL": TestOutcome.MANUAL}
# OCSF Detection Finding, `status`: only New and In Progress speak of something that still stands.
_SETTLED = {"suppressed": "suppressed", "muted": "suppressed", "resolved": "resolved", "archived": "archived"}
_SETTLED_IDS = {3: "suppressed", 4: "resolved", 5: "archived"}
_MILLISECONDS_FROM = 100_000_000_000


class _Lacks(ValueError):
    """The finding lacks a part, named in the first argument; the second says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Ocsf:
    """Findings, one test result per finding and resource; `frameworks` names those whose controls count, none is all.

    The same check on the same resource of the same account has the same fingerprint in every scan.
    """

    frameworks: Sequence[str] = ()

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the file's findings, from a list or one object to a line."""
        wanted = frozenset(name.casefold() for name in self.frameworks)
        for element in elements(stream):
            if isinstance(element, BadRow):
                yield element
                continue
            try:
                yield from _rows(element, wanted)
            except _Lacks as lack:
                yield BadRow(element.at, lack.args[0], lack.args[1], element.unit)
            except fields.WrongValue as error:
                yield BadRow(element.at, "", str(error), element.unit)


def _rows(element: Element, wanted: frozenset[str]) -> list[Row]:
    finding = element.value
    if not isinstance(finding, dict):
        raise _Lacks("", "is not an object")
    if settled := _settled(finding):
        return [LeftOut(element.at, f"the scanner has it as {settled}", element.unit)]
    outcome = _OUTCOMES.get(_text(finding, "status_code").upper())
    if outcome is None:
        raise _Lacks("status_code", f"{_text(finding, 'status_code')[:40]!r} is none of {', '.join(_OUTCOMES)}")
    observed = _observed(finding)
    resources = finding.get("resources")
    if not isinstance(resources, list) or not resources:
        raise _Lacks("resources", "is missing or empty")
    return [Finding(_draft(finding, index, outcome, wanted), outcome, observed) for index in range(len(resources))]


def _settled(finding: Mapping[str, Any]) -> str | None:
    if _text(finding, "status_code").upper() == "MUTED":
        return "suppressed"
    by_name = _SETTLED.get(_optional(finding, "status").lower())
    number = finding.get("status_id")
    return by_name or (_SETTLED_IDS.get(number) if isinstance(number, int) else None)


def _draft(finding: Mapping[str, Any], index: int, outcome: TestOutcome, wanted: frozenset[str]) -> ItemDraft:
    check = _text(finding, "metadata", "event_code")
    resource = finding["resources"][index]
    if not isinstance(resource, dict):
        raise _Lacks(f"resources[{index}]", "is not an object")
    uid = _optional(resource, "uid") or _optional(resource, "name")
    if not uid:
        raise _Lacks(f"resources[{index}].uid", "is missing")
    account = _account(finding, resource)
    where = finding_text.Where(
        resource=uid,
        name=_optional(resource, "name"),
        type=_optional(resource, "type"),
        account=account,
        account_name=_optional(finding, "cloud", "account", "name"),
        region=_optional(resource, "region") or _optional(finding, "cloud", "region"),
    )
    return ItemDraft(
        title=finding_text.title(_text(finding, "finding_info", "title"), where),
        description=finding_text.description(_said(finding), where, check, manual=outcome is TestOutcome.MANUAL),
        priority=_priority(finding),
        controls=_controls(finding, wanted),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref=check,
        fingerprint=_fingerprint(check, account, uid),
    )


def _said(finding: Mapping[str, Any]) -> finding_text.Said:
    references = _get(finding, "remediation", "references")
    return finding_text.Said(
        status=_optional(finding, "status_detail") or _optional(finding, "message"),
        risk=_optional(finding, "risk_details"),
        remediation=_optional(finding, "remediation", "desc"),
        references=tuple(text for ref in references if (text := fields.clean(ref)))
        if isinstance(references, list)
        else (),
    )


def _account(finding: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    """The account; findings about a container cluster name none, and the namespace stands in."""
    account = _optional(finding, "cloud", "account", "uid") or _optional(finding, "unmapped", "provider_uid")
    if not account and "cloud" not in finding:
        profiles = _get(finding, "metadata", "profiles")
        in_cluster = isinstance(profiles, list) and "container" in profiles
        account = _optional(resource, "namespace") or ("cluster" if in_cluster else "")
    if not account:
        raise _Lacks("cloud.account.uid", "is missing")
    return account


def _fingerprint(check: str, account: str, resource: str) -> str:
    return hashlib.sha256(json.dumps([check, account, resource]).encode()).hexdigest()


def _priority(finding: Mapping[str, Any]) -> Priority:
    number = finding.get("severity_id")
    by_number = _BY_SEVERITY_ID.get(number, "") if isinstance(number, int) else ""
    name = _optional(finding, "severity").lower()
    return _PRIORITIES.get(name) or _PRIORITIES.get(by_number) or Priority.MEDIUM


def _controls(finding: Mapping[str, Any], wanted: frozenset[str]) -> tuple[str, ...]:
    table = _get(finding, "unmapped", "compliance")
    if not isinstance(table, Mapping):
        return ()
    named = (
        f"{fields.clean(framework)}:{control}"
        for framework, ids in table.items()
        if not wanted or framework.casefold() in wanted
        for entry in (ids if isinstance(ids, list) else [ids])
        if (control := fields.clean(entry))
    )
    return tuple(sorted({" ".join(control.split()) for control in named}))


def _observed(finding: Mapping[str, Any]) -> datetime:
    """When the test ran. A written time without a zone is the scanner's own local time, so the epoch goes first."""
    written = _written_time(_optional(finding, "time_dt"))
    if written is not None and written.tzinfo is not None:
        return written.astimezone(UTC)
    seconds = finding.get("time")
    if isinstance(seconds, str):
        written = written or _written_time(seconds)
    elif seconds is not None and not isinstance(seconds, bool):
        try:
            return datetime.fromtimestamp(float(seconds) / (1000 if seconds >= _MILLISECONDS_FROM else 1), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            raise _Lacks("time", "is not a number of seconds or milliseconds since 1970") from None
    if written is None:
        raise _Lacks("time", "is missing, and so is a readable time_dt")
    return written.astimezone(UTC) if written.tzinfo else written.replace(tzinfo=UTC)


def _written_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _get(finding: Mapping[str, Any], *path: str) -> Any:
    value: Any = finding
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _optional(finding: Mapping[str, Any], *path: str) -> str:
    """The text at `path`, blank where there is none."""
    value = _get(finding, *path)
    return (fields.clean(value) or "") if isinstance(value, str) else ""


def _text(finding: Mapping[str, Any], *path: str) -> str:
    text = _optional(finding, *path)
    if not text:
        raise _Lacks(".".join(path), "is missing")
    return text
