"""The house rules that a reader relies on: sizes, names, who may print, and who may name a vendor."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("connectors", "mapping", "state", "sync")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
TRACKERS = {"jira_issues.py", "github_issues.py"}
VENDORS = re.compile(r"jira|github|gitlab|atlassian", re.IGNORECASE)
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "service", "misc"}
# The command line imports what a command uses when it is called, the registries what a configuration names; an old
# database is migrated by Alembic, which a run that finds its database up to date never loads.
LATE_IMPORTS = ("sync/app/", "connectors/registry.py", "connectors/intake/", "connectors/sandbox/__main__.py")
# What checks a pack is one file and a program of its own, which an auditor runs without the rest.
ALONE = "sync/report/verify.py"
SHELLS = ("sync/app/", "connectors/sandbox/__main__.py", ALONE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_function_is_longer_than_forty_lines(path: Path) -> None:
    assert [(name, lines) for name, lines in functions(path) if lines > 40] == []


def test_the_median_function_has_at_most_ten_lines() -> None:
    assert median(lines for path in SOURCES for _, lines in functions(path)) <= 10


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    limit = 950 if name_of(path) == ALONE else 500 if path.name in TRACKERS else 400
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", [p for p in SOURCES if not name_of(p).startswith("connectors/")], ids=name_of)
def test_only_connectors_name_a_vendor(path: Path) -> None:
    assert VENDORS.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_name_says_nothing(path: Path) -> None:
    assert path.stem not in VAGUE


@pytest.mark.parametrize("path", [p for p in SOURCES if not name_of(p).startswith(LATE_IMPORTS)], ids=name_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    late = [
        f"line {inner.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom) and "migrations" not in ast.unparse(inner)
    ]
    assert late == []


@pytest.mark.parametrize("path", [p for p in SOURCES if not name_of(p).startswith(SHELLS)], ids=name_of)
def test_only_the_shell_prints_or_reads_the_environment(path: Path) -> None:
    found = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "os.getenv"})
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ")
    ]
    assert found == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_its_one_idea_in_one_sentence(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc
    assert doc.splitlines()[0].endswith(".")
