"""How an embedded Jira is set up: its people, project, workflow and screens."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.sandbox.calls import User

SYNC = User("5b10a2844c20165700ede21f", "sync", "Counterfoil Sync", "sync@acme.example", "jira-sync-token")
MIA = User("5b10ac8d82e05b22cc7d4ef5", "mia", "Mia Krystof", "mia@acme.example", "jira-mia-token")
OMAR = User("5b109f2e9729b51b54dc274d", "omar", "Omar Haddad", "omar@acme.example", "jira-omar-token")
LENA = User("5b1099d0c8a4f72b6c5e4a11", "lena", "Lena Vogt", "lena@acme.example", "jira-lena-token")
ROBOT = User(
    "557058:f58131cb-b67d-43c7", "automation", "Automation", "robot@acme.example", "jira-robot-token", bot=True
)
WATCHER = User("5b10f1aa3d2b4e6f9c0d1e22", "vera", "Vera Blick", "vera@acme.example", "jira-vera-token", writes=False)
PEOPLE = (SYNC, MIA, OMAR, LENA, ROBOT, WATCHER)


@dataclass(frozen=True, slots=True)
class Category:
    """One of the three kinds of status."""

    id: int
    key: str
    name: str
    colour: str


NEW = Category(2, "new", "To Do", "blue-gray")
INDETERMINATE = Category(4, "indeterminate", "In Progress", "yellow")
DONE = Category(3, "done", "Done", "green")


@dataclass(frozen=True, slots=True)
class Status:
    """A status of the workflow."""

    id: str
    name: str
    category: Category


TO_DO = Status("10000", "To Do", NEW)
IN_PROGRESS = Status("3", "In Progress", INDETERMINATE)
IN_REVIEW = Status("10001", "In Review", INDETERMINATE)
CLOSED = Status("10002", "Done", DONE)


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of the workflow from any of `sources` (none means from everywhere).

    `screen` names the fields one may set on the way and `required` those one must. `resolution` is what a step into
    a done status sets when the screen does not say; a step out of one clears it.
    """

    id: str
    name: str
    sources: tuple[Status, ...]
    to: Status
    screen: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    resolution: str | None = "Done"

    def leaves(self, status: Status) -> bool:
        """Whether this step can be taken from `status`."""
        return not self.sources or status in self.sources


Workflow = tuple[Transition, ...]

_UNDONE = (TO_DO, IN_PROGRESS, IN_REVIEW)

DEFAULT: Workflow = (
    Transition("11", "To Do", (IN_PROGRESS, IN_REVIEW, CLOSED), TO_DO),
    Transition("21", "Start progress", (TO_DO, IN_REVIEW, CLOSED), IN_PROGRESS),
    Transition("31", "Ask for review", (IN_PROGRESS,), IN_REVIEW),
    Transition("41", "Done", _UNDONE, CLOSED, screen=("resolution",)),
)
CHAIN: Workflow = (
    Transition("21", "Start progress", (TO_DO,), IN_PROGRESS),
    Transition("31", "Ask for review", (IN_PROGRESS,), IN_REVIEW),
    Transition("41", "Done", (IN_REVIEW,), CLOSED, screen=("resolution",)),
    Transition("51", "Reopen", (CLOSED,), TO_DO),
)
DEAD_END: Workflow = (
    Transition("21", "Start progress", (TO_DO,), IN_PROGRESS),
    Transition("31", "Ask for review", (IN_PROGRESS,), IN_REVIEW),
)
NO_RESOLUTION: Workflow = tuple(replace(step, screen=(), resolution=None) for step in DEFAULT)
RESOLUTION_REQUIRED: Workflow = tuple(
    replace(step, required=("resolution",)) if step.to is CLOSED else step for step in DEFAULT
)

WORKFLOWS: Mapping[str, Workflow] = {
    "default": DEFAULT,
    "chain": CHAIN,
    "dead-end": DEAD_END,
    "no-resolution": NO_RESOLUTION,
    "resolution-required": RESOLUTION_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field of the site's own; `type` is `string`, `number` or `option` (then of `options`)."""

    id: str
    name: str
    type: str = "string"
    options: tuple[str, ...] = ()


FIELDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "summary": ("Summary", {"type": "string", "system": "summary"}),
    "issuetype": ("Issue Type", {"type": "issuetype", "system": "issuetype"}),
    "project": ("Project", {"type": "project", "system": "project"}),
    "description": ("Description", {"type": "string", "system": "description"}),
    "priority": ("Priority", {"type": "priority", "system": "priority"}),
    "assignee": ("Assignee", {"type": "user", "system": "assignee"}),
    "reporter": ("Reporter", {"type": "user", "system": "reporter"}),
    "labels": ("Labels", {"type": "array", "items": "string", "system": "labels"}),
    "duedate": ("Due date", {"type": "date", "system": "duedate"}),
    "resolution": ("Resolution", {"type": "resolution", "system": "resolution"}),
    "status": ("Status", {"type": "status", "system": "status"}),
    "created": ("Created", {"type": "datetime", "system": "created"}),
    "updated": ("Updated", {"type": "datetime", "system": "updated"}),
}
SCREEN = ("project", "issuetype", "summary", "description", "priority", "assignee", "labels", "duedate")


@dataclass(frozen=True, slots=True)
class Site:
    """One Jira with one project to work in; `other_projects` are there to move issues to.

    `screen` is what can be set on create and on edit, `required` what must be set on create beyond the summary.
    `timezone` is that of everybody's profile, in which dates in JQL are read. In a `service_desk`, comments may be
    internal.
    """

    project: str = "SEC"
    other_projects: tuple[str, ...] = ("OPS",)
    issue_types: tuple[str, ...] = ("Task", "Bug")
    statuses: tuple[Status, ...] = (TO_DO, IN_PROGRESS, IN_REVIEW, CLOSED)
    workflow: Workflow = DEFAULT
    priorities: tuple[str, ...] = ("Highest", "High", "Medium", "Low", "Lowest")
    default_priority: str = "Medium"
    resolutions: tuple[str, ...] = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce")
    screen: tuple[str, ...] = SCREEN
    required: tuple[str, ...] = ()
    custom: tuple[CustomField, ...] = ()
    people: tuple[User, ...] = PEOPLE
    timezone: str = "UTC"
    service_desk: bool = False
    unassignable: frozenset[str] = field(default_factory=lambda: frozenset({WATCHER.name, ROBOT.name}))

    def custom_field(self, id_: str) -> CustomField | None:
        """The site's own field of this id."""
        return next((one for one in self.custom if one.id == id_), None)
