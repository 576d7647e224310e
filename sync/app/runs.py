"""Plans and runs, as commands."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from connectors.base import Tracker
from connectors.bounded import SIZE_LIMIT
from connectors.errors import NotFound
from state.effects import Because
from state.model import Hold
from state.store import Store, this_process
from sync.app import identity, run_shapes, show
from sync.app.complaints import did_you_mean
from sync.app.crashing import ANSWERED, crash_hook
from sync.app.evidence import resolving, vault
from sync.app.failures import BRAKE, CHANGES, IN_ORDER, LATER, PERSON, Mistaken
from sync.app.opening import configuration, must_be_ours, open_store, recording
from sync.app.progress import progress
from sync.app.reaching import open_trackers, rules_of, tracker_settings
from sync.app.settings import Configuration
from sync.app.shapes import LAST_SYNC
from sync.app.shell import Shell
from sync.app.targets import must_be_free
from sync.app.threads import at_once
from sync.engine import Engine, ExpectationFailed, Report
from sync.evidence import renewals
from sync.keeping import Keeping
from sync.plan import Forecast, Operation, Plan, Safety

_SHOWN = 200


@contextmanager
def opened(shell: Shell, config: Configuration, *, writes: bool) -> Iterator[Engine]:
    """An engine over the configured database and trackers, all closed again afterwards.

    One that `writes` signs what it records, and raises `Tampered` where the ledger is not the one that was signed.
    """
    crash = crash_hook(os.environ)
    with open_store(shell, config) as store:
        must_be_ours(store)
        with recording(shell, config, store, signs=True) if writes else nullcontext() as signer:
            trackers_of = open_trackers(shell, config, lambda _: crash(ANSWERED))
            with trackers_of as trackers, progress(shell) as tell:
                engine = _engine(shell, config, store, trackers, tell, crash)
                yield engine if signer is None else replace(engine, recorded=signer.watch)


def _engine(
    shell: Shell,
    config: Configuration,
    store: Store,
    trackers: dict[str, Tracker],
    tell: Callable[[str, int, int], None],
    crash: Callable[[str], None],
) -> Engine:
    tables = tracker_settings(config)
    safety = config.settings.safety
    rules = rules_of(config, tables, trackers)
    if wrong := [f"{problem.what}; {problem.fix}" for problem in rules.problems() if problem.fatal]:
        raise Mistaken("the mapping is not clear, so nothing was done: " + ". ".join(wrong))
    waits = {name: table.visibility_wait_seconds for name, table in tables.items()}
    return Engine(
        store=store,
        trackers=trackers,
        rules=rules,
        safety=Safety(safety.max_creates, safety.change_share),
        waits={name: safety.visibility_wait_seconds if wait is None else wait for name, wait in waits.items()},
        audit_hours={name: table.audit_hours for name, table in tables.items()},
        clock=shell.clock,
        sleep=time.sleep,
        crash=crash,
        progress=tell,
        at_once=at_once,
        keeping=_keeping(config),
        policy=identity.acceptance(config),
        resolution=config.settings.resolution,
    )


def _keeping(config: Configuration) -> Keeping:
    said = config.settings.evidence
    largest = min(said.largest_mb * 1024**2, SIZE_LIMIT)
    return Keeping(vault(config), said.copy_attachments, largest, said.valid_days)


def plan(shell: Shell, *, out: Path | None, check: bool, full: bool, only: str | None) -> int:
    """Show what a sync would do."""
    config = configuration(shell)
    _known(config, only)
    must_be_free(config, [out] if out else [], ".json")
    with opened(shell, config, writes=False) as engine:
        made = engine.plan(shell.run, only=only, full=full)
    answer = run_shapes.plan(made)
    if out is not None:
        _write(out, answer)
    shell.answer(answer, lambda: plan_words(made))
    if made.refused is not None:
        return BRAKE
    if made.problems:
        return PERSON if made.denied else LATER
    if check and (made.operations or made.doubts):
        return CHANGES
    if check and made.holds:
        return PERSON
    return LATER if made.doubts else IN_ORDER


def sync(shell: Shell, *, expect: str | None, force: str | None, full: bool, only: str | None) -> int:
    """Plan and apply."""
    config = configuration(shell)
    _known(config, only)
    if force is not None and not force.strip():
        raise Mistaken("--force needs a reason, which is recorded")
    with opened(shell, config, writes=True) as engine:
        try:
            report = engine.sync(
                shell.run,
                holder=this_process(),
                agent=shell.agent(scheduled=True),
                only=only,
                full=full,
                expect=expect,
                force=force,
            )
        except ExpectationFailed as error:
            shell.refuse(str(error))
            return BRAKE
        if report.plan.refused is None:
            resolving(shell, config, engine.store).settle(shell.run)
            report = replace(report, warnings=(*report.warnings, *_renewed(shell, engine.store)))
        holds = engine.store.holds()
        engine.store.remember(LAST_SYNC, run_shapes.ended(report, shell.clock()))
    shell.answer(run_shapes.report(report, holds), lambda: _report_words(report, holds))
    return report.exit_code


def _renewed(shell: Shell, store: Store) -> list[str]:
    """Have asked for anew what expired, and say of each item that it was made now."""
    because = Because(shell.agent(scheduled=True), run=shell.run, reason="the evidence expired")
    made = renewals(store, shell.today, because)
    return [f"{each.ref} was made: {each.title}; the next sync makes its ticket" for each in made]


def link(shell: Shell, ref: str, ticket: str, tracker: str | None, *, dry_run: bool) -> int:
    """Adopt a ticket that exists, or show what adopting it would change."""
    config = configuration(shell)
    _known(config, tracker)
    with opened(shell, config, writes=not dry_run) as engine:
        ref = engine.store.called(ref)
        name = tracker or engine.rules.route(engine.store.item(ref))
        if name is None:
            raise Mistaken(f"no route takes {ref}; name the ticket's tracker with --tracker")
        because = replace(identity.author(shell, config), reason=f"item link {ticket}")
        try:
            if dry_run:
                made = engine.adopt(ref, name, ticket, because=because)
                shell.answer(run_shapes.plan(made), lambda: plan_words(made) + "\nNothing was written.")
                return IN_ORDER
            report = engine.link(ref, name, ticket, holder=this_process(), because=because)
        except NotFound as error:
            raise Mistaken(f"{name} has no ticket {ticket}: {error}; --tracker names another tracker") from None
        holds = engine.store.holds()
    shell.answer(run_shapes.report(report, holds), lambda: f"{plan_words(report.plan)}\n{_report_words(report, holds)}")
    return report.exit_code


def _known(config: Configuration, name: str | None) -> None:
    trackers = config.settings.trackers
    if name is not None and name not in trackers:
        raise Mistaken(f"no tracker is called {name!r}; {did_you_mean(name, trackers)}")


def _write(file: Path, answer: dict[str, Any]) -> None:
    try:
        file.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Mistaken(f"{file} cannot be written: {error.strerror}") from None


def plan_words(made: Plan) -> str:
    """A plan for people: each operation with its reason and its values, then what stands in the way."""
    rows = [(o.kind.value, o.item, o.tracker, _why(o)) for o in made.operations[:_SHOWN]]
    parts: list[object] = [show.table(("operation", "item", "tracker", "because"), rows)] if rows else []
    if len(made.operations) > _SHOWN:
        parts.append(f"... and {len(made.operations) - _SHOWN:,} more (--json shows all)")
    counts: dict[str, int] = {}
    for operation in made.operations:
        counts[operation.kind.value] = counts.get(operation.kind.value, 0) + 1
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
    parts.append(f"Plan: {told}" if told else f"Plan: {_nothing(made, made.holds)}")
    if made.refused is not None:
        parts.append(
            f"REFUSED by {made.refused.name}: {made.refused.detail}\n  counterfoil sync --force REASON goes on"
        )
    parts += [_forecast_words(each) for each in made.forecasts]
    parts += [*_trouble(made, made.holds), f"Digest: {made.digest}"]
    return show.rendered(*parts)


def _why(each: Operation) -> str:
    """Why an operation is to be done, and what becomes of which fields, on one line."""
    moves = ", ".join(show.moved(m.field.value, m.before, m.after) for m in each.fields)
    return show.short(each.reason, 110) + (f" ({moves})" if moves else "")


def _forecast_words(each: Forecast) -> str:
    made = f"{each.tracker} takes {each.per_hour:,} new tickets and comments an hour, and there are {each.count:,}"
    return f"{made}: all are there about {each.done_at:%Y-%m-%d %H:%M} UTC if sync runs on a schedule"


def _nothing(made: Plan, holds: Sequence[Hold]) -> str:
    in_order = not (made.problems or made.doubts or made.refused or holds)
    return "nothing to do, both sides agree" if in_order else "nothing to do"


def _trouble(made: Plan, holds: Sequence[Hold], warnings: Sequence[str] = ()) -> Iterator[object]:
    if made.problems:
        yield show.heading("Not reached")
        yield show.bullets([*made.problems, "counterfoil check says what mends it"])
    if made.doubts:
        yield show.heading("Not known yet")
        yield show.bullets(made.doubts)
    if warnings := (*made.warnings, *warnings):
        yield show.heading("Warnings")
        yield show.bullets(warnings)
    if holds:
        yield show.heading(f"Waits for a person: {len(holds)}")
        yield show.holds(holds)


def _report_words(report: Report, holds: Sequence[Hold]) -> str:
    if report.plan.refused is not None:
        return plan_words(report.plan)
    counts = asdict(report.tally)
    names = ("created", "recovered", "updated", "pulled", "commented", "held", "deferred", "failed")
    told = ", ".join(f"{counts[name]:,} {name}" for name in names if counts[name])
    requests = ", ".join(f"{name} {number:,}" for name, number in report.requests.items())
    parts: list[object] = [f"{report.run}: {told or _nothing(report.plan, holds)}  (requests: {requests})"]
    if report.problems:
        parts += [show.heading("Problems"), show.bullets(report.problems)]
    parts += [_forecast_words(each) for each in report.plan.forecasts]
    return show.rendered(*parts, *_trouble(report.plan, holds, report.warnings))
