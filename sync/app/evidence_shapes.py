"""Evidence as commands show it, as JSON and in words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from state.proof import Evidence, LinkCheck, Review
from sync.app import show
from sync.app.shapes import moment

_LESS = ("brought by", "taken")
"""What a list leaves out on a narrow terminal."""


def piece(each: Evidence, today: date) -> dict[str, Any]:
    """One version of a piece."""
    draft, why_not = each.draft, each.why_not(today)
    return {
        "ref": each.ref,
        "version": each.version,
        "item": draft.item,
        "controls": list(draft.controls),
        "kind": draft.kind.value,
        "shows": draft.shows,
        "by": draft.by,
        "captured_at": moment(draft.captured_at),
        "origin": draft.origin,
        "remote_id": draft.remote_id or None,
        "url": draft.url or None,
        "name": draft.name or None,
        "sha256": draft.sha256,
        "size": draft.size,
        "mime": draft.mime or None,
        "stored": draft.stored,
        "period_start": _day(draft.period_start),
        "period_end": _day(draft.period_end),
        "expires_on": _day(draft.expires_on),
        "counts": not why_not,
        "why_not": why_not or None,
        "reopened_at": moment(each.reopened_at),
        "review": each.review and review(each.review),
        "link": each.check and link(each.check),
    }


def review(each: Review) -> dict[str, Any]:
    """What a reviewer found."""
    return {"verdict": each.verdict.value, "by": each.by, "at": moment(each.at), "reason": each.reason}


def link(each: LinkCheck) -> dict[str, Any]:
    """What a link was found to be."""
    return {"health": each.health.value, "at": moment(each.at), "sha256": each.sha256, "detail": each.detail}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def listing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Pieces as a table."""
    lines = [_line(row) for row in rows]
    return show.listing(lines, _LESS, f"{show.counted(len(lines), 'piece')} of evidence")


def _line(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "evidence": named(row),
        "for": ", ".join(filter(None, (row["item"], *row["controls"]))),
        "kind": row["kind"],
        "brought by": row["by"],
        "taken": row["captured_at"][:10],
        "expires": row["expires_on"],
        "state": state(row),
        "shows": show.short(row["shows"]),
    }


def named(row: Mapping[str, Any]) -> str:
    """A piece's ref, with its version where there are several."""
    return row["ref"] if row["version"] == 1 else f"{row['ref']}/{row['version']}"


def line(row: Mapping[str, Any]) -> str:
    """A piece in one line."""
    return f"{named(row)} {row['kind']}, {state(row)}: {show.short(row['shows'])}"


def state(row: Mapping[str, Any]) -> str:
    """Whether it counts, and whether somebody reviewed it."""
    if row["why_not"]:
        return str(row["why_not"])
    if row["reopened_at"]:
        return f"from before the item was opened again on {row['reopened_at'][:10]}"
    return f"accepted by {row['review']['by']}" if row["review"] else "not reviewed"


def whole(answer: Mapping[str, Any]) -> str:
    """A piece with all its versions, the newest first."""
    parts: list[object] = []
    for row in reversed(answer["versions"]):
        parts += [show.heading(f"{row['ref']}/{row['version']}  {state(row)}"), show.table(("", ""), _facts(row))]
        if row["reviews"]:
            parts += [show.heading("Reviews"), show.bullets(_reviews(row["reviews"]))]
        if row["looks"]:
            parts += [show.heading("Its link"), show.bullets(_looks(row["looks"]))]
    return show.rendered(*parts)


def _facts(row: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    period = f"{row['period_start'] or '...'} to {row['period_end'] or '...'}"
    facts = [
        ("for", ", ".join(filter(None, (row["item"], *row["controls"])))),
        ("shows", row["shows"]),
        ("kind", row["kind"]),
        ("taken", f"{show.minute(row['captured_at'])} by {row['by']}"),
        ("from", " ".join(filter(None, (row["origin"], row["remote_id"])))),
        ("covers", period if row["period_start"] or row["period_end"] else None),
        ("expires", row["expires_on"]),
        ("address", row["url"]),
        ("name", row["name"]),
        ("size", row["size"]),
        ("sha256", row["sha256"]),
        ("file", row["file"]),
    ]
    return [(name, value) for name, value in facts if value not in (None, "")]


def _reviews(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        yield f"{show.minute(row['at'])} {row['verdict']} by {row['by']}{_because(row['reason'])}"


def _looks(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        yield f"{show.minute(row['at'])} {row['health']}{_because(row['detail'])}"


def _because(text: str) -> str:
    return f": {text}" if text else ""
