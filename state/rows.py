"""Rows as the values that the rest of the program knows."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from sqlalchemy import Row

from state.effects import Feed, Intent
from state.errors import Damaged
from state.model import (
    Accepted,
    ActionItem,
    Agreed,
    Baseline,
    Claim,
    ClaimKind,
    Comment,
    Field,
    Hold,
    HoldKind,
    Link,
    OperationKind,
    Priority,
    SourceKind,
    Status,
)
from state.ticket import Cursor, Marker, TicketRef

CLAIM = ("claim_kind", "claim_by", "claim_at", "claim_text")

T = TypeVar("T")


def _readable(read: Callable[[Row[Any]], T]) -> Callable[[Row[Any]], T]:
    """Say of a value that nothing of ours could have written that the database is damaged."""

    @wraps(read)
    def reading(row: Row[Any]) -> T:
        try:
            return read(row)
        except ValueError as error:
            raise Damaged(
                f"a row of the database cannot be read: {error}. It is damaged; nothing of this step was kept. "
                "Put a copy from before in its place"
            ) from error

    return reading


@_readable
def item_of(row: Row[Any]) -> ActionItem:
    """The item that a row of the item table holds."""
    return ActionItem(
        ref=row.ref,
        title=row.title,
        description=row.description,
        priority=Priority(row.priority),
        original_priority=Priority(row.original_priority),
        status=Status(row.status),
        owner=row.owner,
        due_date=row.due_date,
        original_due_date=row.original_due_date,
        controls=row.controls,
        risks=row.risks,
        source_kind=SourceKind(row.source_kind),
        source_ref=row.source_ref,
        external_ref=row.external_ref,
        fingerprint=row.fingerprint,
        claim=_claim(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
        revision=row.revision,
        origin=json.loads(row.origin) if row.origin else {},
        predecessor=row.predecessor,
        part_of=row.part_of,
        accepted=_accepted(row),
        overdue=bool(row.overdue),
    )


def _accepted(row: Row[Any]) -> Accepted | None:
    return Accepted(row.accepted_ref, row.accepted_until, row.accepted_as) if row.accepted_ref else None


def accepted_columns(accepted: Accepted | None) -> dict[str, Any]:
    """The columns that hold what an item's risk is accepted by."""
    return {
        "accepted_ref": accepted and accepted.ref,
        "accepted_until": accepted and accepted.until,
        "accepted_as": accepted and accepted.fingerprint,
    }


def _claim(row: Row[Any]) -> Claim | None:
    if row.claim_kind is None:
        return None
    return Claim(ClaimKind(row.claim_kind), row.claim_by, row.claim_at, row.claim_text)


def claim_columns(claim: Claim | None) -> dict[str, Any]:
    """The columns that hold a claim."""
    if claim is None:
        return dict.fromkeys(CLAIM)
    return dict(zip(CLAIM, (claim.kind.value, claim.by, claim.at, claim.text), strict=True))


def baseline_text(baseline: Baseline) -> str:
    """A baseline as JSON text."""
    pairs = {field.value: [agreed.ours, agreed.theirs] for field, agreed in baseline.items()}
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))


def _baseline(text: str) -> Baseline:
    return {Field(name): Agreed(ours, theirs) for name, (ours, theirs) in json.loads(text).items()}


@_readable
def link_of(row: Row[Any]) -> Link:
    """The link that a row of the link table holds."""
    return Link(
        item=row.item,
        ref=TicketRef(row.tracker, row.ticket_id, row.ticket_key),
        url=row.url,
        marker=Marker(row.marker_key, row.item),
        baseline=_baseline(row.baseline),
        item_revision=row.item_revision,
        ticket_revision=row.ticket_revision,
        linked_at=row.linked_at,
        linked_by=row.linked_by,
        generation=row.generation,
        missing_since=row.missing_since,
        archived=row.archived,
        comments=row.comments,
        seen_at=row.seen_at,
        reporter=row.reporter,
    )


def link_columns(link: Link) -> dict[str, Any]:
    """The columns that hold a current link."""
    return {
        "item": link.item,
        "tracker": link.ref.tracker,
        "ticket_id": link.ref.id,
        "ticket_key": link.ref.key,
        "url": link.url,
        "marker_key": link.marker.key,
        "generation": link.generation,
        "baseline": baseline_text(link.baseline),
        "item_revision": link.item_revision,
        "ticket_revision": link.ticket_revision,
        "linked_at": link.linked_at,
        "linked_by": link.linked_by,
        "missing_since": link.missing_since,
        "archived": link.archived,
        "comments": link.comments,
        "seen_at": link.seen_at,
        "reporter": link.reporter,
        "ended_at": None,
    }


@_readable
def intent_of(row: Row[Any]) -> Intent:
    """The intent that a row of the intent table holds."""
    return Intent(
        id=row.id,
        run=row.run,
        kind=OperationKind(row.kind),
        item=row.item,
        tracker=row.tracker,
        key=row.key,
        payload=json.loads(row.payload),
        begun_at=row.begun_at,
        asked_at=row.asked_at,
        begun_there=row.begun_there,
    )


def intent_columns(intent: Intent) -> dict[str, Any]:
    """The columns that hold an open intent."""
    return {
        "id": intent.id,
        "run": intent.run,
        "kind": intent.kind.value,
        "item": intent.item,
        "tracker": intent.tracker,
        "key": intent.key,
        "payload": json.dumps(dict(intent.payload), ensure_ascii=False, separators=(",", ":")),
        "begun_at": intent.begun_at,
        "asked_at": intent.asked_at,
        "begun_there": intent.begun_there,
        "finished_at": None,
        "outcome": None,
        "reason": None,
    }


@_readable
def hold_of(row: Row[Any]) -> Hold:
    """The hold that a row of the hold table holds."""
    return Hold(
        kind=HoldKind(row.kind),
        item=row.item,
        tracker=row.tracker,
        detail=row.detail,
        field=Field(row.field) if row.field else None,
        ours=row.ours,
        theirs=row.theirs,
        id=f"H-{row.seq}",
        opened_at=row.opened_at,
    )


@_readable
def comment_of(row: Row[Any]) -> Comment:
    """The comment that a row of the comment table holds."""
    return Comment(
        id=f"C-{row.seq:06d}",
        item=row.item,
        author=row.author,
        text=row.text,
        at=row.at,
        inbound=bool(row.inbound),
        tracker=row.tracker,
        remote_id=row.remote_id,
        topic=row.topic,
        standing=row.standing,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
    )


def feed_of(row: Row[Any]) -> Feed:
    """Where a row of the feed table says that a tracker's feed stands."""
    return Feed(
        tracker=row.tracker,
        settled=_cursor(row.settled_at, row.settled_validator),
        fresh=_cursor(row.fresh_at, row.fresh_validator),
        settling=_cursor(row.settling_at, row.settling_validator),
        settle_at=row.settle_at,
        rules=row.rules,
        audited_at=row.audited_at,
    )


def _cursor(at: datetime | None, validator: str) -> Cursor | None:
    return None if at is None else Cursor(at, validator)


def feed_columns(feed: Feed, now: datetime) -> Mapping[str, Any]:
    """The columns that hold where a feed stands."""
    return {
        "tracker": feed.tracker,
        "settled_at": feed.settled.at if feed.settled else None,
        "settled_validator": feed.settled.validator if feed.settled else "",
        "fresh_at": feed.fresh.at if feed.fresh else None,
        "fresh_validator": feed.fresh.validator if feed.fresh else "",
        "settling_at": feed.settling.at if feed.settling else None,
        "settling_validator": feed.settling.validator if feed.settling else "",
        "settle_at": feed.settle_at,
        "rules": feed.rules,
        "audited_at": feed.audited_at,
        "stored_at": now,
    }
