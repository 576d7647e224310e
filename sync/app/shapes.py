"""The JSON that commands answer with, as documented in docs/json.md."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from state.acceptance import Acceptance, Decision, DueChange, Questioned
from state.audit import AuditRecord, said
from state.checkpoint import epoch
from state.model import ActionItem, Comment, Hold, Link
from state.stored import Stored
from sync.app.failures import Untrusted
from sync.proving import Finding, Fork

LAST_SYNC = "last_sync"
"""Under which name a database remembers how the last sync ended."""
_RECORD = {"seq", "at", "actor", "action", "object", "field", "before", "after", "reason"}


def moment(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hold(each: Hold) -> dict[str, Any]:
    """What waits for a person."""
    return {
        "id": each.id or None,
        "kind": each.kind.value,
        "item": each.item,
        "tracker": each.tracker or None,
        "field": each.field.value if each.field else None,
        "detail": each.detail,
        "ours": each.ours,
        "theirs": each.theirs,
        "command": each.command,
        "opened_at": moment(each.opened_at),
    }


def ticket(link: Link | None) -> dict[str, Any] | None:
    """Which ticket an item has."""
    if link is None:
        return None
    return {
        "tracker": link.ref.tracker,
        "id": link.ref.id,
        "key": link.ref.key,
        "url": link.url,
        "linked_at": moment(link.linked_at),
        "missing_since": moment(link.missing_since),
        "archived": link.archived,
    }


def item(each: ActionItem, link: Link | None, holds: Iterable[Hold]) -> dict[str, Any]:
    """An item as `item list` shows it."""
    return {
        "ref": each.ref,
        "external_ref": each.external_ref,
        "title": each.title,
        "priority": each.priority.value,
        "owner": each.owner,
        "due_date": each.due_date.isoformat(),
        "controls": list(each.controls),
        "risks": list(each.risks),
        "status": each.status.value,
        "claim": each.claim.kind.value if each.claim else None,
        "accepted": each.accepted and {"ref": each.accepted.ref, "until": each.accepted.until.isoformat()},
        "holds": [hold(h) for h in holds],
        "ticket": ticket(link),
    }


def whole_item(
    each: ActionItem,
    link: Link | None,
    holds: Iterable[Hold],
    comments: Iterable[Comment],
    history: Iterable[AuditRecord],
) -> dict[str, Any]:
    """An item as `item show` shows it."""
    said = each.claim
    return {
        **item(each, link, holds),
        "description": each.description,
        "original_priority": each.original_priority.value,
        "original_due_date": each.original_due_date.isoformat(),
        "source": each.source_kind.value,
        "source_ref": each.source_ref or None,
        "fingerprint": each.fingerprint,
        "origin": dict(each.origin),
        "predecessor": each.predecessor,
        "part_of": each.part_of,
        "claim_detail": said and {"kind": said.kind.value, "by": said.by, "at": moment(said.at), "text": said.text},
        "created_at": moment(each.created_at),
        "updated_at": moment(each.updated_at),
        "resolved_at": moment(each.resolved_at),
        "revision": each.revision,
        "comments": [comment(c) for c in comments],
        "history": [record(r) for r in history],
    }


def comment(each: Comment) -> dict[str, Any]:
    """Something said about an item."""
    return {
        "id": each.id,
        "author": each.author,
        "text": each.text,
        "at": moment(each.at),
        "inbound": each.inbound,
        "tracker": each.tracker or None,
        "sent": bool(each.remote_id) and not each.inbound,
        "edited_at": each.edited_at and moment(each.edited_at),
        "deleted_at": each.deleted_at and moment(each.deleted_at),
    }


def record(each: AuditRecord) -> dict[str, Any]:
    """One record of the ledger: its body, and the hash over it; raises `Untrusted` where it is none."""
    if not each.told.keys() >= _RECORD:
        raise Untrusted(f"record {each.seq} of the ledger cannot be read; see `counterfoil audit verify`")
    return {**each.told, "hash": each.hash}


def finding(each: Finding) -> dict[str, Any]:
    """What checking the ledger found."""
    bad, good = each.verdict.first_bad, each.last_good
    return {
        "conclusion": each.conclusion.value,
        "ok": each.verdict.ok and not each.apart,
        "records": each.records,
        "anchored": each.anchored,
        "head": each.verdict.head,
        "first_bad": None if bad is None else {"seq": bad[0], "reason": bad[1]},
        "last_good": None if good is None else {"origin": good.origin, "size": good.size},
        "redacted": each.verdict.redacted,
        "erasing": [{"record": seq, "texts": count} for seq, count in each.verdict.erasing.items()],
        "backdated": list(each.verdict.backdated),
        "given_up": [_given_up(fork) for fork in each.given_up],
        "doubts": list(each.doubts),
        "remarks": list(each.remarks),
        "not_counted": list(each.not_counted),
        "apart": list(each.apart),
        "around": [as_it_stands(stored) for stored in each.around],
    }


def as_it_stands(stored: Stored) -> dict[str, Any]:
    """What a record says that may be no sound one; of what is no text, nothing."""
    told = said(stored.body)
    parts = {name: told.get(name) for name in ("at", "action", "object", "field")}
    return {"seq": stored.seq, **{name: value if isinstance(value, str) else None for name, value in parts.items()}}


def _given_up(fork: Fork) -> dict[str, Any]:
    return {
        "record": fork.seq,
        "origin": fork.after,
        "epoch": epoch(fork.after),
        "first": fork.agreed + 1,
        "last": fork.size,
        "unvouched": max(fork.seq - fork.agreed - 1, 0),
        "reason": fork.reason,
    }


def by_item(holds: Sequence[Hold]) -> dict[str, list[Hold]]:
    """Holds by the item they are on."""
    grouped: dict[str, list[Hold]] = {}
    for each in holds:
        grouped.setdefault(each.item, []).append(each)
    return grouped


def acceptance(each: Acceptance, today: date) -> dict[str, Any]:
    """A request to live with a risk, and what became of it by today."""
    terms = each.terms
    return {
        "ref": each.ref,
        "item": each.item,
        "state": each.state_on(today).value,
        "justification": terms.justification,
        "until": terms.until and terms.until.isoformat(),
        "compensating": terms.compensating,
        "likelihood": terms.likelihood,
        "impact": terms.impact,
        "conditions": terms.conditions,
        "requester": each.requester,
        "requested_at": moment(each.requested_at),
        "editors": list(each.editors),
        "system": each.system,
        "renewal_of": each.renewal_of or None,
        "decisions": [_decision(made) for made in each.decisions],
        "active_from": moment(each.active_from),
        "warned_at": moment(each.warned_at),
        "ended_at": moment(each.ended_at),
        "ended_why": each.ended_why or None,
    }


def _decision(made: Decision) -> dict[str, Any]:
    return {
        "verdict": made.verdict.value,
        "by": made.by,
        "at": moment(made.at),
        "reason": made.reason,
        "authority": made.authority,
        "channel": made.channel.value,
        "typed_by": made.typed_by or None,
        "event": made.event or None,
        "snapshot": made.snapshot or None,
    }


def questioned(each: Questioned) -> dict[str, Any]:
    """A decision whose comment was changed or deleted in the tracker since."""
    return {
        "ref": each.ref,
        "item": each.item,
        "verdict": each.verdict.value,
        "by": each.by,
        "event": each.event,
        "comment": each.became,
        "at": moment(each.at),
    }


def due_change(each: DueChange) -> dict[str, Any]:
    """A later due date that somebody asked for, and what was decided."""
    return {
        "item": each.item,
        "before": each.before.isoformat(),
        "after": each.after.isoformat(),
        "requester": each.requester,
        "requested_at": moment(each.requested_at),
        "system": each.system,
        "reason": each.reason or None,
        "verdict": each.verdict or None,
        "decided_by": each.decided_by or None,
        "decided_at": moment(each.decided_at),
        "decided_why": each.decided_why or None,
    }
