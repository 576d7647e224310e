"""Frameworks, controls and risks as commands show them, as JSON and in words."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from state.items import Decided
from state.register import Control, Framework, Risk, Score, ScoreKind, Test
from sync.app import show
from sync.app.shapes import moment
from sync.proposing import Proposal


def framework(each: Framework, counts: Mapping[str, int]) -> dict[str, Any]:
    """A framework, and how many of its controls have which status."""
    return {
        "id": each.id,
        "title": each.title,
        "version": each.version or None,
        "source": each.source,
        "sha256": each.sha256,
        "added_at": moment(each.added_at),
        "controls": dict(counts),
    }


def control(each: Control) -> dict[str, Any]:
    """A control as `controls list` shows it."""
    return {
        "id": each.id,
        "framework": each.framework,
        "code": each.code,
        "title": each.title,
        "owner": each.owner,
        "status": each.status.value,
        "why": each.why,
        "since": moment(each.since),
        "answered_by": each.answered_by,
    }


def exemption(each: Control) -> dict[str, Any] | None:
    """Why a control does not apply."""
    said = each.exemption
    return None if said is None else {"reason": said.reason, "by": said.by, "at": moment(said.at)}


def test(each: Test) -> dict[str, Any]:
    """The latest word of a test."""
    return {
        "title": each.title,
        "outcome": each.outcome.value,
        "observed_at": moment(each.observed_at),
        "item": each.item,
        "source_ref": each.source_ref or None,
        "report_sha256": each.report_sha256 or None,
    }


def score(each: Score) -> dict[str, Any]:
    """One rating."""
    return {
        "kind": each.kind.value,
        "likelihood": each.likelihood,
        "impact": each.impact,
        "level": each.level,
        "by": each.by,
        "at": moment(each.at),
        "reason": each.reason or None,
    }


def risk(each: Risk, today: date) -> dict[str, Any]:
    """A risk as `risk list` shows it, with the latest score of each kind."""
    latest = {kind.value: each.score(kind) for kind in ScoreKind}
    return {
        "id": each.id,
        "statement": each.statement,
        "owner": each.owner,
        "treatment": each.treatment.value,
        "gap": each.gap or None,
        "existing": list(each.existing),
        "next_review": each.next_review and each.next_review.isoformat(),
        "is_due": each.is_due(today),
        "due_since": moment(each.due_since),
        "due_why": due_why(each, today),
        **{name: found and score(found) for name, found in latest.items()},
    }


def due_why(each: Risk, today: date) -> str | None:
    """Why a risk is to be scored again, if it is."""
    if each.due_since is None and each.is_due(today):
        return f"its review date {each.next_review} has come"
    return each.due_why or None


def proposal(made: Proposal, without: Mapping[str, int], refs: Sequence[str] | None) -> dict[str, Any]:
    """Items that would be made, or were."""
    return {
        "digest": made.digest,
        "items": [_proposed(each) for each in made.items],
        "not_needed": dict(without),
        "created": None if refs is None else list(refs),
    }


def _proposed(each: Decided) -> dict[str, Any]:
    draft, due, priority = each
    return {
        "external_ref": draft.external_ref,
        "title": draft.title,
        "priority": priority.value,
        "owner": draft.owner,
        "due_date": due.isoformat(),
        "controls": list(draft.controls or ()),
        "source_ref": draft.source_ref,
    }


def proposal_words(answer: Mapping[str, Any], apply: str) -> str:
    """The same for people, with the command that makes them."""
    counts = [f"{number:,} {why}" for why, number in answer["not_needed"].items()]
    besides = f" (besides: {', '.join(counts)})" if counts else ""
    if answer["created"] is not None:
        made = answer["created"]
        refs = f": {made[0]} to {made[-1]}" if len(made) > 1 else f": {made[0]}" if made else ""
        return f"{show.counted(len(made), 'item')} made{refs}{besides}"
    if not answer["items"]:
        return f"No item is missing{besides}."
    rows = [(i["source_ref"], i["priority"], i["due_date"], i["owner"], i["title"]) for i in answer["items"]]
    return show.rendered(
        show.table(("for", "priority", "due", "owner", "item"), rows),
        f"\n{show.counted(len(rows), 'item')} would be made{besides}. Nothing was written.",
        f"Digest: {answer['digest']}\n  {apply} --apply --expect {answer['digest'][:12]}",
    )
