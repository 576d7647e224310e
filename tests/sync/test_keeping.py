"""Bytes of what tickets give: hashed in any case, kept if that is wanted, and never more than is allowed."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Denied, NotFound, Unavailable
from state.proof import EvidenceDraft
from state.vault import Vault
from sync.capturing import Capturing
from sync.keeping import Keeping

DATA = b"all well" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "evidence", largest=50 * 1024**2)


def kept(world: Any, keeping: Keeping, after: timedelta = timedelta()) -> tuple[EvidenceDraft, list[str]]:
    item = world.add()
    world.sync()
    link = world.link(item.ref)
    world.far.attach(link.ref, "scan.pdf", DATA)
    look = Capturing(link, world.far.ticket(link.ref), world.far.activity(link.ref), world.rules(), "run")
    (capture,) = look.captured()
    warnings: list[str] = []
    ((draft, because),) = keeping.kept([capture], world.tracker, link.ref, world.clock.now + after, warnings.append)
    assert because.agent.account == "mia"
    return draft, warnings


def test_an_attachment_is_hashed_and_not_kept(world: Any, vault: Vault) -> None:
    draft, warnings = kept(world, Keeping(vault))
    assert (draft.sha256, draft.size, draft.stored, warnings) == (SHA, len(DATA), False, [])
    assert not vault.path(SHA).exists()


def test_an_attachment_is_kept_where_that_is_wanted(world: Any, vault: Vault) -> None:
    draft, _ = kept(world, Keeping(vault, copy_attachments=True))
    assert (draft.sha256, draft.stored) == (SHA, True)
    assert vault.path(SHA).read_bytes() == DATA


@pytest.mark.parametrize("copy", [False, True])
def test_an_attachment_that_is_too_large_is_recorded_without_a_hash_and_said(
    world: Any, vault: Vault, *, copy: bool
) -> None:
    draft, warnings = kept(world, Keeping(vault, copy_attachments=copy, largest=100))
    assert (draft.sha256, draft.stored) == (None, False)
    assert "larger than" in warnings[0]


@pytest.mark.parametrize("error", [NotFound("404"), Denied("403")])
def test_what_the_tracker_does_not_give_is_recorded_without_a_hash_and_said(world: Any, error: Exception) -> None:
    error.status = 403  # type: ignore[attr-defined]
    world.far.fail_next("attachment", error)
    draft, warnings = kept(world, Keeping())
    assert (draft.sha256, len(warnings)) == (None, 1)


@pytest.mark.parametrize("error", [Denied("401"), Unavailable("503")])
def test_what_the_tracker_may_give_later_is_not_recorded_yet(world: Any, error: Exception) -> None:
    world.far.fail_next("attachment", error)
    with pytest.raises(type(error)):
        kept(world, Keeping())


def test_a_file_is_given_up_after_a_day_if_its_ticket_can_be_had(world: Any) -> None:
    world.far.fail_next("attachment", Unavailable("500"))
    draft, warnings = kept(world, Keeping(), timedelta(days=1))
    assert (draft.sha256, len(warnings)) == (None, 1)


def test_no_file_is_given_up_while_its_tracker_answers_nothing(world: Any) -> None:
    world.far.fail_next("attachment", Unavailable("503"))
    world.far.fail_next("fetch", Unavailable("no answer"))
    with pytest.raises(Unavailable, match="no answer"):
        kept(world, Keeping(), timedelta(days=1))


def test_a_snapshot_is_always_kept_and_does_not_expire(world: Any, vault: Vault) -> None:
    item = world.add()
    world.sync()
    link = world.link(item.ref)
    world.far.move_to(link.ref, "Done", "Done")
    look = Capturing(link, world.far.ticket(link.ref), world.far.activity(link.ref), world.rules(), "run")
    (capture,) = look.captured()
    keeping = Keeping(vault, valid_days=90)
    ((draft, _),) = keeping.kept([capture], world.tracker, link.ref, world.clock.now, print)
    assert vault.path(draft.sha256 or "").read_bytes() == capture.content
    assert (draft.stored, draft.expires_on) == (True, None)


def test_evidence_of_a_ticket_counts_as_long_as_is_configured(world: Any) -> None:
    draft, _ = kept(world, Keeping(valid_days=90))
    assert draft.expires_on is not None
    assert (draft.expires_on - draft.captured_at.date()).days == 90


def test_a_tracker_that_keeps_no_files_is_not_asked_for_bytes(world: Any) -> None:
    world.tracker.caps = replace(world.tracker.caps, attachments=False)
    world.far.fail_next("attachment", Unavailable("503"))
    assert kept(world, Keeping())[0].sha256 is None
