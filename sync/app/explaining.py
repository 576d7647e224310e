"""Why an item and its ticket look as they do."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from rich.table import Table

from connectors.errors import TrackerError
from mapping.read import observe
from mapping.render import desired
from state import queries
from state.acceptance import as_of
from state.lifecycle import UNFINISHED
from state.model import Field, Link
from state.queries import Explanation
from state.ticket import Missing, Ticket
from sync.app import evidence_shapes, shapes, show
from sync.app.complaints import ConfigError
from sync.app.failures import IN_ORDER
from sync.app.opening import configuration, open_store
from sync.app.reaching import open_one, rules_of, tracker_settings
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.backing import Backing, backing_of

_RECORDS = 20


@dataclass(frozen=True, slots=True)
class _Sides:
    """How both sides read now, by field, or why that is not known."""

    ours: dict[Field, str | None]
    theirs: dict[Field, str | None]
    trouble: str = ""


def explain(shell: Shell, ref: str, *, offline: bool) -> int:
    """Say why an item and its ticket look as they do."""
    config = configuration(shell)
    with open_store(shell, config) as store:
        told = queries.explain(store, store.called(ref), shell.today, records=_RECORDS)
        told = replace(told, item=as_of(told.item, shell.today))
        backing = backing_of(store, config.settings.resolution, shell.clock(), [told.item])[told.item.ref]
        sides = _Sides({}, {}, "not looked at (--offline)") if offline else _now(shell, config, told)
    route = None if told.item.part_of else rules_of(config, {}, {}).route(told.item)
    answer = {**_shape(told, sides), **_backed(backing, shell.today), "route": route}
    shell.answer(answer, lambda: _words(answer, told))
    return IN_ORDER


def _now(shell: Shell, config: Configuration, told: Explanation) -> _Sides:
    link = told.link
    if link is None:
        return _Sides({}, {}, "it has none of its own" if told.item.part_of else "there is no ticket yet")
    try:
        tables = tracker_settings(config)
        if link.ref.tracker not in tables:
            return _Sides({}, {}, f"{link.ref.tracker} is not in the configuration any more")
        return _looked(shell, config, told, link)
    except (ConfigError, TrackerError) as error:
        return _Sides({}, {}, f"the ticket could not be looked at: {error}")


def _looked(shell: Shell, config: Configuration, told: Explanation, link: Link) -> _Sides:
    name = link.ref.tracker
    tables = tracker_settings(config)
    tracker = open_one(shell, config, name, tables[name])
    try:
        rules = rules_of(config, tables, {name: tracker})
        wanted = desired(told.item, rules, name, link.marker)
        match next(iter(tracker.fetch([link.ref])), None):
            case Ticket() as ticket:
                there = observe(ticket, rules, name, baseline=link.baseline, desired=wanted)
                return _Sides(dict(wanted.values), dict(there.values))
            case Missing() as missing:
                return _Sides(dict(wanted.values), {}, f"{link.ref.key} is {missing.why.value}: {missing.detail}")
            case _:
                return _Sides(dict(wanted.values), {}, "the tracker said nothing about the ticket")
    finally:
        tracker.close()


def _shape(told: Explanation, sides: _Sides) -> dict[str, Any]:
    base = told.link.baseline if told.link else {}
    known = [name for name in Field if name in base or name in sides.ours or name in sides.theirs]
    failure = told.failure
    return {
        **shapes.item(told.item, told.link, told.holds),
        "part_of": told.item.part_of,
        "listed_in": shapes.ticket(told.listing),
        "warnings": list(told.warnings),
        "fields": [_field(name, told, sides) for name in known],
        "ticket_now": sides.trouble or "read just now",
        "open_intents": [
            {"id": i.id, "kind": i.kind.value, "run": i.run, "begun_at": shapes.moment(i.begun_at)}
            for i in told.intents
        ],
        "waiting_comments": [shapes.comment(c) for c in told.waiting],
        "tests": [
            {"outcome": r.outcome.value, "observed_at": shapes.moment(r.observed_at), "source_ref": r.source_ref}
            for r in told.results
        ],
        "last_failure": failure
        and {
            "kind": failure.intent.kind.value,
            "outcome": failure.outcome.kind,
            "reason": failure.outcome.reason,
            "at": shapes.moment(failure.at),
        },
        "records": [shapes.record(r) for r in told.records],
    }


def _backed(backing: Backing, today: date) -> dict[str, Any]:
    """What the policy asks for, what was brought, and what is missing as long as the item is unfinished."""
    return {
        "asked_for": [str(demand) for demand in backing.demands],
        "evidence": [evidence_shapes.piece(each, today) for each in backing.evidence if not each.superseded],
        "missing": list(backing.missing) if backing.item.status in UNFINISHED else [],
    }


def _field(name: Field, told: Explanation, sides: _Sides) -> dict[str, Any]:
    base = told.link.baseline.get(name) if told.link else None
    ours, theirs = sides.ours.get(name), sides.theirs.get(name)
    return {
        "field": name.value,
        "agreed_item": base and base.ours,
        "agreed_ticket": base and base.theirs,
        "item": ours,
        "ticket": theirs,
        "item_moved": None if name not in sides.ours or base is None else ours != base.ours,
        "ticket_moved": None if name not in sides.theirs or base is None else theirs != base.theirs,
    }


def _words(answer: dict[str, Any], told: Explanation) -> str:
    parts: list[object] = [
        show.heading(f"{answer['ref']}  {answer['title']}"),
        f"  {answer['status']}{_accepted(answer)}, {answer['priority']}, due {answer['due_date']}, "
        f"owner {answer['owner'] or 'nobody'}; {_where(answer, told)}",
    ]
    if answer["fields"]:
        parts += [show.heading("Both sides"), _both_sides(answer["fields"])]
    if answer["ticket_now"] != "read just now":
        parts.append(f"  The ticket as it is now: {answer['ticket_now']}")
    parts += [show.heading("Evidence"), show.bullets(_evidence(answer))]
    parts += [
        show.heading("Waits for a person"),
        show.bullets(f"{h.id} {h.kind.value}: {h.detail}\n      {h.command}" for h in told.holds),
    ]
    parts += [part for title, lines in _waiting(answer) for part in (show.heading(title), show.bullets(lines)) if lines]
    return show.rendered(*parts, show.heading("Last records"), show.records(answer["records"]))


def _accepted(answer: dict[str, Any]) -> str:
    return " until {until} by {ref}".format(**answer["accepted"]) if answer["accepted"] else ""


def _evidence(answer: dict[str, Any]) -> Iterator[str]:
    yield f"asked for before it counts as resolved: {'; '.join(answer['asked_for']) or 'nothing'}"
    yield from map(evidence_shapes.line, answer["evidence"])
    if answer["missing"]:
        yield f"still missing: {'; '.join(answer['missing'])}"


def _where(answer: dict[str, Any], told: Explanation) -> str:
    """Which ticket it has, which lists it, or which it will get."""
    named = "{key} in {tracker}: {url}".format
    if ticket := answer["ticket"]:
        return f"its ticket is {named(**ticket)}"
    if group := told.item.part_of:
        listing = answer["listed_in"]
        return f"listed in the ticket of {group}, {named(**listing) if listing else 'which has none yet'}"
    return f"no ticket, the routes send it to {answer['route']}" if answer["route"] else "no ticket, no route takes it"


def _both_sides(fields: list[dict[str, Any]]) -> Table:
    """What was agreed on, and each side as it is now where anything is known of it."""
    known = [side for side in ("item", "ticket") if any(f[f"{side}_moved"] is not None for f in fields)]
    rows = [(f["field"], _agreed(f), *(_now_of(f, side) for side in known)) for f in fields]
    return show.table(("field", "last agreed (item | ticket)", *(f"the {side} now" for side in known)), rows)


def _value(each: dict[str, Any], side: str) -> str:
    """One side's value as people read it; texts are only known by their digest."""
    value = each[side]
    if value is None:
        return ""
    if each["field"] == Field.BODY.value:
        return f"text {value[:8]}"
    return show.short(", ".join(value.split("\n")), 50)


def _agreed(each: dict[str, Any]) -> str:
    """What both sides last agreed on; where they agreed to differ, the item's value and the ticket's."""
    ours, theirs = _value(each, "agreed_item"), _value(each, "agreed_ticket")
    return ours if ours == theirs else f"{ours or '-'} | {theirs or '-'}"


def _now_of(each: dict[str, Any], side: str) -> str:
    """One side's value where it has moved since, in words that it has not where it is known."""
    match each[f"{side}_moved"]:
        case None:
            return ""
        case False:
            return "same"
        case _:
            return _value(each, side) or "nothing"


def _waiting(answer: dict[str, Any]) -> list[tuple[str, list[str]]]:
    failure = answer["last_failure"]
    return [
        ("Warnings", answer["warnings"]),
        ("Not yet known to have happened", [f"{i['kind']} begun {i['begun_at']}" for i in answer["open_intents"]]),
        ("Comments to be sent", [f"{c['id']} {show.short(c['text'])}" for c in answer["waiting_comments"]]),
        ("Tests", [f"{t['observed_at']} {t['outcome']} {t['source_ref']}" for t in answer["tests"]]),
        ("Last failure", [f"{failure['at']} {failure['kind']}: {json.dumps(failure['reason'])}"] if failure else []),
    ]
