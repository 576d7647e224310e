"""A period to read on a working day, as a page, as tables, as JSON or as Markdown."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sync.app import show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.files import whole
from sync.app.periods import Told, verified
from sync.app.shell import Shell
from sync.app.targets import must_be_free, must_be_whole
from sync.report.board import as_json, as_markdown
from sync.report.members import Member
from sync.report.model import Book
from sync.report.pack import Asked
from sync.report.page import is_further, named, pages
from sync.report.sheets import csv_members

Form = Callable[[Book, str], Iterable[Member]]
"""Makes files of what is told, of which the first, or only one, has this name."""


def write(shell: Shell, asked: Asked, out: Path, form: Form, ending: str) -> int:
    """Write a period as one file, and maybe others beside it; the same records give the same bytes."""
    with verified(shell, asked) as told:
        members = list(form(told.book, out.name))
        must_be_free(told.config, [out.parent / each.name for each in members], ending)
        code = _written(shell, told, out.parent, members)
    _clear(out, len(members))
    return code


def _clear(out: Path, number: int) -> None:
    """Take away the further pages of a longer report that stood here before, from this number on."""
    with suppress(OSError):
        while (old := out.with_name(named(out.name, number))).is_file() and is_further(old.read_bytes(), out.name):
            old.unlink()
            number += 1


def html(book: Book, name: str) -> Iterable[Member]:
    """The page, without proofs."""
    return pages(book, drawn(book), proofs=False, name=name)


def json(book: Book, name: str) -> Iterable[Member]:
    """One document of JSON."""
    return [as_json(book, name)]


def md(book: Book, name: str) -> Iterable[Member]:
    """One document of Markdown."""
    return [as_markdown(book, name)]


def csv(shell: Shell, asked: Asked, folder: Path) -> int:
    """Write the tables of a period into a folder, which is made if it is not there."""
    with verified(shell, asked) as told:
        tables = list(csv_members(told.book))
        must_be_whole(told.config, [folder / each.name for each in tables], ".csv")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise Mistaken(f"{folder} cannot be written: {error.strerror or error}") from None
        return _written(shell, told, folder, tables)


def _written(shell: Shell, told: Told, folder: Path, members: Iterable[Member]) -> int:
    files: list[str] = []
    for member in members:
        with whole(folder / member.name) as file:
            file.writelines(member.content)
        files.append(str(folder / member.name))
    book = told.book
    answer = {
        "files": files,
        "records": book.position,
        "items": len(book.told),
        "left_out": book.left_out,
        "strange": [each.seq for each in book.strange],
        "complaints": told.silent,
    }
    shell.answer(answer, lambda: show.rendered(*_words(told, files)))
    return IN_ORDER


def _words(told: Told, files: list[str]) -> Iterator[object]:
    book = told.book
    yield f"From {show.counted(book.position, 'record')}, {show.counted(len(book.told), 'item')} in the period"
    yield show.bullets(files)
    yield from told.doubts


def drawn(book: Book) -> Mapping[str, str]:
    """The charts of a book; none where what draws them is not installed."""
    if find_spec("matplotlib") is None:
        return {}
    from sync.report.charts import charts

    return charts(book)
