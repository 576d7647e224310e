"""Findings in the AWS Security Finding Format, as Security Hub and those who report to it write them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from connectors.base import LeftOut, Row
from connectors.intake import finding_text, parts
from connectors.intake.json_elements import Element, elements
from connectors.intake.parts import Lacks, get, listed, moment, optional, text
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_OUTCOMES = {"PASSED": TestOutcome.PASS, "FAILED": TestOutcome.FAIL, "WARNING": TestOutcome.MANUAL}
_NORMALIZED = ((90, Priority.CRITICAL), (70, Priority.HIGH), (40, Priority.MEDIUM), (0, Priority.LOW))
_STANDARD = re.compile(r"(?:^|/)(?:standards|ruleset)/([^/]+)(?:/v/([^/]+))?$")


@dataclass(frozen=True, slots=True)
class Asff:
    """Findings, one test result each, whatever the number of resources; `frameworks` as for other scanners.

    A finding is known again by its product and its `Id`, which Security Hub keeps from one look to the next.
    """

    frameworks: Sequence[str] = ()

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the findings of a list, of the list `Findings`, or one object or event to a line."""
        wanted = frozenset(name.casefold() for name in self.frameworks)
        yield from parts.rows(_findings(elements(stream, under="Findings")), lambda element: [_row(element, wanted)])


def _findings(read: Iterator[Any]) -> Iterator[Any]:
    """Yield the elements, and in place of a batch or an event the findings that it carries."""
    for element in read:
        if not isinstance(element, Element):
            yield element
            continue
        carried = get(element.value, "detail", "findings") or get(element.value, "Findings")
        if isinstance(carried, list):
            yield from (Element(element.at, finding, element.unit) for finding in carried)
        else:
            yield element


def _row(element: Element, wanted: frozenset[str]) -> Row:
    finding = element.value
    if not isinstance(finding, Mapping):
        raise Lacks("", "is not an object")
    said = optional(finding, "Compliance", "Status").upper()
    if settled := _settled(finding, said):
        return LeftOut(element.at, settled, element.unit)
    # A finding without a compliance status, such as a detected threat, is something that is wrong as long as it stands.
    outcome = _OUTCOMES.get(said or "FAILED")
    if outcome is None:
        raise Lacks("Compliance.Status", f"{said[:40]!r} is none of {', '.join(_OUTCOMES)}, NOT_AVAILABLE")
    tool = optional(finding, "ProductName") or optional(finding, "ProductFields", "aws/securityhub/ProductName")
    return Finding(_draft(finding, outcome, wanted), outcome, _observed(finding), tool or _product(finding))


def _settled(finding: Mapping[str, Any], said: str) -> str | None:
    """Why a finding asks for nothing. Security Hub itself has what passes as RESOLVED, which is no word of a person."""
    workflow = optional(finding, "Workflow", "Status").upper()
    if optional(finding, "RecordState").upper() == "ARCHIVED":
        return "the scanner has it as archived"
    if workflow == "SUPPRESSED" or (workflow == "RESOLVED" and said != "PASSED"):
        return f"the scanner has it as {workflow.lower()}"
    return "the check could not be made" if said == "NOT_AVAILABLE" else None


def _draft(finding: Mapping[str, Any], outcome: TestOutcome, wanted: frozenset[str]) -> ItemDraft:
    check = optional(finding, "Compliance", "SecurityControlId") or text(finding, "GeneratorId")
    where, others = _where(finding)
    facts = [*finding_text.cloud_facts(where, check), *(finding_text.fact("Also", other) for other in others)]
    title = text(finding, "Title").removeprefix(f"{check} ")
    return ItemDraft(
        title=finding_text.title(title, where),
        description=finding_text.description(_said(finding), facts, manual=outcome is TestOutcome.MANUAL),
        priority=_priority(finding),
        controls=parts.controls(_controls(finding), wanted),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref=check,
        fingerprint=parts.fingerprint("asff", _product(finding), text(finding, "Id")),
    )


def _product(finding: Mapping[str, Any]) -> str:
    return text(finding, "ProductArn")


def _where(finding: Mapping[str, Any]) -> tuple[finding_text.Where, list[str]]:
    """The resource that the finding is about first, and the ids of the others."""
    resources = [each for each in listed(finding, "Resources") if isinstance(each, Mapping)]
    if not resources:
        raise Lacks("Resources", "is missing or empty")
    first, *others = (optional(resource, "Id") for resource in resources)
    if not first:
        raise Lacks("Resources[0].Id", "is missing")
    resource = resources[0]
    where = finding_text.Where(
        resource=first,
        name=re.split("[/:]", first)[-1] if first.startswith("arn:") else "",
        type=optional(resource, "Type"),
        account=text(finding, "AwsAccountId"),
        account_name=optional(finding, "AwsAccountName"),
        region=optional(resource, "Region") or optional(finding, "Region"),
    )
    return where, sorted(filter(None, set(others)))


def _said(finding: Mapping[str, Any]) -> finding_text.Said:
    reasons = [optional(reason, "Description") for reason in listed(finding, "Compliance", "StatusReasons")]
    recommended = get(finding, "Remediation", "Recommendation")
    links = (optional(recommended, "Url"), optional(finding, "SourceUrl"))
    return finding_text.Said(
        status="\n\n".join(filter(None, dict.fromkeys((optional(finding, "Description"), *reasons)))),
        remediation=optional(recommended, "Text"),
        references=tuple(filter(None, links)),
    )


def _priority(finding: Mapping[str, Any]) -> Priority:
    for place in ((), ("FindingProviderFields",)):
        severity = get(finding, *place, "Severity")
        if rated := parts.rated(optional(severity, "Label")):
            return rated
        number = get(severity, "Normalized")
        if isinstance(number, int) and not isinstance(number, bool):
            return next((priority for least, priority in _NORMALIZED if number >= least), Priority.LOW)
    return Priority.MEDIUM


def _controls(finding: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each control as its framework and its code there."""
    for requirement in parts.texts(finding, "Compliance", "RelatedRequirements"):
        framework, slash, code = requirement.rpartition("/")
        if slash:
            yield framework, code
        else:
            framework, *codes = requirement.split()
            yield from ((framework, each) for each in codes) if codes else [("", framework)]
    control = optional(finding, "Compliance", "SecurityControlId")
    for standard in listed(finding, "Compliance", "AssociatedStandards") if control else ():
        if named := _STANDARD.search(optional(standard, "StandardsId")):
            yield "-".join(filter(None, named.groups())), control


def _observed(finding: Mapping[str, Any]) -> datetime:
    """When it was last seen to be so: `LastObservedAt` alone may be the last change of the resource."""
    times = [time for name in ("LastObservedAt", "UpdatedAt") if (time := moment(finding, name))]
    observed = max(times, default=None) or moment(finding, "CreatedAt")
    if observed is None:
        raise Lacks("UpdatedAt", "is missing or not after 1970 began, and no other time says when it was observed")
    return observed
