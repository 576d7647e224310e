"""Records that somebody planted: what lacks a part is refused unsigned, and the rest is read by all."""

import io
import json
import random
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.anchors.base import Kept
from connectors.anchors.directory import Directory
from state.audit import GENESIS, canonical, leaf
from state.errors import Tampered
from state.store import Store
from state.stored import Stored
from state.verifying import fault
from sync.notary import Notary
from sync.proving import Conclusion, examine, examined
from sync.report import verify
from sync.report.exported import Exported, conclude
from sync.report.pack import Asked
from tests.campaigns.tampering import KEY, KIM, RECORDS, site
from tests.databases import plant
from tests.packing import packed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ASKED = Asked(date(2026, 1, 1), date(2026, 12, 31))
WHOLE: dict[str, Any] = {
    "v": 2,
    "at": "2026-11-22T12:00:00.000000Z",
    "recorded": "2026-11-22T12:00:00.000000Z",
    "actor": {"kind": "human", "system": "counterfoil", "account": "a", "name": {"salted": "ab" * 32}},
    "source": {"run": "r", "event": ""},
    "action": "ticket.changed",
    "object": "AI-000001",
    "field": "",
    "before": None,
    "after": None,
    "reason": "",
}
ACTIONS = (
    *("item.created", "item.changed", "ticket.created", "ticket.linked", "ticket.unlinked", "hold.opened"),
    *("hold.settled", "evidence.added", "evidence.stored", "source.read", "tracker.read", "ledger.forked"),
    *("key.rotated", "person.erased", "acceptance.decided", "comment.received", "x"),
)
NAMES = ("id", "version", "sha256", "stored", "status", "source_kind", "tracker", "key", "origin", "size", "kind", "at")
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -7,
    2**53 - 1,
    "",
    "x",
    "open",
    "../../x",
    "a" * 64,
    "A" * 64,
    [],
    {},
    ["x"],
    {"id": []},
)


def anything(dice: random.Random) -> Any:
    if dice.random() < 0.4:
        return dice.choice(ODD)
    return {name: dice.choice(ODD) for name in dice.sample(NAMES, dice.randrange(1, 8))}


def body(dice: random.Random) -> dict[str, Any]:
    """A record that has the parts of one, and says anything."""
    about = dice.choice(["ledger", "person", "AI-000001", "AI-000002", "x"])
    said = {"field": dice.choice(["", "status", "part_of", "owner"]), "action": dice.choice(ACTIONS), "object": about}
    at = dice.choice([WHOLE["at"], WHOLE["at"], "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
    return WHOLE | said | {"at": at, "before": anything(dice), "after": anything(dice)}


def spoiled(dice: random.Random) -> dict[str, Any]:
    """One of which a part is gone, is of another form, or is one too many."""
    told: dict[str, Any] = json.loads(json.dumps(body(dice) | {"actor": WHOLE["actor"] | {"name": "n"}}))
    inside = dice.choice([told, told, told["actor"], told["source"]])
    name = dice.choice(sorted({*inside} - {"before", "after"}))
    match dice.randrange(3):
        case 0:
            del inside[name]
        case 1:
            inside[dice.choice(["more", "V", "salted"])] = dice.choice(ODD)
        case _:
            forms: tuple[Any, ...] = (
                None,
                True,
                7,
                [],
                {"salted": "zz"},
                {"salted": "AB" * 32},
                {"salted": "ab" * 32, "more": 1},
                {},
            )
            inside[name] = dice.choice(forms)
    return told


SPOILED: list[dict[str, Any]] = [
    {},
    WHOLE | {"seq": True},
    WHOLE | {"v": 3},
    WHOLE | {"v": True},
    WHOLE | {"at": "2026-02-30T12:00:00.000000Z"},
    WHOLE | {"at": "2026-11-22"},
    WHOLE | {"recorded": "2026-11-22T12:00:00Z"},
    WHOLE | {"recorded": "2026-11-22T12:00:00.000000Z\n"},
    WHOLE | {"at": "\u0662026-11-22T12:00:00.000000Z"},
    WHOLE | {"after": {"salted": "zz"}},
    WHOLE | {"after": [{"salted": "ab" * 32, "text": "x"}]},
    WHOLE | {"before": {"salted": 7}},
    WHOLE | {"reason": None},
    WHOLE | {"actor": WHOLE["actor"] | {"kind": "king"}},
    WHOLE | {"source": []},
]
"""Bodies of a first record, each of which lacks something that readers count on."""


def first(told: dict[str, Any]) -> bytes:
    return canonical({"seq": 1, "prev": GENESIS, "object": "x"} | told)


def taken(text: bytes) -> tuple[bool, bool]:
    """Whether the program takes this as the first record, and whether the auditor's own check does."""
    told = json.loads(text)
    about = told.get("object")
    ours = fault(Stored(1, GENESIS, leaf(text), about if isinstance(about, str) else "x", text.decode()), 0, GENESIS)
    days = verify.Days.of({"from": str(ASKED.first), "to": str(ASKED.last)})
    theirs = verify.Ledger({bytes.fromhex("ab" * 32): "Kim"}, verify.Account(days), verify.Rows(days, ["1"]))
    theirs.read(io.BytesIO(text + b"\n"))
    return ours is None, not theirs.bad


@pytest.mark.parametrize("told", SPOILED, ids=str)
def test_what_has_not_the_parts_of_a_record_is_none(told: dict[str, Any]) -> None:
    assert taken(first(told)) == (False, False)


def test_both_checks_take_and_refuse_the_same_of_what_anybody_may_write() -> None:
    dice = random.Random(2026)  # noqa: S311
    found = [taken(first(spoiled(dice))) for _ in range(400)]
    assert [each for each in found if each[0] != each[1]] == []
    assert found.count((False, False)) > 350
    assert {taken(first(body(dice))) for _ in range(200)} == {(True, True)}


class Desk:
    """A copy of a signed ledger, to which somebody adds records that follow the last one."""

    def __init__(self, folder: Path) -> None:
        whole = site(RECORDS)
        self.file, self.share, self.folder = folder / "copy.db", folder / "share", folder
        shutil.copy(whole.file, self.file)
        shutil.copytree(whole.share, self.share)
        self.store = Store.open(f"sqlite:///{self.file}", clock=lambda: NOW)

    def plant(self, bodies: Iterable[dict[str, Any]]) -> None:
        plant(f"sqlite:///{self.file}", bodies)

    @property
    def kept(self) -> list[Kept]:
        return [Kept(each.read_text(encoding="utf-8"), each.name) for each in sorted(self.share.iterdir())]

    def sign(self) -> None:
        notary = Notary(self.store, [KEY], [Directory("share", self.share)], lambda: NOW)
        notary.check()
        notary.close(KIM)

    def pack(self) -> Path:
        return packed(self.store, ASKED, self.folder, KEY)


@pytest.fixture
def office(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_record_without_its_parts_is_not_signed(office: Desk) -> None:
    before = office.kept
    office.plant([{}])
    with pytest.raises(Tampered, match="has not the parts of a record"):
        office.sign()
    assert office.kept == before
    assert examine(office.store, before, [KEY.public]).conclusion is Conclusion.TAMPERED


@pytest.mark.parametrize("seed", range(4))
def test_whatever_records_say_the_pack_is_made_and_all_who_check_say_the_same(
    office: Desk, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(seed)  # noqa: S311
    wild = [told for told in (body(dice) for _ in range(90)) if told["action"] not in ("ledger.forked", "key.rotated")]
    office.plant([told | {"actor": told["actor"] | {"name": "n"}} for told in wild][:60])
    office.sign()
    with office.store.reading() as connection:
        assert examined(connection, office.kept, [KEY.public]).conclusion is Conclusion.ANCHORED
    assert examine(office.store, office.kept, [KEY.public]).verdict.ok
    pack = office.pack()
    code = verify.main([str(pack), "--pubkey", str(KEY.public), "--checkpoints", str(office.share)])
    assert (code, capsys.readouterr().out.split(":")[0]) == (2, "SOUND LEDGER, DOUBTFUL TABLES")
    assert conclude(Exported(pack), office.kept, [KEY.public]).conclusion is Conclusion.ANCHORED
    office.store.close()


@pytest.mark.parametrize("action", ["ledger.forked", "key.rotated"])
def test_records_about_the_ledger_that_say_anything_give_nothing_up_and_hand_nothing_over(
    office: Desk, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(action)  # noqa: S311
    told = WHOLE | {"action": action, "object": "ledger", "actor": WHOLE["actor"] | {"name": "n"}}
    sides = [({"key": "a"}, {"key": "b"}), (None, None), ({"origin": "x", "size": "9"}, {"origin": KEY.name})]
    sides += [(anything(dice), anything(dice)) for _ in range(20)]
    office.plant([told | {"before": before, "after": after} for before, after in sides])
    found = examine(office.store, office.kept, [KEY.public])
    assert (found.given_up, found.verdict.first_bad) == ((), None)
    code = verify.main([str(office.pack()), "--pubkey", str(KEY.public), "--checkpoints", str(office.share)])
    assert (code == 1, "given up" in capsys.readouterr().out) == (False, False)
    office.store.close()
