"""The auditor's pack, as a command."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from state.checkpoint import SigningKey
from sync.app import show
from sync.app.complaints import ConfigError
from sync.app.evidence import vault
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.files import OWNER, whole
from sync.app.keys import signing_key
from sync.app.periods import verified
from sync.app.programme_settings import TimestampAnchorTable
from sync.app.progress import progress
from sync.app.reporting import drawn
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.app.targets import must_be_free
from sync.report import bundle
from sync.report.model import Book
from sync.report.pack import Asked, Proof
from sync.report.page import members as readable

SUFFIX = ".tsr"


def pack(shell: Shell, asked: Asked, out: Path) -> int:
    """Write the auditor's pack; nothing else is written, so that the same ledger gives the same pack."""
    with verified(shell, asked) as told, progress(shell) as tell:
        config, position = told.config, told.position
        must_be_free(config, [out], ".zip")
        key = _key(shell, config)
        about = asked.about(position, f"counterfoil {version('counterfoil')}")
        proof = Proof(told.connection, position, asked, vault(config))
        book, found = told.book, told.found
        proofs = proof.members(_stamps(config), _shown(book), book.strange, book.left_out)
        members = chain(proofs, readable(book, charts := drawn(book)))
        with whole(out, OWNER) as file:
            made = bundle.write(file, members, about, key, lambda done, total: tell("writing", done, total))
    answer = {
        "file": str(out),
        "sha256": made.sha256,
        "size": made.size,
        "files": len(made.names),
        "records": position.records,
        "signed": found.last_good.size if found.last_good else 0,
        "signer": None if key is None else key.public.name,
        "missing": proof.exhibits.missing,
        "redacted": len(proof.redactions.gone),
        "left_out": book.left_out,
        "strange": [each.seq for each in book.strange],
        "charts": bool(charts),
        "complaints": told.silent,
    }
    shell.answer(answer, lambda: show.rendered(*_words(answer, told.doubts)))
    return IN_ORDER


def _key(shell: Shell, config: Configuration) -> SigningKey | None:
    """The key that vouches for the pack, where it is at hand."""
    try:
        return signing_key(shell, config)
    except ConfigError:
        return None


def _shown(book: Book) -> Container[str] | None:
    """The hashes of the files of evidence that belong to a book that is confined; of any other, all."""
    if not book.framework and not book.tracker:
        return None
    return frozenset(str(each.values["sha256"]) for each in book.evidence if each.values.get("sha256"))


def _stamps(config: Configuration) -> Callable[[str], bytes | None]:
    """What time-stamp authorities said of checkpoints, by the names of their files."""
    tables = (each for each in config.settings.audit.anchors if isinstance(each, TimestampAnchorTable))
    folders = [config.path(each.path) for each in tables]

    def stamp(name: str) -> bytes | None:
        files = (folder / Path(name).with_suffix(SUFFIX) for folder in folders)
        try:
            return next((file.read_bytes() for file in files if file.is_file()), None)
        except OSError as error:
            raise Mistaken(f"{error.filename} cannot be read: {error.strerror or error}") from None

    return stamp


def _words(made: Mapping[str, Any], doubts: Iterable[str]) -> Iterator[object]:
    size = f"{made['size'] / 1024**2:,.1f} MB"
    records = show.counted(made["records"], "record")
    yield f"Wrote {made['file']}: {show.counted(made['files'], 'file')}, {size}, {records}"
    yield f"SHA-256 {made['sha256']}"
    if newer := made["records"] - made["signed"]:
        yield f"{show.counted(newer, 'record')} in it are not signed: `counterfoil audit sign` before it signs them"
    if made["redacted"]:
        yield f"Erased by now, as redactions.json lists: {show.counted(made['redacted'], 'personal text')}"
    if made["signer"] is None:
        yield "Nobody signed what is in it beside the ledger: make it where the signing key is"
    if not made["charts"]:
        yield "Its page has no charts: they need an extra that is not installed; run: pip install 'counterfoil[report]'"
    yield from doubts
    if made["missing"]:
        yield show.heading("Evidence that is not in it")
        yield show.bullets([f"{sha256}: {why}" for sha256, why in made["missing"].items()])
    yield show.heading("Whoever gets it checks it with")
    yield f"  python3 verify.py {made['file']} --pubkey KEY --checkpoints FOLDER"
    yield "where verify.py is from a release, and KEY and FOLDER are from elsewhere: what came along proves nothing"
