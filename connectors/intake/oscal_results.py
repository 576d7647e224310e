"""What assessors found, in OSCAL assessment results as JSON."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

from connectors.base import BadRow, LeftOut, Row
from connectors.intake import fields, finding_text, parts
from connectors.intake.json_elements import elements
from connectors.intake.parts import Lacks, get, listed, moment, optional, text
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_OUTCOMES = {"satisfied": TestOutcome.PASS, "not-satisfied": TestOutcome.FAIL}
_PART = re.compile(r"[_.](?:obj|smt|asm|gdn|fr)\b.*|_(?:obj|smt|asm|gdn|fr)[._-].*")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_RATINGS = ("severity", "priority", "risk", "risk-level", "level")
_OWNERS = frozenset({"owner", "poc", "poc-email", "responsible"})

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A finding with the result that it stands in, and what it refers to."""

    finding: Object
    result: Object
    observations: tuple[Object, ...]
    risks: tuple[Object, ...]
    parties: Mapping[str, Object]
    assessors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OscalResults:
    """Findings, known again by what they are about and their title, as documents of another day give other ids.

    A document may hold results of several days: the latest word counts. `written` dates what the file does not date,
    and `subject` names the system that was assessed.
    """

    written: datetime | None = None
    subject: str = ""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the findings of all results, counted through the file."""
        for element in elements(stream):
            if isinstance(element, BadRow):
                yield element
                continue
            results = get(element.value, "assessment-results", "results")
            if not isinstance(results, list):
                what = "is missing: these are no OSCAL assessment results"
                yield BadRow(element.at, "assessment-results.results", what, element.unit)
                continue
            try:
                seen = list(_findings(element.value))
            except fields.WrongValue as error:
                yield BadRow(element.at, "assessment-results", str(error), element.unit)
                continue
            yield from _latest([self._row(at, each) for at, each in enumerate(seen, start=1)])

    def _row(self, at: int, seen: _Seen | None) -> Row:
        try:
            if seen is None:
                raise Lacks("", "is not an object")
            return self._read(seen)
        except Lacks as lack:
            return BadRow(at, lack.args[0], lack.args[1], "finding")
        except fields.WrongValue as error:
            return BadRow(at, "", str(error), "finding")

    def _read(self, seen: _Seen) -> Finding:
        status = "state" if isinstance(get(seen.finding, "target", "status"), Mapping) else ""
        said = text(seen.finding, "target", "status", *filter(None, [status])).lower()
        if said not in _OUTCOMES:
            raise Lacks("target.status.state", f"{said[:40]!r} is none of {', '.join(_OUTCOMES)}")
        times = [time for each in seen.observations if (time := moment(each, "collected"))]
        done = moment(seen.result, "end") or moment(seen.result, "start")
        observed = max(times, default=done or self.written)
        if observed is None:
            raise Lacks("collected", "is missing in its observations, and the result has no end")
        return Finding(self._draft(seen), _OUTCOMES[said], observed, ", ".join(seen.assessors))

    def _draft(self, seen: _Seen) -> ItemDraft:
        target, title = text(seen.finding, "target", "target-id"), text(seen.finding, "title")
        tests = {"question": "\n\n".join(_words(seen.observations, "title", "description"))}
        answer = "\n\n".join(_words((seen.finding,), "description") or _words(seen.observations, "remarks"))
        origin = tests | {"answer": answer, "assessor": ", ".join(seen.assessors), "system": self.subject}
        facts = {"About": target, "System": self.subject, "Assessor": origin["assessor"]}
        said = finding_text.Said(
            status=answer,
            risk="\n\n".join(_words(seen.risks, "title", "statement")),
            remediation="\n\n".join(_remedies(seen.risks)),
        )
        return ItemDraft(
            title=" ".join(f"{finding_text.demand(title)}{f' ({self.subject})' if self.subject else ''}".split()),
            description=finding_text.description(said, [finding_text.fact(*fact) for fact in facts.items() if fact[1]]),
            priority=_priority(seen),
            owner=_owner(seen),
            due_date=_due(seen.risks),
            controls=(_PART.sub("", target),),
            risks=tuple(uuid for risk in seen.risks if (uuid := optional(risk, "uuid"))),
            source_kind=SourceKind.ASSESSMENT,
            source_ref=target,
            fingerprint=parts.fingerprint("oscal-ar", self.subject, target, title),
            origin={name: words for name, words in origin.items() if words},
        )


def _latest(rows: list[Row]) -> Iterator[Row]:
    """Yield the rows, of each finding only what was seen last."""
    last: dict[str | None, tuple[datetime, int]] = {}
    for place, row in enumerate(rows):
        if isinstance(row, Finding):
            key, seen = row.draft.fingerprint, (row.observed_at, place)
            last[key] = max(last.get(key, seen), seen)
    for place, row in enumerate(rows):
        if isinstance(row, Finding) and last[row.draft.fingerprint][1] != place:
            yield LeftOut(place + 1, "the same file says something later", "finding")
        else:
            yield row


def _findings(document: Object) -> Iterator[_Seen | None]:
    body = document["assessment-results"]
    parties = {optional(each, "uuid"): each for each in listed(body, "metadata", "parties")}
    assessors = tuple(_assessors(body, parties))
    for result in listed(body, "results"):
        observations = {optional(each, "uuid"): each for each in listed(result, "observations")}
        risks = {optional(each, "uuid"): each for each in listed(result, "risks")}
        for finding in listed(result, "findings"):
            if not isinstance(finding, Mapping):
                yield None
                continue
            seen = _named(finding, "related-observations", "observation-uuid", observations)
            # OSCAL 1.0 has the risks of a finding under another name.
            about = _named(finding, "related-risks", "risk-uuid", risks)
            about = about or _named(finding, "associated-risks", "risk-uuid", risks)
            who = tuple(_actors((finding, *seen), parties)) or assessors
            yield _Seen(finding, result if isinstance(result, Mapping) else {}, seen, about, parties, who)


def _named(finding: Object, name: str, key: str, known: Mapping[str, Object]) -> tuple[Object, ...]:
    return tuple(known[uuid] for each in listed(finding, name) if (uuid := optional(each, key)) in known)


def _assessors(body: Object, parties: Mapping[str, Object]) -> Iterator[str]:
    for each in listed(body, "metadata", "responsible-parties"):
        if "assessor" in optional(each, "role-id"):
            yield from _names(parts.texts(each, "party-uuids"), parties)


def _actors(seen: tuple[Object, ...], parties: Mapping[str, Object]) -> Iterator[str]:
    actors = [actor for each in seen for origin in listed(each, "origins") for actor in listed(origin, "actors")]
    uuids = (optional(actor, "actor-uuid") for actor in actors if optional(actor, "type") == "party")
    yield from _names(dict.fromkeys(uuids), parties)


def _names(uuids: Iterator[str] | Mapping[str, None], parties: Mapping[str, Object]) -> Iterator[str]:
    for uuid in uuids:
        if name := optional(parties.get(uuid), "name"):
            yield name


def _words(some: tuple[Object, ...], *names: str) -> list[str]:
    return list(dict.fromkeys(words for each in some for name in names if (words := optional(each, name))))


def _responses(risks: tuple[Object, ...]) -> Iterator[Object]:
    for risk in risks:
        yield from (each for name in ("remediations", "responses") for each in listed(risk, name))


def _remedies(risks: tuple[Object, ...]) -> list[str]:
    return [words for each in _responses(risks) if (words := optional(each, "description") or optional(each, "title"))]


def _priority(seen: _Seen) -> Priority | None:
    """The most urgent of what the risks, or the finding itself, are rated."""
    facets = [
        facet
        for risk in seen.risks
        for character in listed(risk, "characterizations")
        for facet in listed(character, "facets")
    ]
    props = [prop for each in (seen.finding, *seen.risks) for prop in listed(each, "props")]
    words = (optional(each, "value") for each in (*facets, *props) if optional(each, "name").casefold() in _RATINGS)
    rated = {priority for word in words if (priority := parts.rated(word))}
    return next((priority for priority in Priority if priority in rated), None)


def _owner(seen: _Seen) -> str | None:
    props = [prop for each in (seen.finding, *seen.risks) for prop in listed(each, "props")]
    named = [optional(each, "value") for each in props if optional(each, "name").casefold() in _OWNERS]
    tasks = [task for each in _responses(seen.risks) for task in listed(each, "tasks")]
    roles = [role for task in tasks for role in listed(task, "responsible-roles")]
    for party in (seen.parties.get(uuid) for role in roles for uuid in parts.texts(role, "party-uuids")):
        named += parts.texts(party, "email-addresses")
    return next((each for each in named if _EMAIL.fullmatch(each)), None)


def _due(risks: tuple[Object, ...]) -> date | None:
    """The first deadline of the risks."""
    return min((time.date() for each in risks if (time := moment(each, "deadline"))), default=None)
