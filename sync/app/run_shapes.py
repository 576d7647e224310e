"""The JSON that plans and runs answer with, as documented in docs/json.md."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from state.model import Hold
from sync.app.shapes import hold
from sync.engine import Report
from sync.plan import Operation, Plan


def plan(made: Plan) -> dict[str, Any]:
    """What a run would do, and what stands in its way."""
    return {
        "digest": made.digest,
        "operations": [_operation(each) for each in made.operations],
        "refused": None if made.refused is None else {"brake": made.refused.name, "detail": made.refused.detail},
        "holds": [hold(each) for each in made.holds],
        "problems": list(made.problems),
        "not_known": list(made.doubts),
        "warnings": list(made.warnings),
        "forecasts": [{**asdict(each), "done_at": each.done_at.isoformat()} for each in made.forecasts],
    }


def report(done: Report, holds: Iterable[Hold]) -> dict[str, Any]:
    """What a run planned and did; `holds` are those that are open after it."""
    return {
        **plan(done.plan),
        "holds": [hold(each) for each in holds],
        "problems": [*done.plan.problems, *done.problems],
        "warnings": [*done.plan.warnings, *done.warnings],
        "run": done.run,
        **asdict(done.tally),
        "requests": dict(done.requests),
    }


def _operation(each: Operation) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "item": each.item,
        "tracker": each.tracker,
        "reason": each.reason,
        "fields": [{"field": m.field.value, "before": m.before, "after": m.after} for m in each.fields],
    }
