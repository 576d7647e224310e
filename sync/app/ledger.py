"""The ledger as people read and check it."""

from sync.app import shapes, show
from sync.app.failures import IN_ORDER, LEDGER
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell


def log(shell: Shell, item: str | None, limit: int) -> int:
    """Show the last `limit` records, of one item and its ticket if asked; 0 shows all."""
    with open_store(shell, configuration(shell)) as store:
        if item is not None:
            item = store.item(store.called(item)).ref
        found = store.log(None if item is None else [item], newest=limit or None)
        records = [shapes.record(record) for record in found]
    shell.answer(records, lambda: show.rendered(show.records(records, of=item is None)))
    return IN_ORDER


def verify(shell: Shell) -> int:
    """Check every record."""
    with open_store(shell, configuration(shell)) as store:
        verdict = store.verify()
    answer = shapes.verdict(verdict)
    if verdict.first_bad is None:
        state = "verified" if verdict.agreed else "consistent, not anchored"
        said = f"{state}: {show.counted(verdict.records, 'record')}, head {verdict.head}"
    else:
        said = f"NOT TRUSTED: {verdict.first_bad[1]}; {verdict.records:,} records before it follow each other"
    shell.answer(answer, lambda: said)
    return IN_ORDER if verdict.ok else LEDGER
