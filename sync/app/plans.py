"""Plans of action and milestones, as commands."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from sync.app import show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.files import whole
from sync.app.periods import verified
from sync.app.shell import Shell
from sync.app.targets import must_be_free
from sync.report import fedramp, poam
from sync.report.model import Book
from sync.report.pack import Asked
from sync.report.weakness import weaknesses

Form = Callable[[Book, str], Iterable[bytes]]
"""The bytes of a file from what is told and the name of this installation."""


def write(shell: Shell, asked: Asked, out: Path, form: Form, ending: str) -> int:
    """Write a plan to a file, and nothing else."""
    with verified(shell, asked) as told:
        must_be_free(told.config, [out], ending)
        book = told.book
        content = b"".join(form(book, told.known.installation))
    with whole(out) as file:
        file.write(content)
    items = weaknesses(book)
    done = sum(each.status == "resolved" for each in items)
    answer = {
        "file": str(out),
        "sha256": sha256(content).hexdigest(),
        "open": len(items) - done,
        "closed": done,
        "records": book.position,
        "left_out": book.left_out,
        "strange": [each.seq for each in book.strange],
        "complaints": told.silent,
    }
    counts = f"Wrote {out}: {show.counted(len(items), 'item')}, of which {done} closed"
    shell.answer(answer, lambda: show.rendered(counts, f"SHA-256 {answer['sha256']}", *told.doubts))
    return IN_ORDER


def oscal(book: Book, installation: str) -> Iterable[bytes]:
    """A plan of OSCAL that its models take; raises `Mistaken` where there is none to write, or no models."""
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
    """A workbook in the shape of FedRAMP's."""
    return fedramp.workbook(book).content
