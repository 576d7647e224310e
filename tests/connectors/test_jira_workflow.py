"""The way from one state to another, through workflows that show only the next step."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from connectors.errors import Ambiguous, NoWay
from connectors.jira_issues import JiraIssues
from state.ticket import Category, Patch, Ticket, TicketRef, TransitionTo
from tests.connectors.jira_script import issue, tracker

Arrows = Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]]


class Workflow:
    """Issues that walk along arrows `from -> {transition id: (to, screen)}`."""

    def __init__(self, arrows: Arrows, at: str = "To Do") -> None:
        self.arrows, self.at = arrows, dict.fromkeys(("10001", "10002", "10003"), at)
        self.moves: list[tuple[str, Any]] = []
        kinds = {"To Do": "new", "Done": "done", "Rejected": "done"}
        self.status = {
            name: {"name": name, "statusCategory": {"key": kinds.get(name, "indeterminate")}}
            for name in {"To Do", *arrows, *(to for out in arrows.values() for to, _ in out.values())}
        }

    def routes(self) -> dict[str, Any]:
        return {
            "GET issue/\\d+": lambda request, _: self.shown(request.url.path.split("/")[-1]),
            "GET issue/\\d+/transitions": lambda request, _: self.offered(request.url.path.split("/")[-2]),
            "POST issue/\\d+/transitions": lambda request, sent: self.moved(request.url.path.split("/")[-2], sent),
            "GET project/SEC/statuses": [{"name": "Task", "statuses": list(self.status.values())}],
        }

    def shown(self, ident: str) -> Any:
        return issue(int(ident) - 10_000, status=self.status[self.at[ident]])

    def offered(self, ident: str) -> Any:
        out = self.arrows.get(self.at[ident], {})
        return {
            "transitions": [
                {"id": i, "name": f"to {to}", "to": self.status[to], "fields": dict(screen)}
                for i, (to, screen) in out.items()
            ]
        }

    def moved(self, ident: str, sent: Any) -> httpx.Response:
        out = self.arrows.get(self.at[ident], {})
        step = sent["transition"]["id"]
        if step not in out:
            return httpx.Response(400, json={"errorMessages": ["It seems that you have tried an illegal step"]})
        self.at[ident] = out[step][0]
        self.moves.append((step, sent.get("fields")))
        return httpx.Response(204)


def bring(jira: JiraIssues, target: TransitionTo, ident: str = "10001") -> Any:
    ref = TicketRef("eng", ident)
    assert jira.update(ref, Patch(state=target), seen="") is None
    (ticket,) = jira.fetch([ref])
    assert isinstance(ticket, Ticket)
    return ticket.state


RESOLUTION = {"resolution": {"required": True, "allowedValues": [{"name": "Done"}, {"name": "Won't Do"}]}}
ONLY_DONE = {"resolution": {"required": True, "allowedValues": [{"name": "Done"}]}}
CHAIN: Arrows = {
    "To Do": {"1": ("In Progress", {})},
    "In Progress": {"2": ("In Review", {})},
    "In Review": {"3": ("Done", {})},
}


def test_a_direct_transition_sets_the_resolution_its_screen_asks_for() -> None:
    flow = Workflow({"To Do": {"5": ("Done", RESOLUTION)}})
    jira, _ = tracker(flow.routes())
    assert bring(jira, TransitionTo(Category.DONE, resolutions=("won't do",))).category is Category.DONE
    assert flow.moves == [("5", {"resolution": {"name": "Won't Do"}})]


@pytest.mark.parametrize(
    ("ways", "move"),
    [
        ({"4": ("Done", {}), "5": ("Done", RESOLUTION)}, ("5", {"resolution": {"name": "Won't Do"}})),
        ({"4": ("Done", {}), "5": ("Rejected", {})}, ("5", None)),
        ({"4": ("Done", ONLY_DONE)}, ("4", {"resolution": {"name": "Done"}})),
    ],
)
def test_the_first_of_several_words_that_the_workflow_has_is_its_way_to_be_done(
    ways: Mapping[str, tuple[str, Mapping[str, Any]]], move: tuple[str, Any]
) -> None:
    flow = Workflow({"To Do": ways})
    jira, _ = tracker(flow.routes())
    bring(jira, TransitionTo(Category.DONE, resolutions=("Parked", "Won't Do", "Rejected", "Done")))
    assert flow.moves == [move]


def test_a_required_resolution_that_nobody_asked_for_is_the_usual_one() -> None:
    flow = Workflow({"To Do": {"5": ("Done", RESOLUTION)}})
    jira, _ = tracker(flow.routes())
    bring(jira, TransitionTo(Category.DONE))
    assert flow.moves == [("5", {"resolution": {"name": "Done"}})]


def test_a_resolution_is_not_sent_where_the_screen_lacks_it() -> None:
    flow = Workflow({"To Do": {"5": ("Done", {})}})
    jira, _ = tracker(flow.routes())
    bring(jira, TransitionTo(Category.DONE, resolutions=("Done",)))
    assert flow.moves == [("5", None)]


def test_three_hops_are_found_and_learned_for_the_next_issue() -> None:
    flow = Workflow(CHAIN)
    jira, server = tracker(flow.routes())
    first, second = (TicketRef("eng", ident) for ident in ("10001", "10002"))
    done = Patch(state=TransitionTo(Category.DONE))
    jira.update(first, done, seen="")
    lookups = len(server.asked)
    list(jira.fetch([second]))
    server.asked.clear()
    jira.update(second, done, seen="")
    assert lookups == 7
    assert [name for name, _ in server.asked] == ["POST issue/10002/transitions"] * 3


def test_four_hops_are_too_many_and_the_issue_is_back_where_it_was() -> None:
    arrows: Arrows = {
        "To Do": {"1": ("A", {})},
        "A": {"2": ("B", {}), "9": ("To Do", {})},
        "B": {"3": ("C", {}), "9": ("To Do", {})},
        "C": {"4": ("Done", {})},
    }
    flow = Workflow(arrows)
    jira, _ = tracker(flow.routes())
    with pytest.raises(NoWay, match="from To Do to a state of category done") as caught:
        bring(jira, TransitionTo(Category.DONE))
    assert caught.value.reachable == ("A",)
    assert flow.at["10001"] == "To Do"


def test_a_screen_that_demands_the_unknown_is_no_way_and_says_what() -> None:
    screen = {"customfield_7": {"name": "Root cause", "required": True}}
    flow = Workflow({"To Do": {"5": ("Done", screen)}})
    jira, _ = tracker(flow.routes())
    with pytest.raises(NoWay, match=r"to Done needs Root cause \(customfield_7\)"):
        bring(jira, TransitionTo(Category.DONE))
    assert flow.moves == []


def test_a_demanded_field_may_come_from_the_configuration() -> None:
    screen = {"customfield_7": {"name": "Root cause", "required": True}}
    flow = Workflow({"To Do": {"5": ("Done", screen)}})
    jira, _ = tracker(flow.routes(), fields={"customfield_7": "audit"})
    bring(jira, TransitionTo(Category.DONE))
    assert flow.moves == [("5", {"customfield_7": "audit"})]


def test_a_named_state_that_exists_wins_over_a_nearer_one_of_its_category() -> None:
    arrows: Arrows = {"To Do": {"1": ("Rejected", {}), "2": ("In Progress", {})}, "In Progress": {"3": ("Done", {})}}
    flow = Workflow(arrows)
    jira, _ = tracker(flow.routes())
    assert bring(jira, TransitionTo(Category.DONE, ("Done",))).name == "Done"


def test_a_named_state_that_does_not_exist_gives_way_to_the_category() -> None:
    flow = Workflow(CHAIN)
    jira, _ = tracker(flow.routes())
    assert bring(jira, TransitionTo(Category.INDETERMINATE, ("Doing",))).name == "In Progress"


def test_an_issue_already_there_is_not_moved() -> None:
    flow = Workflow(CHAIN, at="In Review")
    jira, server = tracker(flow.routes())
    bring(jira, TransitionTo(Category.INDETERMINATE))
    assert flow.moves == []
    assert not any(name.startswith("POST") for name, _ in server.asked if "transitions" in name)


@pytest.mark.parametrize("at", ["To Do", "In Review"])
def test_a_state_that_stands_for_something_else_is_left_and_passed_through(at: str) -> None:
    arrows: Arrows = {"To Do": {"1": ("In Review", {})}, "In Review": {"2": ("In Progress", {})}}
    flow = Workflow(arrows, at=at)
    jira, _ = tracker(flow.routes())
    assert bring(jira, TransitionTo(Category.INDETERMINATE, others=("in review",))).name == "In Progress"


def test_where_the_only_states_of_a_kind_stand_for_something_else_there_is_no_way() -> None:
    flow = Workflow({"In Review": {"1": ("To Do", {})}, "To Do": {"2": ("In Review", {})}}, at="In Review")
    jira, _ = tracker(flow.routes())
    with pytest.raises(NoWay, match="to a state of category indeterminate other than In Review within"):
        bring(jira, TransitionTo(Category.INDETERMINATE, others=("In Review",)))
    assert flow.at["10001"] == "In Review"


def test_what_was_learned_is_learned_again_when_it_is_refused() -> None:
    flow = Workflow({"To Do": {"5": ("Done", {})}})
    jira, _ = tracker(flow.routes())
    bring(jira, TransitionTo(Category.DONE))
    list(jira.fetch([TicketRef("eng", "10002")]))
    flow.arrows = {"To Do": {"6": ("Done", {})}}
    assert bring(jira, TransitionTo(Category.DONE), "10002").name == "Done"
    assert [step for step, _ in flow.moves] == ["5", "6"]


def test_a_transition_whose_answer_was_lost_is_ambiguous_and_not_repeated() -> None:
    flow = Workflow(CHAIN)
    jira, server = tracker({"POST .*/transitions": httpx.Response(502), **flow.routes()})
    with pytest.raises(Ambiguous):
        bring(jira, TransitionTo(Category.INDETERMINATE))
    assert server.count("POST issue/10001/transitions") == 1
