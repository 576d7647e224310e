"""The command line: what can be asked, with an example of each; the answers are in the modules beside it."""

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from state.model import Priority, Status
from sync.app.asking import SETTINGS, ConfigFile, Ref, command, day, hung_up, identifier, reference
from sync.app.cli_accept import accept_app, due_app
from sync.app.cli_audit import audit_app
from sync.app.cli_evidence import evidence_app
from sync.app.cli_person import person_app
from sync.app.cli_register import controls_app, framework_app, risk_app
from sync.app.cli_report import report_app
from sync.app.cli_resolve import resolve_app
from sync.app.shell import Shell

app = typer.Typer(name="counterfoil", **SETTINGS)
item_app = typer.Typer(help="Look at action items and change them.", **SETTINGS)
holds_app = typer.Typer(help="What waits for a person, and how to settle it.", **SETTINGS)
state_app = typer.Typer(help="Where everything is kept.", **SETTINGS)
app.add_typer(item_app, name="item")
app.add_typer(holds_app, name="holds")
app.add_typer(audit_app, name="audit")
app.add_typer(state_app, name="state")
app.add_typer(accept_app, name="accept")
app.add_typer(due_app, name="due")
app.add_typer(evidence_app, name="evidence")
app.add_typer(report_app, name="report")
app.add_typer(resolve_app)
app.add_typer(person_app, name="person")
app.add_typer(framework_app, name="framework")
app.add_typer(controls_app, name="controls")
app.add_typer(risk_app, name="risk")


class Side(StrEnum):
    """Whose value settles a hold."""

    ITEM = "item"
    TICKET = "ticket"


Only = Annotated[str | None, typer.Option("--tracker", help="Only this tracker.", metavar="NAME")]
Full = Annotated[bool, typer.Option("--full", help="Look at every linked ticket, not only at what changed.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.", metavar="TEXT")]
Due = Annotated[date | None, typer.Option(help="A date, as 2026-12-31.", metavar="DATE", parser=day)]
Owner = Annotated[str | None, typer.Option(help='An e-mail address; "" is nobody.', metavar="EMAIL")]
Titled = Annotated[str | None, typer.Option(help="What is to be done.", metavar="TEXT")]
Described = Annotated[str | None, typer.Option(help="Markdown.", metavar="TEXT")]
Urgency = Annotated[Priority | None, typer.Option(help="How urgent.")]
_MANY = 'May be given again. The item then has these and no others; "" is none.'
Controls = Annotated[list[str] | None, typer.Option("--control", help=_MANY, metavar="ID")]
Risks = Annotated[list[str] | None, typer.Option("--risk", help=_MANY, metavar="ID")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"counterfoil {version('counterfoil')}")
        raise typer.Exit(0)


@app.callback()
def _root(
    config: ConfigFile = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """One ticket for every compliance action item, and a record of it that an auditor can trust."""


@command(app, "counterfoil init", "counterfoil init --config audit/counterfoil.toml")
def init(
    shell: Shell,
    postgres_owner: Annotated[
        str | None,
        typer.Option(
            help="The database's URL for another role, which is to own its tables; that in `url` can then only add to "
            "the ledger.",
            metavar="URL",
        ),
    ] = None,
) -> int:
    """Write a commented configuration unless there is one, and create or migrate the database."""
    from sync.app import beginning

    return beginning.init(shell, postgres_owner)


@command(app, "counterfoil check")
def check(shell: Shell) -> int:
    """Read the configuration, credentials, permissions and mapping against the live trackers; write nothing."""
    from sync.app import checking

    return checking.check(shell)


@command(app, "counterfoil intake csv items.csv", "counterfoil intake sarif scan.sarif --of acme/api --dry-run")
def intake(
    shell: Shell,
    form: Annotated[
        str, typer.Argument(help="csv, json, ocsf, asff, sarif, junit, oscal-ar or assessment.", metavar="FORMAT")
    ],
    file: Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")],
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Take the good rows of a file with bad ones.")
    ] = False,
    include_manual: Annotated[bool, typer.Option("--include-manual", help="Also checks to be made by hand.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    subject: Annotated[
        str, typer.Option("--of", help="What was looked at, where the file does not say.", metavar="NAME")
    ] = "",
) -> int:
    """Take in items, findings or answers from a file; taking the same file in twice changes nothing."""
    from sync.app import taking_in

    return taking_in.intake(shell, form, file, taking_in.Asked(keep_going, include_manual, dry_run, subject.strip()))


@command(item_app, 'counterfoil item add "Rotate the deploy keys" --priority high --owner mia@acme.example')
def add(
    shell: Shell,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    description: Described = None,
    priority: Urgency = None,
    owner: Owner = None,
    due: Due = None,
    controls: Controls = None,
    risks: Risks = None,
    external_ref: Annotated[str | None, typer.Option(help="Its id elsewhere.", metavar="ID", parser=identifier)] = None,
) -> int:
    """Add an item; without a due date it gets the one its priority asks for."""
    from sync.app import items

    said = items.Said(title, description, priority, owner, due, controls, risks, external_ref)
    return items.add(shell, said)


@command(item_app, "counterfoil item list --status open --overdue", name="list")
def list_items(
    shell: Shell,
    status: Annotated[Status | None, typer.Option(help="Only in this status.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="Only of this priority.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this person.", metavar="EMAIL")] = None,
    control: Annotated[str | None, typer.Option(help="Only for this control; * stands for any text.")] = None,
    tracker: Only = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only unfinished ones past their due date.")] = False,
    unlinked: Annotated[bool, typer.Option("--unlinked", help="Only those in no ticket.")] = False,
    group: Annotated[
        str | None, typer.Option(help="Only those that the ticket of this item lists.", metavar="REF", parser=reference)
    ] = None,
) -> int:
    """List items, by reference."""
    from sync.app import items

    wanted = items.Wanted(status, priority, owner, control, tracker, overdue, unlinked, group)
    return items.list_items(shell, wanted)


@command(item_app, "counterfoil item show AI-000012")
def show(shell: Shell, ref: Ref) -> int:
    """Show one item with its description, comments and history."""
    from sync.app import items

    return items.show_item(shell, ref)


@command(
    item_app,
    "counterfoil item edit AI-12 --due 2027-01-31",
    "counterfoil item edit 12 --status in_progress",
)
def edit(
    shell: Shell,
    ref: Ref,
    title: Titled = None,
    description: Described = None,
    priority: Urgency = None,
    owner: Owner = None,
    due: Annotated[
        date | None,
        typer.Option(
            help="A date, as 2026-12-31; a later one is a request where risk owners are named, who decide about it.",
            metavar="DATE",
            parser=day,
        ),
    ] = None,
    controls: Controls = None,
    risks: Risks = None,
    status: Annotated[Status | None, typer.Option(help="open or in_progress.")] = None,
    reason: Reason = "",
) -> int:
    """Change an item, or ask for a later due date; what is not named stays, and the next sync carries it over."""
    from sync.app import items

    said = items.Said(title, description, priority, owner, due, controls, risks, None)
    return items.edit(shell, ref, said, status, reason)


@command(item_app, 'counterfoil item comment AI-12 "The auditor asks for a screenshot."')
def comment(shell: Shell, ref: Ref, text: Annotated[str, typer.Argument(help="Markdown.")]) -> int:
    """Say something about an item; the next sync carries it to the ticket."""
    from sync.app import items

    return items.comment(shell, ref, text)


@command(item_app, "counterfoil item link AI-12 SEC-42", "counterfoil item link 12 SEC-42 --tracker eng --dry-run")
def link(
    shell: Shell,
    ref: Ref,
    ticket: Annotated[str, typer.Argument(help="The ticket, by its key or its URL.")],
    tracker: Annotated[
        str | None, typer.Option(help="Default: where the routes send the item.", metavar="NAME")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would mean.")] = False,
) -> int:
    """Adopt a ticket that exists: plant the marker in it, and show the first differences as a plan."""
    from sync.app import runs

    return runs.link(shell, ref, ticket, tracker, dry_run=dry_run)


@command(item_app, 'counterfoil item unlink AI-12 --reason "the wrong ticket"')
def unlink(shell: Shell, ref: Ref, reason: Reason = "") -> int:
    """Forget which ticket an item has; the ticket itself is left as it is."""
    from sync.app import items

    return items.unlink(shell, ref, reason)


@command(app, "counterfoil plan", "counterfoil plan --check --json --out plan.json")
def plan(
    shell: Shell,
    out: Annotated[Path | None, typer.Option(help="Also write the plan there, as JSON.", metavar="FILE")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 10 if a sync has anything to do, else 5 while holds are open.")
    ] = False,
    full: Full = False,
    tracker: Only = None,
) -> int:
    """Show what a sync would do, and its digest; write nothing."""
    from sync.app import runs

    return runs.plan(shell, out=out, check=check, full=full, only=tracker)


@command(
    app, "counterfoil sync", "counterfoil sync --expect DIGEST", 'counterfoil sync --force "moved to a new project"'
)
def sync(
    shell: Shell,
    expect: Annotated[str | None, typer.Option(help="Stop unless the plan has this digest.", metavar="DIGEST")] = None,
    force: Annotated[str | None, typer.Option(help="Go on past a brake; recorded.", metavar="REASON")] = None,
    full: Full = False,
    tracker: Only = None,
) -> int:
    """Carry changes both ways between items and their tickets, and create the tickets that are missing."""
    from sync.app import runs

    return runs.sync(shell, expect=expect, force=force, full=full, only=tracker)


@command(app, "counterfoil status")
def status(shell: Shell) -> int:
    """Show how things stand: items, what is overdue, what waits for a person, the last run of each tracker."""
    from sync.app import overview

    return overview.status(shell)


@command(app, "counterfoil explain AI-000012", "counterfoil explain 12 --offline")
def explain(
    shell: Shell,
    ref: Ref,
    offline: Annotated[bool, typer.Option("--offline", help="Do not look at the ticket as it is now.")] = False,
) -> int:
    """Say why an item and its ticket look as they do: both sides, holds, and the last records."""
    from sync.app import explaining

    return explaining.explain(shell, ref, offline=offline)


@command(holds_app, "counterfoil holds list", name="list")
def list_holds(shell: Shell) -> int:
    """List what waits for a person, each with the command that settles it."""
    from sync.app import overview

    return overview.list_holds(shell)


@command(holds_app, 'counterfoil holds settle H-3 --take ticket --reason "agreed with the owner"')
def settle(
    shell: Shell,
    hold: Annotated[str, typer.Argument(help="The hold, as H-3.", metavar="ID")],
    take: Annotated[Side, typer.Option(help="Whose value stands.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.", metavar="TEXT")],
) -> int:
    """Settle a hold with the item's value or the ticket's; the next sync carries it over."""
    from sync.app import settling

    return settling.settle(shell, hold, "item" if take is Side.ITEM else "ticket", reason)


@command(state_app, "counterfoil state copy --to postgresql+psycopg://counterfoil@db.acme.example/counterfoil")
def copy(
    shell: Shell,
    to: Annotated[str, typer.Option(help="An empty database, as `url` under [state] would name it.", metavar="URL")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be copied.")] = False,
) -> int:
    """Copy everything to another database and go on there; this one then takes no more writes."""
    from sync.app import relocating

    return relocating.copy(shell, to, dry_run=dry_run)


@command(state_app, 'counterfoil state reclaim --reason "the new server was never used"')
def reclaim(shell: Shell, reason: Reason) -> int:
    """Go on with a database that was copied, where the other one is not used."""
    from sync.app import relocating

    return relocating.reclaim(shell, reason)


@command(app, "counterfoil demo", "counterfoil demo ./look-here")
def demo(
    shell: Shell,
    folder: Annotated[Path | None, typer.Argument(help="Where to leave its files; must not exist yet.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Leave nothing but a picture of its middle there, as SVG.", metavar="FILE")
    ] = None,
) -> int:
    """Run the main job on embedded trackers, and leave a folder to look into."""
    from sync.app import demo as show

    return show.demo(shell, folder) if picture is None else show.picture(picture)


def run(arguments: Sequence[str]) -> int:
    """The exit code for a command line; what is wrong with the line itself is said on standard error."""
    try:
        code = _commands()(list(arguments), prog_name="counterfoil", standalone_mode=False)
    except typer.Abort:
        print("counterfoil: interrupted", file=sys.stderr)
        return 130
    except typer.TyperException as error:
        wrong = cast("Any", error)
        wrong.message = wrong.message.replace("Value error, ", "")
        wrong.show()
        return 3 if _is_verdict(arguments) else 2
    return code if isinstance(code, int) else 0


def _is_verdict(arguments: Sequence[str]) -> bool:
    """Whether this is `audit verify`, whose exit codes 1 and 2 say something about the ledger and nothing else."""
    return {"audit", "verify"} <= {*arguments}


@cache
def _commands() -> Callable[..., Any]:
    """All that can be asked, put together once."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line of this process; anything that was not foreseen is said in one line and exits 1."""
    gc.set_threshold(50_000)  # As good as nothing of what a command loads is garbage, and it loads much.
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        code = hung_up()
    except Exception as error:  # noqa: BLE001
        _say(error, verbose=bool({"-v", "--verbose"} & set(sys.argv)))
        code = 4 if _is_verdict(sys.argv) else 1
    gc.freeze()  # The process ends here, so nobody needs the garbage that Python would look for at its end.
    sys.exit(code)


def _say(error: Exception, *, verbose: bool) -> None:
    from sync.app.logs import SEEN

    if verbose:
        print(SEEN.scrub("".join(traceback.format_exception(error))), file=sys.stderr)
    where = traceback.extract_tb(error.__traceback__)[-1]
    what = SEEN.scrub(f"{type(error).__name__}: {error}")
    print(f"counterfoil: a bug: {what} ({Path(where.filename).name}:{where.lineno})", file=sys.stderr)
    print("Nothing is lost: run `counterfoil status`, and the same command with -v for more.", file=sys.stderr)
