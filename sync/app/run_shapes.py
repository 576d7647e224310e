"""The JSON that plans and runs answer with, as documented in docs/json.md."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from state.model import Hold
from sync.app.shapes import hold, moment
from sync.engine import Report
from sync.plan import Operation, Plan

_PROBLEMS = 5


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


def ended(done: Report, at: datetime) -> str:
    """How a sync ended, as `status` tells of it later."""
    told = {"run": done.run, "at": moment(at), "exit_code": done.exit_code, **asdict(done.tally)}
    refused = None if done.plan.refused is None else done.plan.refused.detail
    return json.dumps({**told, "refused": refused, "problems": [*done.plan.problems, *done.problems][:_PROBLEMS]})


def _operation(each: Operation) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "item": each.item,
        "tracker": each.tracker,
        "reason": each.reason,
        "fields": [{"field": m.field.value, "before": m.before, "after": m.after} for m in each.fields],
    }
