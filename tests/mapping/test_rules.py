"""The tables are total, unambiguous, and stable to name."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mapping.rules import Route, Rules, folded
from state.model import ActionItem, Field, Person, Priority, SourceKind

MakeRules = Callable[..., Rules]
MakeItem = Callable[..., ActionItem]


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ({}, True),
        ({"controls": ("CC6.*",)}, True),
        ({"controls": ("cc6.2",)}, True),
        ({"controls": ("CC7.*", "A.5.*")}, False),
        ({"priority": ("critical", "high")}, True),
        ({"priority": ("low",)}, False),
        ({"owner": ("*@ACME.example",)}, True),
        ({"owner": ("*@other.example",)}, False),
        ({"source": (SourceKind.AUTOMATED_TEST.value,)}, True),
        ({"risks": ("R-?",)}, True),
        ({"controls": ("CC6.*",), "priority": ("low",)}, False),
    ],
)
def test_a_route_matches_when_every_key_does_by_any_pattern(
    make_item: MakeItem, when: dict[str, tuple[str, ...]], matches: bool
) -> None:
    assert Route("t", when).matches(make_item()) is matches


def test_the_first_matching_route_wins_and_none_means_none(make_rules: MakeRules, make_item: MakeItem) -> None:
    routes = (Route("first", {"priority": ("high",)}), Route("second", {"controls": ("CC*",)}))
    rules = replace(make_rules(), routes=routes)
    assert rules.route(make_item()) == "first"
    assert rules.route(make_item(priority=Priority.LOW)) == "second"
    assert rules.route(make_item(priority=Priority.LOW, controls=())) is None


def test_people_are_found_by_mail_and_by_account_whatever_the_case(make_rules: MakeRules) -> None:
    rules = make_rules()
    assert rules.account("MIA@acme.Example", "k") == "Mia-1"
    assert rules.person("mia-1", "k") == "mia@acme.example"
    assert rules.account("mia@acme.example", "other") is None
    assert rules.account("stranger@acme.example", "k") is None


def test_names_differ_neither_by_case_nor_by_apostrophe() -> None:
    assert folded("Won\u2019t  Do ") == folded("won't do")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ("security",)},
        {"title_limit": 100},
        {"priority": {Priority.LOW: "Trivial"}},
        {"status": {"in_progress": ("Doing",)}},
        {"resolution": {"duplicate": ("Copy",)}},
        {"fields": frozenset(Field) - {Field.PRIORITY}},
        {"assignment_starts_work": True},
    ],
)
def test_the_digest_moves_with_everything_that_changes_how_items_read(
    make_rules: MakeRules, change: dict[str, Any]
) -> None:
    assert make_rules(**change).digest("t") != make_rules().digest("t")


def test_the_digest_moves_with_an_account_and_not_with_a_route(make_rules: MakeRules) -> None:
    rules = make_rules()
    assert replace(rules, people=(Person("mia@acme.example", {"k": "other"}),)).digest("t") != rules.digest("t")
    assert replace(rules, routes=()).digest("t") == rules.digest("t")


def test_the_digest_is_the_same_in_every_process() -> None:
    program = (
        "from mapping.rules import *; from state.model import *;"
        "print(Rules({'t': TrackerRules('t', 'k', frozenset(Field), BodyFormat.WIKI, 9, 9)}).digest('t'))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_the_defaults_have_no_problem(make_rules: MakeRules) -> None:
    assert make_rules().problems() == []
    assert make_rules(fields=frozenset({Field.STATUS, Field.LABELS})).problems() == []


def test_every_priority_has_a_name_even_if_one_is_configured(make_rules: MakeRules) -> None:
    table = make_rules(priority={Priority.CRITICAL: "Blocker"}).trackers["t"]
    assert [table.priority[p] for p in Priority] == ["Blocker", "High", "Medium", "Low"]
    assert table.priority_named("blocker") is Priority.CRITICAL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"priority": {Priority.CRITICAL: "High"}}, "priorities critical and high are both called"),
        ({"status": {"open": ("Doing",), "in_progress": ("doing",)}}, "means both open and in_progress"),
        ({"resolution": {"resolved": ("Wont Fix",)}}, "means both resolved and acceptance"),
        ({"labels": ("risk-accept",)}, "asks for acceptance and is also one that we set"),
        ({"status": {"closed": ("x",)}}, "unknown status 'closed'"),
    ],
)
def test_an_ambiguous_table_is_a_problem(make_rules: MakeRules, change: dict[str, Any], words: str) -> None:
    (problem,) = make_rules(**change).problems()
    assert words in problem.what
    assert problem.fix


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ((Route("nowhere"),), "unknown tracker 'nowhere'"),
        ((Route("t"), Route("t", {"priority": ("high",)})), "route 2 is never reached"),
        ((Route("t", {"colour": ("red",)}),), "unknown condition 'colour'"),
        ((Route("t", {"priority": ("urgent",)}),), "priority 'urgent' does not exist"),
        ((Route("t", {"controls": ()}),), "lists nothing"),
        ((), "no route"),
    ],
)
def test_a_route_that_leads_nowhere_is_a_problem(make_rules: MakeRules, routes: tuple[Route, ...], words: str) -> None:
    (problem,) = replace(make_rules(), routes=routes).problems()
    assert words in problem.what


def test_every_route_after_one_that_takes_all_is_named(make_rules: MakeRules) -> None:
    routes = (Route("t"), Route("t", {"priority": ("high",)}), Route("t", {"priority": ("low",)}))
    what = [problem.what for problem in replace(make_rules(), routes=routes).problems()]
    assert what == [f"route {number} is never reached, because route 1 takes everything" for number in (2, 3)]


def test_two_people_with_one_account_or_one_address_are_problems(make_rules: MakeRules) -> None:
    people = (Person("a@x.example", {"k": "one"}), Person("b@x.example", {"k": "ONE"}), Person("A@x.example"))
    what = [problem.what for problem in replace(make_rules(), people=people).problems()]
    assert what == [
        "a@x.example and b@x.example have the same k account 'ONE'",
        "A@x.example is listed twice among the people",
    ]
