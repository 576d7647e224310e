"""What code and configuration scanners find, in SARIF 2.1."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from connectors.base import BadRow, LeftOut, Row
from connectors.intake import fields, finding_text, parts
from connectors.intake.json_elements import Element, Section, sections
from connectors.intake.parts import Lacks, get, listed, moment, optional
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_HEAD = ("tool", "invocations", "automationDetails", "versionControlProvenance", "artifacts")
_OUTCOMES = {
    "fail": TestOutcome.FAIL,
    "pass": TestOutcome.PASS,
    "open": TestOutcome.MANUAL,
    "review": TestOutcome.MANUAL,
}
_ASKS_NOTHING = frozenset({"informational", "notapplicable"})
_SCORES = ((9.0, Priority.CRITICAL), (7.0, Priority.HIGH), (4.0, Priority.MEDIUM))
_LINE_HASH = "primaryLocationLineHash"
# Semgrep writes this in place of a fingerprint where nobody is signed in.
_NO_FINGERPRINTS = frozenset({"", "requires login"})
_CONTROL_TAG = re.compile(r"(?:external/)?([^\s:/]+)[:/]([^\s:/][^\s:]*)")
_LINK = re.compile(r"\[([^\[\]\n]*)\]\(\d+\)")
_HELP_LENGTH = 2000
_CODE_LENGTH = 300

Rule = Mapping[str, Any]


@dataclass(slots=True)
class _Run:
    """What the results of one run have in common."""

    tool: str
    version: str
    rules: Sequence[Sequence[Rule]]
    by_id: Mapping[str, Rule]
    scope: tuple[str, ...]
    observed: datetime | None
    files: Sequence[str]
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Sarif:
    """Results, one test each; `frameworks` as for other scanners.

    `written` dates what the file does not date, and `subject` says what was scanned where the file names no repository.
    A result is known again by the fingerprints that its tool gives, else by its rule, its file and its words, and never
    by its line.
    """

    frameworks: Sequence[str] = ()
    written: datetime | None = None
    subject: str = ""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the results of all runs, counted through the file."""
        wanted = frozenset(name.casefold() for name in self.frameworks)
        run: _Run | None = None
        place = 0
        for each in sections(stream, "runs", _HEAD, "results"):
            if isinstance(each, Section):
                try:
                    run = self._run(each.head)
                except fields.WrongValue as error:
                    run = None
                    yield BadRow(place + 1, "", f"is the first of a run whose description {error}", "result")
                continue
            place += 1
            if isinstance(each, BadRow) or run is None:
                yield each if isinstance(each, BadRow) else BadRow(place, "", "stands in no run", "result")
                continue
            yield from parts.rows([Element(place, each.value, "result")], partial(_rows, run=run, wanted=wanted))
        if run is None and not place:
            yield BadRow(1, "runs", "is missing or empty: this is no SARIF log", "element")

    def _run(self, head: Mapping[str, Any]) -> _Run:
        driver = get(head, "tool", "driver")
        components = [driver, *listed(head, "tool", "extensions")]
        rules = [[rule for rule in listed(each, "rules") if isinstance(rule, Mapping)] for each in components]
        times = [
            time
            for invocation in listed(head, "invocations")
            for name in ("endTimeUtc", "startTimeUtc")
            if (time := moment(invocation, name))
        ]
        category = optional(head, "automationDetails", "id").rpartition("/")[0]
        repository = next(iter(listed(head, "versionControlProvenance")), None)
        return _Run(
            tool=optional(driver, "name") or "SARIF",
            version=optional(driver, "semanticVersion") or optional(driver, "version"),
            rules=rules,
            by_id={optional(rule, "id"): rule for some in reversed(rules) for rule in reversed(some)},
            scope=tuple(filter(None, (self.subject or optional(repository, "repositoryUri"), category))),
            observed=max(times, default=self.written),
            files=[optional(artifact, "location", "uri") for artifact in listed(head, "artifacts")],
        )


def _rows(element: Element, run: _Run, wanted: frozenset[str]) -> Iterator[Row]:
    result = element.value
    if not isinstance(result, Mapping):
        raise Lacks("", "is not an object")
    kind = (optional(result, "kind") or "fail").lower()
    if any(optional(each, "status").lower() in {"", "accepted"} for each in listed(result, "suppressions")):
        yield LeftOut(element.at, "suppressed in the source or by the tool", element.unit)
        return
    if kind in _ASKS_NOTHING:
        yield LeftOut(element.at, f"the tool says {kind}", element.unit)
        return
    if kind not in _OUTCOMES:
        raise Lacks("kind", f"{kind[:40]!r} is none of {', '.join(_OUTCOMES)}, informational, notApplicable")
    if run.observed is None:
        raise Lacks("invocations", "say no time at which the tool ran")
    gone = optional(result, "baselineState").lower() == "absent"
    outcome = TestOutcome.PASS if gone else _OUTCOMES[kind]
    yield Finding(_draft(result, outcome, run, wanted), outcome, run.observed, run.tool)


def _draft(result: Mapping[str, Any], outcome: TestOutcome, run: _Run, wanted: frozenset[str]) -> ItemDraft:
    rule_id, rule = _rule(result, run)
    uri, line = _place(result, run)
    message = _message(result, rule)
    first = next(iter(listed(result, "locations")), None)
    inside = next((name for each in listed(result, "locations") for name in _logical(each)), "")
    code = " ".join(optional(first, "physicalLocation", "region", "snippet", "text").split())
    named = {"Rule": rule_id, "Scanned": ", ".join(run.scope), "File": uri, "In": inside}
    facts = [*named.items(), *([("Code", code)] if len(code) <= _CODE_LENGTH else [])]
    found_at = {"place": f"{uri}:{line}" if uri and line else uri, "tool": f"{run.tool} {run.version}".strip()}
    return ItemDraft(
        title=_title(rule_id, rule, message, uri or inside or ", ".join(run.scope)),
        description=finding_text.description(
            _said(message, rule),
            [finding_text.fact(label, text) for label, text in facts if text],
            manual=outcome is TestOutcome.MANUAL,
        ),
        priority=_priority(result, rule),
        controls=parts.controls(_controls(result, rule), wanted),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref=rule_id,
        fingerprint=_fingerprint(result, run, rule_id, (uri, inside, message, code)),
        origin={name: text for name, text in found_at.items() if text},
    )


def _said(message: str, rule: Rule) -> finding_text.Said:
    help_text, link = optional(rule, "help", "text"), optional(rule, "helpUri")
    return finding_text.Said(
        status=message,
        risk=optional(rule, "fullDescription", "text"),
        remediation=help_text if len(help_text) <= _HELP_LENGTH else "",
        references=(link,) if link else (),
    )


def _rule(result: Mapping[str, Any], run: _Run) -> tuple[str, Rule]:
    """The rule's id, and what the tool says of it, wherever that stands."""
    named = optional(result, "ruleId") or optional(result, "rule", "id")
    index = get(result, "ruleIndex") if get(result, "rule", "index") is None else get(result, "rule", "index")
    component = get(result, "rule", "toolComponent", "index")
    some = _at(run.rules, component + 1 if isinstance(component, int) and component >= 0 else 0) or ()
    rule = run.by_id.get(named) or _at(some, index) or run.by_id.get(named.rpartition("/")[0]) or {}
    rule_id = named or optional(rule, "id")
    if not rule_id:
        raise Lacks("ruleId", "is missing, and no rule is named by its index")
    return rule_id, rule


def _at(some: Sequence[Any], index: Any) -> Any:
    return some[index] if isinstance(index, int) and 0 <= index < len(some) else None


def _place(result: Mapping[str, Any], run: _Run) -> tuple[str, str]:
    """The file that the result is about first, and the line as it is now."""
    location = get(next(iter(listed(result, "locations")), None), "physicalLocation")
    uri = optional(location, "artifactLocation", "uri") or _at(run.files, get(location, "artifactLocation", "index"))
    line = get(location, "region", "startLine")
    return unquote(uri or "").removeprefix("./"), str(line) if isinstance(line, int) else ""


def _logical(location: Any) -> Iterator[str]:
    for each in listed(location, "logicalLocations"):
        if name := optional(each, "fullyQualifiedName") or optional(each, "name"):
            yield name


def _message(result: Mapping[str, Any], rule: Rule) -> str:
    message = get(result, "message")
    text = optional(message, "text") or optional(rule, "messageStrings", optional(message, "id"), "text")
    for number, argument in enumerate(listed(message, "arguments")):
        text = text.replace(f"{{{number}}}", str(argument))
    return _LINK.sub(r"\1", text)


def _title(rule_id: str, rule: Rule, message: str, place: str) -> str:
    """What to do: rules are named by what is wrong, unless they order something or say what should be."""
    named = optional(rule, "shortDescription", "text") or optional(rule, "name") or rule_id
    if named == rule_id and message:
        named = message.splitlines()[0]
    what = finding_text.demand(finding_text.shortened(named))
    return f"{what} ({finding_text.shortened(place)})" if place else what


def _priority(result: Mapping[str, Any], rule: Rule) -> Priority:
    for said in (result, rule):
        try:
            score = float(get(said, "properties", "security-severity"))
        except (TypeError, ValueError, OverflowError):
            continue
        return next((priority for least, priority in _SCORES if score >= least), Priority.LOW)
    words = (
        *(optional(said, "properties", "severity") for said in (result, rule)),
        optional(result, "level") or optional(rule, "defaultConfiguration", "level"),
    )
    return next((rated for word in words if (rated := parts.rated(word))), Priority.MEDIUM)


def _controls(result: Mapping[str, Any], rule: Rule) -> Iterator[tuple[str, str]]:
    for said in (rule, result):
        for tag in parts.texts(said, "properties", "tags"):
            if "://" not in tag and (named := _CONTROL_TAG.fullmatch(tag)):
                yield ("", named[2]) if named[1].casefold() == "control" else (named[1], named[2])
        for name in ("control", "controls", "requirement", "requirements"):
            for text in parts.texts(said, "properties", name):
                yield from (("", code) for each in text.split(";") if (code := each.strip()))
        compliance = get(said, "properties", "compliance")
        for framework in compliance if isinstance(compliance, Mapping) else ():
            yield from ((fields.clean(framework) or "", code) for code in parts.texts(compliance, framework))
    for taxon in listed(result, "taxa"):
        if code := optional(taxon, "id"):
            yield optional(taxon, "toolComponent", "name"), code


def _fingerprint(result: Mapping[str, Any], run: _Run, rule_id: str, words: tuple[str, ...]) -> str:
    """What makes the result the same tomorrow; of those that nothing else tells apart, the first is the first again."""
    scope = ("sarif", run.tool, *run.scope, rule_id)
    if whole := _given(result, "fingerprints"):
        return parts.fingerprint(*scope, whole)
    if partial := _given(result, "partialFingerprints"):
        hashed = [pair for pair in partial if pair[0].partition("/")[0] == _LINE_HASH]
        return parts.fingerprint(*scope, words[0], hashed or partial)
    same = parts.fingerprint(*scope, *words)
    run.seen[same] += 1
    return same if run.seen[same] == 1 else parts.fingerprint(same, run.seen[same])


def _given(result: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    given = get(result, name)
    pairs = ((key, optional(given, key)) for key in given) if isinstance(given, Mapping) else ()
    return sorted(pair for pair in pairs if pair[1] not in _NO_FINGERPRINTS)
