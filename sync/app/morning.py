"""The morning view of a programme: whose work is open, and what has become too much, too quiet or due."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from state.model import Priority
from state.outlook import ALL, Load, Outlook
from state.register import ControlStatus
from state.store import Store
from sync.app import register_shapes, show
from sync.app.shapes import LAST_SYNC, moment

_OWNERS = 12
_NAMED = 5
_ENDS = {
    0: "in order",
    3: "some of it put off or refused; run it again",
    4: "refused by a brake",
    5: "something waits for a person",
}


def last_sync(store: Store) -> dict[str, Any] | None:
    """How the last sync ended, if there was one that did."""
    told = store.remembered(LAST_SYNC)
    return None if told is None else dict(json.loads(told))


def shape(view: Outlook, today: date) -> dict[str, Any]:
    """What the view says, as JSON."""
    return {
        "owners": [_load(each) for each in view.loads],
        "controls": {status.value: view.controls.get(status, 0) for status in ControlStatus},
        "risks_due": [register_shapes.risk(each, today) for each in view.risks],
        "silent_tests": [register_shapes.test(each) for each in view.silent],
        "quiet": [{"name": q.name, "open": q.open, "since": moment(q.since)} for q in view.quiet],
    }


def _load(each: Load) -> dict[str, Any]:
    return {
        "owner": each.owner,
        "open": {priority.value: each.open.get(priority, 0) for priority in Priority},
        "overdue": each.overdue,
        "most_due": each.due,
        "week": each.week.isoformat(),
        "best_week": each.best,
        "too_much": each.is_too_much,
    }


def sync_words(last: Mapping[str, Any] | None) -> str:
    """How the last sync ended, in words."""
    if last is None:
        return "No sync has ended yet. Next: counterfoil plan"
    names = ("created", "updated", "pulled", "commented", "deferred", "failed")
    did = ", ".join(f"{last[name]:,} {name}" for name in names if last[name]) or "nothing to write"
    end = _ENDS.get(last["exit_code"], f"exit code {last['exit_code']}")
    why = [f"\n    {text}" for text in (last["refused"], *last["problems"]) if text]
    return f"Last sync {show.minute(last['at'])} UTC: {end} ({did}){''.join(why)}"


def words(view: Outlook, today: date) -> Iterator[object]:
    """Yield what the view says, part by part; a part with nothing in it is left out."""
    if view.loads:
        yield show.heading("Open work by owner")
        yield show.table(
            ("owner", *(p.value for p in Priority), "overdue", "busiest week"), map(_row, view.loads[:_OWNERS])
        )
        if len(view.loads) > _OWNERS:
            yield f"and {len(view.loads) - _OWNERS:,} more owners"
    if flags := [*_flags(view)]:
        yield show.heading("Look at this")
        yield show.bullets(flags)
    if counts := {status: number for status, number in view.controls.items() if number}:
        yield show.heading("Controls")
        yield show.table([s.value for s in ControlStatus], [[counts.get(s, 0) or None for s in ControlStatus]])
    if view.risks:
        yield show.heading(f"Risks to be scored again: {len(view.risks)}")
        yield show.bullets(_risks(view, today))


def _row(load: Load) -> Sequence[object]:
    busiest = f"{load.week}: {load.due}"
    return (load.owner or "nobody", *(load.open.get(p, 0) or None for p in Priority), load.overdue or None, busiest)


def _flags(view: Outlook) -> Iterator[str]:
    for load in view.loads:
        if load.owner is None:
            number = sum(load.open.values())
            yield f"{show.counted(number, 'open item')} of nobody\n    counterfoil item edit REF --owner EMAIL"
        elif load.is_too_much:
            yield (
                f"{load.owner} has {load.due} due in the week of {load.week}, and the most ever closed in one is "
                f"{load.best}\n    counterfoil item list --owner {load.owner}"
            )
    for quiet in view.quiet:
        what = "Nothing" if quiet.name == ALL else f"Nothing of {quiet.name}"
        yield f"{what} has moved since {quiet.since.date()}; open: {show.counted(quiet.open, 'item')}"
    if view.silent:
        names = "; ".join(test.title for test in view.silent[:_NAMED])
        more = f" and {len(view.silent) - _NAMED:,} more" if len(view.silent) > _NAMED else ""
        yield f"{show.counted(len(view.silent), 'test')} gone silent: {names}{more}"


def _risks(view: Outlook, today: date) -> Iterator[str]:
    for risk in view.risks[:_NAMED]:
        why = register_shapes.due_why(risk, today)
        yield f"{risk.id} {risk.statement}: {why}\n    counterfoil risk score {risk.id}"
    if len(view.risks) > _NAMED:
        yield f"and {len(view.risks) - _NAMED:,} more: counterfoil risk list --due"
