"""Controls as people look at them, and say that one does not apply."""

from datetime import date, timedelta
from typing import Any

from state import controls, grounds, naming
from state.errors import UnknownRef
from state.model import ActionItem
from state.register import Control, ControlStatus, Exemption
from state.standing import Support
from sync.app import identity, register_shapes, shapes, show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell

_ITEMS = 50
_HISTORY = 50
_LESS = ("since", "title")
"""What a list leaves out on a narrow terminal."""


def list_all(shell: Shell, status: ControlStatus | None, framework: str | None) -> int:
    """List controls."""
    with open_store(shell, configuration(shell)) as store:
        if framework is not None and framework not in {each.id for each in store.ask(controls.frameworks)}:
            raise UnknownRef(framework, "framework list")
        known = store.ask(controls.controls, framework)
    chosen = [each for each in known if status is None or each.status is status]
    shell.answer([register_shapes.control(each) for each in chosen], lambda: _listing(chosen, any_there=bool(known)))
    return IN_ORDER


def _listing(chosen: list[Control], *, any_there: bool) -> str:
    if not chosen:
        return "No such controls." if any_there else "No controls yet. `counterfoil framework add FILE` brings some in."
    lines = [
        {
            "control": each.id,
            "status": each.status.value,
            "since": each.since.date(),
            "title": each.title,
            "because": each.why,
        }
        for each in chosen
    ]
    return show.listing(lines, _LESS, show.counted(len(lines), "control"))


def show_one(shell: Shell, name: str) -> int:
    """Show one control."""
    config = configuration(shell)
    silent = config.settings.tests.stale_days
    with open_store(shell, config) as store:
        control = store.ask(controls.control, name)
        ids = [control.id, *filter(None, [control.answered_by])]
        items = store.ask(naming.items_of, ids, _ITEMS)
        tests = store.ask(controls.tests_of, ids)
        on = store.ask(grounds.of_controls, [control.id], shell.today, silent)[control.id]
        history = list(store.log([control.id], newest=_HISTORY))
    answer = register_shapes.control(control) | {
        "guidance": control.guidance,
        "exemption": register_shapes.exemption(control),
        "items": [_item(each) for each in items],
        "tests": [
            register_shapes.test(each) | {"silent": _is_silent(each.observed_at.date(), shell.today, silent)}
            for each in tests
        ],
        "evidence": [_support(each) for each in on.support],
        "history": [shapes.record(each) for each in history],
    }
    shell.answer(answer, lambda: _whole(answer))
    return IN_ORDER


def _is_silent(heard: date, today: date, days: int) -> bool:
    return heard < today - timedelta(days=days)


def _item(each: ActionItem) -> dict[str, Any]:
    return {"ref": each.ref, "status": each.status.value, "title": each.title, "owner": each.owner}


def _support(each: Support) -> dict[str, Any]:
    return {"name": each.name, "counts": not each.why_not, "why_not": each.why_not or None}


def _whole(answer: dict[str, Any]) -> str:
    exempt = answer["exemption"]
    facts = [
        ("status", f"{answer['status']} since {show.minute(answer['since'])}"),
        ("because", answer["why"]),
        ("owner", answer["owner"]),
        ("answered by", answer["answered_by"]),
        ("does not apply", exempt and f"{exempt['reason']} ({exempt['by']}, {show.minute(exempt['at'])})"),
    ]
    tests = [
        f"{t['outcome']}: {t['title']} ({show.minute(t['observed_at'])}{', silent since' if t['silent'] else ''})"
        for t in answer["tests"]
    ]
    parts: list[object] = [show.heading(f"{answer['id']}  {answer['title']}"), show.table(("", ""), facts)]
    if answer["guidance"]:
        parts += [show.heading("Guidance"), answer["guidance"]]
    items = (f"{i['ref']} {i['status']}: {i['title']}" for i in answer["items"])
    proofs = (e["name"] + (f": does not count, {e['why_not']}" if e["why_not"] else "") for e in answer["evidence"])
    parts += [show.heading("Items"), show.bullets(items), show.heading("Tests"), show.bullets(tests)]
    parts += [show.heading("Evidence"), show.bullets(proofs)]
    return show.rendered(*parts, show.heading("History"), show.records(answer["history"]))


def exempt(shell: Shell, name: str, reason: str, on_behalf: str | None) -> int:
    """Say that a control does not apply."""
    return _decide(shell, name, reason, on_behalf, applies=False)


def include(shell: Shell, name: str, reason: str, on_behalf: str | None) -> int:
    """Say that a control applies after all."""
    return _decide(shell, name, reason, on_behalf, applies=True)


def _decide(shell: Shell, name: str, reason: str, on_behalf: str | None, *, applies: bool) -> int:
    config = configuration(shell)
    if not reason.strip():
        raise Mistaken("--reason is needed: an auditor asks why")
    who = identity.acting(config, on_behalf)
    identity.must_review(config, who)
    with open_store(shell, config, writes=True) as store:
        control = store.ask(controls.control, name)
        if applies and control.exemption is None:
            raise Mistaken(f"{control.id} applies already; `counterfoil controls show {control.id}` says how it stands")
        exemption = None if applies else Exemption(reason.strip(), who.email, shell.clock())
        with store.writing() as w:
            controls.exempt(w.connection, w.ledger, control, exemption, who.because(shell, reason.strip()))
    with open_store(shell, config) as store:
        control = store.ask(controls.control, control.id)
    answer = register_shapes.control(control) | {"exemption": register_shapes.exemption(control)}
    shell.answer(answer, lambda: f"{control.id} is {control.status.value.replace('_', ' ')} now: {control.why}")
    return IN_ORDER
