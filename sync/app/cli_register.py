"""The commands about frameworks, their controls, and risks."""

from pathlib import Path
from typing import Annotated

import typer

from state.model import Priority
from state.register import ControlStatus, ScoreKind, Treatment
from sync.app.asking import SETTINGS, command, identifier
from sync.app.shell import Shell

framework_app = typer.Typer(help="Sets of controls, and what is missing of them.", **SETTINGS)
controls_app = typer.Typer(help="How controls stand, and why.", **SETTINGS)
risk_app = typer.Typer(help="The risk register.", **SETTINGS)

Source = Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")]
Apply = Annotated[bool, typer.Option("--apply", help="Make these items; without it, they are only shown.")]
Expect = Annotated[str | None, typer.Option(help="Make nothing unless these are the items.", metavar="DIGEST")]
Urgency = Annotated[Priority, typer.Option(help="How urgent the items are.")]
Named = Annotated[str, typer.Argument(help="The control, by its code or as framework:code.", metavar="CONTROL")]
OnBehalf = Annotated[
    str | None, typer.Option("--as", help="Who decides, if you act for them; needs the role delegate.", metavar="EMAIL")
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded.", metavar="TEXT")]
RiskId = Annotated[str, typer.Argument(help="The risk, as R-0001.", metavar="RISK")]
Rating = Annotated[str | None, typer.Option(help="Likelihood and impact from 1 to 5, as 4x3.", metavar="LxI")]
Owner = Annotated[str | None, typer.Option(help='Who answers for it; "" is nobody.', metavar="EMAIL")]
Treated = Annotated[Treatment | None, typer.Option(help="What is done about it.")]
Gap = Annotated[str | None, typer.Option(help="What the existing controls leave open.", metavar="TEXT")]
Existing = Annotated[
    list[str] | None, typer.Option(help='A control that is there already; may be given again; "" is none.')
]
NextReview = Annotated[str | None, typer.Option(help='A date, as 2026-12-31; "" is none.', metavar="DATE")]


@command(
    framework_app, "counterfoil framework add nist-800-53-low.json", "counterfoil framework add soc2.csv --id soc2"
)
def add(
    shell: Shell,
    file: Source,
    id_: Annotated[
        str | None, typer.Option("--id", help="Default: from the name of the file.", metavar="ID", parser=identifier)
    ] = None,
    title: Annotated[str | None, typer.Option(help="Default: as the file says.", metavar="TEXT")] = None,
) -> int:
    """Keep the controls of an OSCAL catalog (JSON) or of a CSV file, or bring them up to date."""
    from sync.app import frameworks

    return frameworks.add(shell, file, id_, title)


@command(framework_app, "counterfoil framework list", name="list")
def list_frameworks(shell: Shell) -> int:
    """List the frameworks, with how their controls stand."""
    from sync.app import frameworks

    return frameworks.list_all(shell)


@command(
    framework_app,
    "counterfoil framework gaps soc2",
    'counterfoil framework gaps nist-800-53-low --control "AC-*" --apply --expect DIGEST',
)
def gaps(
    shell: Shell,
    id_: Annotated[str, typer.Argument(help="The framework.", metavar="ID")],
    control: Annotated[str, typer.Option(help="Only these; * stands for any text.", metavar="PATTERN")] = "*",
    priority: Urgency = Priority.MEDIUM,
    apply: Apply = False,
    expect: Expect = None,
) -> int:
    """Show an item for each control that nobody works on yet, with its guidance; make them with --apply."""
    from sync.app import frameworks

    return frameworks.gaps(shell, id_, control, priority, apply=apply, expect=expect)


@command(framework_app, "counterfoil framework map answers.csv", name="map")
def answers(shell: Shell, file: Source) -> int:
    """Say which control answers which, from a CSV file with the columns control and answered_by."""
    from sync.app import frameworks

    return frameworks.answers(shell, file)


@command(controls_app, "counterfoil controls list --status failing", name="list")
def list_controls(
    shell: Shell,
    status: Annotated[ControlStatus | None, typer.Option(help="Only in this status.")] = None,
    framework: Annotated[str | None, typer.Option(help="Only of this framework.", metavar="ID")] = None,
) -> int:
    """List controls with their status and the reason for it."""
    from sync.app import controls

    return controls.list_all(shell, status, framework)


@command(controls_app, "counterfoil controls show CC6.1", name="show")
def show_control(shell: Shell, control: Named) -> int:
    """Show a control with its items, tests and evidence, and how it came to stand as it does."""
    from sync.app import controls

    return controls.show_one(shell, control)


@command(controls_app, 'counterfoil controls exempt CC6.4 --reason "we have no office"')
def exempt(shell: Shell, control: Named, reason: Why, on_behalf: OnBehalf = None) -> int:
    """Say that a control does not apply; for somebody with the role reviewer."""
    from sync.app import controls

    return controls.exempt(shell, control, reason, on_behalf)


@command(controls_app, 'counterfoil controls include CC6.4 --reason "we moved into an office"')
def include(shell: Shell, control: Named, reason: Why, on_behalf: OnBehalf = None) -> int:
    """Say that a control applies after all; for somebody with the role reviewer."""
    from sync.app import controls

    return controls.include(shell, control, reason, on_behalf)


@command(
    risk_app,
    'counterfoil risk add "Accounts are taken over" --owner ada@acme.example --inherent 5x4 --current 4x4',
    name="add",
)
def add_risk(
    shell: Shell,
    statement: Annotated[str, typer.Argument(help="What could go wrong.")],
    id_: Annotated[
        str | None, typer.Option("--id", help="Default: the next free R-0001.", metavar="ID", parser=identifier)
    ] = None,
    owner: Owner = None,
    treatment: Treated = None,
    gap: Gap = None,
    existing: Existing = None,
    inherent: Rating = None,
    current: Rating = None,
    target: Rating = None,
    next_review: NextReview = None,
) -> int:
    """Add a risk to the register."""
    from sync.app import risks

    said = risks.Said(statement, owner, treatment, gap, existing, next_review)
    return risks.add(shell, id_, said, {"inherent": inherent, "current": current, "target": target})


@command(risk_app, "counterfoil risk list", "counterfoil risk list --due", name="list")
def list_risks(
    shell: Shell, due: Annotated[bool, typer.Option("--due", help="Only those to be scored again.")] = False
) -> int:
    """List risks with their scores."""
    from sync.app import risks

    return risks.list_all(shell, only_due=due)


@command(risk_app, "counterfoil risk show R-0001", name="show")
def show_risk(shell: Shell, risk: RiskId) -> int:
    """Show a risk with its items and every score it ever had."""
    from sync.app import risks

    return risks.show_one(shell, risk)


@command(risk_app, "counterfoil risk edit R-0001 --owner ada@acme.example --next-review 2027-06-30", name="edit")
def edit_risk(
    shell: Shell,
    risk: RiskId,
    statement: Annotated[str | None, typer.Option(help="What could go wrong.", metavar="TEXT")] = None,
    owner: Owner = None,
    treatment: Treated = None,
    gap: Gap = None,
    existing: Existing = None,
    next_review: NextReview = None,
    reason: Why = "",
) -> int:
    """Change a risk; what is not named stays, and scores are given by `risk score`."""
    from sync.app import risks

    return risks.edit(shell, risk, risks.Said(statement, owner, treatment, gap, existing, next_review), reason)


@command(risk_app, 'counterfoil risk score R-0001 2x4 --reason "MFA is on everywhere" --next-review 2027-06-30')
def score(
    shell: Shell,
    risk: RiskId,
    rating: Annotated[str, typer.Argument(help="Likelihood and impact from 1 to 5, as 2x4.", metavar="LxI")],
    reason: Why,
    kind: Annotated[ScoreKind, typer.Option(help="What is rated.")] = ScoreKind.CURRENT,
    next_review: NextReview = None,
) -> int:
    """Score a risk again, beside the earlier scores; a current score ends that it is due."""
    from sync.app import risks

    return risks.score(shell, risk, rating, kind, reason, next_review)


@command(risk_app, "counterfoil risk import register.csv", name="import")
def import_risks(shell: Shell, file: Source) -> int:
    """Take in risks from a CSV or JSON file; the same file again changes nothing."""
    from sync.app import risks

    return risks.take_in(shell, file)


@command(risk_app, "counterfoil risk due", "counterfoil risk due --apply")
def due(shell: Shell, priority: Urgency = Priority.MEDIUM, apply: Apply = False, expect: Expect = None) -> int:
    """Show an item for each risk that is to be scored again; make them with --apply."""
    from sync.app import risks

    return risks.due(shell, priority, apply=apply, expect=expect)
