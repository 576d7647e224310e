"""A period to read on a working day, as a page, as tables, as JSON or as Markdown."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from sync.app import show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.files import whole
from sync.app.periods import Told, verified
from sync.app.shell import Shell
from sync.report.members import Member
from sync.report.model import Book
from sync.report.pack import Asked
from sync.report.page import page
from sync.report.sheets import csv_members

Form = Callable[[Book], Member]
"""Makes a file of what is told."""


def write(shell: Shell, asked: Asked, out: Path, form: Form) -> int:
    """Write a period as one file; the same records give the same bytes."""
    with verified(shell, asked) as told:
        return _written(shell, told, [(form(told.book), out)])


def html(book: Book) -> Member:
    """The page, without proofs."""
    return page(book, drawn(book), proofs=False)


def csv(shell: Shell, asked: Asked, folder: Path) -> int:
    """Write the tables of a period into a folder, which is made if it is not there."""
    with verified(shell, asked) as told:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise Mistaken(f"{folder} cannot be written: {error.strerror or error}") from None
        return _written(shell, told, [(each, folder / each.name) for each in csv_members(told.book)])


def _written(shell: Shell, told: Told, files: list[tuple[Member, Path]]) -> int:
    for member, out in files:
        with whole(out) as file:
            file.writelines(member.content)
    book = told.book
    answer = {
        "files": [str(file) for _, file in files],
        "records": book.position,
        "items": len(book.told),
        "strange": [each.seq for each in book.strange],
        "complaints": told.silent,
    }
    shell.answer(answer, lambda: show.rendered(*_words(told, [file for _, file in files])))
    return IN_ORDER


def _words(told: Told, files: list[Path]) -> Iterator[object]:
    book = told.book
    yield f"From {show.counted(book.position, 'record')}, {show.counted(len(book.told), 'item')} in the period"
    yield show.bullets(map(str, files))
    yield from told.doubts


def drawn(book: Book) -> Mapping[str, str]:
    """The charts of a book; none where what draws them is not installed."""
    if find_spec("matplotlib") is None:
        return {}
    from sync.report.charts import charts

    return charts(book)
