"""Evidence as people bring it, look after it and review it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from connectors.guarded import Guard, resolve
from state import controls as register
from state import items, naming, proofs
from state.effects import Because
from state.errors import UnknownRef
from state.lease import this_process
from state.proof import Evidence, EvidenceDraft, EvidenceKind, Review, Verdict, kind_of_address, unfit
from state.store import Store
from state.vault import Fault, Vault, contents, safe_name
from sync import evidence as work
from sync.app import evidence_shapes as shapes
from sync.app import identity, show
from sync.app.failures import IN_ORDER, PERSON, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.app.threads import in_time
from sync.resolving import Resolving

_PIECE = re.compile(r"(EV-\d{1,15})(?:/(\d{1,9}))?", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line says of a piece."""

    shows: str
    kind: EvidenceKind | None
    begins: date | None
    ends: date | None
    expires: date | None
    controls: tuple[str, ...]


def vault(config: Configuration) -> Vault:
    """Where the configuration has files kept."""
    said = config.settings.evidence
    return Vault(config.path(said.folder), largest=said.largest_mb * 1024**2)


def guard(config: Configuration) -> Guard | None:
    """What looks at links, if the configuration has them looked at."""
    said = config.settings.evidence
    return Guard(said.allow_hosts, resolve=_resolve) if said.check_links else None


def resolving(shell: Shell, config: Configuration, store: Store) -> Resolving:
    """What is said of work that is done, by what the configuration asks for."""
    return Resolving(store, config.settings.resolution, shell.clock, this_process())


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    return in_time(seconds, lambda: resolve(host, port))


def add(shell: Shell, ref: str, source: str, said: Said) -> int:
    """Keep one piece, or a new version of one."""
    config = configuration(shell)
    with open_store(shell, config, writes=True) as store:
        kept, new = take(shell, config, store, ref, source, said)
        _settle(shell, config, store, kept)
        answer = {**_whole(store, config, kept.ref, shell.today), "new": new}
    shell.answer(answer, lambda: _added(answer["versions"][-1], new=new))
    return IN_ORDER


def _settle(shell: Shell, config: Configuration, store: Store, piece: Evidence) -> None:
    """Resolve what was said to be done and waited for this piece, where no sync does."""
    if piece.draft.item is not None:
        resolving(shell, config, store).settle(shell.run, [piece.draft.item])


def take(shell: Shell, config: Configuration, store: Store, ref: str, source: str, said: Said) -> tuple[Evidence, bool]:
    """Keep a file or a web address for an item, a control or a piece, and say whether it is new."""
    by, because = identity.bringer(shell, config)
    draft = _draft(store, ref, said, by, shell)
    if _ADDRESS.match(source):
        if why := unfit(source):
            raise Mistaken(f"{why}; others are to follow the address as it stands")
        draft = replace(draft, url=source, kind=kind_of_address(source))
    else:
        named = replace(draft, name=safe_name(Path(source).name))
        draft = work.with_bytes(named, vault(config), _read(Path(source)))
    piece = _PIECE.fullmatch(ref)
    known = store.ask(proofs.versions, piece[1])[-1] if piece else None
    draft = _as_known(replace(draft, kind=said.kind or draft.kind), known, said, shell)
    draft = draft.lasting(config.settings.evidence.valid_days)
    kept, new = work.bring(store, draft, because, piece=piece[1] if piece else None)
    if new and kept.draft.url and (looks := guard(config)):
        work.look_at(store, looks, kept, shell.clock(), because)
    return kept, new


def _draft(store: Store, ref: str, said: Said, by: str, shell: Shell) -> EvidenceDraft:
    """What is said of a piece, and what it is for."""
    if said.begins and said.ends and said.begins > said.ends:
        raise Mistaken(f"it covers from {said.begins} until {said.ends}, which ends before it begins")
    more = tuple(_control(store, name)[0] for name in said.controls)
    item: str | None = None
    if piece := _PIECE.fullmatch(ref):
        last = store.ask(proofs.versions, piece[1])[-1].draft
        item, named, shows = last.item, last.controls, last.shows
    elif item := _item(store, ref):
        about = store.item(item)
        named, shows = (), about.title
        more = tuple(name for name in more if name not in about.controls)
    else:
        control, shows = _control(store, ref)
        named = (control,)
    return EvidenceDraft(
        kind=EvidenceKind.FILE,
        shows=" ".join((said.shows or shows).split()),
        by=by,
        captured_at=shell.clock(),
        item=item,
        controls=tuple(dict.fromkeys((*named, *more))),
        period_start=said.begins,
        period_end=said.ends,
        expires_on=said.expires,
    )


def _as_known(draft: EvidenceDraft, known: Evidence | None, said: Said, shell: Shell) -> EvidenceDraft:
    """What is brought, with what nobody said of it taken from what a tracker showed, where these are its bytes."""
    if known is None or not known.draft.remote_id or known.why_not(shell.today):
        return draft
    shown = known.draft
    if not draft.sha256 or draft.sha256 != shown.sha256:
        return draft
    kind, expires = said.kind or shown.kind, said.expires or shown.expires_on
    return replace(draft, kind=kind, url=shown.url, expires_on=expires)


def _item(store: Store, ref: str) -> str | None:
    """The item that is called so, by its ref or by its ticket; raises `Mistaken` where a control is called that too."""
    try:
        found = store.called(ref)
    except UnknownRef:
        return None
    if found != ref and store.ask(naming.controls_called, [ref]):
        raise Mistaken(f"{ref!r} is a control, and the ticket of {found}: name {found}, or FRAMEWORK:{ref}")
    return found


def _control(store: Store, name: str) -> tuple[str, str]:
    """The id of a control, and its title; one that only items name is called as they do."""
    try:
        known = store.ask(register.control, name)
    except UnknownRef:
        said = (each for item in store.list_items() for each in item.controls)
        spelled = next((each for each in said if each.casefold() == name.casefold()), None)
        if spelled is None:
            raise Mistaken(
                f"nothing is called {name!r}: no item, no piece of evidence and no control; `counterfoil item list` "
                "shows the items"
            ) from None
        return spelled, spelled
    return known.id, known.title


def _read(file: Path) -> Iterator[bytes]:
    try:
        yield from contents(file)
    except OSError as error:
        raise Mistaken(f"{file} cannot be read: {error.strerror}") from None


def _added(row: dict[str, Any], *, new: bool) -> str:
    about = ", ".join(filter(None, (row["item"], *row["controls"])))
    if not new:
        kept = ", and its file is kept" if row["stored"] else ""
        return f"{shapes.named(row)} is that already{kept}, for {about}: {shapes.state(row)}"
    told = f"{shapes.named(row)} for {about}: {row['kind']}, {row['name'] or row['url']}"
    if row["why_not"]:
        return f"{told}; it does not count: {row['why_not']}"
    return f"{told}; {shapes.state(row)}: `counterfoil evidence review {row['ref']}`"


def list_evidence(shell: Shell, ref: str | None, *, expired: bool, unreviewed: bool) -> int:
    """List the newest versions of what is asked for."""
    with open_store(shell, configuration(shell)) as store:
        found = [each for each in _about(store, ref) if not each.superseded]
    if expired:
        found = [each for each in found if each.expired(shell.today)]
    if unreviewed:
        found = [each for each in found if each.review is None or each.doubted]
    rows = [shapes.piece(each, shell.today) for each in found]
    nothing = (
        "No such evidence."
        if expired or unreviewed or ref
        else "No evidence yet. `counterfoil evidence add` keeps some."
    )
    shell.answer(rows, lambda: shapes.listing(rows) if rows else nothing)
    return IN_ORDER


def _about(store: Store, ref: str | None) -> list[Evidence]:
    if ref is None:
        return store.ask(proofs.everything)
    if item := _item(store, ref):
        return store.ask(proofs.of_items, [store.item(item).ref]).get(item, [])
    names = {ref.casefold(), _control(store, ref)[0].casefold()}
    found = store.ask(proofs.everything)
    bearers = store.items(each.draft.item for each in found if each.draft.item)
    of_item = {name: each.controls for name, each in bearers.items()}
    return [
        each
        for each in found
        if names & {c.casefold() for c in (*each.draft.controls, *of_item.get(each.draft.item or "", ()))}
    ]


def show_piece(shell: Shell, piece: str) -> int:
    """Show a piece in all its versions, or in one."""
    ref, version = _parsed(piece)
    config = configuration(shell)
    with open_store(shell, config) as store:
        answer = _whole(store, config, ref, shell.today)
    if version is not None:
        answer["versions"] = [each for each in answer["versions"] if each["version"] == version]
        if not answer["versions"]:
            raise Mistaken(f"{answer['ref']} has no version {version}; `counterfoil evidence show {answer['ref']}`")
    shell.answer(answer, lambda: shapes.whole(answer))
    return IN_ORDER


def _parsed(text: str) -> tuple[str, int | None]:
    found = _PIECE.fullmatch(text.strip())
    if found is None:
        raise Mistaken(f"{text!r} is no piece of evidence, as EV-12; `counterfoil evidence list` shows what there is")
    return found[1], int(found[2]) if found[2] else None


def _whole(store: Store, config: Configuration, ref: str, today: date) -> dict[str, Any]:
    versions = store.ask(proofs.versions, ref)
    reviews, looks, files = store.ask(proofs.reviews, ref), store.ask(proofs.checks, ref), vault(config)
    told = [
        {
            **shapes.piece(each, today),
            "file": str(files.path(each.draft.sha256 or "")) if each.draft.stored else None,
            "reviews": [shapes.review(r) for r in reviews.get(each.version, ())],
            "looks": [shapes.link(c) for c in looks.get(each.version, ())],
        }
        for each in versions
    ]
    return {"ref": versions[0].ref, "versions": told}


def review(shell: Shell, piece: str, *, accept: bool, reject: str | None, on_behalf_of: str | None) -> int:
    """Keep what a reviewer found of the newest version."""
    if accept is (reject is not None):
        raise Mistaken("say either --accept or --reject REASON")
    if reject is not None and not reject.strip():
        raise Mistaken("--reject needs a reason, which is recorded")
    ref, version = _parsed(piece)
    config = configuration(shell)
    who = identity.acting(config, on_behalf_of)
    identity.must_review(config, who)
    names = identity.every_name(config, who)
    verdict, reason = (Verdict.ACCEPTED, "") if reject is None else (Verdict.REJECTED, reject.strip())
    because = who.because(shell, reason)
    with open_store(shell, config, writes=True) as store:
        with store.writing() as w:
            newest = proofs.versions(w.connection, ref)[-1]
            if version not in (None, newest.version):
                raise Mistaken(f"{newest.ref} is at version {newest.version} by now; look at that one first")
            if newest.draft.is_by(names):
                raise Mistaken(f"{newest.draft.by} brought {newest.ref}, and nobody reviews what they brought")
            found = Review(verdict, who.email, w.now, reason)
            proofs.review(w.connection, w.ledger, newest, found, because)
            items.mark_dirty(w.connection, filter(None, [newest.draft.item]))
        _settle(shell, config, store, newest)
        answer = _whole(store, config, newest.ref, shell.today)
    shell.answer(answer, lambda: f"{newest.ref}/{newest.version}: {verdict.value} by {who.email}")
    return IN_ORDER


def verify(shell: Shell) -> int:
    """Check every file that is kept."""
    config = configuration(shell)
    files = vault(config)
    with open_store(shell, config) as store:
        kept = work.stored(store)
        faults = list(work.faults(store, files))
    unnamed = files.unnamed({each.draft.sha256 or "" for each in kept})
    wrong = [_fault(each, fault, files) for each, fault in faults]
    answer = {"files": len({each.draft.sha256 for each in kept}), "faults": wrong, "unnamed": unnamed}
    shell.answer(answer, lambda: _verified(answer))
    return PERSON if wrong else IN_ORDER


def _fault(each: Evidence, fault: Fault, files: Vault) -> dict[str, Any]:
    draft = each.draft
    path = str(files.path(draft.sha256 or ""))
    about = {"ref": each.ref, "version": each.version, "item": draft.item, "controls": list(draft.controls)}
    return {**about, "fault": fault.value, "name": draft.name or None, "sha256": draft.sha256, "file": path}


def _verified(answer: dict[str, Any]) -> str:
    wrong, unnamed = answer["faults"], answer["unnamed"]
    bad = len({each["sha256"] for each in wrong})
    parts: list[object] = [f"{show.counted(answer['files'], 'file')} kept, {bad} not as it should be"]
    if wrong:
        told = (
            f"{each['ref']}/{each['version']} {each['fault']}: {each['name'] or each['sha256']}\n    {each['file']}"
            for each in wrong
        )
        parts += [
            show.heading("Not as it should be: put a copy back, or bring the same file again"),
            show.bullets(told),
        ]
    if unnamed:
        parts += [show.heading("Nothing names these (a command that was killed leaves such)"), show.bullets(unnamed)]
    return show.rendered(*parts)


def check(shell: Shell) -> int:
    """Look at the links, and have renewed what expired."""
    config = configuration(shell)
    because = Because(shell.agent(scheduled=True), run=shell.run, reason="evidence check")
    with open_store(shell, config, writes=True) as store:
        looks = guard(config)
        seen = (
            [work.look_at(store, looks, each, shell.clock(), because) for each in work.linked(store)] if looks else []
        )
        made = work.renewals(store, shell.today, because)
        flagged = [each for each in store.ask(proofs.everything) if each.doubted and not each.superseded]
    answer = {
        "looked_at": len(seen) if looks else None,
        "news": [_news(each) for each in seen if each.news],
        "flagged": [shapes.piece(each, shell.today) for each in flagged],
        "renewals": [each.ref for each in made],
    }
    shell.answer(answer, lambda: _checked(answer))
    return PERSON if flagged else IN_ORDER


def _news(each: work.Look) -> dict[str, Any]:
    evidence = each.evidence
    return {
        "ref": evidence.ref,
        "version": evidence.version,
        "url": evidence.draft.url,
        "link": shapes.link(each.found),
    }


def _checked(answer: dict[str, Any]) -> str:
    looked = answer["looked_at"]
    told = "Links are not looked at (check_links under [evidence])"
    parts: list[object] = [told if looked is None else f"{show.counted(looked, 'link')} looked at"]
    if answer["news"]:
        rows = [(shapes.named(each), each["link"], each["url"]) for each in answer["news"]]
        lines = (f"{ref} {link['health']}: {url}" + _detail(link) for ref, link, url in rows)
        parts += [show.heading("News"), show.bullets(lines)]
    if answer["flagged"]:
        lines = (
            f"{shapes.named(each)} {each['why_not']}: {each['url']}\n    counterfoil evidence review {each['ref']}"
            for each in answer["flagged"]
        )
        parts += [show.heading("Waits for a reviewer (--accept or --reject REASON)"), show.bullets(lines)]
    if answer["renewals"]:
        parts += [show.heading("Made to renew what expired"), show.bullets(answer["renewals"])]
    return show.rendered(*parts)


def _detail(link: dict[str, Any]) -> str:
    return f" ({link['detail']})" if link["detail"] else ""
