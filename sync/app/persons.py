"""Who is to be named no more: what goes, and what still names them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from state import persons
from state.lease import this_process
from state.persons import Person, Traces
from sync.app import show
from sync.app.failures import IN_ORDER, LATER, Mistaken
from sync.app.identity import by_hand
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell


def erase(shell: Shell, names: Sequence[str], reason: str, *, words: bool, decisions: bool, dry_run: bool) -> int:
    """Erase what a person is called in records, and with `words` what they said, or only show what that would be."""
    named = [name.strip() for name in names]
    if not reason.strip():
        raise Mistaken("--reason is needed; it is recorded")
    if not all(len(name) > 1 for name in named):
        raise Mistaken("name the person as they are recorded: by an e-mail address, an account or a name")
    person, scrubbed = Person(named), True
    config = configuration(shell)
    with open_store(shell, config, writes=not dry_run) as store:
        if dry_run:
            with store.reading() as connection:
                found = persons.traces(connection, person, words=words)
        else:
            why = by_hand(shell, config, reason)
            found = store.erase_person(person, this_process(), why, words=words, decisions=decisions)
            scrubbed = store.scrub()
    answer: dict[str, Any] = {"erased": not dry_run, "scrubbed": scrubbed} | asdict(found)
    shell.answer(answer, lambda: show.rendered(*_told(found, dry_run=dry_run, scrubbed=scrubbed)))
    return IN_ORDER if scrubbed else LATER


def _told(found: Traces, *, dry_run: bool, scrubbed: bool) -> Iterator[object]:
    what = f"{show.counted(len(found.texts), 'text')} beside the ledger, and {show.counted(found.comments, 'comment')}"
    if not any(asdict(found).values()):
        yield "Nobody is recorded by that name any more, or ever was: see `counterfoil audit log` for how it is written"
    yield f"Would erase {what}" if dry_run else f"Erased {what}"
    if not scrubbed:
        yield "Another program reads the database, so its file still has what was deleted: run the command again"
    how = "delete them or take the name out there, then run `counterfoil sync`, and this again"
    rows = [f"{where}: {show.counted(count, 'row')}" for where, count in found.working.items()]
    decided = "they go only with --decisions" if dry_run else "their records name them no more"
    clear = [f"records themselves, which nobody can change: {found.in_clear:,}"] if found.in_clear else []
    for heading, some in (
        ("They also went by; name these too if they are theirs alone", found.beside),
        ("Still theirs; give them another owner first", found.owned),
        (f"Acceptances that stand and that they had a hand in; {decided}", found.decided),
        ("Nobody is recorded by these words; leave them out", found.nobodys),
        (f"Comments in the tickets of these items name them; {how}", found.in_tickets),
        ("Still names them", [*rows, *clear]),
    ):
        if some:
            yield show.heading(heading)
            yield show.bullets(some)
