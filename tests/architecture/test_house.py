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


Function = ast.FunctionDef | ast.AsyncFunctionDef
Trees = dict[Path, ast.Module]


@pytest.fixture(scope="module")
def trees() -> Trees:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def functions(tree: ast.Module) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_function_is_longer_than_forty_lines(trees: Trees) -> None:
    long = [(name_of(path), each.name) for path, tree in trees.items() for each in functions(tree) if lines(each) > 40]
    assert long == []


def test_the_median_function_has_at_most_ten_lines(trees: Trees) -> None:
    assert median(lines(each) for tree in trees.values() for each in functions(tree)) <= 10


def test_no_file_is_too_long() -> None:
    limits = {path: 1750 if name_of(path) == ALONE else 500 if path.name in TRACKERS else 400 for path in SOURCES}
    assert [name_of(p) for p in SOURCES if len(p.read_text(encoding="utf-8").splitlines()) > limits[p]] == []


def test_only_connectors_name_a_vendor() -> None:
    others = [path for path in SOURCES if not name_of(path).startswith("connectors/")]
    assert [name_of(path) for path in others if VENDORS.search(path.read_text(encoding="utf-8"))] == []


def test_no_name_says_nothing() -> None:
    assert [name_of(path) for path in SOURCES if path.stem in VAGUE] == []


def test_imports_stand_at_the_top(trees: Trees) -> None:
    late = [
        f"{name_of(path)}, line {inner.lineno}"
        for path, tree in trees.items()
        if not name_of(path).startswith(LATE_IMPORTS)
        for each in functions(tree)
        for inner in ast.walk(each)
        if isinstance(inner, ast.Import | ast.ImportFrom) and "migrations" not in ast.unparse(inner)
    ]
    assert late == []


def test_only_the_shell_prints_or_reads_the_environment(trees: Trees) -> None:
    found = [
        f"{name_of(path)}, line {node.lineno}"
        for path, tree in trees.items()
        if not name_of(path).startswith(SHELLS)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "os.getenv"})
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ")
    ]
    assert found == []


def test_a_module_says_its_one_idea_in_one_sentence(trees: Trees) -> None:
    said = {name_of(path): ast.get_docstring(tree) or "-" for path, tree in trees.items()}
    assert [name for name, doc in said.items() if not doc.splitlines()[0].endswith(".")] == []
