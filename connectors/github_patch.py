"""A patch as what GitHub is asked to change."""

from collections.abc import Sequence
from typing import Any

from connectors.base import MARK
from connectors.errors import Rejected
from connectors.github_reading import StatusLabels, comment_marker, folded
from connectors.github_settings import BODY_LIMIT, COMMENT_LIMIT, TITLE_LIMIT
from state.ticket import KEEP, Body, Category, Keep, Patch, TransitionTo

_REASONS = ("completed", "not_planned", "duplicate")


def allow(title: object, body: object) -> None:
    """Raise `Rejected` for a title or a body that GitHub does not take."""
    if isinstance(title, str) and (not title.strip() or len(title) > TITLE_LIMIT):
        raise Rejected(f"the title must have 1 to {TITLE_LIMIT} characters")
    if body not in (KEEP, None) and not isinstance(body, str):
        raise Rejected("the body must be Markdown")
    if isinstance(body, str) and len(body) > BODY_LIMIT:
        raise Rejected(f"the body is longer than {BODY_LIMIT} characters")


def said_as(text: Body, marker: str) -> dict[str, str]:
    """A comment of ours as it is sent; raises `Rejected` for a text that GitHub does not take."""
    if not isinstance(text, str):
        raise Rejected("the comment must be Markdown")
    if len(text) > COMMENT_LIMIT:
        raise Rejected(f"the comment is longer than {COMMENT_LIMIT} characters")
    return {"body": text + comment_marker(marker)}


def values(patch: Patch, also: Sequence[str]) -> dict[str, Any]:
    """What one request changes: state and fields; `also` are those assigned beside the person whom we know."""
    changed: dict[str, Any] = {}
    if patch.state is not None:
        changed["state"] = "closed" if patch.state.category is Category.DONE else "open"
        if patch.state.category is Category.DONE:
            known = (name for name in patch.state.resolutions if name in _REASONS)
            changed["state_reason"] = next(known, _REASONS[0])
    if not isinstance(patch.title, Keep):
        changed["title"] = patch.title
    if not isinstance(patch.body, Keep):
        changed["body"] = patch.body or ""
    if not isinstance(patch.assignee, Keep):
        changed["assignees"] = list(dict.fromkeys([patch.assignee, *also])) if patch.assignee else []
    return changed


def label_changes(patch: Patch, present: frozenset[str] | None, known: StatusLabels) -> tuple[list[str], list[str]]:
    """The labels to add and to remove, each in a request of its own; `present` are those there, if that is known."""
    adds, removes = list(patch.add_labels), list(patch.remove_labels)
    if patch.marker is not None:
        adds.append(MARK)
    if patch.state is not None and patch.state.category is not Category.DONE:
        wanted, others = _status_labels(patch.state, present or frozenset(), known)
        adds += wanted
        removes += others
    has = None if present is None else folded(present)
    kept = folded(adds)
    adds = [name for name in dict.fromkeys(adds) if has is None or name.casefold() not in has]
    removes = [name for name in dict.fromkeys(removes) if has is None or name.casefold() in has]
    return adds, [name for name in removes if name.casefold() not in kept]


def _status_labels(wanted: TransitionTo, present: frozenset[str], known: StatusLabels) -> tuple[list[str], list[str]]:
    """Which labels bring an open issue to `wanted`, and which others there mean a status."""
    alike = known.in_progress if wanted.category is Category.INDETERMINATE else known.open
    every = folded(known.every())
    named = [name for name in wanted.names if name.casefold() in every]
    good = folded([*named, *alike])
    has = any(name.casefold() in good for name in present)
    label = named if wanted.category is Category.NEW else (named or [*wanted.names] or [*alike])
    others = [name for name in known.every() if name.casefold() not in good]
    return ([] if has else label[:1]), others
