"""What `verify.py` says of the proof of one record, whoever made it, with the auditor's own keys and checkpoints."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from state.checkpoint import Head, SigningKey, proof, signed
from state.merkle import Tree, leaf, path
from sync.report import verify

NAME = "acme.example/ledger"
KEY, HEIR = (SigningKey.made(NAME, seed * 32) for seed in (b"k", b"h"))
WHEN = "2026-11-20T12:00:00.000000Z"
PARTS = {
    "v": 2,
    "prev": "0" * 64,
    "at": WHEN,
    "recorded": WHEN,
    "action": "item.changed",
    "object": "AI-000001",
    "field": "title",
    "before": None,
    "after": False,
    "reason": "asked to",
    "source": {"run": "R-1", "event": ""},
    "actor": {"kind": "human", "system": "counterfoil", "account": "kim", "name": "Kim"},
}


def body(seq: int, **more: Any) -> str:
    return json.dumps({**PARTS, "seq": seq, **more}, sort_keys=True, separators=(",", ":"))


@dataclass
class Ledger:
    """Records, of which anything can be signed and proven."""

    bodies: list[str]

    @property
    def leaves(self) -> list[bytes]:
        return [leaf(each.encode()) for each in self.bodies]

    def note(self, size: int, keys: Sequence[SigningKey] = (KEY,), origin: str = NAME, successor: str = "") -> str:
        tree = Tree()
        for each in self.leaves[:size]:
            tree.push(each)
        return signed(Head(origin, size, tree.root, successor), keys)

    def proof(self, seq: int, note: str, size: int) -> str:
        return proof(seq - 1, self.bodies[seq - 1], path(seq - 1, size, iter(self.leaves)), note)


@dataclass
class Auditor:
    """Somebody with checkpoints of their own, and what the program says to them."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    keys: list[SigningKey] = field(default_factory=lambda: [KEY])

    def has(self, *notes: str) -> None:
        for number, note in enumerate(notes):
            (self.folder / f"{number}.note").write_text(note, encoding="utf-8")

    def finds(self, proof: str, *more: str) -> tuple[int, str, str]:
        """The exit code, the verdict in capitals, and all that was said."""
        file = self.folder.parent / "record.tlog-proof"
        file.write_text(proof, encoding="utf-8")
        named = [word for key in self.keys for word in ("--pubkey", str(key.public))]
        self.capture.readouterr()
        code = verify.main([str(file), "--checkpoints", str(self.folder), *named, *more])
        said = self.capture.readouterr().out
        return code, said.partition(":")[0], said


@pytest.fixture
def auditor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Auditor:
    (tmp_path / "own").mkdir()
    return Auditor(tmp_path / "own", capsys)


OURS, OTHER = Ledger([body(seq) for seq in range(1, 13)]), Ledger([body(seq, object="AI-9") for seq in range(1, 13)])
UNDECIDED = (2, "CONSISTENT, NOT ANCHORED")


def test_a_record_under_a_checkpoint_that_the_auditor_has_is_sound_and_shown(auditor: Auditor) -> None:
    auditor.has(OURS.note(8))
    code, verdict, said = auditor.finds(OURS.proof(5, OURS.note(8), 8))
    assert (code, verdict) == (0, "SOUND")
    shown = [line for line in said.splitlines() if line.startswith(("action", "after", "recorded"))]
    assert shown == [f'recorded: "{WHEN}"', 'action: "item.changed"', "after: false"]


def test_another_ledger_of_the_same_name_is_altered(auditor: Auditor) -> None:
    auditor.has(OURS.note(8))
    assert auditor.finds(OTHER.proof(5, OTHER.note(8), 8))[:2] == (1, "ALTERED")


def test_a_checkpoint_of_another_name_or_size_vouches_for_nothing(auditor: Auditor) -> None:
    auditor.has(OURS.note(8), OURS.note(4))
    code, verdict, said = auditor.finds(OURS.proof(3, OURS.note(9), 9))
    assert (code, verdict) == UNDECIDED
    assert "yours are over 4, 8" in said
    other = SigningKey.made("acme.example/other", b"o" * 32)
    auditor.keys.append(other)
    named = OURS.proof(3, OURS.note(8, (other,), other.name), 8)
    assert auditor.finds(named)[:2] == UNDECIDED


@pytest.mark.parametrize(
    "what",
    [
        body(6),
        body(5, more=1),
        body(5, actor={}),
        body(5).replace(",", ", ", 1),
    ],
    ids=["another number", "more than a record", "no actor", "not canonical"],
)
def test_what_is_no_record_of_its_place_is_altered(auditor: Auditor, what: str) -> None:
    strange = Ledger([*OURS.bodies[:4], what, *OURS.bodies[5:]])
    auditor.has(strange.note(8))
    assert auditor.finds(strange.proof(5, strange.note(8), 8))[:2] == (1, "ALTERED")


def test_who_holds_the_old_key_believes_the_one_that_it_handed_over_to(auditor: Auditor) -> None:
    handover = OURS.note(6, (KEY, HEIR), successor=str(HEIR.public))
    auditor.has(handover, OURS.note(9, (HEIR,)))
    assert auditor.finds(OURS.proof(8, OURS.note(9, (HEIR,)), 9))[:2] == (0, "SOUND")


@pytest.mark.parametrize("heir", [False, True])
def test_what_a_key_signs_after_it_was_handed_over_proves_nothing(auditor: Auditor, heir: bool) -> None:
    auditor.keys += [HEIR] if heir else []
    forged = OTHER.note(12)
    auditor.has(OURS.note(6, (KEY, HEIR), successor=str(HEIR.public)), OURS.note(9, (HEIR,)), forged)
    code, verdict, said = auditor.finds(OTHER.proof(11, forged, 12))
    assert (code, verdict) == (2, "NOT PROVEN")
    assert "its key was handed over in record 6" in said


def test_a_handover_that_only_one_of_the_two_signed_counts_for_nothing(auditor: Auditor) -> None:
    auditor.has(OURS.note(6, (HEIR,), successor=str(HEIR.public)), OURS.note(6, (KEY,), successor=str(HEIR.public)))
    assert auditor.finds(OURS.proof(8, OURS.note(9, (HEIR,)), 9))[:2] == (2, "NOT PROVEN")


def test_a_key_that_was_handed_over_twice_is_altered(auditor: Auditor) -> None:
    third = SigningKey.made(NAME, b"t" * 32)
    twice = [OURS.note(6, (KEY, each), successor=str(each.public)) for each in (HEIR, third)]
    auditor.has(*twice, OURS.note(9, (third,)))
    assert auditor.finds(OURS.proof(8, OURS.note(9, (third,)), 9))[:2] == (1, "ALTERED")


def test_of_a_ledger_that_was_begun_anew_the_auditor_has_to_know(auditor: Auditor) -> None:
    anew = OURS.note(8, origin=f"{NAME}/epoch-2")
    auditor.has(anew)
    code, verdict, said = auditor.finds(OURS.proof(5, anew, 8))
    assert (code, verdict) == UNDECIDED
    assert "--epoch 2" in said
    assert auditor.finds(OURS.proof(5, anew, 8), "--epoch", "2")[:2] == (0, "SOUND")


def test_what_was_signed_before_it_was_begun_anew_is_to_be_proven_again(auditor: Auditor) -> None:
    auditor.has(OURS.note(8), OTHER.note(9, origin=f"{NAME}/epoch-2"))
    code, verdict, said = auditor.finds(OURS.proof(5, OURS.note(8), 8), "--epoch", "2")
    assert (code, verdict) == UNDECIDED
    assert f"ask for a proof under {NAME}/epoch-2" in said


def test_a_checkpoint_from_before_it_was_begun_anew_vouches_for_nothing_after_that(auditor: Auditor) -> None:
    auditor.has(OURS.note(8))
    assert auditor.finds(OURS.proof(5, OURS.note(8, origin=f"{NAME}/epoch-2"), 8), "--epoch", "2")[:2] == UNDECIDED


@pytest.mark.parametrize("number", ["0", "1", "02", "0000000002"])
def test_no_other_name_passes_for_the_first_beginning(auditor: Auditor, number: str) -> None:
    note = OURS.note(8, origin=f"{NAME}/epoch-{number}")
    auditor.has(note)
    assert auditor.finds(OURS.proof(5, note, 8))[0] == 2


def test_no_byte_can_be_another(auditor: Auditor) -> None:
    auditor.has(note := OURS.note(8))
    whole = OURS.proof(5, note, 8)
    for at in range(len(verify.PROOF), len(whole)):
        code, verdict, _ = auditor.finds(whole[:at] + ("A" if whole[at] != "A" else "B") + whole[at + 1 :])
        assert (code, verdict) in ((1, "ALTERED"), (2, "NOT PROVEN")), at
    for cut in (whole[:-1], f"{whole}x", whole + whole, whole.replace("\n\n", "\n" + "eA==\n" * 70 + "\n", 1)):
        assert auditor.finds(cut)[:2] == (1, "ALTERED")
