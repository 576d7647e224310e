"""In any weather an error's name is true: what "did nothing" did nothing, and what was done is there once."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from connectors.bench import Bench
from connectors.errors import Ambiguous, TrackerError
from connectors.sandbox.calls import Sandbox
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox
from connectors.sandbox.served_bench import ServedBench
from state.ticket import Category, Created, Draft, Patch, TicketRef, TransitionTo

SHARE = 0.4


def one_create(bench: Bench, draft: Draft) -> str:
    """How a create ended; nothing but our own errors may come out."""
    try:
        (result,) = bench.send(draft)
    except Ambiguous:
        return "unknown"
    except TrackerError:
        return "nothing"
    return "done" if isinstance(result, Created) else "nothing"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sandbox", [GithubSandbox, JiraCloudSandbox, JiraDatacenterSandbox])
def test_the_name_of_a_create_s_error_is_true(
    serve: Callable[[Sandbox], AbstractContextManager[ServedBench]], sandbox: type[Sandbox], seed: int
) -> None:
    with serve(sandbox()) as bench:
        bench.server.faults.schedule(seed, SHARE)
        drafts = [bench.draft(number) for number in range(1, 41)]
        ended = {draft.title: one_create(bench, draft) for draft in drafts}
        bench.server.faults.clear()
        there = Counter(bench.titles())
        assert set(ended.values()) == {"done", "nothing", "unknown"}
        for title, end in ended.items():
            assert there[title] in {"done": (1,), "nothing": (0,), "unknown": (0, 1)}[end]
        found = {ticket.title for ticket in bench.tracker.find([draft.marker for draft in drafts], bench.now())}
        assert found == set(there)


@pytest.mark.parametrize("sandbox", [GithubSandbox, JiraCloudSandbox, JiraDatacenterSandbox])
def test_nothing_but_our_own_errors_comes_out_of_a_storm(
    serve: Callable[[Sandbox], AbstractContextManager[ServedBench]], sandbox: type[Sandbox]
) -> None:
    with serve(sandbox()) as bench:
        ref = bench.make()
        begun = Patch(title="Begun", state=TransitionTo(Category.INDETERMINATE), add_labels=("x",))
        done = Patch(state=TransitionTo(Category.DONE))
        acts: tuple[Callable[[], object], ...] = (
            lambda: bench.tracker.update(ref, begun, seen=""),
            lambda: bench.tracker.comment(ref, "Hello", marker="c" * 26),
            lambda: bench.tracker.recomment(ref, "10001", "Hello", marker="c" * 26),
            bench.feed,
            lambda: list(bench.tracker.fetch([ref, TicketRef("served", "1", "SEC-999")])),
            lambda: bench.tracker.activity(ref, bench.now()),
            lambda: bench.tracker.update(ref, done, seen=""),
            lambda: bench.tracker.resolve(ref.key),
            bench.tracker.check,
        )
        bench.server.faults.schedule(7, SHARE)
        ends = Counter(_end(act) for _ in range(8) for act in acts)
        bench.server.faults.clear()
        bench.tracker.update(ref, done, seen="")
        assert bench.read(ref).state.category is Category.DONE
        assert min(ends["went well"], ends["failed"]) > 0


def _end(act: Callable[[], object]) -> str:
    try:
        act()
    except TrackerError:
        return "failed"
    return "went well"
