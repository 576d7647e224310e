"""The commands that write what people read of the ledger."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from sync.app.asking import SETTINGS, command, day
from sync.app.shell import Shell

report_app = typer.Typer(help="What people read of the ledger, as files.", **SETTINGS)

First = Annotated[date, typer.Option("--from", help="The first day that is shown.", metavar="DATE", parser=day)]
Last = Annotated[date, typer.Option("--to", help="The last day that is shown.", metavar="DATE", parser=day)]
Out = Annotated[Path, typer.Option(help="The file to write.", metavar="FILE")]
Framework = Annotated[str, typer.Option(help="Show only what is about its controls.", metavar="ID")]
Tracker = Annotated[str, typer.Option("--tracker", help="Show only items with tickets in it.", metavar="NAME")]


@command(report_app, "counterfoil report html --from 2026-01-01 --to 2026-06-30 --out report.html")
def html(shell: Shell, first: First, last: Last, out: Out, framework: Framework = "", tracker: Tracker = "") -> int:
    """Write a period as one page that loads nothing, with every item's story."""
    from sync.app import reporting
    from sync.report.pack import Asked

    return reporting.write(shell, Asked(first, last, framework, tracker), out, reporting.html, ".html")


@command(report_app, "counterfoil report csv --from 2026-01-01 --to 2026-06-30 --out tables")
def csv(
    shell: Shell,
    first: First,
    last: Last,
    out: Annotated[Path, typer.Option(help="The folder to write them to.", metavar="DIR")],
    framework: Framework = "",
    tracker: Tracker = "",
) -> int:
    """Write a period as tables: items, events, evidence, acceptances, risks and controls."""
    from sync.app import reporting
    from sync.report.pack import Asked

    return reporting.csv(shell, Asked(first, last, framework, tracker), out)


@command(report_app, "counterfoil report json --from 2026-01-01 --to 2026-06-30 --out report.json", name="json")
def json_(shell: Shell, first: First, last: Last, out: Out, framework: Framework = "", tracker: Tracker = "") -> int:
    """Write a period as one JSON document: the summary, and the tables as lists of objects."""
    from sync.app import reporting
    from sync.report.pack import Asked

    return reporting.write(shell, Asked(first, last, framework, tracker), out, reporting.json, ".json")


@command(report_app, "counterfoil report md --from 2026-01-01 --to 2026-06-30 --out report.md")
def md(shell: Shell, first: First, last: Last, out: Out, framework: Framework = "", tracker: Tracker = "") -> int:
    """Write a period as Markdown: the summary, and what the page shows as tables, without the stories."""
    from sync.app import reporting
    from sync.report.pack import Asked

    return reporting.write(shell, Asked(first, last, framework, tracker), out, reporting.md, ".md")


@command(
    report_app, "counterfoil report oscal-poam --from 2026-01-01 --to 2026-06-30 --out poam.json", name="oscal-poam"
)
def oscal_poam(
    shell: Shell, first: First, last: Last, out: Out, framework: Framework = "", tracker: Tracker = ""
) -> int:
    """Write a period as a plan of action and milestones of OSCAL (JSON).

    It is checked against the models of OSCAL before it is written. The same ledger gives the same file.
    """
    from sync.app import plans
    from sync.report.pack import Asked

    return plans.write(shell, Asked(first, last, framework, tracker), out, plans.oscal, ".json")


@command(report_app, "counterfoil report fedramp --from 2026-01-01 --to 2026-06-30 --out poam.xlsx")
def fedramp(shell: Shell, first: First, last: Last, out: Out, framework: Framework = "", tracker: Tracker = "") -> int:
    """Write a period as a workbook in the shape of FedRAMP's plan of action and milestones.

    What is open stands on one sheet, what is closed on the other. The same ledger gives the same file.
    """
    from sync.app import plans
    from sync.report.pack import Asked

    return plans.write(shell, Asked(first, last, framework, tracker), out, plans.workbook, ".xlsx")
