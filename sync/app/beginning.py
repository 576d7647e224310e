"""A first configuration and an empty database."""

import os
from pathlib import Path

from state.store import Store
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, passwords
from sync.app.shell import Shell

_NAME = "config.example.toml"


def example() -> Path:
    """The commented example: beside this module where the program is installed, else at the top of its source."""
    packaged = Path(__file__).with_name(_NAME)
    return packaged if packaged.exists() else Path(__file__).parents[2] / _NAME


def init(shell: Shell, owner: str | None) -> int:
    """Write the example as the configuration unless there is one, and create the database or bring it up to date.

    `owner` is the URL of a server's role that is to own the tables, where that is another than the program's.
    """
    if owner is not None:
        shell.redactor.learn(passwords(owner))
    wrote = not shell.file.exists()
    if wrote:
        try:
            shell.file.write_bytes(example().read_bytes())
        except OSError as error:
            raise Mistaken(f"{shell.file} cannot be written: {error.strerror}") from None
    config = configuration(shell)
    Store.create(config.state_url.get_secret_value(), clock=shell.clock, entropy=os.urandom, owner=owner).close()
    steps = [
        *([f"edit {shell.file.name}: your trackers, routes and people"] if wrote else []),
        "counterfoil check: says what is missing, and writes nothing",
        "counterfoil intake FORMAT FILE: takes in items, findings of tests or answers of assessments",
        "counterfoil plan: shows what a sync would do",
        "counterfoil sync: does it",
    ]
    database = shell.redactor.clean(config.state_url.get_secret_value())
    answer = {"config": str(shell.file), "written": wrote, "database": database, "next": steps}
    said = f"{'Wrote' if wrote else 'Kept'} {shell.file}. The database is ready: {database}\nNext:\n"
    shell.answer(answer, lambda: said + "\n".join(f"  {step}" for step in steps))
    return IN_ORDER
