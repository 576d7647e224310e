"""The tables are total, unambiguous, and stable to name."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mapping.rules import Route, Rules, folded
from state.model import ActionItem, Field, Person, Priority, Problem, SourceKind

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
    assert folded("Won\u2019t  Do ") == "won't do"


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
    ("change", "problem"),
    [
        (
            {"priority": {Priority.CRITICAL: "High"}},
            Problem(
                "tracker t: priorities critical and high are both called 'High'",
                "give each its own name in [trackers.t.priority]",
                fatal=False,
            ),
        ),
        (
            {"status": {"open": ("Doing",), "in_progress": ("doing",)}},
            Problem(
                "tracker t: status 'doing' means both open and in_progress",
                "keep it in one list of [trackers.t.status]",
            ),
        ),
        (
            {"resolution": {"resolved": ("Wont Fix",)}},
            Problem(
                "tracker t: resolution 'Wont Fix' means both resolved and acceptance",
                "keep it in one list of [trackers.t.resolution]",
            ),
        ),
        (
            {"labels": ("risk-accept",)},
            Problem(
                "tracker t: label 'risk-accept' asks for acceptance and is also one that we set",
                "choose another name in [trackers.t.status] acceptance",
            ),
        ),
        (
            {"status": {"closed": ("x",)}},
            Problem("tracker t: unknown status 'closed'", "remove it from [trackers.t.status]"),
        ),
        (
            {"resolution": {"closed": ("x",)}},
            Problem("tracker t: unknown resolution 'closed'", "remove it from [trackers.t.resolution]"),
        ),
    ],
)
def test_an_ambiguous_table_is_a_problem(make_rules: MakeRules, change: dict[str, Any], problem: Problem) -> None:
    assert make_rules(**change).problems() == [problem]


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        (
            (Route("nowhere"),),
            Problem("route 1 leads to the unknown tracker 'nowhere'", "use one of the trackers: t, u"),
        ),
        (
            (Route("t", {"owner": ("a@*",)}), Route("t"), Route("t", {"priority": ("high",)})),
            Problem(
                "route 3 is never reached, because route 2 takes everything",
                "move route 3 before route 2, or remove it",
                fatal=False,
            ),
        ),
        (
            (Route("t", {"colour": ("red",)}),),
            Problem("route 1: unknown condition 'colour'", "use one of: controls, priority, owner, source, risks"),
        ),
        (
            (Route("t", {"priority": ("high",)}), Route("t", {"priority": ("urgent",)})),
            Problem("route 2: priority 'urgent' does not exist", "use one of: critical, high, medium, low"),
        ),
        (
            (Route("t", {"source": ("rumour",)}),),
            Problem(
                "route 1: source 'rumour' does not exist",
                "use one of: automated_test, unimplemented_control, manual, assessment",
            ),
        ),
        (
            (Route("t", {"controls": ()}),),
            Problem("route 1: controls lists nothing, so it never matches", "name some, or remove controls"),
        ),
        (
            (),
            Problem("there is no route, so every item is held", 'add [[routes]] with tracker = "NAME"', fatal=False),
        ),
    ],
)
def test_a_route_that_leads_nowhere_is_a_problem(
    make_rules: MakeRules, routes: tuple[Route, ...], problem: Problem
) -> None:
    table = make_rules().trackers["t"]
    assert Rules({"t": table, "u": replace(table, tracker="u")}, routes).problems() == [problem]


def test_without_trackers_no_route_leads_anywhere() -> None:
    assert [problem.fix for problem in Rules({}, (Route("t"),)).problems()] == ["use one of the trackers: none"]


def test_an_item_without_an_owner_matches_no_owner_but_any(make_item: MakeItem) -> None:
    assert not Route("t", {"owner": ("?*",)}).matches(make_item(owner=None))
    assert Route("t", {"owner": ("*",)}).matches(make_item(owner=None))


def test_every_route_after_one_that_takes_all_is_named(make_rules: MakeRules) -> None:
    routes = (Route("t"), Route("t", {"priority": ("high",)}), Route("t", {"priority": ("low",)}))
    what = [problem.what for problem in replace(make_rules(), routes=routes).problems()]
    assert what == [f"route {number} is never reached, because route 1 takes everything" for number in (2, 3)]


def test_two_people_with_one_account_or_one_address_are_problems(make_rules: MakeRules) -> None:
    people = (Person("a@x.example", {"k": "one"}), Person("b@x.example", {"k": "ONE"}), Person("A@x.example"))
    assert replace(make_rules(), people=people).problems() == [
        Problem(
            "a@x.example and b@x.example have the same k account 'ONE'",
            "give each person their own account in [[people]]",
        ),
        Problem("A@x.example is listed twice among the people", "merge the two [[people]] tables"),
    ]


def test_the_digest_of_the_defaults_is_known(make_rules: MakeRules) -> None:
    """A digest that moves has every link compared anew, so it moves only on purpose, with `LAYOUT`."""
    assert make_rules(labels=("b", "a")).digest("t") == make_rules(labels=("a", "b")).digest("t")
    assert (
        make_rules(status={"in_progress": ("Prüfung",)}).digest("t")
        == "41b8b2897cfec80d39b5aba7025ccb7e4aabbc067e52ded499cc2c1d7ba21bc6"
    )
    assert make_rules().digest("t") == "56012f5e72ec2ce10f4932c40373b2b4d34d7b4ad1402599d7f547fac38df228"
