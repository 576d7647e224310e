"""Nothing that people may type, set, meet or follow is left out of the documentation, and nothing in it is made up."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel

from connectors.anchors.registry import KINDS
from connectors.intake.fields import COLUMNS
from connectors.intake.registry import FORMATS
from connectors.registry import BUILT_IN, settings_class
from state.model import HoldKind
from sync.app import failures
from sync.app.cli import app
from sync.app.complaints import line_numbers
from sync.app.crashing import POINTS
from sync.app.programme_settings import AuditTable
from sync.app.reaching import tracker_settings
from sync.app.settings import Settings, load, tables_of

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
EXAMPLE = ROOT / "config.example.toml"
ELSEWHERE = {"node_modules", "build", "dist", "mutants"}
PACKAGES = ("connectors", "mapping", "state", "sync")


def pages() -> list[Path]:
    found: list[Path] = []
    for folder, inner, files in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith((".", "counterfoil-demo")) and name not in ELSEWHERE]
        found += [Path(folder) / name for name in files if name.endswith(".md")]
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def section(page: Path, title: str) -> str:
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{name_of(page)} has no section {title!r}"
    return found[1]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> set[str]:
    """What stands in the first column of the tables of a text."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return {word.strip("`") for cell in rows for word in cell.split(", ")}


def commands(group: Any, name: str = "counterfoil") -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, with the object that knows its options."""
    inner = getattr(group, "commands", None)
    if inner is None:
        yield name, group
        return
    for word, command in inner.items():
        yield from commands(command, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_and_has_its_json_described(command: str) -> None:
    words = command.removeprefix("counterfoil ")
    listed = {" ".join(w for w in cell.split() if w.islower()) for cell in first_cells(section(README, "Commands"))}
    assert command in listed
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "json.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert words in {word for heading in headings for word in heading.split(", ")}


def test_no_command_in_the_readme_is_made_up() -> None:
    listed = {
        " ".join(w for w in cell.split() if w.islower())
        for cell in first_cells(section(README, "Commands"))
        if cell.startswith("counterfoil")
    }
    assert listed == set(COMMANDS)


def typed() -> Iterator[str]:
    """Every command line that a page shows."""
    for page in pages():
        for language in ("sh", "yaml", "cron"):
            for block in fenced(page, language):
                yield from re.findall(r"(?:^|/|\s|: )(counterfoil [a-z][^#\n>|]*)", block, re.MULTILINE)


@pytest.mark.parametrize("line", sorted({line.strip() for line in typed()}))
def test_every_command_line_shown_can_be_typed(line: str) -> None:
    words = shlex.split(line.replace("${{ needs.plan.outputs.digest }}", "DIGEST"))
    command = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in COMMANDS), None)
    assert command, f"there is no such command: {line}"
    options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_every_exit_code_is_explained() -> None:
    codes = {str(value) for name, value in vars(failures).items() if name.isupper() and isinstance(value, int)}
    rows = first_cells(section(README, "Exit codes")) - {"Code", "---"}
    assert rows == codes


Key = tuple[str, ...]


def tables_and_keys(model: type[BaseModel], table: Key = ()) -> Iterator[tuple[type[BaseModel], Key]]:
    """Every key that a table may have, its inner tables' keys included, each with the tables it stands in."""
    for name, field in model.model_fields.items():
        yield model, (*table, name)
        for kind in tables_of(field.annotation):
            yield from tables_and_keys(kind, (*table, name))


def keys(model: type[BaseModel], table: Key = ()) -> Iterator[Key]:
    """Every key that a table may have."""
    return (key for _, key in tables_and_keys(model, table))


def shown_in_the_example() -> set[Key]:
    """Every key of the example, those in a comment included; what stands under a tracker's name is in `trackers`."""
    text = re.sub(r"^# (?=[\w.]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: set[Key] = set()
    for place in line_numbers(text):
        names = [part for part in place if isinstance(part, str)]
        inner = names[2:] if names[0] == "trackers" else names[1:]
        found |= {(names[0], *inner[:length]) for length in range(len(inner) + 1)}
    inline = re.findall(r"^(\w+) = \{(.*)\}", text, re.MULTILINE)
    within = {(name, word) for name, table in inline for word in re.findall(r"(\w+) =", table)}
    return found | {(*place, word) for place in found for name, word in within if place[-1] == name}


def alike(model: type[BaseModel]) -> Mapping[tuple[type[BaseModel], str], set[Key]]:
    """The places of every key, by the kind of table and its name: where many tables are alike, one shows a key."""
    found: dict[tuple[type[BaseModel], str], set[Key]] = {}
    for table, key in tables_and_keys(model):
        found.setdefault((table, key[-1]), set()).add(key)
    return found


def test_every_key_of_the_configuration_is_in_the_example() -> None:
    shown = shown_in_the_example()
    assert [sorted(places) for places in alike(Settings).values() if not places & shown] == []


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_every_key_of_a_tracker_s_table_is_in_the_example(kind: str) -> None:
    assert set(keys(settings_class(kind), ("trackers",))) - shown_in_the_example() == set()


def test_every_kind_of_place_for_checkpoints_can_be_configured_and_is_explained() -> None:
    tables = tables_of(AuditTable.model_fields["anchors"].annotation)
    assert {kind for table in tables for kind in get_args(table.model_fields["kind"].annotation)} == set(KINDS)
    assert set(KINDS) <= first_cells(section(README, "A record that nobody can rewrite unseen"))


@pytest.mark.parametrize("block", fenced(README, "toml"))
def test_every_configuration_shown_can_be_read(block: str, tmp_path: Path) -> None:
    file = tmp_path / "counterfoil.toml"
    file.write_text(block, encoding="utf-8")
    assert bool(tracker_settings(load(file))) is ("[trackers." in block)


def test_every_crash_point_is_documented_in_its_order() -> None:
    text = (ROOT / "docs" / "crash-points.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `([a-z.]+)` \|", text, re.MULTILINE)) == POINTS


def test_every_environment_variable_is_in_the_readme() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "sync" / "app").glob("*.py"))]
    read = {name for text in sources for name in re.findall(r"\"(COUNTERFOIL_[A-Z]+)\"", text)}
    assert read
    assert read <= first_cells(section(README, "Commands"))


def test_every_hold_is_explained() -> None:
    rows = first_cells(section(README, "Holds: what waits for a person"))
    assert rows - {"Hold", "---"} == {kind.value for kind in HoldKind}


def test_every_known_pain_and_defect_has_its_test() -> None:
    page = ROOT / "docs" / "promises.md"
    for title, count in (("Known pains", 30), ("Defects that others had", 7)):
        numbered = re.split(r"^(\d+)\. ", section(page, title), flags=re.MULTILINE)[1:]
        assert [int(number) for number in numbered[::2]] == list(range(1, count + 1))
        assert [text for text in numbered[1::2] if "::test_" not in text] == []


def test_every_action_of_the_ledger_is_named() -> None:
    sources = [path.read_text(encoding="utf-8") for room in ("state", "sync") for path in (ROOT / room).glob("*.py")]
    things = (
        "acceptance|brake|comment|control|due|evidence|framework|hold|item|key|ledger|person|risk|source|state|test|"
        "ticket|tracker"
    )
    pattern = rf"\"((?:{things})\.[a-z]+)\""
    columns = {"control.id", "control.stale", "framework.id", "item.ref", "risk.id", "test.fingerprint"}
    written = {name for text in sources for name in re.findall(pattern, text)} - {*POINTS, *columns}
    named = set(re.findall(r"`([a-z]+\.[a-z]+)`", section(ROOT / "docs" / "json.md", "audit log")))
    assert named <= written
    assert written - named <= {"item.dirty", "item.overdue"}


def test_every_format_and_column_is_explained() -> None:
    assert {*FORMATS, *COLUMNS} <= first_cells(section(README, "What can be taken in"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_s_map_names_its_files(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py"}
    rooms = {f"{path.name}/" for path in (ROOT / package).iterdir() if (path / "__init__.py").is_file()}
    assert {name for name in files | rooms if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("room", ["app", "report"])
def test_the_map_of_an_inner_room_names_its_files(room: str) -> None:
    text = (ROOT / "sync" / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in (ROOT / "sync" / room).glob("*.py")} - {"__init__.py"}
    assert {name for name in files if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_no_map_names_a_file_that_is_not_there(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    named = {name for cell in cells for name in re.findall(r"`([\w./]+(?:\.py|/))`", cell)}
    folders = [ROOT / package / inner for inner in ("", "app", "report", "e2e")]
    assert {name for name in named if not any((folder / name).exists() for folder in folders)} == set()


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", page.read_text(encoding="utf-8"))
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file, _ in named if (ROOT / file).is_file()}
    assert [(file, name) for file, name in named if f"def {name}(" not in sources.get(file, "")] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_page_shows_what_only_some_machines_have(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"/work/|/root/|/home/\w+", text) == []
