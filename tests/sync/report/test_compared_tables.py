"""What the tables of a pack show is what its records say, in every column that records tell of."""

import csv
import io
import json
import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from state import controls
from state.register import Exemption, folded
from state.store import Store
from sync.report import tables, verify
from sync.report.pack import Asked
from sync.report.sheets import harmless
from tests.campaigns.tampering import KEY
from tests.packing import packed
from tests.sync.report.conftest import ADDRESS, HOSTILE
from tests.sync.report.history import BEGIN, OLGA, RUTH, Past, year

ASKED = Asked(date(2026, 4, 1), date(2026, 9, 30))
WORDS = {
    ("events", "what"),
    ("events", "source"),
    ("acceptances", "requested_in"),
    ("controls", "title"),
    ("controls", "owner"),
}
"""What a table says in words of its own, or by what is in no record."""


@dataclass(frozen=True)
class Site:
    """A pack that was unpacked, its tables as they are, and what the auditor's program makes of its records."""

    folder: Path
    headings: dict[str, list[str]]
    rows: dict[str, list[list[str]]]
    ledger: verify.Ledger

    def refused(self, table: str, rows: list[list[str]], folder: Path) -> str:
        """What is said against a table with these rows instead; nothing where it is as the records have it."""
        (folder / f"{table}.csv").write_bytes(_table([self.headings[table], *rows]))
        pack = verify.Pack(folder)
        try:
            verify.check_events(pack, self.ledger) if table == "events" else verify.check_table(
                pack, table, self.ledger
            )
        except (verify.Wrong, ValueError) as wrong:
            return str(wrong)
        return ""


def _table(rows: list[list[str]]) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made, quoting=csv.QUOTE_ALL).writerows(rows)
    return made.getvalue().encode()


def busy(store: Store, past: Past) -> None:
    """A year in which everything happens that tables tell of, and people write what a table has to ward off."""
    year(store, past, 20)
    past.now = BEGIN + timedelta(days=200)
    ref = past.item(HOSTILE, risk="r-01")
    past.say(ref, HOSTILE)
    past.say(ref, "a\r\nb\x07 _x0041_ '=1;=2\t@x " + "long " * 7000)
    past.link_gone(ref, ADDRESS)
    past.later(1)
    past.accept(past.item("Lives with it"), past.now.date() + timedelta(days=3))
    with store.reading() as connection:
        left_out = controls.control(connection, "soc2:CC9.2")
    because = past.by(RUTH, "out of scope")
    exemption = Exemption("out of scope", "ruth@acme.example", past.now)
    past.write(lambda w: controls.exempt(w.connection, w.ledger, left_out, exemption, because))
    past.edit(ref, OLGA, due_date=past.now.date())


def listened(pack: verify.Pack) -> verify.Ledger:
    """What the auditor's program makes of the records of a pack."""
    days = verify.Days.of(pack.json(verify.MANIFEST)["period"])
    ledger = verify.Ledger(verify.texts(pack), verify.Account(days), verify.Rows(days, ()))
    with pack.open("ledger.jsonl") as lines:
        ledger.read(lines)
    assert ledger.bad == ""
    ledger.rows.close()
    return ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("busy")
    pasts: list[Past] = []
    url = f"sqlite:///{folder / 'counterfoil.db'}"
    with Store.create(url, clock=lambda: pasts[0].now if pasts else BEGIN, entropy=os.urandom) as store:
        pasts.append(Past(store))
        busy(store, pasts[0])
        return packed(store, ASKED, folder, KEY)


@pytest.fixture(scope="module")
def site(made: Path) -> Site:
    with ZipFile(made) as zipped:
        zipped.extractall(made.with_suffix(""))
    pack = verify.Pack(made.with_suffix(""))
    found = {}
    for name in verify.TABLES:
        text = (made.with_suffix("") / f"{name}.csv").read_bytes().decode()
        found[name] = [*csv.reader(io.StringIO(text, newline=""))]
    rows = {name: some[1:] for name, some in found.items()}
    return Site(made.with_suffix(""), {name: some[0] for name, some in found.items()}, rows, listened(pack))


def retold(rows: list[list[str]], at: int, column: int, text: str) -> list[list[str]]:
    made = [[*row] for row in rows]
    made[at][column] = text
    return made


def test_a_pack_as_it_is_made_is_found_as_it_is(made: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(made), "--pubkey", str(KEY.public)]) == 2
    said, count = capsys.readouterr().out, len(site.rows["items"])
    assert said.startswith("CONSISTENT, NOT ANCHORED")
    assert f"items.csv: {count} items, as the ledger has them." in said
    assert "Not compared with the records: index.html, report.xlsx, verify.py, what, source in events.csv" in said


@pytest.mark.parametrize("table", verify.TABLES)
def test_a_cell_that_says_anything_else_than_the_records_is_found_in_every_column(
    site: Site, table: str, tmp_path: Path
) -> None:
    rows, heading = site.rows[table], site.headings[table]
    assert site.refused(table, rows, tmp_path) == ""
    unseen = {
        (column, at)
        for column, name in enumerate(heading)
        for at in (0, len(rows) // 2, len(rows) - 1)
        if not site.refused(table, retold(rows, at, column, f"{rows[at][column]}x"), tmp_path)
    }
    assert {(table, heading[column]) for column, _ in unseen} <= WORDS


@pytest.mark.parametrize("table", verify.TABLES)
def test_no_column_that_is_compared_is_empty_all_over(site: Site, table: str) -> None:
    """Else nothing shows here that what the two programs make of it is the same."""
    empty = {name for at, name in enumerate(site.headings[table]) if not any(row[at] for row in site.rows[table])}
    assert empty <= NOWHERE.get(table, set())


NOWHERE = {
    "items": {"external_ref", "predecessor", "part_of"},
    "evidence": {"controls", "remote_id", "period_start", "period_end", "expires_on"},
    "acceptances": {"conditions", "typed_by", "approval_comment", "ended_at", "ended_why", "renewal_of"},
    "risks": {"next_review", *(f"target_{what}" for what in verify.RATES)},
    "controls": {"owner"},
}
"""What the year of a dozen kinds of event has none of; that of the twelve questions has most of it."""


@pytest.mark.parametrize("table", verify.TABLES)
def test_a_row_that_is_there_twice_or_of_nothing_is_found(site: Site, table: str, tmp_path: Path) -> None:
    rows = site.rows[table]
    assert site.refused(table, [*rows, rows[0]], tmp_path)
    assert site.refused(table, [*rows, [f"{rows[-1][0]}9", *rows[-1][1:]]], tmp_path)


def unpacked(made: Path, folder: Path, **changed: bytes) -> verify.Pack:
    """The pack unpacked, with other tables in it."""
    with ZipFile(made) as zipped:
        zipped.extractall(folder)
    for name, content in changed.items():
        (folder / f"{name}.csv").write_bytes(content)
    return verify.Pack(folder)


@pytest.mark.parametrize("table", verify.TABLES)
def test_a_row_that_is_left_out_is_missed_also_of_an_item_to_which_the_tables_are_confined(
    made: Path, site: Site, table: str, tmp_path: Path
) -> None:
    last = site.rows[table][-1][0]
    left = [row for row in site.rows[table] if row[0] != last]
    pack = unpacked(made, tmp_path, **{table: _table([site.headings[table], *left])})
    words = "items.csv shows [0-9]+ items, and the ledger has [0-9]+" if table == "items" else "csv does not show "
    with pytest.raises(verify.Wrong, match=words):
        verify.check_tables(pack, listened(pack), [])
    confine(pack, left_out=0)
    if table != "items":
        with pytest.raises(verify.Wrong, match="does not show"):
            verify.check_tables(pack, listened(pack), [])
        return
    with pytest.raises(verify.Wrong, match="says that 0 items are left out, and it is 1"):
        verify.check_tables(pack, listened(pack), [])
    confine(pack, left_out=1)
    said: list[str] = []
    verify.check_tables(pack, listened(pack), said)
    assert said[-1] == f"Items left out of the tables, since they are confined: 1 of {len(site.rows['items'])}."


def confine(pack: verify.Pack, left_out: int) -> None:
    """Have an unpacked pack say that it is confined to a framework, and how many items that leaves out."""
    assert pack.folder is not None
    for name, part, value in (("manifest", "parameters", "framework"), ("completeness", "items", "left_out")):
        told = pack.json(f"{name}.json")
        told[part][value] = "soc2" if name == "manifest" else left_out
        (pack.folder / f"{name}.json").write_text(json.dumps(told))


def test_the_columns_are_those_of_the_tables() -> None:
    headings = (tables._ITEMS, tables._EVENTS, tables._EVIDENCE, tables._ACCEPTANCES, tables._RISKS, tables._CONTROLS)
    assert [tuple(each.split()) for each in verify.HEADINGS.values()] == [*headings]


@pytest.mark.parametrize("table", verify.TABLES)
def test_a_column_more_or_twice_and_a_row_beyond_its_heading_are_found(site: Site, table: str, tmp_path: Path) -> None:
    heading, rows = site.headings[table], site.rows[table]
    wider = Site(site.folder, site.headings | {table: [*heading[:2], heading[1], *heading[2:]]}, site.rows, site.ledger)
    assert "other columns" in wider.refused(table, [[*row[:2], "active", *row[2:]] for row in rows], tmp_path)
    assert "longer or shorter" in site.refused(table, [[*rows[0], "all approved"], *rows[1:]], tmp_path)


def test_records_of_other_days_do_not_stand_in_for_those_of_the_period(site: Site, tmp_path: Path) -> None:
    at = int(site.rows["events"][-1][0]) - 1
    assert site.ledger.due[at]
    site.ledger.due[at] = 0
    try:
        assert "does not show" in site.refused("events", site.rows["events"], tmp_path)
    finally:
        site.ledger.due[at] = 1
    assert "does not show" in site.refused("events", site.rows["events"][::-1], tmp_path)


def test_a_control_that_is_left_out_or_made_up_is_missed_by_its_framework(
    made: Path, site: Site, tmp_path: Path
) -> None:
    """Of a control that nothing was recorded of there is only the number of those that its framework has."""
    heading, rows = site.headings["controls"], site.rows["controls"]
    pack = unpacked(made, tmp_path)
    ledger = listened(pack)
    quiet = rows[0][0]
    ledger.rows.controls.pop(quiet, None)
    left = [row for row in rows if row[0] != quiet]
    since, record = (left[0][heading.index(name)] for name in ("since", "record"))
    first = dict.fromkeys(heading, "") | {"control": "soc2:CC99.9", "framework": "soc2", "code": "CC99.9"}
    first |= {"status": "not_started", "why": "no evidence", "since": since, "record": record}
    first |= {"days_in_period": left[0][heading.index("days_in_period")]}
    for some in (left, [*rows, [first[name] for name in heading]]):
        (tmp_path / "controls.csv").write_bytes(_table([heading, *some]))
        with pytest.raises(verify.Wrong, match=r"controls\.csv "):
            verify.check_tables(pack, ledger, [])


@pytest.mark.parametrize("name", ["AC-2 (1)", "AC-2(a)", "SOC2/CC6.1", " ac-2.1", "Ünter (b2) (3)"])
def test_names_are_compared_as_by_the_register(name: str) -> None:
    assert verify.same_name(name) == folded(name)


@pytest.mark.parametrize("text", ["'Shadow IT' leads to\n- data loss", "'it;=x", "a;'=b;=c", "=1", "'tis", "plain"])
def test_a_statement_is_known_again_whatever_apostrophes_it_has(text: str) -> None:
    assert text in verify.originals(str(harmless(text)))
