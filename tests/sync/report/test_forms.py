"""Records of the right shape that this program did not write: told as such, and read by nothing else."""

import copy
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from state import risks
from state.audit import canonical
from state.effects import Because, Effects, ItemChange
from state.store import Store
from sync.report import fedramp, poam, verify
from sync.report.board import as_json, as_markdown
from sync.report.book import read
from sync.report.completeness import Completeness
from sync.report.forms import FORMS, Reader
from sync.report.model import Book, Period, Policy
from sync.report.pack import Asked
from sync.report.page import members
from sync.report.remarks import remarks
from tests.campaigns.tampering import KEY
from tests.databases import WHEN, plant
from tests.packing import packed
from tests.state.dumped import left_behind
from tests.sync.report.history import BEGIN, MIA, OLGA, Past, year

ROOT = Path(__file__).resolve().parents[3]
DAYS = Period(date(2026, 1, 1), date(2026, 12, 31))
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -7,
        9,
        2**53 - 1,
        "",
        "x",
        "open",
        "critical",
        "resolved",
        "2026-02-30",
        "9999-12-31",
        "0001-01-01",
    ),
    *([], {}, ["x"], [["a"]], {"id": []}, {"ref": [], "until": 7}, {"sha256": None}, "a" * 64),
)
TIMES = ("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "2026-06-01T00:00:00.000000Z")


class Archive:
    """A copy of a small year, to whose ledger somebody appends records that follow the last one."""

    def __init__(self, whole: Path, file: Path) -> None:
        self.url = f"sqlite:///{shutil.copy(whole, file)}"
        self.store = Store.open(self.url, clock=lambda: BEGIN)
        self.own = [json.loads(each.body) for each in self.store.log()]
        self.actions = {each["action"] for each in self.own}

    def plant(self, *bodies: dict[str, Any]) -> None:
        plant(self.url, bodies)

    def book(self) -> Book:
        return read(self.store, DAYS, Policy())

    def one(self, action: str) -> dict[str, Any]:
        return copy.deepcopy(next(each for each in self.own if each["action"] == action))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("forms") / "year.db"
    pasts: list[Past] = []
    with Store.create(
        f"sqlite:///{file}",
        clock=lambda: pasts[0].now if pasts else BEGIN,
        entropy=random.Random(7).randbytes,  # noqa: S311
    ) as store:
        pasts.append(Past(store))
        year(store, pasts[0], 8)
    return file


@pytest.fixture
def archive(whole: Path, tmp_path: Path) -> Iterator[Archive]:
    made = Archive(whole, tmp_path / "copy.db")
    with made.store:
        yield made


def changed(told: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """A record that says something else at one place, or about something else."""
    made: dict[str, Any] = copy.deepcopy(told)
    match dice.randrange(8):
        case 0:
            made["field"] = dice.choice(["", "status", "priority", "accepted", "controls", "current", "x"])
        case 1:
            made["object"] = dice.choice(["AI-000001", "AI-000002", "AI-000999", "AI-x", "R-01", "soc2:CC6.1", "x"])
        case 2:
            made[dice.choice(["at", "recorded"])] = dice.choice(TIMES)
        case 3:
            made["action"] = dice.choice([*FORMS, "item.changed", "risk.changed", "risk.scored", "x"])
        case _:
            _spoil(made, dice.choice(["before", "after", "after"]), dice)
    return made


def _spoil(inside: Any, name: Any, dice: random.Random) -> None:
    found = inside[name]
    if isinstance(found, dict) and found and dice.random() < 0.85:
        key = dice.choice(sorted(found))
        if dice.random() < 0.2:
            del found[key]
        else:
            _spoil(found, key, dice)
    elif isinstance(found, list) and found and dice.random() < 0.5:
        _spoil(found, dice.randrange(len(found)), dice)
    else:
        inside[name] = copy.deepcopy(dice.choice(ODD))


def counted(store: Store, book: Book) -> dict[str, Any]:
    """What the pack says of where each item is, which is what its verifier makes of the same records."""
    ours = Completeness("2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z", {e.seq: "" for e in book.strange})
    theirs = verify.Account(verify.Days.of({"from": "2026-01-01", "to": "2026-12-31"}))
    for record in store.log():
        ours.hear(record.told)
        theirs.hear(dict(record.told))
    told: dict[str, Any] = json.loads(b"".join(ours.member().content))
    items, found = told["items"], theirs.sorted_out()
    assert {name: items[name]["items"] for name in found} == found
    assert items["by_source"] == Counter(each["source"] for each in theirs.items.values())
    assert theirs.read == {"source.read": told["sources"], "tracker.read": told["trackers"]}
    return told


def make_all(store: Store, book: Book) -> None:
    """Every kind of report."""
    assert b"".join(piece for each in members(book, {}) for piece in each.content)
    assert b"".join(piece for made in (as_json, as_markdown) for piece in made(book, "x").content)
    assert b"".join(fedramp.workbook(book).content)
    assert poam.document(book, store.installation)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_appended_every_report_is_made_and_both_programs_count_the_same_items(
    archive: Archive, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    archive.plant(*(changed(dice.choice(archive.own), dice) for _ in range(400)))
    book = archive.book()
    assert len(book.strange) > 100
    make_all(archive.store, book)
    assert counted(archive.store, book)["items"]["count"] == len(book.items)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_a_sound_ledger_says_both_programs_make_the_same_tables_of_it(
    archive: Archive, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(seed)  # noqa: S311
    known = {each for told in archive.own for each in verify.commitments(told)}
    wild = (changed(dice.choice(archive.own), dice) for _ in range(400))
    archive.plant(
        *(
            each
            for each in wild
            if verify.whole_record(each, canonical(each)) and known.issuperset(verify.commitments(each))
        )
    )
    pack = packed(archive.store, Asked(date(2026, 1, 1), date(2026, 12, 31)), tmp_path, KEY)
    code, said = verify.main([str(pack)]), capsys.readouterr().out
    assert (code, said.split(":")[0]) == (2, "CONSISTENT, NOT ANCHORED")
    assert re.search(r"the tables but events.csv pass over them: [0-9]+ \(", said)


def test_nothing_that_the_program_writes_is_strange(archive: Archive, half_year: Book) -> None:
    assert archive.book().strange == half_year.strange == ()


def test_every_action_that_is_documented_has_a_form() -> None:
    text = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    [said] = re.findall(r"An `action` is (.*?)\n\n", text, re.DOTALL)
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", said)) - {"item.changed", "risk.changed", "risk.scored"}
    states = {f"acceptance.{each}" for each in ("active", "rejected", "withdrawn", "revoked", "voided", "lapsed")}
    assert named | states | {"acceptance.renewed"} == FORMS.keys()


@pytest.mark.parametrize(
    ("action", "change"),
    [
        ("item.created", {}),
        ("item.created", {"object": "AI-000999", "after": None}),
        ("item.changed", {"object": "AI-000999"}),
        ("item.changed", {"field": "moon"}),
        ("evidence.added", {"after": {"id": "E-1"}}),
        ("risk.scored", {"after": {"likelihood": 9, "impact": 1, "by": "x", "reason": ""}}),
        ("ticket.created", {"action": "ticket.eaten"}),
        ("ticket.created", {"after": {"tracker": "evil"}}),
        ("item.changed", {"field": "status", "before": "x", "after": "resolved"}),
        ("item.changed", {"field": "part_of", "before": 7, "after": "AI-000002"}),
        ("ticket.unlinked", {"action": "ticket.unlinked", "before": "x", "after": None}),
        ("tracker.read", {"action": "tracker.read", "after": None}),
    ],
)
def test_a_record_that_cannot_be_the_program_s_is_in_no_story_and_in_no_count_and_is_remarked_on(
    archive: Archive, action: str, change: dict[str, Any]
) -> None:
    before, told = archive.book(), counted(archive.store, archive.book())
    archive.plant(archive.one(action if action in archive.actions else "ticket.created") | change)
    after = archive.book()
    assert counted(archive.store, after) | {"strange": {}} == told
    assert (after.items, after.risks, after.evidence) == (before.items, before.risks, before.evidence)
    assert [each.seq for each in after.strange] == [before.position + 1]
    [said] = [each for each in remarks(after) if each.sort == "not this program's record"]
    assert said.event.seq == before.position + 1


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_first_and_the_last_day_that_can_be_written_are_told_like_any_other(tmp_path: Path, day: date) -> None:
    with Store.create(f"sqlite:///{tmp_path / 'd.db'}", clock=lambda: past.now, entropy=random.randbytes) as store:
        past = Past(store)
        past.programme()
        first, second, third = past.item(), past.item(), past.item()
        past.edit(first, due_date=day)
        past.edit(second, due_date=day)
        past.accept(second, day)
        past.prove(third, expires=day)
        past.later(1)
        past.resolve(third)
        at = datetime.combine(day, time.min if day == date.min else time.max, UTC)
        told = Because(MIA, "R-1", "ev-1", "as their clock stood", at)
        store.commit(None, Effects(changes=[ItemChange(third, {"title": "Close port 23"}, told)]))
        past.write(lambda w: risks.change(w.connection, w.ledger, w.now, "R-01", {"next_review": day}, past.by(OLGA)))
        book = read(store, DAYS, Policy())
        assert book.strange == ()
        assert [each.due_date for each in book.items[:2]] == [day, day]
        assert [each.until for each in book.acceptances] == [day]
        make_all(store, book)
        assert counted(store, book)["items"]["count"] == 3


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004"])
def test_no_record_of_an_earlier_version_is_strange(tmp_path: Path, revision: str) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    rows = left_behind(url, revision)
    with Store.create(url, clock=lambda: WHEN, entropy=random.randbytes) as store:
        book = read(store, DAYS, Policy())
        assert book.strange == ()
        assert [each.ref for each in book.items] == [each["ref"] for each in rows["item"]]
        make_all(store, book)
        assert counted(store, book)["items"]["count"] == len(rows["item"])


def test_what_became_of_a_request_says_nothing_where_the_request_is_not_there() -> None:
    reader = Reader()
    told = {"at": "2026-01-01T", "recorded": "2026-01-01T", "object": "AI-000001", "field": "", "before": None}
    said = {"ref": "RA-0001", "verdict": "approve", "by": "x"}
    assert not reader.takes(told | {"action": "acceptance.decided", "after": said})


def test_a_framework_that_is_called_as_items_begin_is_none_of_them() -> None:
    reader = Reader()
    told = {"at": "2026-01-01T", "recorded": "2026-01-01T", "field": "", "before": None}
    assert reader.takes(told | {"action": "framework.added", "object": "AI-RMF", "after": {"controls": 1}})
    said = {"status": "failing", "why": "a test"}
    assert reader.takes(told | {"action": "control.status", "object": "AI-RMF:GOV-1", "after": said})
    assert not reader.takes(told | {"action": "control.status", "object": "AI-000001", "after": said})
