"""What the ledger tells of evidence: what was brought, what was found of it, and whether it counted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from state.model import URGENCY, Priority
from state.proof import UNTRUSTED, Demand, Evidence, EvidenceDraft, EvidenceKind, EvidencePolicy, Review, Verdict, unmet
from sync.report.forms import ITEM, OF_EVIDENCE
from sync.report.model import Event, ItemStory, Piece

_ADDED = "evidence.added"


def pieces(
    events: Iterable[Event], items: Mapping[str, ItemStory], last: date, policy: EvidencePolicy
) -> tuple[Piece, ...]:
    """Every version of every piece, in their order, as it stood at the end of a day by this policy."""
    found: dict[tuple[str, int], Piece] = {}
    for event in events:
        if not event.action.startswith("evidence."):
            continue
        ref, version = event.said("id"), event.said("version")
        if event.action == _ADDED:
            found.setdefault(
                (ref, version), Piece(ref, version, (), (), dict.fromkeys(OF_EVIDENCE) | event.after, event)
            )
        if (piece := found.get((ref, version))) is not None:
            found[ref, version] = _told(piece, event)
    newest: dict[str, int] = defaultdict(int)
    for ref, version in found:
        newest[ref] = max(newest[ref], version)
    parts = defaultdict(list)
    for item in items.values():
        parts[item.values["part_of"]].append(item)
    asked = {ref: tuple(_asked([item, *parts[ref]], policy)) for ref, item in items.items()}
    return tuple(_judged(each, newest[ref], items, last, asked) for (ref, _), each in sorted(found.items()))


def _told(piece: Piece, event: Event) -> Piece:
    """What is known with one more record; each is there once for everything that the piece supports."""
    if event.action == _ADDED:
        if ITEM.fullmatch(event.about):
            return replace(piece, items=(*piece.items, event.about))
        return replace(piece, controls=(*piece.controls, event.about))
    if event.about != (*piece.items, *piece.controls)[0]:
        return piece
    match event.action:
        case "evidence.stored":
            return replace(piece, values={**piece.values, "stored": True})
        case "evidence.reviewed":
            return replace(piece, reviews=(*piece.reviews, event))
        case _:
            return replace(piece, check=event)


def _asked(items: Iterable[ItemStory], policy: EvidencePolicy) -> Iterator[Demand]:
    """What is asked for before these items count as resolved."""
    for each in items:
        now, first = Priority(each.priority), Priority(each.made.said("priority"))
        yield from policy.of(
            min(now, first, key=URGENCY.__getitem__) if policy.by_first else now, each.values["controls"]
        )


def _judged(
    piece: Piece, newest: int, items: Mapping[str, ItemStory], last: date, asked: Mapping[str, tuple[Demand, ...]]
) -> Piece:
    why_not = _why_not(piece, newest, items, last)
    return replace(piece, why_not=why_not, lacks="" if why_not else _lacks(piece, asked))


def _lacks(piece: Piece, asked: Mapping[str, tuple[Demand, ...]]) -> str:
    """Why it does not count yet for any of its items, or for its controls where it has none."""
    said = piece.values
    draft = EvidenceDraft(
        EvidenceKind(said["kind"]), "", str(said.get("by")), piece.event.at, remote_id=str(said.get("remote_id") or "")
    )
    found = piece.reviews[-1] if piece.reviews else None
    review = None if found is None else Review(Verdict(found.said("verdict")), found.said("by"), found.at)
    evidence = Evidence(piece.ref, piece.version, draft, review)
    lacking = [unmet(asked.get(ref, ()), evidence) for ref in piece.items] or [unmet((), evidence)]
    return lacking[0] if all(lacking) else ""


def _why_not(piece: Piece, newest: int, items: Mapping[str, ItemStory], last: date) -> str:
    """Why it did not count any more; nothing where it did."""
    if piece.version < newest:
        return "replaced by a later version"
    review = piece.reviews[-1] if piece.reviews else None
    if review is not None and review.said("verdict") == "rejected":
        return f"rejected: {review.said('reason')}".rstrip(": ")
    expires = piece.values.get("expires_on")
    if expires and date.fromisoformat(expires) < last:
        return f"expired on {expires}"
    doubted = piece.check is not None and piece.check.said("health") in UNTRUSTED
    if doubted and piece.check is not None and (review is None or review.at <= piece.check.at):
        return f"its link is {piece.check.said('health')}"
    reopened = [
        each.at
        for ref in piece.items
        for each in (items[ref].events if ref in items else ())
        if each.action == "item.changed" and (each.field, each.before) == ("status", "resolved")
    ]
    if any(at > piece.event.at for at in reopened):
        return f"from before its item was opened again on {max(reopened).date()}"
    return ""
