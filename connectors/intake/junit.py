"""Results of a test suite in the XML that JUnit began and most test runners write."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.expatreader import create_parser  # type: ignore[import-untyped]

from connectors.base import BadRow, LeftOut, Row
from connectors.intake import fields, finding_text, parts
from state.model import Finding, ItemDraft, Priority, SourceKind, TestOutcome

_STEP = 1 << 16
_WORDS = 2000
_MESSAGE = 500
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_FAILED = frozenset({"failure", "error"})
_NOT_RUN = frozenset({"notrun", "skipped", "suppressed", "disabled"})
_CONTROLS = ("control", "controls", "requirement", "requirements")
_RISKS = ("risk", "risks")
_SEPARATOR = re.compile(r"[;,\n]")


@dataclass(slots=True)
class _Suite:
    """A suite that is open: what its cases have in common."""

    name: str
    at: str
    properties: dict[str, str]


@dataclass(slots=True)
class _Case:
    """A test case as the file has it."""

    line: int
    name: str
    group: str
    state: str
    suite: _Suite
    properties: dict[str, str]
    found: str = ""
    message: str = ""
    type: str = ""


@dataclass(slots=True)
class _Words:
    """The beginning of an element's text."""

    text: list[str] = field(default_factory=list)
    room: int = _WORDS

    def add(self, more: str) -> None:
        self.text.append(more[: self.room])
        self.room -= len(self.text[-1])


class _Cases(ContentHandler):
    """Collects finished cases, and forgets everything else; `place` knows the line that is being read."""

    def __init__(self, place: Any) -> None:
        super().__init__()
        self._place = place
        self.done: deque[_Case] = deque()
        self.root = ""
        self._suites = [_Suite("", "", {})]
        self._case: _Case | None = None
        self._property: str | None = None
        self._words: _Words | None = None

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        tag, said, case = name.rpartition(":")[2], dict(attrs), self._case
        self.root = self.root or tag
        match tag:
            case "testsuites" | "testsuite":
                around = self._suites[-1]
                at = said.get("timestamp") or around.at
                self._suites.append(_Suite(said.get("name") or around.name, at, dict(around.properties)))
            case "testcase":
                self._case = self._begun(said)
            case "property":
                self._property = said.get("name", "").strip().casefold()
                self._set(said.get("value", ""))
                self._words = _Words()
            case "failure" | "error" | "skipped" if case is not None and case.found not in _FAILED:
                case.found, case.message, case.type = tag, said.get("message", ""), said.get("type", "")
                self._words = _Words()

    def _begun(self, said: Mapping[str, str]) -> _Case:
        suite = self._suites[-1]
        state = (said.get("status") or said.get("result") or "").casefold()
        properties = dict(suite.properties)
        return _Case(_line(self._place), said.get("name", ""), said.get("classname", ""), state, suite, properties)

    def _set(self, value: str) -> None:
        if self._property and value.strip():
            (self._case or self._suites[-1]).properties[self._property] = value

    def characters(self, content: str) -> None:
        if self._words is not None:
            self._words.add(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        tag, case = name.rpartition(":")[2], self._case
        words = "".join(self._words.text) if self._words else ""
        match tag:
            case "testsuites" | "testsuite":
                self._suites.pop()
            case "testcase" if case is not None:
                self.done.append(case)
                self._case = None
            case "property":
                self._set(words)
                self._property = self._words = None
            case "failure" | "error" | "skipped":
                if case is not None and not case.message:
                    case.message = words.strip()
                self._words = None


@dataclass(frozen=True, slots=True)
class Junit:
    """One test per case, known again by its suite, its class and its name.

    Properties of a case, or of a suite before its cases, name its `control` or `requirement`, its `risk` and its
    `severity`. `written` dates a suite without a time, and `subject` says what was tested. A time without a zone is one
    of `zone`; where none is given it cannot be told which time it is, and `written` counts.
    """

    zone: str | None = None
    written: datetime | None = None
    subject: str = ""

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """Yield the cases of all suites, as far as the file is sound; what it declares or refers to is refused."""
        parser = create_parser(forbid_dtd=True)
        cases = _Cases(parser)
        parser.setContentHandler(cases)
        count = 0
        while True:
            step = stream.read(_STEP)
            problem = _fed(parser, step)
            while cases.done:
                count += 1
                yield self._row(cases.done.popleft())
            if problem is not None:
                yield problem
                return
            if not step:
                break
        if cases.root not in {"testsuites", "testsuite"}:
            yield BadRow(1, "", f"is no JUnit XML: its root is <{cases.root[:60]}>, not <testsuites> or <testsuite>")

    def _row(self, case: _Case) -> Row:
        try:
            return self._read(case)
        except parts.Lacks as lack:
            return BadRow(case.line, lack.args[0], lack.args[1])
        except fields.WrongValue as error:
            return BadRow(case.line, "", str(error))

    def _read(self, case: _Case) -> Row:
        name = fields.clean(case.name)
        if not name:
            raise parts.Lacks("name", "is missing")
        if case.found == "skipped" or (case.state in _NOT_RUN and not case.found):
            return LeftOut(case.line, "skipped")
        observed = self._time(case.suite.at.strip()) or self.written
        if observed is None:
            raise parts.Lacks("timestamp", "is missing in the suite")
        outcome = TestOutcome.FAIL if case.found in _FAILED else TestOutcome.PASS
        return Finding(self._draft(case, name), outcome, observed.astimezone(UTC), "JUnit")

    def _time(self, said: str) -> datetime | None:
        written = parts.written_time(said)
        if written is not None and written.tzinfo is None:
            written = written.replace(tzinfo=ZoneInfo(self.zone)) if self.zone else None
        return None if written is None else parts.utc(written)

    def _draft(self, case: _Case, name: str) -> ItemDraft:
        group, suite = fields.clean(case.group) or "", fields.clean(case.suite.name) or ""
        said, check = case.properties, f"{group}.{name}" if group else name
        where = ", ".join(filter(None, (group or suite, self.subject)))
        title = fields.clean(said.get("title")) or f"Make {finding_text.shortened(name)} pass"
        facts = {"Test": check, "Suite": suite, "Tested": self.subject, "Failure": fields.clean(case.type) or ""}
        status = "\n\n".join(filter(None, (fields.clean(said.get("description")), _message(case))))
        return ItemDraft(
            title=f"{' '.join(title.split())} ({finding_text.shortened(where)})" if where else title,
            description=finding_text.description(
                finding_text.Said(status), [finding_text.fact(label, text) for label, text in facts.items() if text]
            ),
            priority=_priority(said),
            controls=parts.controls((("", code) for code in _named(said, _CONTROLS)), ()),
            risks=tuple(_named(said, _RISKS)) or None,
            source_kind=SourceKind.AUTOMATED_TEST,
            source_ref=check,
            fingerprint=parts.fingerprint("junit", self.subject, suite, group, name),
        )


def _line(where: Any) -> int:
    return int(where.getLineNumber() or 1)


def _fed(parser: Any, step: bytes) -> BadRow | None:
    """Feed the parser, or end it with no bytes; what is wrong with what it was fed."""
    try:
        parser.feed(step) if step else parser.close()
    except DefusedXmlException as error:
        what = "declares a document type or entities, or refers to another file, which no result of tests needs"
        return BadRow(_line(parser), "", f"{what} ({type(error).__name__})")
    except SAXParseException as error:
        return BadRow(_line(error), "", f"is not XML from here on: {error.getMessage()}")
    except (SAXException, ValueError, LookupError) as error:
        return BadRow(1, "", f"is not XML: {error}")
    return None


def _message(case: _Case) -> str:
    """What the failure said, in its first line and without what differs from one run to the next."""
    lines = (fields.clean(case.message) or "").splitlines()
    said = _ADDRESS.sub("0x…", lines[0])[:_MESSAGE] if lines and case.found in _FAILED else ""
    return f"The test fails: {said}" if said else ""


def _priority(said: Mapping[str, str]) -> Priority | None:
    words = (said.get(name, "").strip() for name in ("severity", "priority"))
    return next((rated for word in words if (rated := parts.rated(word))), None)


def _named(said: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for each in _SEPARATOR.split(fields.clean(said.get(name)) or ""):
            if entry := " ".join(each.split()):
                yield entry
