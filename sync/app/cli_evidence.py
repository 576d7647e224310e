"""The commands about evidence."""

from datetime import date
from typing import Annotated

import typer

from state.proof import EvidenceKind
from sync.app.asking import SETTINGS, command, day, reference
from sync.app.shell import Shell

evidence_app = typer.Typer(help="What shows that something was done.", **SETTINGS)

Piece = Annotated[str, typer.Argument(help="The piece, as EV-000012, EV-12, or EV-12/2 for one version.")]


@command(
    evidence_app,
    'counterfoil evidence add AI-12 rotation.log --shows "all deploy keys were rotated"',
    "counterfoil evidence add CC6.1 https://ci.acme.example/runs/88 --from 2026-07-01 --until 2026-09-30",
    "counterfoil evidence add EV-12 access-review.pdf",
)
def add(
    shell: Shell,
    ref: Annotated[
        str,
        typer.Argument(
            help="The item (AI-12) or control (CC6.1) that it supports, or the piece (EV-12) it is a version of.",
            metavar="REF",
            parser=reference,
        ),
    ],
    source: Annotated[str, typer.Argument(help="A file, which is copied, or a web address.", metavar="FILE|URL")],
    shows: Annotated[str, typer.Option(help="What it proves.", metavar="TEXT")] = "",
    kind: Annotated[EvidenceKind | None, typer.Option(help="What it is; else found out.")] = None,
    begins: Annotated[
        date | None, typer.Option("--from", help="First day it covers.", metavar="DATE", parser=day)
    ] = None,
    ends: Annotated[
        date | None, typer.Option("--until", help="Last day it covers.", metavar="DATE", parser=day)
    ] = None,
    expires: Annotated[date | None, typer.Option(help="Last day it counts.", metavar="DATE", parser=day)] = None,
    controls: Annotated[
        list[str] | None, typer.Option("--control", help="A control it supports too; may be given again.", metavar="ID")
    ] = None,
) -> int:
    """Keep a file or a web address as evidence for an item or a control."""
    from sync.app import evidence

    said = evidence.Said(shows, kind, begins, ends, expires, tuple(controls or ()))
    return evidence.add(shell, ref, source, said)


@command(evidence_app, "counterfoil evidence list AI-12", "counterfoil evidence list --unreviewed", name="list")
def list_evidence(
    shell: Shell,
    ref: Annotated[
        str | None, typer.Argument(help="Only of this item or control.", metavar="REF", parser=reference)
    ] = None,
    expired: Annotated[bool, typer.Option("--expired", help="Only what expired.")] = False,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Only what nobody reviewed, or what changed since.")
    ] = False,
) -> int:
    """List evidence, whether it counts, and if not, why."""
    from sync.app import evidence

    return evidence.list_evidence(shell, ref, expired=expired, unreviewed=unreviewed)


@command(evidence_app, "counterfoil evidence show EV-12")
def show(shell: Shell, piece: Piece) -> int:
    """Show a piece with all its versions, reviews and looks at its link."""
    from sync.app import evidence

    return evidence.show_piece(shell, piece)


@command(
    evidence_app,
    "counterfoil evidence review EV-12 --accept",
    'counterfoil evidence review EV-12 --reject "the date is cut off"',
)
def review(
    shell: Shell,
    piece: Piece,
    accept: Annotated[bool, typer.Option("--accept", help="It proves what it says.")] = False,
    reject: Annotated[str | None, typer.Option(help="It does not, and why.", metavar="REASON")] = None,
    on_behalf_of: Annotated[
        str | None,
        typer.Option("--as", help="Who reviews, if you act for them; needs the role delegate.", metavar="EMAIL"),
    ] = None,
) -> int:
    """Say whether a piece proves what it should; for those with the role reviewer, and not of what they brought."""
    from sync.app import evidence

    return evidence.review(shell, piece, accept=accept, reject=reject, on_behalf_of=on_behalf_of)


@command(evidence_app, "counterfoil evidence verify")
def verify(shell: Shell) -> int:
    """Check that every file that is kept is there and has its hash; exit 5 if one is not."""
    from sync.app import evidence

    return evidence.verify(shell)


@command(evidence_app, "counterfoil evidence check")
def check(shell: Shell) -> int:
    """Look at the links, if the configuration says so, and make an item for each piece that expired."""
    from sync.app import evidence

    return evidence.check(shell)
