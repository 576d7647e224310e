"""The ledger as people read and check it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.anchors.base import Anchor, AnchorError, Kept
from connectors.anchors.directory import Directory
from state.checkpoint import PublicKey
from state.errors import Busy, Damaged, Unreachable
from state.stored import TOLERANCE
from sync.app import shapes, show
from sync.app.anchoring import anchors
from sync.app.failures import IN_ORDER, KNOWN, Mistaken, words
from sync.app.files import whole
from sync.app.keys import public_keys
from sync.app.opening import configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.app.targets import must_be_free
from sync.proving import Conclusion, Finding, examine, proof
from sync.report.exported import Exported, conclude

SOUND, TAMPERED, UNDECIDED, NO_VERDICT = range(4)
"""What `audit verify` exits with, for auditors and their scripts; a bug is none of them."""

_LISTED = 20


def log(shell: Shell, item: str | None, limit: int) -> int:
    """Show the last `limit` records, of one item and its ticket if asked; 0 shows all."""
    with open_store(shell, configuration(shell)) as store:
        if item is not None:
            item = store.item(store.called(item)).ref
        found = store.log(None if item is None else [item], newest=limit or None)
        records = [shapes.record(record) for record in found]
    shell.answer(records, lambda: show.rendered(show.records(records, of=item is None)))
    return IN_ORDER


def verify(shell: Shell, folder: Path | None, keys: Sequence[str], pack: Path | None, known_epoch: int) -> int:
    """Check every record, and that the ledger, or the one in a pack, is the one that was signed."""
    try:
        config = configuration(shell) if pack is None or shell.file.exists() else None
        known = public_keys(shell, config, keys)
        kept, silent = kept_elsewhere(shell, config, folder, known)
        if pack is not None or config is None:
            found = conclude(Exported(pack or Path()), kept, known, known_epoch)
        else:
            with open_store(shell, config) as store:
                found = examine(store, kept, known, known_epoch)
    except KNOWN as error:
        shell.refuse(words(error))
        return UNDECIDED if isinstance(error, Damaged | Busy | Unreachable) else NO_VERDICT
    found = replace(found, not_counted=(*silent, *found.not_counted))
    shell.answer(shapes.finding(found), lambda: show.rendered(*_told(found, kept, silent), *_only(pack)))
    return {Conclusion.ANCHORED: SOUND, Conclusion.TAMPERED: TAMPERED, Conclusion.UNDECIDED: UNDECIDED}[
        found.conclusion
    ]


def kept_elsewhere(
    shell: Shell, config: Configuration | None, folder: Path | None, known: Sequence[PublicKey]
) -> tuple[list[Kept], list[str]]:
    """The checkpoints in a folder, else in those places of the configuration that can be asked for them.

    Also which of those cannot be asked for all of them, and why.
    """
    if folder is not None and not folder.is_dir():
        raise Mistaken(f"--checkpoints: {folder} is no folder")
    places: list[Anchor] = [] if config is None else anchors(shell, config, known)
    if folder is not None:
        places = [Directory("--checkpoints", folder)]
    found: list[Kept] = []
    silent: list[str] = []
    for each in places:
        try:
            found.extend(each.every())
        except AnchorError as error:
            silent.append(f"{each.name} could not be asked what it keeps: {error}")
    return found, silent


def prove(shell: Shell, seq: int, out: Path | None, folder: Path | None) -> int:
    """Write the proof that a record is part of what was signed."""
    config = configuration(shell)
    must_be_free(config, [out] if out else [], ".tlog-proof")
    known = public_keys(shell, config, ())
    kept = None if folder is None else kept_elsewhere(shell, config, folder, known)[0]
    with open_store(shell, config) as store:
        text = proof(store, seq, kept, known)
    if out is not None:
        with whole(out) as file:
            file.write(text.encode())
    answer: dict[str, Any] = {"seq": seq, "proof": text, "file": None if out is None else str(out)}
    check = f"python3 verify.py {out} --pubkey KEY --checkpoints FOLDER"
    wrote = f"Wrote {out}: record {seq} is part of what was signed. Whoever gets it checks it with\n  {check}"
    shell.answer(answer, lambda: text if out is None else wrote)
    return IN_ORDER


def _told(found: Finding, kept: Sequence[Kept], silent: Sequence[str]) -> Iterator[object]:
    verdict = found.verdict
    if verdict.first_bad is not None:
        yield f"TAMPERED: {verdict.first_bad[1]}"
        if found.around:
            yield show.bullets(_in_words(shapes.as_it_stands(each)) for each in found.around)
        size = 0 if found.last_good is None else found.last_good.size
        yield f"The last good checkpoint is over {show.counted(size, 'record')}" if size else "No checkpoint is good"
    elif found.apart:
        yield f"TAMPERED: the records are sound, and {show.counted(len(found.apart), 'thing')} beside them not"
        yield show.bullets(found.apart[:_LISTED])
        yield "Somebody changed the database, and not by this program: put a copy from before in its place, and go on"
        yield "with `counterfoil audit fork --reason TEXT` where that is older than what was signed"
    else:
        yield f"{found.conclusion.value}: {show.counted(found.records, 'record')}, head {verdict.head}"
        if found.anchored:
            vouched = f"{found.anchored:,} of them are vouched for by {show.counted(found.checked, 'checkpoint')}"
            yield f"{vouched}; {found.records - found.anchored:,} are newer"
        else:
            yield _why_undecided(found, kept, silent)
    if verdict.redacted:
        yield f"{show.counted(verdict.redacted, 'personal text')} redacted, commitment present"
        which = [f"{count:,} by record {seq:,}" for seq, count in verdict.erasing.items()]
        yield show.bullets(which[-_LISTED:])
    if verdict.backdated:
        those = ", ".join(f"{seq:,}" for seq in verdict.backdated[:_LISTED])
        many = show.counted(len(verdict.backdated), "record")
        yield f"The clock went back by more than {TOLERANCE.seconds // 60} minutes before {many}: {those}"
    given_up = [fork.words for fork in found.given_up]
    parts = ("Open", found.doubts), ("Remarks", found.remarks), ("Given up", given_up)
    for title, some in (*parts, ("Not counted", found.not_counted)):
        if some:
            yield show.heading(title)
            yield show.bullets(some[:_LISTED])


def _in_words(record: Mapping[str, Any]) -> str:
    """What a record that may be no sound one says, on a line whatever it says."""
    what = " ".join(record[name] for name in ("action", "object", "field") if record[name])
    said = " ".join(f"says: {record['at'] or ''} {what}".split()) if what else "cannot be read"
    return f"record {record['seq']:,} {said}"


def _only(pack: Path | None) -> list[str]:
    return [] if pack is None else ["Only the ledger in the pack was checked; verify.py checks all of the pack"]


def _why_undecided(found: Finding, kept: Sequence[Kept], silent: Sequence[str]) -> str:
    if silent and not any(each.vouches for each in kept):
        return "Nobody compared it with a checkpoint kept elsewhere: the places that keep them cannot be asked"
    if found.not_counted and (kept or found.last_good is None):
        return "No checkpoint counts that was signed by a key unknown here: --pubkey KEY names one"
    if not kept:
        return "Nobody compared it with a checkpoint kept elsewhere: --checkpoints DIR names a folder of them"
    return "No checkpoint that was kept elsewhere is about this ledger"
