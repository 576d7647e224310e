"""The commands about the ledger."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from sync.app.asking import SETTINGS, command, day, reference
from sync.app.shell import Shell

audit_app = typer.Typer(help="The ledger of every change, and who signs it.", **SETTINGS)

Folder = Annotated[
    Path | None, typer.Option("--checkpoints", help="A folder of checkpoints that were kept elsewhere.", metavar="DIR")
]

KeyFile = Annotated[
    Path | None,
    typer.Option("--out", help="The file to write; must not exist yet.", metavar="FILE", show_default=False),
]
KeyEntry = Annotated[
    str, typer.Option("--keyring", help="The entry of the system's keyring to make instead.", metavar="SERVICE/NAME")
]


@command(audit_app, "counterfoil audit log --item AI-000012")
def log(
    shell: Shell,
    item: Annotated[str | None, typer.Option(help="Only of this item.", metavar="REF", parser=reference)] = None,
    limit: Annotated[int, typer.Option(help="The last so many records; 0 means all.", min=0, max=10**9)] = 50,
) -> int:
    """Show who changed what, when and why."""
    from sync.app import ledger

    return ledger.log(shell, item, limit)


@command(audit_app, "counterfoil audit verify", "counterfoil audit verify --checkpoints /mnt/share --pubkey KEY")
def verify(
    shell: Shell,
    checkpoints: Folder = None,
    pubkey: Annotated[
        list[str] | None, typer.Option(help="A key whose signatures count. May be given again.", metavar="KEY")
    ] = None,
    from_export: Annotated[
        Path | None,
        typer.Option(help="Check the ledger in a pack, not the database; needs no configuration.", metavar="FILE"),
    ] = None,
    epoch: Annotated[
        int, typer.Option(help="Know that the ledger was begun anew, up to /epoch-N.", metavar="N", min=1)
    ] = 1,
) -> int:
    """Check every record, and that the ledger is the one that was signed.

    Exits with 0 where it is sound and vouched for by a checkpoint kept elsewhere, 1 where it was tampered with, 2
    where that cannot be decided, and 3 where it was not asked rightly or is not set up.
    """
    from sync.app import ledger

    return ledger.verify(shell, checkpoints, pubkey or (), from_export, epoch)


@command(audit_app, "counterfoil audit pack --from 2026-01-01 --to 2026-06-30 --out pack.zip")
def pack(
    shell: Shell,
    first: Annotated[date, typer.Option("--from", help="The first day that is shown.", metavar="DATE", parser=day)],
    last: Annotated[date, typer.Option("--to", help="The last day that is shown.", metavar="DATE", parser=day)],
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE")],
    framework: Annotated[str, typer.Option(help="Show only what is about its controls.", metavar="ID")] = "",
    tracker: Annotated[str, typer.Option(help="Show only items with tickets in it.", metavar="NAME")] = "",
) -> int:
    """Write all that an auditor needs into one file, with the proof and a program that checks it.

    The ledger in it is always the whole; days, framework and tracker confine what is shown of it. The same ledger
    gives the same file, byte for byte.
    """
    from sync.app.packing import pack as write
    from sync.report.pack import Asked

    return write(shell, Asked(first, last, framework, tracker), out)


@command(audit_app, "counterfoil audit prove 12 --out record-12.tlog-proof")
def prove(
    shell: Shell,
    seq: Annotated[int, typer.Argument(help="The record's number.", metavar="SEQ", min=1)],
    out: Annotated[Path | None, typer.Option(help="Write it to this file.", metavar="FILE")] = None,
    checkpoints: Folder = None,
) -> int:
    """Show the proof that one record is part of what was signed; it stands alone."""
    from sync.app import ledger

    return ledger.prove(shell, seq, out, checkpoints)


@command(audit_app, "counterfoil audit keygen --name acme.example/compliance --out audit.key")
def keygen(
    shell: Shell,
    name: Annotated[str, typer.Option(help="What the ledger is called from now on.", metavar="NAME")],
    out: KeyFile = None,
    keyring: KeyEntry = "",
) -> int:
    """Make a key that signs the ledger, in a file or in the system's keyring."""
    from sync.app import signing

    return signing.keygen(shell, out, keyring, name)


@command(audit_app, "counterfoil audit key")
def key(shell: Shell) -> int:
    """Show the public keys by which the ledger is checked, to hand to an auditor."""
    from sync.app import signing

    return signing.key(shell)


@command(audit_app, "counterfoil audit rotate --out audit-2.key")
def rotate(
    shell: Shell,
    out: KeyFile = None,
    keyring: KeyEntry = "",
) -> int:
    """Make the next key that signs the ledger; the old one signs with it once more, to hand over."""
    from sync.app import signing

    return signing.rotate(shell, out, keyring)


@command(audit_app, "counterfoil audit sign")
def sign(shell: Shell) -> int:
    """Sign what was recorded since the last checkpoint, as every sync does at its end."""
    from sync.app import signing

    return signing.sign(shell)


@command(audit_app, 'counterfoil audit fork --reason "restored the backup of Monday"')
def fork(
    shell: Shell,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.", metavar="TEXT")],
    without: Annotated[
        list[str] | None, typer.Option(help="Do not ask this place what it keeps. May be given again.", metavar="NAME")
    ] = None,
) -> int:
    """Begin the ledger anew, after the database was put back to an earlier state on purpose."""
    from sync.app import signing

    return signing.fork(shell, reason, without or ())
