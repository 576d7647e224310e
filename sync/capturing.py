"""What a ticket gives as evidence by itself: files, links, merged changes, and how it was when it was closed."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mapping.claims import NEARBY
from mapping.directives import directives
from mapping.markup import clean_title
from mapping.rules import Rules
from state.acceptance import UNKNOWN
from state.audit import digest
from state.effects import Because
from state.lifecycle import UNFINISHED
from state.model import Actor, Agent, Field, Link
from state.proof import CHANGE, COMMIT, Evidence, EvidenceDraft, EvidenceKind, kind_of_address, unfit
from state.ticket import PULL_REQUEST, Activity, ActivityKind, Artefact, Body, Category, Ticket
from state.vault import safe_name
from sync.asked import known_as
from sync.plan import Capture
from sync.rulings import because_of, start_of

SHOW = "evidence"
"""The word of a comment that brings evidence: `/evidence URL what it shows`."""

_URL = re.compile(r"https?://[^\s<>\"'()\[\]|{}\\^`]+", re.IGNORECASE)
_LONGEST = 300
_MOST = 20
_MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Capturing:
    """One look at a ticket for evidence; `activity` is what people did since the last, `links` what it is linked with.

    `said` are comments that are new or say something else now. `known` is what supports the item already: the same is
    not brought again.
    """

    link: Link
    ticket: Ticket
    activity: Sequence[Activity]
    rules: Rules
    run: str
    said: Sequence[Activity] = ()
    known: Sequence[Evidence] = ()
    links: Sequence[Activity] = ()

    def asks_for_links(self) -> bool:
        """Whether it is worth a request what the ticket is linked with: it was closed, or a link is news to us."""
        if self.ticket.state.category is not Category.DONE:
            return False
        return self._is_closing() or any(self._is_new_link(act) for act in self.activity)

    def captured(self) -> tuple[Capture, ...]:
        """All that is news, each once."""
        known = {(e.draft.remote_id, e.draft.url) for e in self.known}
        addresses = {e.draft.url for e in self.known if e.resolves(self.ticket.updated.date())} - {""}
        fresh: list[Capture] = []
        for one in self._found():
            key = one.draft.remote_id, one.draft.url
            if one.draft.url and not one.attachment and unfit(one.draft.url):
                continue
            if key not in known and (one.draft.is_attested or one.draft.url not in addresses):
                fresh.append(one)
                known.add(key)
                addresses |= {one.draft.url} - {""}
        return tuple(fresh)

    def _found(self) -> Iterator[Capture]:
        """What is there, in the order in which it counts where two lead to the same address."""
        linked = list(self._linked())
        yield from (each for each in linked if each.draft.is_attested)
        yield from self._brought()
        yield from self._attached()
        yield from (each for each in linked if not each.draft.is_attested)
        yield from self._explained()
        yield from self._snapshot()

    def _is_new_link(self, act: Activity) -> bool:
        known = {e.draft.remote_id for e in self.known}
        told = act.kind is ActivityKind.LINK and act.artefact is not None and act.artefact.closes
        since = self.link.seen_at or self.link.linked_at
        added = act.kind is ActivityKind.LINK and act.artefact is None and act.at >= since and not act.by.ours
        return (told and act.after == _MERGED and f"{CHANGE}{act.id}" not in known) or added

    def _is_closing(self) -> bool:
        agreed = self.link.baseline.get(Field.STATUS)
        moved = self._closing() is not None or (agreed is not None and agreed.theirs in UNFINISHED)
        known = any(e.draft.remote_id == self._closing_id for e in self.known)
        return self.ticket.state.category is Category.DONE and moved and not known

    @property
    def _closing_id(self) -> str:
        """What tells this closing from any other."""
        event = self._closing()
        told = event.id if event is not None else self.ticket.updated.isoformat()
        return f"snapshot:{self.ticket.ref.id}:{told}"

    def _closing(self) -> Activity | None:
        """The last that somebody else did to the ticket's state."""
        told = [a for a in self.activity if a.kind is ActivityKind.FIELD and a.field == Field.STATUS.value]
        return told[-1] if told and not told[-1].by.ours else None

    def _comments(self) -> Iterator[Activity]:
        return (act for act in self.said if not (act.by.ours or act.marker_key or act.confined))

    def _brought(self) -> Iterator[Capture]:
        for act in self._comments():
            named = list(_brought(act.text))
            for place, (url, shows) in enumerate(named[:_MOST], start=1):
                rest = f" (no more of the {len(named)} in this comment are kept)" if place == _MOST < len(named) else ""
                yield self._address(act, url, f"{shows}{rest}".strip())

    def _explained(self) -> Iterator[Capture]:
        """The addresses in what the closer said about the time of closing."""
        closing = self._closing() if self._is_closing() else None
        for act in self._comments():
            if closing is not None and act.by.id == closing.by.id and abs(act.at - closing.at) <= NEARBY:
                words = start_of(" ".join(_URL.sub("", act.text).split()))
                yield from (self._address(act, _trimmed(url), words) for url in _URL.findall(act.text)[:_MOST])

    def _address(self, act: Activity, url: str, shows: str) -> Capture:
        words = shows or f"linked in a comment on {self.ticket.ref.key}"
        ident = f"comment:{act.id}:{digest(url)[:16]}"
        return self._capture(act, EvidenceDraft(kind_of_address(url), words, "", act.at, remote_id=ident, url=url))

    def _attached(self) -> Iterator[Capture]:
        files = (*self.activity, *self.links)
        for act in files:
            file = act.artefact
            if act.kind is not ActivityKind.ATTACHMENT or act.by.ours or file is None:
                continue
            draft = EvidenceDraft(
                EvidenceKind.TICKET_ATTACHMENT,
                f"attached to {self.ticket.ref.key}: {safe_name(file.name)}",
                "",
                act.at,
                remote_id=f"attachment:{act.id}",
                url=file.url,
                name=safe_name(file.name),
                size=file.size,
                mime=file.mime,
            )
            yield self._capture(act, draft, attachment=act.id)

    def _linked(self) -> Iterator[Capture]:
        merged = {act.artefact.commit for act in self.links if act.field == PULL_REQUEST and act.artefact}
        for act in self.links:
            there = act.artefact
            if act.kind is not ActivityKind.LINK or there is None or not _settles(act, there, merged):
                continue
            kind = EvidenceKind.PULL_REQUEST if act.field == PULL_REQUEST else kind_of_address(there.url)
            kept_as = CHANGE if act.field == PULL_REQUEST else COMMIT if there.commit else "link:"
            ident, name = f"{kept_as}{act.id}", _title(there)
            draft = EvidenceDraft(kind, self._settled_by(act), "", act.at, remote_id=ident, url=there.url, name=name)
            yield self._capture(replace(act, by=replace(act.by, id=there.author or act.by.id)), draft)

    def _settled_by(self, act: Activity) -> str:
        key, there = self.ticket.ref.key, act.artefact
        if there is None or not there.closes:
            return f"linked with {key}: {_title(there) if there else ''}"
        names = ", ".join(self._name(each) for each in there.approvers)
        made = f", as {there.commit}" if there.commit and act.field == PULL_REQUEST else ""
        approved = f", approved by {names}" if names else ""
        return f"closes {key}: {_title(there)}{made}{approved}"

    def _snapshot(self) -> Iterator[Capture]:
        """The ticket as somebody closed it: their own word for it, which somebody else has to review."""
        if not self._is_closing():
            return
        event = self._closing()
        at = event.at if event is not None else self.ticket.updated
        content = snapshot(self.ticket, (*self.activity, *(each for each in self.links if each not in self.activity)))
        draft = EvidenceDraft(
            EvidenceKind.TICKET_SNAPSHOT,
            f"{self.ticket.ref.key} as it was closed",
            "counterfoil" if event is None else self._name(event.by.id),
            at,
            remote_id=self._closing_id,
            name=f"{self.ticket.ref.key or self.ticket.ref.id}.json".replace("/", "-"),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            mime="application/json",
        )
        because = self._because(event, f"{self.ticket.ref.key} was closed")
        yield Capture(self._of(draft), because, content=content)

    def _capture(self, act: Activity, draft: EvidenceDraft, *, attachment: str = "") -> Capture:
        draft = self._of(replace(draft, by=self._name(act.by.id)))
        return Capture(draft, self._because(act, draft.shows), attachment=attachment)

    def _of(self, draft: EvidenceDraft) -> EvidenceDraft:
        return replace(draft, item=self.link.item, origin=self.link.ref.tracker)

    def _because(self, act: Activity | None, reason: str) -> Because:
        """Who did what brings this, where that is told."""
        tracker, at = self.link.ref.tracker, act.at if act is not None else self.ticket.updated
        if act is not None and act.by.id:
            return because_of(act, tracker, self.run, reason)
        return Because(Agent(Actor.UNKNOWN, tracker, UNKNOWN), self.run, act.id if act else "", reason, at)

    def _name(self, account: str) -> str:
        return known_as(account or UNKNOWN, self.rules, self.link.ref.tracker)


def _settles(act: Activity, there: Artefact, merged: Collection[str]) -> bool:
    """Whether a link is evidence: a page, a merged change that closes the ticket, a commit that does and is not one."""
    if act.field == PULL_REQUEST:
        return there.closes and act.after == _MERGED
    if there.commit:
        return there.closes and there.commit not in merged
    return not act.by.ours


def _title(there: Artefact) -> str:
    return clean_title(there.name)[:_LONGEST]


def _brought(text: str) -> Iterator[tuple[str, str]]:
    """The addresses that a comment brings as evidence, each with what it shows in the words of whoever wrote it."""
    for directive in directives(text):
        found = _URL.search(directive.rest) if directive.word == SHOW else None
        if found is not None:
            rest = directive.rest.replace(found[0], _tail(found[0]), 1)
            yield _trimmed(found[0]), " ".join(rest.strip(" []()<>|-:").split())


def _trimmed(url: str) -> str:
    """An address without what only ends the sentence that it stands in."""
    return url.rstrip(".,;:!?*_~")


def _tail(url: str) -> str:
    return url[len(_trimmed(url)) :]


def snapshot(ticket: Ticket, activity: Sequence[Activity]) -> bytes:
    """A ticket and what was done to it of late, as JSON; the same for the same. What is not for everybody is left out.

    A body that is nested too deeply to be written is left out too.
    """
    told = [_deed(act) for act in activity if not act.confined and not act.marker_key]
    for body in (ticket.body, None):
        try:
            return json.dumps({"ticket": _shown(ticket, body), "activity": told}, sort_keys=True, indent=1).encode()
        except (ValueError, RecursionError):
            continue
    raise AssertionError("a ticket without a body can be written")


def _shown(ticket: Ticket, body: Body) -> dict[str, Any]:
    state = ticket.state
    return {
        "tracker": ticket.ref.tracker,
        "id": ticket.ref.id,
        "key": ticket.ref.key,
        "url": ticket.url,
        "title": ticket.title,
        "body": body,
        "state": {"category": state.category.value, "name": state.name, "resolution": state.resolution},
        "priority": ticket.priority,
        "assignee": ticket.assignee,
        "due_date": ticket.due_date and ticket.due_date.isoformat(),
        "labels": sorted(ticket.labels),
        "created": ticket.created.isoformat(),
        "updated": ticket.updated.isoformat(),
        "project": ticket.project,
    }


def _deed(act: Activity) -> dict[str, Any]:
    said = {"text": act.text, "field": act.field, "before": act.before, "after": act.after}
    there = asdict(act.artefact) if act.artefact is not None else None
    who = {"id": act.by.id, "name": act.by.name}
    told = {"id": act.id, "kind": act.kind.value, "by": who, "at": act.at.isoformat(), "artefact": there}
    return told | {name: value for name, value in said.items() if value}
