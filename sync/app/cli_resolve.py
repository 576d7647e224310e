"""The commands about work that is done."""

from typing import Annotated

import typer

from sync.app.asking import SETTINGS, Ref, command
from sync.app.shell import Shell

resolve_app = typer.Typer(**SETTINGS)


@command(
    resolve_app,
    'counterfoil resolve AI-12 --evidence rotation.log --reason "all keys were rotated"',
    'counterfoil resolve AI-12 --reason "the duplicate of what is done already"',
)
def resolve(
    shell: Shell,
    ref: Ref,
    reason: Annotated[str, typer.Option(help="What was done; it is recorded.", metavar="TEXT")] = "",
    evidence: Annotated[
        list[str] | None, typer.Option(help="What shows it; may be given again.", metavar="FILE|URL")
    ] = None,
) -> int:
    """Say that an item is done; it is resolved once what the policy asks for is at hand, and its ticket closed."""
    from sync.app import resolving

    return resolving.resolve(shell, ref, reason, evidence or [])


@command(
    resolve_app,
    "counterfoil review AI-12 --accept",
    'counterfoil review AI-12 --reject "the log is of another system"',
)
def review(
    shell: Shell,
    ref: Ref,
    accept: Annotated[bool, typer.Option("--accept", help="What others brought will do.")] = False,
    reject: Annotated[
        str | None, typer.Option(help="It will not, and why; the ticket is told, and opened again.", metavar="REASON")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it will do; it is recorded.", metavar="TEXT")] = "",
    on_behalf_of: Annotated[
        str | None,
        typer.Option("--as", help="Who reviews, if you act for them; needs the role delegate.", metavar="EMAIL"),
    ] = None,
) -> int:
    """Accept all that was brought for an item and not reviewed yet, or refuse that it counts as done."""
    from sync.app import resolving

    return resolving.review(shell, ref, accept=accept, reject=reject, reason=reason, on_behalf_of=on_behalf_of)
