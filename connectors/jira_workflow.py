"""How a Jira issue gets from one state to another: by transitions, of which only the next ones can be seen."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from connectors.errors import NotFound, NoWay, Rejected
from connectors.jira_client import JiraClient
from connectors.jira_reading import category, mapping, named, rows
from state.ticket import Category, TransitionTo

HOPS = 3
_USUAL_RESOLUTIONS = ("done", "fixed", "resolved")
_TOWARDS = {
    Category.NEW: (Category.NEW, Category.INDETERMINATE, Category.DONE),
    Category.INDETERMINATE: (Category.INDETERMINATE, Category.NEW, Category.DONE),
    Category.DONE: (Category.INDETERMINATE, Category.NEW, Category.DONE),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an issue stands: issues of one project, type and status have the same ways out."""

    project: str
    issue_type: str
    status: str
    category: Category

    def after(self, step: "Step") -> "Place":
        """Where the step leads from here."""
        return Place(self.project, self.issue_type, step.status, step.category)


@dataclass(frozen=True, slots=True)
class Step:
    """One transition: where it leads, and its screen by field."""

    id: str | int
    name: str
    status: str
    category: Category
    screen: Mapping[str, Mapping[str, Any]]


Route = list[tuple[Place, Step]]


class Workflow:
    """The transitions learned so far, shared by all issues of one workflow.

    `extra` holds values for fields that a screen demands and we would not know.
    """

    def __init__(self, client: JiraClient, extra: Mapping[str, Any]) -> None:
        self._client, self._extra = client, extra
        self._steps: dict[Place, list[Step]] = {}
        self._statuses: dict[str, frozenset[str]] = {}

    def bring(self, issue: str, place: Place | None, locate: Callable[[], Place], target: TransitionTo) -> None:
        """Bring the issue to the target in at most three hops; raises `NoWay`, with the issue back where it was.

        `place` is where it was last seen, if known. What was learned from other issues is tried first, and learned
        again from this one when it does not hold.
        """
        learned = place is not None and place in self._steps
        here = place if place is not None else locate()
        try:
            self._walk(issue, here, target)
        except Rejected as refusal:
            fresh = locate() if learned else here
            if not learned or (isinstance(refusal, NoWay) and fresh == here):
                raise
            self._forget(fresh)
            self._walk(issue, fresh, target)

    def _walk(self, issue: str, start: Place, target: TransitionTo) -> None:
        here, left = start, HOPS
        while not self._arrived(issue, here, target):
            route = self._route(issue, here, target, left) if left else []
            if not route:
                self._go_home(issue, here, start)
                raise self._no_way(start, target)
            for stop, step in route:
                self._take(issue, step, target)
                here, left = stop.after(step), left - 1

    def _arrived(self, issue: str, here: Place, target: TransitionTo) -> bool:
        if here.category is not target.category and here.status.lower() not in _lower(target.names):
            return False
        return self._wanted(issue, here, target)(here.status, here.category)

    def _wanted(self, issue: str, here: Place, target: TransitionTo) -> Callable[[str, Category], bool]:
        names = _lower(target.names)
        if names and self._exist(issue, here, names):
            return lambda status, _: status.lower() in names
        return lambda status, kind: kind is target.category and status.lower() not in _lower(target.others)

    def _exist(self, issue: str, here: Place, names: Sequence[str]) -> bool:
        if here.status.lower() in names or any(s.status.lower() in names for s in self._out(issue, here)):
            return True
        if here.project not in self._statuses:
            self._statuses[here.project] = self._read_statuses(here.project)
        return not self._statuses[here.project].isdisjoint(names)

    def _read_statuses(self, project: str) -> frozenset[str]:
        try:
            kinds = rows(self._client.get(f"project/{project}/statuses"))
        except (NotFound, Rejected):
            return frozenset()
        return frozenset(str(row.get("name", "")).lower() for kind in kinds for row in rows(kind.get("statuses")))

    def _route(self, issue: str, start: Place, target: TransitionTo, left: int) -> Route:
        """The shortest known way to the target, else to the nearest place whose ways out are unknown."""
        wanted = self._wanted(issue, start, target)
        self._out(issue, start)
        paths: deque[tuple[Place, Route]] = deque([(start, [])])
        seen, frontier = {start}, list[Route]()
        while paths:
            here, path = paths.popleft()
            steps = [s for s in self._steps[here] if not self._lacking(s, target)]
            if arriving := [s for s in steps if wanted(s.status, s.category)]:
                return [*path, (here, min(arriving, key=lambda s: self._rank(s, target)))]
            for step in sorted(steps, key=lambda s: _TOWARDS[target.category].index(s.category)):
                there = here.after(step)
                if there in seen or len(path) + 2 > left:
                    continue
                seen.add(there)
                longer = [*path, (here, step)]
                if there in self._steps:
                    paths.append((there, longer))
                else:
                    frontier.append(longer)
        return frontier[0] if frontier else []

    def _rank(self, step: Step, target: TransitionTo) -> tuple[int, int]:
        """How near a step that arrives comes to what is wanted; the name of a state may say what a resolution would."""
        resolution = self._fill(step, target)[0].get("resolution", {}).get("name", "")
        return _place(target.names, step.status), _place(target.resolutions, resolution, step.status)

    def _out(self, issue: str, here: Place) -> list[Step]:
        if here not in self._steps:
            answer = mapping(self._client.get(f"issue/{issue}/transitions", expand="transitions.fields"))
            found = [row for row in rows(answer.get("transitions")) if row.get("isAvailable", True)]
            self._steps[here] = [_step(row) for row in found]
        return self._steps[here]

    def _take(self, issue: str, step: Step, target: TransitionTo) -> None:
        payload: dict[str, Any] = {"transition": {"id": step.id}}
        if fields := self._fill(step, target)[0]:
            payload["fields"] = fields
        self._client.post(f"issue/{issue}/transitions", payload)

    def _go_home(self, issue: str, here: Place, start: Place) -> None:
        back = TransitionTo(start.category, (start.status,))
        route = self._route(issue, here, back, HOPS) if here != start else []
        if not route or route[-1][1].status != start.status:
            return
        with suppress(Rejected):
            for _, step in route:
                self._take(issue, step, back)

    def _fill(self, step: Step, target: TransitionTo) -> tuple[dict[str, Any], list[str]]:
        """What to send with the step, and what its screen demands that we do not have."""
        values, lacking = dict[str, Any](), list[str]()
        for field, meta in step.screen.items():
            demanded = bool(meta.get("required")) and not meta.get("hasDefaultValue")
            if field == "resolution" and (name := _resolution(meta, target, demanded=demanded)):
                values[field] = {"name": name}
            elif demanded and field in self._extra:
                values[field] = self._extra[field]
            elif demanded:
                lacking.append(f"{meta.get('name', field)} ({field})")
        return values, lacking

    def _lacking(self, step: Step, target: TransitionTo) -> list[str]:
        return self._fill(step, target)[1]

    def _no_way(self, start: Place, target: TransitionTo) -> NoWay:
        steps = self._steps.get(start, [])
        goal = " or ".join(target.names) or f"a state of category {target.category}"
        if not target.names and start.category is target.category:
            goal += f" other than {start.status}"
        text = f"no transition leads from {start.status} to {goal} within {HOPS} hops"
        for step in steps:
            if lacking := self._lacking(step, target):
                text += f"; {step.name} needs {', '.join(lacking)}"
        reachable = tuple(dict.fromkeys(step.status for step in steps))
        return NoWay(f"{text}; reachable: {', '.join(reachable) or 'nothing'}", reachable)

    def _forget(self, place: Place) -> None:
        known = [p for p in self._steps if (p.project, p.issue_type) == (place.project, place.issue_type)]
        for old in known:
            del self._steps[old]


def place(raw: Mapping[str, Any]) -> Place:
    """Where the issue stands, from its JSON."""
    fields = mapping(raw.get("fields"))
    status = named(fields.get("status"))
    done = fields.get("resolution") is not None
    kind = category(status) or (Category.DONE if done else Category.NEW)
    project = str(mapping(fields.get("project")).get("key") or str(raw.get("key", "")).rpartition("-")[0])
    return Place(project, str(named(fields.get("issuetype")).get("name", "")), str(status.get("name", "")), kind)


def _step(row: Mapping[str, Any]) -> Step:
    to = named(row.get("to") or row.get("name"))
    screen = {name: mapping(meta) for name, meta in mapping(row.get("fields")).items()}
    kind = category(to) or Category.INDETERMINATE
    return Step(row.get("id", ""), str(row.get("name", "")), str(to.get("name", "")), kind, screen)


def _resolution(meta: Mapping[str, Any], target: TransitionTo, *, demanded: bool) -> str | None:
    allowed = [str(row["name"]) for row in rows(meta.get("allowedValues")) if row.get("name")]
    if target.resolutions and not allowed:
        return target.resolutions[0]
    if not target.resolutions and not demanded and target.category is not Category.DONE:
        return None
    wanted = _lower(target.resolutions) or _USUAL_RESOLUTIONS
    return next((name for each in wanted for name in allowed if name.lower() == each), None)


def _place(names: Sequence[str], *told: str) -> int:
    """Which of the names is told first; behind them all where none is."""
    known = set(_lower(told))
    return next((place for place, name in enumerate(_lower(names)) if name in known), len(names))


def _lower(names: Sequence[str]) -> list[str]:
    return [name.lower() for name in names]
