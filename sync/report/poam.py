"""A period as a plan of action and milestones of OSCAL, the same bytes each time."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any
from uuid import UUID, uuid5

from state.audit import moment
from sync.report.model import Book, Event, ItemStory, Piece, Who, midnight, status_at
from sync.report.stories import LAPSED
from sync.report.weakness import (
    RATINGS,
    Answer,
    Deviation,
    compensating,
    deviations,
    moved,
    original_due,
    refused,
    risk_status,
    weaknesses,
)
from sync.report.words import SOURCES, headline, plain, quotation, source

OSCAL_VERSION = "1.2.1"
FEDRAMP, OURS = "http://fedramp.gov/ns/oscal", "urn:counterfoil:oscal"
"""Whose names the properties are."""

_METHODS = {"automated_test": "TEST", "assessment": "EXAMINE", "unimplemented_control": "EXAMINE"}
_APPROVALS = {Answer.PENDING: "pending", Answer.YES: "approved"}
_CONVERSATION = "comment."
_ORIGINS = ("source-ref", "external-ref")

Object = dict[str, Any]


def document(book: Book, installation: str) -> Object:
    """The plan; raises `ValueError` where the period has no item, which OSCAL has no words for."""
    return _Plan(book, UUID(hex=installation)).document()


def content(plan: Mapping[str, Any]) -> Iterator[bytes]:
    """A plan as it is written, in pieces."""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(plan):
        yield piece.encode()
    yield b"\n"


@dataclass(slots=True)
class _Plan:
    """A plan in the making: `parties` are the people that it has named so far, `statements` the risks of each item."""

    book: Book
    installation: UUID
    parties: dict[str, Object] = field(default_factory=dict)
    statements: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for risk in self.book.risks:
            for ref in risk.items if risk.statement else ():
                self.statements[ref].append(f"{risk.id}: {risk.statement}")

    def id(self, *of: object) -> str:
        """The UUID of something, the same in every plan of this installation."""
        return str(uuid5(self.installation, "|".join(map(str, of))))

    def document(self) -> Object:
        book = self.book
        items = weaknesses(book)
        if not items:
            raise ValueError("the period has no item, and a plan of OSCAL has at least one")
        kinds = sorted({str(each.values["source_kind"]) for each in items})
        pieces = {(each.ref, each.version): each for item in items for each in item.evidence}
        body = {
            "observations": list(chain.from_iterable(map(self._observations, items))),
            "risks": [self._risk(each) for each in items],
            "poam-items": [self._item(each) for each in items],
        }
        files = [self._resource(each) for _, each in sorted(pieces.items()) if each.values.get("sha256")]
        plan = {
            "uuid": self.id("plan", book.head, book.period.first, book.period.last, book.framework, book.tracker),
            "metadata": self._metadata(),
            "system-id": {"id": str(self.installation)},
            "local-definitions": {"components": [self._component(each) for each in kinds]},
            **body,
        }
        if files:
            plan["back-matter"] = {"resources": files}
        return {"plan-of-action-and-milestones": plan}

    def _metadata(self) -> Object:
        book = self.book
        told = {"period-from": book.period.first, "period-to": book.period.last, "ledger-head": book.head}
        only = {"framework": book.framework, "tracker": book.tracker}
        parties = sorted(self.parties.values(), key=lambda each: (each["name"], each["uuid"]))
        return {
            "title": f"Plan of action and milestones, {book.period.first} to {book.period.last}",
            "last-modified": moment(max(each.recorded for each in book.events if not each.strange)),
            "version": str(book.position),
            "oscal-version": OSCAL_VERSION,
            "props": [_prop(name, value) for name, value in (told | only).items() if value],
            "roles": [{"id": "point-of-contact", "title": "Point of contact"}],
            **({"parties": parties} if parties else {}),
            "remarks": f"Made from the records of a ledger, up to the number that is the version. Times are UTC. "
            f"{book.open_end}".rstrip(),
        }

    def _component(self, kind: str) -> Object:
        """What finds things, of which OSCAL asks that it is described."""
        words = SOURCES.get(kind, plain(kind))
        return {
            "uuid": self.id("component", kind),
            "type": "validation",
            "title": plain(kind).capitalize(),
            "description": f"Where items come from of which is said: {words}.",
            "status": {"state": "operational"},
        }

    def _party(self, who: Who) -> str:
        uuid = self.id("party", who.system, who.account, who.name)
        account = [_prop("account", f"{who.system}:{who.account}")]
        self.parties[uuid] = {"uuid": uuid, "type": "person", "name": _line(str(who)) or "unknown", "props": account}
        return uuid

    def _owner(self, item: ItemStory) -> list[Object]:
        address = str(item.values["owner"] or "")
        if not address:
            return []
        uuid = self.id("party", "owner", address)
        self.parties[uuid] = {"uuid": uuid, "type": "person", "name": _line(address) or "unknown"}
        return [{"role-id": "point-of-contact", "party-uuids": [uuid]}]

    def _observations(self, item: ItemStory) -> Iterator[Object]:
        """How it was found, what proves that it was worked on, and why the plan was departed from."""
        kind = str(item.values["source_kind"])
        yield {
            "uuid": self.id("observation", item.ref),
            "title": f"{item.ref} was identified",
            "description": headline(item.made),
            "props": [*_props({name: item.values[name.replace("-", "_")] for name in _ORIGINS}), _record(item.made)],
            "methods": [_METHODS.get(kind, "UNKNOWN")],
            "types": ["finding"],
            "origins": [self._tool(kind)],
            "collected": moment(item.made.at),
        }
        yield from (self._proof(item, each) for each in item.evidence)
        for each in deviations(item):
            if each.at is not None:
                yield {
                    "uuid": self.id("observation", item.ref, each.kind),
                    "title": plain(each.kind.replace("-", " ")).capitalize(),
                    "description": each.rationale or "No reason was given.",
                    "methods": ["EXAMINE"],
                    "types": [each.kind],
                    "collected": moment(each.at),
                }

    def _tool(self, kind: str) -> Object:
        return {"actors": [{"type": "tool", "actor-uuid": self.id("component", kind)}]}

    def _proof(self, item: ItemStory, piece: Piece) -> Object:
        values = piece.values
        shows = str(values.get("shows") or "") or piece.ref
        url = f"#{self._file(piece)}" if values.get("sha256") else str(values.get("url") or "")
        counts = "no" if piece.doubt else "yes"
        found: Object = {
            "uuid": self.id("observation", item.ref, piece.ref, piece.version),
            "title": f"{piece.ref} version {piece.version}",
            "description": shows,
            "props": [*_props({"kind": values.get("kind"), "counts": counts}), _record(piece.event)],
            "methods": ["EXAMINE"],
            "types": ["closure" if item.status == "resolved" else "risk-tracking"],
            "relevant-evidence": [{"description": shows} | ({"href": url} if url else {})],
            "collected": moment(piece.event.at),
        }
        if expires := values.get("expires_on"):
            found["expires"] = _midnight(date.fromisoformat(expires))
        return found | ({"remarks": f"It does not count: {piece.doubt}."} if piece.doubt else {})

    def _file(self, piece: Piece) -> str:
        return self.id("resource", piece.ref, piece.version)

    def _resource(self, piece: Piece) -> Object:
        """A file of evidence, where the auditor's pack has it."""
        sha256 = str(piece.values["sha256"])
        return {
            "uuid": self._file(piece),
            "title": f"{piece.ref} version {piece.version}",
            "props": [_prop("type", "evidence", FEDRAMP)],
            "rlinks": [{"href": f"evidence/{sha256}", "hashes": [{"algorithm": "SHA-256", "value": sha256}]}],
        }

    def _risk(self, item: ItemStory) -> Object:
        answers = deviations(item)
        asked = any(each.state == "requested" for each in item.acceptances)
        risk = {
            "uuid": self.id("risk", item.ref),
            "title": _title(item),
            "description": _description(item),
            "statement": "\n\n".join(self.statements[item.ref]) or "No Risk Statement",
            "props": [
                *(_prop("impacted-control-id", each, FEDRAMP) for each in item.values["controls"] if _line(each)),
                *(_prop(d.kind, _APPROVALS[d.answer], FEDRAMP) for d in answers if d.answer in _APPROVALS),
                _prop("original-due-date", original_due(item)),
            ],
            "status": risk_status(item.status, asked=asked),
            "characterizations": [self._characterization(item, answers)],
            "deadline": _midnight(item.due_date),
            "remediations": [self._remediation(item)],
            "risk-log": {"entries": list(self._log(item))},
            "related-observations": self._related(item),
        }
        if lessened := compensating(item):
            factor = {"uuid": self.id("mitigation", item.ref), "description": lessened}
            risk["mitigating-factors"] = [factor]
        return risk

    def _characterization(self, item: ItemStory, answers: Sequence[Deviation]) -> Object:
        """How it was rated at first, and how otherwise since, on FedRAMP's scale and in our words."""
        first = str(item.made.said("priority"))
        states = [("initial", first)] + [("adjusted", item.priority)] * any(
            each.kind == "risk-adjustment" and each.answer is not Answer.NO for each in answers
        )
        facets = [
            {"name": name, "system": system, "value": value, "props": [_prop("state", state, None)]}
            for state, priority in states
            for name, system, value in (
                ("risk", FEDRAMP, RATINGS[priority].lower()),
                ("priority", f"{OURS}:priority", priority),
            )
        ]
        return {"origin": self._tool(str(item.values["source_kind"])), "facets": facets}

    def _remediation(self, item: ItemStory) -> Object:
        """What is to be done: the first due date is the first milestone, and each later one another."""
        first, owner = original_due(item), self._owner(item)
        stones = [("Due as first planned", first, "The original due date, which is never rewritten.", item.made)]
        stones += [("Due date changed", date.fromisoformat(e.after), moved(e), e) for e in item.due_changes]
        tasks = [
            {
                "uuid": self.id("milestone", item.ref, event.seq),
                "type": "milestone",
                "title": title,
                "description": words,
                "props": [_record(event)],
                "timing": {"on-date": {"date": _midnight(due)}},
                **({"responsible-roles": owner} if owner else {}),
            }
            for title, due, words, event in stones
        ]
        ticket = item.tickets[-1] if item.tickets else None
        links = [{"href": ticket.url, "rel": "reference", "text": _line(ticket.key or ticket.id)}] if ticket else []
        return {
            "uuid": self.id("remediation", item.ref),
            "lifecycle": "completed" if item.status == "resolved" else "planned",
            "title": _title(item),
            "description": _description(item),
            **({"links": links} if ticket is not None and ticket.url else {}),
            "tasks": tasks,
        }

    def _log(self, item: ItemStory) -> Iterator[Object]:
        """What happened to it, but for what people said in its ticket; each change of the risk's status once."""
        asked: set[str] = set()
        was, lapses = "", [each for each in item.spans if each.why == LAPSED]
        for event in item.events:
            while lapses and lapses[0].since <= event.at:
                was = "open"
                yield self._lapsed(item, lapses.pop(0).since)
            if event.action.startswith("acceptance.") and (ref := event.said("ref")):
                waits = event.action == "acceptance.requested" or (ref in asked and event.action in _STILL_ASKED)
                asked = asked | {ref} if waits else asked - {ref}
            if event.action.startswith(_CONVERSATION):
                continue
            now = risk_status(status_at(item.spans, event.at), asked=bool(asked))
            yield self._entry(item, event, "" if now == was else now)
            was = now
        yield from (self._lapsed(item, each.since) for each in lapses)

    def _entry(self, item: ItemStory, event: Event, status: str) -> Object:
        entry: Object = {"uuid": self.id("entry", item.ref, event.seq), "title": _line(headline(event))}
        if words := quotation(event):
            entry["description"] = words
        entry |= {"start": moment(event.at), "props": [_record(event), *_props({"told-by": source(event)})]}
        if event.who.kind == "human":
            entry["logged-by"] = [{"party-uuid": self._party(event.who)}]
        return entry | ({"status-change": status} if status else {})

    def _lapsed(self, item: ItemStory, at: datetime) -> Object:
        uuid = self.id("entry", item.ref, "lapsed", at)
        return {"uuid": uuid, "title": LAPSED.capitalize(), "start": moment(at), "status-change": "open"}

    def _related(self, item: ItemStory) -> list[Object]:
        return [{"observation-uuid": each["uuid"]} for each in self._observations(item)]

    def _item(self, item: ItemStory) -> Object:
        values = item.values
        remarks = [f"{each}." for each in refused(item)]
        made = {
            "uuid": self.id("item", item.ref),
            "title": _title(item),
            "description": _description(item),
            "props": [
                _prop("POAM-ID", item.ref, FEDRAMP),
                *_props({"status": item.status, "goes-on-from": values.get("predecessor")}),
            ],
            "related-observations": self._related(item),
            "related-risks": [{"risk-uuid": self.id("risk", item.ref)}],
        }
        return made | ({"remarks": "\n".join(remarks)} if remarks else {})


_STILL_ASKED = frozenset({"acceptance.amended", "acceptance.decided", "acceptance.questioned", "acceptance.warned"})


def _line(text: Any) -> str:
    """A text on one line, with no space around it, as OSCAL wants names and values."""
    return " ".join(str(text).split())


def _title(item: ItemStory) -> str:
    return _line(item.title) or item.ref


def _description(item: ItemStory) -> str:
    """The text, or the hash of one that is not known any more."""
    known = item.description
    return f"Text with SHA-256 {item.values['description']['sha256']}" if known is None else known or item.title


def _prop(name: str, value: object, ns: str | None = OURS) -> Object:
    return {"name": name, **({"ns": ns} if ns else {}), "value": _line(value)}


def _props(some: Mapping[str, object]) -> list[Object]:
    return [_prop(name, value) for name, value in some.items() if value is not None and _line(value)]


def _record(event: Event) -> Object:
    """Which record of the ledger says so."""
    return _prop("ledger-record", event.seq)


def _midnight(day: date) -> str:
    return moment(midnight(day))
