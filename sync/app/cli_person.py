"""The command about a person who is to be named no more."""

from typing import Annotated

import typer

from sync.app.asking import SETTINGS, command
from sync.app.shell import Shell

person_app = typer.Typer(help="People as they are recorded.", **SETTINGS)


@person_app.callback()
def people() -> None:
    """People as they are recorded."""


@command(person_app, 'counterfoil person erase kim@acme.example "Kim Lee" --reason "request 12" --dry-run')
def erase(
    shell: Shell,
    names: Annotated[
        list[str], typer.Argument(help="An e-mail address, an account or a name, as recorded.", metavar="PERSON...")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is recorded, and must not name them.", metavar="TEXT")],
    words: Annotated[
        bool, typer.Option("--words", help="Also what they said: their comments and reasons in the ledger.")
    ] = False,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Also where they had a hand in an acceptance that stands; recorded.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> int:
    """Erase every text beside the ledger that names a person, and show what else still does.

    The records stay as they are, and so do the proofs over them: they hold hashes. What was erased, by whom and why
    is recorded, without the name.
    """
    from sync.app import persons

    return persons.erase(shell, names, reason, words=words, decisions=decisions, dry_run=dry_run)
