"""Evidence is kept once whatever is killed when, a link's change is found, and what expired is asked for anew once."""

import hashlib
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.guarded import Refused, Seen, Unseen
from state import controls, proofs
from state.effects import Because, Effects, ItemChange
from state.model import ActionItem, Actor, Agent, ItemDraft, Priority, SourceKind, Status
from state.proof import Evidence, EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict
from state.register import ControlDraft, Framework
from state.store import Store
from state.vault import Fault, Vault
from sync import evidence
from tests.databases import Databases, on_sqlite

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example"), run="run-1")
DRAFT = EvidenceDraft(EvidenceKind.FILE, "keys were rotated", "mia@acme.example", NOW, name="run.log")
LINK = replace(DRAFT, kind=EvidenceKind.LINK, name="", url="https://ci.acme.example/88")
BYTES = b"rotated\n" * 1000
HASH = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def store(databases: Databases) -> Iterator[Store]:
    with Store.open(databases.made(), clock=lambda: NOW) as opened:
        yield opened


def item(store: Store, *controls_: str, status: Status = Status.RESOLVED, **said: Any) -> ActionItem:
    draft = ItemDraft("Rotate the deploy keys", controls=controls_, **said)
    [made] = store.add_items([(draft, date(2026, 12, 20), Priority.HIGH)], BECAUSE)
    if status is not Status.OPEN:
        store.commit(None, Effects(changes=[ItemChange(made.ref, {"status": status}, BECAUSE)]))
    return store.item(made.ref)


def bring(store: Store, draft: EvidenceDraft, piece: str | None = None) -> Evidence:
    return evidence.bring(store, draft, BECAUSE, piece=piece)[0]


def renew(store: Store, today: date = TODAY) -> list[ActionItem]:
    return evidence.renewals(store, today, BECAUSE)


def expired(item_: ActionItem | None = None, **other: Any) -> EvidenceDraft:
    return replace(DRAFT, item=item_.ref if item_ else None, expires_on=YESTERDAY, **other)


def reject(store: Store, piece: Evidence) -> None:
    with store.writing() as w:
        found = Review(Verdict.REJECTED, "rae@acme.example", NOW, "blurred")
        proofs.review(w.connection, w.ledger, piece, found, BECAUSE)


def test_what_expired_makes_one_item_with_everything_that_its_owner_needs(store: Store) -> None:
    old = item(store, "CC6.1", owner="mia@acme.example", risks=("R-1",))
    bring(store, expired(old))
    [made] = renew(store)
    assert renew(store) == renew(store, TODAY + timedelta(days=90)) == []
    assert (made.title, made.owner) == ("Renew the evidence EV-000001: keys were rotated", "mia@acme.example")
    assert (made.controls, made.risks, made.priority) == (("CC6.1",), ("R-1",), Priority.HIGH)
    assert (made.due_date, made.status) == (TODAY + timedelta(days=30), Status.OPEN)
    assert (made.external_ref, made.source_ref) == ("renew:EV-000001/1", "EV-000001/1")
    assert (made.source_kind, made.predecessor) == (SourceKind.UNIMPLEMENTED_CONTROL, old.ref)
    assert "expired on 2026-11-19" in made.description
    assert "counterfoil evidence add EV-000001 FILE" in made.description


def test_evidence_of_a_control_alone_goes_to_the_control_s_owner(store: Store) -> None:
    framework = Framework("soc2", "SOC 2", "2017", "soc2.csv", "0" * 64, NOW)
    with store.writing() as w:
        drafts = [ControlDraft("CC6.1", "Access"), ControlDraft("CC6.2", "Joiners", owner="own@acme.example")]
        controls.add_framework(w.connection, w.ledger, framework, drafts, BECAUSE)
    bring(store, expired(controls=("soc2:CC6.1", "CC6.2")))
    [made] = renew(store)
    assert (made.owner, made.controls, made.priority) == ("own@acme.example", ("soc2:CC6.1", "CC6.2"), Priority.MEDIUM)
    assert made.predecessor is None


@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
def test_an_unfinished_item_asks_for_its_evidence_itself(store: Store, status: Status) -> None:
    old = item(store, "CC6.1", status=status)
    bring(store, expired(old))
    assert renew(store) == []
    store.commit(None, Effects(changes=[ItemChange(old.ref, {"status": Status.RESOLVED}, BECAUSE)]))
    assert len(renew(store)) == 1


def test_what_no_control_counts_on_is_not_renewed(store: Store) -> None:
    bring(store, expired(item(store)))
    old = item(store, "CC6.1")
    reject(store, bring(store, expired(old)))
    bring(store, replace(expired(old, shows="still valid"), expires_on=TODAY))
    bring(store, replace(expired(old, shows="for ever"), expires_on=None))
    bring(store, expired(old, shows="was renewed"))
    bring(store, replace(expired(old, shows="was renewed"), expires_on=None), "EV-5")
    assert renew(store) == []


def test_each_version_is_renewed_in_its_time(store: Store) -> None:
    old = item(store, "CC6.1")
    bring(store, expired(old))
    [first] = renew(store)
    again = bring(store, replace(expired(old), expires_on=TODAY + timedelta(days=5)), "EV-1")
    assert (again.ref, again.version, again.draft.item) == ("EV-000001", 2, first.ref)
    assert renew(store, TODAY + timedelta(days=9)) == []
    store.commit(None, Effects(changes=[ItemChange(first.ref, {"status": Status.RESOLVED}, BECAUSE)]))
    [second] = renew(store, TODAY + timedelta(days=9))
    assert (second.external_ref, second.predecessor, second.controls) == ("renew:EV-000001/2", first.ref, ("CC6.1",))


def test_what_is_brought_for_a_control_goes_to_the_item_that_asks_for_it(store: Store) -> None:
    bring(store, expired(controls=("CC6.1",)))
    [asking] = renew(store)
    again = bring(store, replace(expired(controls=("CC6.1", "CC7.1")), expires_on=None), "EV-1")
    assert (again.draft.item, again.draft.controls) == (asking.ref, ("CC7.1",))
    late = bring(store, replace(expired(controls=("CC6.1",)), expires_on=None, shows="more"), "EV-1")
    assert (late.version, late.draft.item) == (3, None)


def test_once_what_asked_is_finished_a_version_is_for_what_the_piece_was_for(store: Store) -> None:
    old = item(store, "CC6.1")
    bring(store, expired(old))
    [asking] = renew(store)
    store.commit(None, Effects(changes=[ItemChange(asking.ref, {"status": Status.RESOLVED}, BECAUSE)]))
    assert bring(store, replace(expired(old), expires_on=None), "EV-1").draft.item == old.ref


def test_an_item_is_compared_again_when_something_was_brought_or_found_for_it(store: Store) -> None:
    old = item(store, "CC6.1")

    def rest() -> None:
        store.commit(None, Effects(clean=[(old.ref, old.revision)]))
        assert list(store.dirty_items()) == []

    rest()
    piece = bring(store, replace(LINK, item=old.ref))
    assert list(store.dirty_items()) == [old]
    rest()
    assert bring(store, replace(LINK, item=old.ref)) == piece
    assert list(store.dirty_items()) == []
    assert evidence.look_at(store, Web(), piece, NOW, BECAUSE).news
    assert list(store.dirty_items()) == [old]


def test_two_at_once_make_one_item(databases: Databases) -> None:
    url = databases.made()
    with Store.open(url, clock=lambda: NOW) as one, Store.open(url, clock=lambda: NOW) as other:
        bring(one, expired(item(one, "CC6.1")))
        assert [len(renew(each)) for each in (one, other)] == [1, 0]


class Web:
    """What stands at addresses now."""

    def __init__(self) -> None:
        self.now: Seen | Exception = Seen(200, "a" * 64, LINK.url)

    def look(self, url: str) -> Seen:
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


def page(sha256: str = "a" * 64, status: int = 200, url: str = LINK.url) -> Seen:
    return Seen(status, sha256, url)


B, C = "b" * 64, "c" * 64
SAME, CHANGED, GONE = LinkHealth.SAME, LinkHealth.CHANGED, LinkHealth.GONE
REFUSED, UNREACHABLE = LinkHealth.REFUSED, LinkHealth.UNREACHABLE


@pytest.mark.parametrize(
    ("seen", "health", "detail"),
    [
        ([page()], SAME, ""),
        ([page(url="https://ci.acme.example/88?x")], SAME, "found at https://ci.acme.example/88?x"),
        ([page(), page(B)], CHANGED, ""),
        ([page(), page(B), page()], SAME, ""),
        ([page(), page(status=404)], GONE, "it answers 404"),
        ([page(), page(status=410)], GONE, "it answers 410"),
        ([page(status=404)], GONE, "it answers 404"),
        ([page(), page(status=403)], UNREACHABLE, "it answers 403: is it for everybody to read?"),
        ([page(), page(status=503)], UNREACHABLE, "it answers 503: is it for everybody to read?"),
        ([Refused("an address of it is not public")], REFUSED, "an address of it is not public"),
        ([page(), Unseen("no connection")], UNREACHABLE, "no connection"),
        ([Unseen("no connection"), page(B)], SAME, ""),
        ([page(), Unseen("no connection"), page(B)], CHANGED, ""),
    ],
)
def test_a_link_is_compared_to_the_first_that_was_seen_of_it(
    seen: list[Seen | Exception], health: LinkHealth, detail: str
) -> None:
    piece, web, before = Evidence("EV-000001", 1, LINK), Web(), list[LinkCheck]()
    for each in seen:
        web.now = each
        before.append(evidence.look(web, piece, before, NOW))
    assert (before[-1].health, before[-1].detail) == (health, detail)


def test_a_link_whose_hash_was_brought_is_compared_to_that() -> None:
    web = Web()
    web.now = page(B)
    assert evidence.look(web, Evidence("EV-000001", 1, replace(LINK, sha256="a" * 64)), [], NOW).health is CHANGED


def test_a_changed_link_supports_nothing_until_somebody_looked_at_it(store: Store) -> None:
    old, web = item(store, "CC6.1"), Web()
    piece = bring(store, replace(LINK, item=old.ref))
    told = []
    for now in (page(), page(), page(B), Unseen("no connection"), page(B), page(C)):
        web.now = now
        [piece] = evidence.linked(store)
        told.append(evidence.look_at(store, web, piece, NOW, BECAUSE).news)
    assert told == [True, False, True, True, True, True]
    [piece] = evidence.linked(store)
    assert piece.why_not(TODAY) == "its link is changed"
    with store.writing() as w:
        found = Review(Verdict.ACCEPTED, "rae@acme.example", NOW + timedelta(hours=1))
        proofs.review(w.connection, w.ledger, piece, found, BECAUSE)
    assert evidence.linked(store)[0].resolves(TODAY)


def test_only_links_that_anybody_can_read_are_looked_at(store: Store) -> None:
    old = item(store, "CC6.1")
    for kind in EvidenceKind:
        bring(store, replace(LINK, item=old.ref, kind=kind))
    bring(store, replace(DRAFT, item=old.ref, sha256=HASH, stored=True, url="https://ci.acme.example/copied"))
    reject(store, bring(store, replace(LINK, item=old.ref, shows="rejected")))
    bring(store, replace(LINK, item=old.ref, shows="newer", url="https://ci.acme.example/89"), "EV-5")
    looked_at = {each.draft.kind for each in evidence.linked(store)}
    assert set(EvidenceKind) - looked_at == {
        EvidenceKind.TICKET_ATTACHMENT,
        EvidenceKind.TICKET_SNAPSHOT,
        EvidenceKind.TEST_RESULT,
    }
    assert len(evidence.linked(store)) == len(looked_at)


def test_a_missing_and_an_altered_file_are_found_under_every_name(store: Store, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "evidence", largest=1024**2)
    for number, some in enumerate((BYTES, BYTES, b"other", b"fine")):
        draft = evidence.with_bytes(replace(DRAFT, item=item(store).ref, shows=str(number)), vault, [some])
        bring(store, draft)
    assert list(evidence.faults(store, vault)) == []
    vault.path(HASH).unlink()
    altered = vault.path(hashlib.sha256(b"other").hexdigest())
    altered.chmod(0o600)
    altered.write_bytes(b"ether")
    found = [(each.ref, fault) for each, fault in evidence.faults(store, vault)]
    assert found == [
        ("EV-000001", Fault.MISSING),
        ("EV-000002", Fault.MISSING),
        ("EV-000003", Fault.ALTERED),
    ]


@pytest.mark.parametrize("said", [EvidenceKind.FILE, EvidenceKind.SCREENSHOT])
def test_what_a_file_is_is_found_out_unless_it_is_said(said: EvidenceKind, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "evidence", largest=1024**2)
    made = evidence.with_bytes(replace(DRAFT, kind=said), vault, [BYTES[:100], BYTES[100:]])
    assert (made.sha256, made.size, made.mime, made.stored) == (HASH, len(BYTES), "text/plain", True)
    assert made.kind is (EvidenceKind.LOG if said is EvidenceKind.FILE else said)


STEPS = ("file.begun", "file.written", "file.placed", "file.kept", "row.before", "row.after")


@on_sqlite
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_anywhere_leaves_a_piece_whole_or_not_there_and_once_after_another_try(
    step: str, databases: Databases, tmp_path: Path
) -> None:
    url, folder = databases.made(), tmp_path / "evidence"
    with Store.open(url, clock=lambda: NOW) as store:
        about = item(store, "CC6.1").ref
    if (child := os.fork()) == 0:
        _bring_file(url, folder, about, step)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with Store.open(url, clock=lambda: NOW) as store:
        vault = Vault(folder, largest=1024**2)
        assert len(evidence.stored(store)) == (step == "row.after")
        assert list(evidence.faults(store, vault)) == []
        left = vault.unnamed({HASH} if step == "row.after" else set())
        assert len(left) == (step != "row.after")
        assert store.verify().ok
    _bring_file(url, folder, about, "")
    with Store.open(url, clock=lambda: NOW) as store:
        assert [(each.ref, each.version) for each in evidence.stored(store)] == [("EV-000001", 1)]
        assert list(evidence.faults(store, vault)) == []


def _bring_file(url: str, folder: Path, about: str, step: str) -> None:
    def crash(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with Store.open(url, clock=lambda: NOW) as store:
        vault = Vault(folder, largest=1024**2, crash=crash)
        draft = evidence.with_bytes(replace(DRAFT, item=about), vault, [BYTES])
        evidence.bring(store, draft, BECAUSE, crash=crash)
