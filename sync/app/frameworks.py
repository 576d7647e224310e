"""Frameworks as people bring them, and the items that are missing of them."""

from pathlib import Path
from typing import Any

from connectors.base import BadRow
from connectors.intake import control_files
from state import controls
from state.errors import StateError
from state.model import Priority
from state.register import Control, ControlStatus, Framework
from state.store import Store
from sync import proposing
from sync.app import identity, register_shapes, show
from sync.app.failures import BRAKE, IN_ORDER, USAGE, Mistaken
from sync.app.files import reading
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell
from sync.app.taking_in import due_policy
from sync.proposing import Proposal

_SHOWN = 20


def add(shell: Shell, file: Path, id_: str | None, title: str | None) -> int:
    """Keep the controls of a file."""
    config = configuration(shell)
    because = identity.author(shell, config)
    try:
        with reading(file):
            found = control_files.read(file)
    except control_files.Unreadable as error:
        raise Mistaken(f"{file} cannot be taken in: {error}") from None
    if isinstance(found, list):
        return refused(shell, file, found)
    name = control_files.id_of(file) if id_ is None else id_.strip()
    if not name or set(name) & set(":/ \t\n"):
        raise Mistaken(f"{name!r} cannot be the id of a framework: it stands before a colon, as in soc2:CC6.1")
    new = Framework(name, title or found.title or name, found.version, file.name, found.sha256, shell.clock())
    with open_store(shell, config, writes=True) as store, store.writing() as w:
        done = controls.add_framework(w.connection, w.ledger, new, found.controls, because)
    answer: dict[str, Any] = {"id": name, "title": new.title, "version": new.version or None, "sha256": new.sha256}
    answer |= {"controls": len(found.controls), "new": done.new, "changed": done.changed, "unnamed": list(done.unnamed)}
    shell.answer(answer, lambda: _added(answer))
    return IN_ORDER


def _added(answer: dict[str, Any]) -> str:
    counts = f"{answer['new']} new, {answer['changed']} changed"
    told = f"{answer['id']}: {show.counted(answer['controls'], 'control')}, {counts}"
    if answer["unnamed"]:
        told += f"\nNot in this file any more, and kept: {', '.join(answer['unnamed'])}"
    return f"{told}\nWhat nobody works on yet: `counterfoil framework gaps {answer['id']}`"


def refused(shell: Shell, file: Path, bad: list[BadRow]) -> int:
    """Say what is wrong with a file of which nothing was taken in."""
    for each in bad[:_SHOWN]:
        shell.refuse(f"{file}: {each}")
    more = f" (the first {_SHOWN} are shown)" if len(bad) > _SHOWN else ""
    shell.refuse(f"nothing of {file} was taken in: {show.counted(len(bad), 'thing')} wrong{more}")
    return USAGE


def list_all(shell: Shell) -> int:
    """List the frameworks."""
    with open_store(shell, configuration(shell)) as store:
        known, counts = store.ask(controls.frameworks), store.ask(controls.counts)
    of_each = {each.id: counts.get(each.id, {}) for each in known}
    named = {id_: {s.value: of[s] for s in ControlStatus if s in of} for id_, of in of_each.items()}
    answer = [register_shapes.framework(each, named[each.id]) for each in known]
    shell.answer(answer, lambda: _listing(answer))
    return IN_ORDER


def _listing(answer: list[dict[str, Any]]) -> str:
    if not answer:
        return "No frameworks yet. `counterfoil framework add FILE` brings one in."
    rows = [
        (a["id"], a["title"], ", ".join(f"{n} {s.replace('_', ' ')}" for s, n in a["controls"].items())) for a in answer
    ]
    return show.rendered(show.table(("framework", "title", "controls"), rows))


def gaps(shell: Shell, id_: str, pattern: str, priority: Priority, *, apply: bool, expect: str | None) -> int:
    """Show the items that are missing of a framework, or make them."""
    config = configuration(shell)
    because = identity.author(shell, config)
    with open_store(shell, config, writes=apply) as store:
        if id_ not in {each.id for each in store.ask(controls.frameworks)}:
            raise Mistaken(f"no framework is called {id_!r}; `counterfoil framework list` shows what there is")
        found, without = proposing.gaps(store, id_, pattern, priority, due_policy(config), shell.today)
        if not is_expected(shell, found, expect):
            return BRAKE
        made = [item.ref for item in proposing.make(store, found, because)] if apply else None
    answer = register_shapes.proposal(found, without, made)
    narrowed = "" if pattern == "*" else f" --control '{pattern}'"
    narrowed += "" if priority is Priority.MEDIUM else f" --priority {priority.value}"
    command = f"counterfoil framework gaps {id_}{narrowed}"
    shell.answer(answer, lambda: register_shapes.proposal_words(answer, command))
    return IN_ORDER


def is_expected(shell: Shell, found: Proposal, expect: str | None) -> bool:
    """Whether these are the items that somebody approved, by the beginning of their digest; says so if not."""
    if expect is None or (len(expect) >= 8 and found.digest.startswith(expect)):
        return True
    shell.refuse(f"the items are now {found.digest}, not the approved {expect}; nothing was made")
    return False


def answers(shell: Shell, file: Path) -> int:
    """Say which control answers which."""
    config = configuration(shell)
    because = identity.author(shell, config)
    with open_store(shell, config, writes=True) as store:
        said, bad = _answers(store, file)
        if bad:
            return refused(shell, file, bad)
        with store.writing() as w:
            news = controls.answer(w.connection, w.ledger, said, because)
    answer = {"answered": {id_: said[id_] for id_ in news}, "unchanged": len(said) - len(news)}
    shell.answer(answer, lambda: f"{show.counted(len(news), 'answer')} changed, {answer['unchanged']} as they were")
    return IN_ORDER


def _answers(store: Store, file: Path) -> tuple[dict[str, str | None], list[BadRow]]:
    """Ids by id, and what is wrong with the file; reads it whole before anything is written."""
    said: dict[str, str | None] = {}
    bad: list[BadRow] = []
    with reading(file):
        for row in control_files.answers(file):
            if isinstance(row, BadRow):
                bad.append(row)
                continue
            line, name, by = row
            try:
                control: Control = store.ask(controls.control, name)
                if control.id in said:
                    bad.append(BadRow(line, "control", f"{control.id} is there twice"))
                said[control.id] = store.ask(controls.control, by).id if by else None
            except StateError as error:
                bad.append(BadRow(line, "", str(error)))
    return said, bad
