"""What a file of a command may take the place of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sync.app.failures import Mistaken
from sync.app.files import is_kept
from sync.app.settings import Configuration

_DATABASE = ("", "-wal", "-shm", "-journal")
"""What the names of an SQLite file and of its companions end in."""


def must_be_free(config: Configuration, files: Iterable[Path], ending: str) -> None:
    """Raise `Mistaken` where a file is in use here, or is there already and is not one of those with this ending."""
    used = {each.resolve() for each in _used(config)}
    for file in files:
        if str(file) == "-":
            raise Mistaken("--out names a file, and standard output is none: name a file with it, or /dev/stdout")
        if file.resolve() in used or any(_same(file, each) for each in used):
            raise Mistaken(f"{file} is in use here, and nothing was written: name another file with --out")
        if file.suffix.lower() != ending and file.is_file() and not is_kept(file):
            what = f"{file} is there already and is not replaced, since its name does not end in {ending}"
            raise Mistaken(f"{what}: name another file with --out, or move that one away")


def must_be_whole(config: Configuration, files: Sequence[Path], ending: str) -> None:
    """The same for files that are only ever written together: some without the others are somebody else's."""
    must_be_free(config, files, ending)
    there = [each for each in files if each.exists()]
    if there and len(there) < len(files):
        what = f"{there[0]} is there already without the other tables, so that it may be something else"
        raise Mistaken(f"{what}: name another folder with --out, or move that file away")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _used(config: Configuration) -> Iterator[Path]:
    """The configuration, the database, and whatever the configuration names: keys, tokens, folders."""
    yield config.file
    scheme, _, place = config.state_url.get_secret_value().partition(":///")
    if scheme.startswith("sqlite"):
        yield from (Path(place.partition("?")[0] + each) for each in _DATABASE)
    for text in _texts(config.settings.model_dump()):
        with suppress(ValueError, RuntimeError):
            yield config.path(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple | set | frozenset):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
