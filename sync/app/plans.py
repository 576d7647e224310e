"""Plans of action and milestones, as commands."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from sync.app import show
from sync.app.failures import IN_ORDER, Mistaken, Untrusted
from sync.app.keys import public_keys
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell
from sync.proving import examine
from sync.report.book import read
from sync.report.model import Book, Period, Policy
from sync.report.pack import Asked
from sync.report.weakness import weaknesses

Form = Callable[[Book, str], Iterable[bytes]]
"""The bytes of a file from what is told and the name of this installation."""


def write(shell: Shell, asked: Asked, out: Path, form: Form) -> int:
    """Write a plan to a file, and nothing else."""
    if asked.last < asked.first:
        raise Mistaken(f"--to {asked.last} is before --from {asked.first}")
    config = configuration(shell)
    with open_store(shell, config) as store:
        verdict = examine(store, (), public_keys(shell, config, ())).verdict
        if verdict.first_bad is not None:
            raise Untrusted(f"{verdict.first_bad[1]}. Nothing was written")
        days = Period(asked.first, asked.last)
        book = read(store, days, Policy(), framework=asked.framework, tracker=asked.tracker)
        content = b"".join(form(book, store.installation))
    _put(out, content)
    items = weaknesses(book)
    done = sum(each.status == "resolved" for each in items)
    digest = sha256(content).hexdigest()
    answer = {"file": str(out), "sha256": digest, "open": len(items) - done, "closed": done, "records": book.position}
    words = f"Wrote {out}: {show.counted(len(items), 'item')}, of which {done} closed\nSHA-256 {digest}"
    shell.answer(answer, lambda: words)
    return IN_ORDER


def _put(out: Path, content: bytes) -> None:
    """The file stands there whole or not at all."""
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_bytes(content)
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Mistaken(f"{out} cannot be written: {error.strerror or error}") from None


def oscal(book: Book, installation: str) -> Iterable[bytes]:
    """A plan of OSCAL that its models take; raises `Mistaken` where there is none to write, or no models."""
    from sync.report import poam

    try:
        from trestle.oscal.poam import PlanOfActionAndMilestones
    except ImportError:
        raise Mistaken("OSCAL needs an extra that is not installed; run: pip install 'counterfoil[oscal]'") from None
    try:
        plan = poam.document(book, installation)
    except ValueError as error:
        raise Mistaken(f"{error}; nothing was written") from None
    PlanOfActionAndMilestones.model_validate(plan["plan-of-action-and-milestones"])
    return poam.content(plan)


def workbook(book: Book, installation: str) -> Iterable[bytes]:  # noqa: ARG001
    """A workbook; raises `Mistaken` where what writes workbooks is not installed."""
    try:
        from sync.report import fedramp
    except ImportError:
        raise Mistaken(
            "a workbook needs an extra that is not installed; run: pip install 'counterfoil[report]'"
        ) from None
    return fedramp.workbook(book).content
