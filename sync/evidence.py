"""Evidence: brought once, looked after while it counts, and asked for anew when its time is over."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from connectors.guarded import Refused, Seen, Unseen
from state import controls, items, proofs
from state.effects import Because
from state.items import Decided
from state.lifecycle import UNFINISHED
from state.model import ActionItem, ItemDraft, Priority, SourceKind, Status
from state.proof import Evidence, EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, kind_of_file
from state.store import Store
from state.vault import Fault, Vault

RENEWAL_DAYS = 30
"""How long there is to renew what expired."""

_OTHERS = frozenset({EvidenceKind.TICKET_ATTACHMENT, EvidenceKind.TICKET_SNAPSHOT, EvidenceKind.TEST_RESULT})
"""What is not for everybody to read at its address: it was taken through a tracker's or a source's own door."""
_GONE = (404, 410)


class Looks(Protocol):
    """Looks at an address, and raises `Refused` or `Unseen`."""

    def look(self, url: str) -> Seen:
        """What the address gives."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What was found behind the link of a piece, and whether that was kept as news."""

    evidence: Evidence
    found: LinkCheck
    news: bool


def bring(
    store: Store,
    draft: EvidenceDraft,
    because: Because,
    *,
    piece: str | None = None,
    crash: Callable[[str], None] = lambda _: None,
) -> tuple[Evidence, bool]:
    """Keep a piece, or the next version of one that is named; whether it is new.

    What renews a piece is brought for the item that asks for that, while there is one.
    """
    crash("row.before")
    with store.writing() as w:
        if piece is None:
            [(kept, new)] = proofs.add(w.connection, w.ledger, [(draft, because)])
        else:
            last = proofs.versions(w.connection, piece)[-1]
            draft = _for_renewal(w.connection, last, draft)
            kept, new = proofs.add_version(w.connection, w.ledger, last.ref, draft, because)
        items.mark_dirty(w.connection, filter(None, [kept.draft.item]) if new else ())
    crash("row.after")
    return kept, new


def with_bytes(draft: EvidenceDraft, vault: Vault, chunks: Iterable[bytes]) -> EvidenceDraft:
    """The draft of a file whose bytes are kept from now on; what it is is found out unless the draft says it."""
    kept = vault.keep(chunks)
    kind, mime = kind_of_file(draft.name, kept.head)
    kind = kind if draft.kind is EvidenceKind.FILE else draft.kind
    return replace(draft, kind=kind, mime=mime, sha256=kept.sha256, size=kept.size, stored=True)


def _for_renewal(connection: Connection, last: Evidence, draft: EvidenceDraft) -> EvidenceDraft:
    ref = renewal_ref(last)
    asking = items.existing(connection, [ref], []).get(("external_ref", ref))
    if asking is None or asking.status not in UNFINISHED:
        return draft
    return replace(draft, item=asking.ref, controls=tuple(c for c in draft.controls if c not in asking.controls))


def renewal_ref(evidence: Evidence) -> str:
    """What the item is called that asks for a piece to be renewed; there is one for each version."""
    return f"renew:{evidence.ref}/{evidence.version}"


def renewals(store: Store, today: date, because: Because, *, days: int = RENEWAL_DAYS) -> list[ActionItem]:
    """Make an item for each piece that expired and that a control counted on, once; those that were made now.

    While the item that a piece was brought for is unfinished, that one asks for evidence already.
    """
    if not store.ask(_overdue, today, days):
        return []
    with store.writing() as w:
        return items.add(w.connection, w.ledger, w.now, _overdue(w.connection, today, days), because)


def _overdue(connection: Connection, today: date, days: int) -> list[Decided]:
    """The items to be made."""
    spent = [each for each in proofs.ending(connection, today) if not each.rejected]
    bearers = items.get(connection, (each.draft.item for each in spent if each.draft.item))
    asked = items.existing(connection, map(renewal_ref, spent), []) if spent else {}
    wanted = [each for each in spent if ("external_ref", renewal_ref(each)) not in asked]
    drafts = (_renewal(connection, each, bearers.get(each.draft.item or "")) for each in wanted)
    return [(draft, today + timedelta(days=days), draft.priority or Priority.MEDIUM) for draft in drafts if draft]


def _renewal(connection: Connection, spent: Evidence, bearer: ActionItem | None) -> ItemDraft | None:
    if bearer is not None and bearer.status is not Status.RESOLVED:
        return None
    named = tuple(dict.fromkeys((*(bearer.controls if bearer else ()), *spent.draft.controls)))
    if not named:
        return None
    short = spent.draft.shows if len(spent.draft.shows) <= 120 else f"{spent.draft.shows[:119]}…"
    return ItemDraft(
        title=f"Renew the evidence {spent.ref}: {short}" if short else f"Renew the evidence {spent.ref}",
        description=_asked(spent, bearer),
        priority=bearer.priority if bearer else None,
        owner=bearer.owner if bearer else _owner(connection, named),
        controls=named,
        risks=bearer.risks if bearer else (),
        source_kind=SourceKind.UNIMPLEMENTED_CONTROL,
        source_ref=f"{spent.ref}/{spent.version}",
        external_ref=renewal_ref(spent),
        predecessor=bearer.ref if bearer else None,
    )


def _asked(spent: Evidence, bearer: ActionItem | None) -> str:
    draft = spent.draft
    what = f"The evidence {spent.ref} expired on {draft.expires_on} and supports no control any more."
    of = f" It was brought for {bearer.ref}: {bearer.title}." if bearer else ""
    shows = f"\n\nIt showed: {draft.shows}" if draft.shows else ""
    told = f"attach it to this ticket, or run `counterfoil evidence add {spent.ref} FILE`"
    return f"{what}{of}{shows}\n\nBring evidence of how things are now: {told}."


def _owner(connection: Connection, named: Iterable[str]) -> str | None:
    known = [each for each in controls.controls(connection) if each.owner]
    return next((each.owner for name in named for each in known if each.is_named(name)), None)


def look(looks: Looks, evidence: Evidence, before: Iterable[LinkCheck], at: datetime) -> LinkCheck:
    """What a link is now, compared to the first that was seen of it, or what its draft says of it."""
    same = (each.sha256 for each in before if each.health is LinkHealth.SAME)
    first = next(same, None) or evidence.draft.sha256
    try:
        seen = looks.look(evidence.draft.url)
    except Refused as why:
        return LinkCheck(LinkHealth.REFUSED, at, detail=str(why))
    except Unseen as why:
        return LinkCheck(LinkHealth.UNREACHABLE, at, detail=str(why))
    if 200 <= seen.status < 300:
        health = LinkHealth.SAME if first in (None, seen.sha256) else LinkHealth.CHANGED
        return LinkCheck(health, at, seen.sha256, "" if seen.url == evidence.draft.url else f"found at {seen.url}")
    if seen.status in _GONE:
        return LinkCheck(LinkHealth.GONE, at, detail=f"it answers {seen.status}")
    return LinkCheck(LinkHealth.UNREACHABLE, at, detail=f"it answers {seen.status}: is it for everybody to read?")


def look_at(store: Store, looks: Looks, evidence: Evidence, at: datetime, because: Because) -> Look:
    """Look at the link of one piece, and keep what is news."""
    before = store.ask(proofs.checks, evidence.ref).get(evidence.version, [])
    found = look(looks, evidence, before, at)
    with store.writing() as w:
        news = proofs.check(w.connection, w.ledger, evidence, found, because)
        items.mark_dirty(w.connection, filter(None, [evidence.draft.item]) if news else ())
    return Look(evidence, found, news)


def linked(store: Store) -> list[Evidence]:
    """The pieces whose links are looked at: the newest versions, not rejected, with nothing kept here.

    What a tracker tells of by itself is left out: it needs no look, and one without signing in may not see it.
    """
    return [each for each in store.ask(proofs.everything) if _is_linked(each)]


def _is_linked(each: Evidence) -> bool:
    here = each.superseded or each.rejected or each.draft.stored or each.draft.is_attested
    return bool(each.draft.url) and not here and each.draft.kind not in _OTHERS


def faults(store: Store, vault: Vault) -> Iterator[tuple[Evidence, Fault]]:
    """Every version whose file is not what it was, or not there; each file is read once."""
    known: dict[str, Fault | None] = {}
    for each in stored(store):
        sha256 = each.draft.sha256 or ""
        if sha256 not in known:
            known[sha256] = vault.fault(sha256)
        if (fault := known[sha256]) is not None:
            yield each, fault


def stored(store: Store) -> list[Evidence]:
    """Every version whose bytes are kept here."""
    return [each for each in store.ask(proofs.everything) if each.draft.stored]
