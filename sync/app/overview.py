"""How everything stands, and what waits for a person."""

from collections.abc import Iterator, Sequence
from typing import Any

from state import queries
from state.model import Hold, Priority, Status
from state.outlook import outlook as look
from state.queries import Overview
from sync.app import anchoring, morning, shapes, show
from sync.app.failures import IN_ORDER
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell

_NAMED, _HOLDS = 5, 20


def status(shell: Shell) -> int:
    """Show how everything stands."""
    config = configuration(shell)
    with open_store(shell, config) as store:
        view = queries.status(store, shell.today, soon=config.settings.accept.warn_days)
        outlook = store.ask(look, shell.today, stale_days=config.settings.tests.stale_days)
        holds, last = store.holds(), morning.last_sync(store)
        places = anchoring.kept(config, store, view.records)
    trackers = list(dict.fromkeys([*config.settings.trackers, *view.links, *view.synced]))
    answer = _shape(view, holds, trackers)
    answer |= {
        "acceptances_requested": [shapes.acceptance(each, shell.today) for each in view.requested],
        "acceptances_ending": [shapes.acceptance(each, shell.today) for each in view.ending],
        "acceptances_questioned": [shapes.questioned(each) for each in view.questioned],
        "due_requested": [shapes.due_change(each) for each in view.later],
        "ledger": {"records": view.records, "head": view.head, "anchors": places},
        "last_sync": last,
        **morning.shape(outlook, shell.today),
    }
    also = tuple(morning.words(outlook, shell.today))
    ledger = tuple(anchoring.kept_words(config, places))
    shell.answer(answer, lambda: _words(view, holds, trackers, also, morning.sync_words(last), ledger))
    return IN_ORDER


def _shape(view: Overview, holds: Sequence[Hold], trackers: Sequence[str]) -> dict[str, Any]:
    return {
        "items": {s.value: {p.value: view.items.get((s, p), 0) for p in Priority} for s in Status},
        "overdue": view.overdue,
        "unlinked": view.unlinked,
        "to_compare": view.dirty,
        "holds": [shapes.hold(hold) for hold in holds],
        "open_intents": view.intents,
        "waiting_comments": view.waiting_comments,
        "trackers": {
            name: {"linked": view.links.get(name, 0), "last_sync": shapes.moment(view.synced.get(name))}
            for name in trackers
        },
        "warnings": [{"item": ref, "warning": text} for ref, text in view.warned],
        "warning_counts": dict(view.warnings),
    }


def _words(
    view: Overview,
    holds: Sequence[Hold],
    trackers: Sequence[str],
    also: Sequence[object],
    last: str,
    kept: Sequence[str],
) -> str:
    counts = [
        (
            s.value,
            *(view.items.get((s, p), 0) or None for p in Priority),
            sum(view.items.get((s, p), 0) for p in Priority),
        )
        for s in Status
    ]
    synced = [
        (name, f"{view.links.get(name, 0):,}", str(view.synced[name])[:16] if name in view.synced else "never")
        for name in trackers
    ]
    parts: list[object] = [
        show.table(("", *(p.value for p in Priority), "all"), counts, title="Items"),
        show.bullets(_now(view)),
        *also,
        show.heading("Trackers"),
        show.table(("tracker", "tickets", "last read (UTC)"), synced),
        show.bullets([last]),
        show.heading(f"Waits for a person: {len(holds)}"),
        show.holds(holds[:_HOLDS]),
    ]
    if len(holds) > _HOLDS:
        parts.append(f"  and {len(holds) - _HOLDS:,} more: counterfoil holds list")
    if told := [*_accepted(view)]:
        parts += [show.heading("Accepted risks and due dates"), show.bullets(told)]
    if view.warned:
        parts += [show.heading("Warnings"), show.bullets(_warnings(view))]
    ledger = f"{show.counted(view.records, 'record')}, head {view.head[:16]}"
    return show.rendered(*parts, show.heading("Ledger"), show.bullets([ledger, *kept]))


def _now(view: Overview) -> Iterator[str]:
    yield f"{show.counted(view.overdue, 'unfinished item')} past due, {view.unlinked:,} without a ticket"
    yield (
        f"{show.counted(view.dirty, 'item')} to be compared by the next sync, "
        f"{show.counted(view.waiting_comments, 'comment')} to be sent"
    )
    if view.intents:
        yield f"{show.counted(view.intents, 'operation')} not yet known to have happened; the next sync finds out"


def _accepted(view: Overview) -> Iterator[str]:
    for each in view.requested:
        yield f"{each.ref} {each.item} is asked for by {each.requester}\n    counterfoil accept show {each.ref}"
    for each in view.ending:
        yield f"{each.ref} {each.item} ends on {each.terms.until}\n    counterfoil accept renew {each.ref} --until DATE"
    for doubt in view.questioned:
        yield f"{doubt.ref} {doubt.item}: {doubt}\n    counterfoil accept show {doubt.ref}"
    for late in view.later:
        yield (
            f"{late.item} is to be due on {late.after} instead of {late.before}, asks {late.requester}"
            f"\n    counterfoil due approve|reject {late.item} --reason TEXT"
        )


def _warnings(view: Overview) -> Iterator[str]:
    for text, number in view.warnings.items():
        refs = [ref for ref, said in view.warned if text in said][:_NAMED]
        more = f" and {number - len(refs):,} more" if number > len(refs) else ""
        yield f"{text}: {', '.join(refs)}{more}"


def list_holds(shell: Shell) -> int:
    """List what waits for a person."""
    with open_store(shell, configuration(shell)) as store:
        holds = store.holds()
    shell.answer([shapes.hold(hold) for hold in holds], lambda: show.rendered(show.holds(holds)))
    return IN_ORDER
