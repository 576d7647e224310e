"""Progress for a person at a terminal, and silence otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from sync.app.shell import Shell

Tell = Callable[[str, int, int], None]


@contextmanager
def progress(shell: Shell) -> Iterator[Tell]:
    """A function to be told a stage, how much of it is done and out of how much; 0 means that nobody knows."""
    if not shell.interactive or shell.verbose:
        yield lambda *_: None
        return
    columns: tuple[ProgressColumn, ...] = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    columns += (TextColumn("{task.completed:,.0f}"), TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        stages: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total or None)
            bars.update(stages[stage], completed=done, total=total or None)

        yield tell
