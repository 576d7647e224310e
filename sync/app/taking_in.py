"""A file of items or findings, taken in and reported on."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from connectors.intake.registry import REPORTS, SourceFile, source
from state.grouping import Grouping
from state.lease import this_process
from sync.app import identity, show
from sync.app.failures import IN_ORDER, LATER, USAGE, Mistaken
from sync.app.files import reading
from sync.app.opening import configuration, open_store
from sync.app.progress import progress
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.intake import IntakeReport, Until, take_in
from sync.resolving import Resolving
from sync.verdicts import DuePolicy, Report, TestPolicy

_SHOWN = 20


def due_policy(config: Configuration) -> DuePolicy:
    """How many days items have, as configured."""
    return DuePolicy(**config.settings.due.model_dump())


@dataclass(frozen=True, slots=True)
class Asked:
    """How a file is to be taken in; `subject` is what was tested, where the file does not say."""

    keep_going: bool = False
    include_manual: bool = False
    dry_run: bool = False
    subject: str = ""


def intake(shell: Shell, form: str, file: Path, asked: Asked) -> int:
    """Take in a file: exit 2 when bad rows kept it out, 3 when they were left out, 0 otherwise."""
    config = configuration(shell)
    rows = _rows(config, form, file, asked.subject)
    tests, because = config.settings.tests, shell.because(f"intake {form} {file.name}")
    with open_store(shell, config, writes=not asked.dry_run) as store, progress(shell) as tell:
        report = take_in(
            store,
            Until(rows, shell.clock() + timedelta(days=1)),
            policy=due_policy(config),
            today=shell.today,
            because=because,
            source=Report(form, file.name, rows.sha256(), file.stat().st_size),
            grouping=Grouping(tuple(table.rule() for table in config.settings.groups), tests.reopen_days),
            tests=TestPolicy(tests.reopen_days, tests.stale_days, config.settings.evidence.valid_days),
            easing=partial(identity.easing, config, store),
            keep_going=asked.keep_going,
            include_manual=asked.include_manual,
            dry_run=asked.dry_run,
            progress=lambda done: tell("taking in", done, 0),
        )
        if not asked.dry_run:
            Resolving(store, config.settings.resolution, shell.clock, this_process()).settle(shell.run)
    for bad in report.bad[:_SHOWN]:
        shell.refuse(f"{file}: {bad}")
    if report.bad_count > _SHOWN:
        shell.refuse(f"{file}: and {show.counted(report.bad_count - _SHOWN, 'more thing')} wrong")
    shell.answer(_shape(report), lambda: _words(report, file, config.settings.tests.stale_days))
    return USAGE if report.refused else LATER if report.bad_count else IN_ORDER


def _rows(config: Configuration, form: str, file: Path, subject: str) -> SourceFile:
    options = config.settings.intake.model_dump().get(form, {})
    if form in REPORTS:
        options |= {"written": _written(file), "subject": subject}
    elif subject:
        raise Mistaken(f"{form} files say themselves what they are about; --of is for {', '.join(sorted(REPORTS))}")
    try:
        rows = SourceFile(file, source(form, options))
    except LookupError as error:
        raise Mistaken(str(error.args[0])) from None
    with reading(file):
        file.open("rb").close()
    return rows


def _written(file: Path) -> datetime:
    with reading(file):
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _shape(report: IntakeReport) -> dict[str, Any]:
    return {**asdict(report), "bad": [asdict(bad) for bad in report.bad]}


def _words(report: IntakeReport, file: Path, stale_days: int) -> str:
    if report.refused:
        what = f"{show.counted(report.bad_count, 'thing')} wrong"
        return f"Nothing of {file} was taken in: {what}. Mend the file, or take its good rows with --keep-going."
    counts = {
        "new": report.created,
        "updated": report.updated,
        "reopened": report.reopened,
        "new because a resolved one's test fails again": report.succeeded,
        "unchanged": report.unchanged,
        "passing (evidence of its item)": report.passed,
        "passes that a later failure takes back": report.withdrawn,
        "to be checked by hand (--include-manual takes them)": report.manual,
        "left out (muted, skipped or not made)": report.left_out,
        "repeated in the file": report.repeated,
        "wrong (those rows are left out)": report.bad_count,
    }
    told = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
    lines = [f"{file.name}: {told or 'nothing in it'}"]
    if report.grouped:
        lines.append(f"{show.counted(report.grouped, 'new item')} in tickets that list several, as [[groups]] says")
    if report.silent:
        lines.append(
            f"{show.counted(report.silent, 'test')} said nothing for {stale_days} days, and what they found stays"
        )
    if report.kept:
        lines.append("As they were in that, unless one of these takes the file in, or says `counterfoil item edit`:")
        lines += [f"  {ref}: {why}" for ref, why in list(report.kept.items())[:_SHOWN]]
    if report.dry_run:
        lines.append("Nothing was written: this is what it would do.")
    return "\n".join(lines)
