"""The commands about risks that are to be lived with, and about later due dates."""

from datetime import date
from typing import Annotated

import typer

from sync.app.asking import SETTINGS, Ref, command, day, reference
from sync.app.shell import Shell

accept_app = typer.Typer(help="Risks that are to be lived with: asked for, decided, over.", **SETTINGS)
due_app = typer.Typer(help="Later due dates that somebody asks for.", **SETTINGS)


def _which(text: str) -> str:
    """`RA-000012` for `ra-12`; else an item's ref."""
    digits = text.strip().upper().removeprefix("RA-")
    named = text.strip().upper().startswith("RA-") and digits.isascii() and digits.isdigit() and len(digits) <= 12
    return f"RA-{int(digits):06d}" if named else reference(text)


Which = Annotated[
    str, typer.Argument(help="The acceptance, as RA-12, or its item, as AI-12.", metavar="REF", parser=_which)
]
Because = Annotated[str | None, typer.Option("--because", help="Why the risk is to be lived with.", metavar="TEXT")]
Until = Annotated[date | None, typer.Option("--until", help="The last day, as 2027-03-31.", metavar="DATE", parser=day)]
Compensating = Annotated[str | None, typer.Option(help="What keeps the risk small meanwhile.", metavar="TEXT")]
Likelihood = Annotated[int | None, typer.Option(help="What remains, 1 to 5.", min=1, max=5)]
Impact = Annotated[int | None, typer.Option(help="What remains, 1 to 5.", min=1, max=5)]
Conditions = Annotated[str | None, typer.Option(help="Under which conditions.", metavar="TEXT")]
OnBehalf = Annotated[
    str | None, typer.Option("--as", help="Who decides, if you act for them; needs the role delegate.", metavar="EMAIL")
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is recorded, and the ticket is told.", metavar="TEXT")]
Note = Annotated[str, typer.Option("--reason", help="Why; it is recorded.", metavar="TEXT")]


@command(
    accept_app,
    'counterfoil accept request AI-12 --because "switched off in March" --until 2027-03-31',
)
def request(
    shell: Shell,
    ref: Ref,
    because: Because = None,
    until: Until = None,
    compensating: Compensating = None,
    likelihood: Likelihood = None,
    impact: Impact = None,
    conditions: Conditions = None,
) -> int:
    """Ask for an item's risk to be accepted, or complete a request that is there."""
    from sync.app import accepting

    return accepting.request(shell, ref, accepting.Said(because, until, compensating, likelihood, impact, conditions))


@command(accept_app, "counterfoil accept list", "counterfoil accept list --ending 30", name="list")
def list_acceptances(
    shell: Shell,
    ending: Annotated[
        int | None,
        typer.Option(help="Only what is active and ends within so many days.", min=0, max=36_525, metavar="DAYS"),
    ] = None,
    over: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
) -> int:
    """List requests and acceptances that stand."""
    from sync.app import accepting

    return accepting.list_all(shell, ending, over=over)


@command(accept_app, "counterfoil accept show RA-12", "counterfoil accept show AI-12")
def show(shell: Shell, ref: Which) -> int:
    """Show a request or an acceptance: its terms, who decided, and who may."""
    from sync.app import accepting

    return accepting.show_one(shell, ref)


@command(
    accept_app,
    'counterfoil accept approve RA-12 --compensating "an alert on every login" --likelihood 2 --impact 3',
    "counterfoil accept approve AI-12 --as ruth@acme.example",
)
def approve(
    shell: Shell,
    ref: Which,
    because: Because = None,
    until: Until = None,
    compensating: Compensating = None,
    likelihood: Likelihood = None,
    impact: Impact = None,
    conditions: Conditions = None,
    reason: Note = "",
    on_behalf: OnBehalf = None,
) -> int:
    """Approve a request, with the terms that it lacks; the next sync tells the ticket."""
    from sync.app import accepting

    said = accepting.Said(because, until, compensating, likelihood, impact, conditions)
    return accepting.approve(shell, ref, said, reason, on_behalf)


@command(accept_app, 'counterfoil accept reject RA-12 --reason "the data is too sensitive"')
def reject(shell: Shell, ref: Which, reason: Why = "", on_behalf: OnBehalf = None) -> int:
    """Refuse a request; the next sync opens its ticket again, with the reason."""
    from sync.app import accepting

    return accepting.reject(shell, ref, reason, on_behalf)


@command(accept_app, 'counterfoil accept revoke RA-12 --reason "the vendor is back"')
def revoke(shell: Shell, ref: Which, reason: Why = "", on_behalf: OnBehalf = None) -> int:
    """End an acceptance before its time; item and ticket are open again, and all that was said is kept."""
    from sync.app import accepting

    return accepting.revoke(shell, ref, reason, on_behalf)


@command(accept_app, "counterfoil accept renew RA-12 --until 2027-06-30")
def renew(
    shell: Shell,
    ref: Which,
    until: Annotated[date, typer.Option("--until", help="The last day, as 2027-06-30.", metavar="DATE", parser=day)],
    because: Because = None,
    compensating: Compensating = None,
    likelihood: Likelihood = None,
    impact: Impact = None,
    conditions: Conditions = None,
) -> int:
    """Ask for an acceptance to go on: a new request, which somebody else has to approve."""
    from sync.app import accepting

    said = accepting.Said(because, until, compensating, likelihood, impact, conditions)
    return accepting.renew(shell, ref, said)


@command(due_app, "counterfoil due list", name="list")
def list_due(shell: Shell) -> int:
    """List the later due dates that are asked for, and that nobody has decided about."""
    from sync.app import postponing

    return postponing.list_all(shell)


@command(due_app, 'counterfoil due approve AI-12 --reason "the vendor delivers in May"', name="approve")
def approve_due(shell: Shell, ref: Ref, reason: Note = "", on_behalf: OnBehalf = None) -> int:
    """Give an item the later due date that is asked for."""
    from sync.app import postponing

    return postponing.decide(shell, ref, reason, on_behalf, approved=True)


@command(due_app, 'counterfoil due reject AI-12 --reason "the audit is in April"', name="reject")
def reject_due(shell: Shell, ref: Ref, reason: Why = "", on_behalf: OnBehalf = None) -> int:
    """Keep an item's due date; the next sync puts it back into the ticket, with the reason."""
    from sync.app import postponing

    return postponing.decide(shell, ref, reason, on_behalf, approved=False)
