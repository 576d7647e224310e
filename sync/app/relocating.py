"""The installation goes to another database, or stays after all."""

from typing import Any

from state import moving, whereabouts
from state.errors import Tampered
from state.moving import Contents
from state.store import this_process
from sync.app import show
from sync.app.failures import IN_ORDER, LATER, Mistaken
from sync.app.identity import by_hand
from sync.app.opening import configuration, open_store, passwords, recording
from sync.app.progress import progress
from sync.app.shell import Shell

_USED = (
    "The other one was used: more was signed than is recorded here. Before anything else, say that this is given up: "
    "`counterfoil audit fork --reason TEXT`"
)
_TOLD = {
    "item": "item",
    "link": "ticket",
    "comment": "comment",
    "hold": "hold",
    "intent": "operation",
    "audit": "record",
}


def copy(shell: Shell, to: str, *, dry_run: bool) -> int:
    """Bring everything to an empty database, or show what that would bring."""
    config = configuration(shell)
    url = config.database(to)
    if any(passwords(url)):
        raise Mistaken("--to holds a password, which other users could see: put it in ~/.pgpass or $PGPASSWORD instead")
    with open_store(shell, config) as store, progress(shell) as tell:
        if dry_run:
            moving.must_be_free(store, url)
            there = moving.contents(store)
        else:
            because = by_hand(shell, config, f"state copy --to {to}")
            there = moving.move(store, url, holder=this_process(), because=because, tell=tell)
    answer = {"to": url, "copied": not dry_run, "rows": dict(there.rows), "head": there.head}
    shell.answer(answer, lambda: _words(there, to, dry_run=dry_run))
    return IN_ORDER


def _words(there: Contents, to: str, *, dry_run: bool) -> str:
    counted = ", ".join(show.counted(there.rows[table], name) for table, name in _TOLD.items())
    if dry_run:
        return f"Would copy {counted}. Nothing was written."
    steps = ["counterfoil audit verify", "counterfoil plan"]
    return (
        f"Copied {counted}; the ledger ends in {there.head}.\n"
        f'Now write url = "{to}" under [state]: the old database takes no more writes. Then run:\n'
        + "\n".join(f"  {step}" for step in steps)
    )


def reclaim(shell: Shell, reason: str) -> int:
    """Go on with this database although it was moved; also where the other was used, whose records are given up."""
    if not reason.strip():
        raise Mistaken("--reason is needed; it is recorded")
    config = configuration(shell)
    with open_store(shell, config) as store:
        with store.reading() as connection:
            was = whereabouts.moved_to(connection)
        if not was:
            raise Mistaken("this installation was not moved to another database; nothing was done")
        signed = True
        try:
            with recording(shell, config, store):
                store.reclaim(by_hand(shell, config, reason))
        except Tampered:
            if not store.verify().ok:
                raise
            store.reclaim(by_hand(shell, config, reason))
            signed = False
    answer: dict[str, Any] = {"reclaimed_from": was, "reason": reason, "signed": signed}
    words = f"This database is in use again. Never use {was} again: it would make tickets twice."
    shell.answer(answer, lambda: words if signed else f"{words}\n{_USED}")
    return IN_ORDER if signed else LATER
