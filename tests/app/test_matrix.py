"""Nobody accepts their own risk: every role, relation, name and channel, over the commands' own code."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from state.acceptance import Acceptance, AcceptanceState, Terms, fingerprint
from state.effects import Because, Effects
from state.lease import this_process
from state.model import ActionItem, Actor, Agent, Agreed, Field, ItemDraft, Link, Priority
from state.proof import EvidenceDraft, EvidenceKind
from state.store import Store
from state.ticket import Marker, TicketRef
from sync.accepting import Deciding, NotDecided
from sync.app.accepting import deciding
from sync.app.failures import Mistaken
from sync.app.identity import acting
from sync.app.settings import Configuration, load
from sync.app.shell import Shell

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLES = ("risk owner", "risk owner of another priority", "reviewer", "none")
RELATIONS = ("none", "requester", "owner", "assignee", "reporter", "fixer", "editor")
NAMES = ("address", "other letters", "account")
CHANNELS = ("command", "delegate", "delegate involved", "delegate without the role", "delegate for themselves")
VERBS = ("approve", "reject", "revoke")


def cases(role: str, channel: str) -> list[tuple[str, str, str]]:
    """Relation, name and verb of each case of a role and a channel; all names and verbs where the role would do."""
    names = NAMES if role == "risk owner" else NAMES[:1]
    verbs = VERBS if (role, channel) == ("risk owner", "command") else VERBS[:1]
    return list(itertools.product(RELATIONS, names, verbs))


CONFIG = """
[state]
url = "{url}"
[trackers.work]
kind = "github"
url = "https://api.github.com"
repository = "acme/platform"
token_env = "NONE"
[[routes]]
tracker = "work"
[[people]]
email = "kim@acme.example"
login = "kim"
github = "kim-at-acme"
[[people]]
email = "dee@acme.example"
login = "dee"
github = "dee-at-acme"
[[people]]
email = "fay@acme.example"
login = "fay"
github = "fay-at-acme"
[roles]
reviewer = [{reviewer}]
delegate = [{delegate}]
[roles.risk_owner]
high = [{high}]
low = [{low}]
"""


Login = Callable[[str], None]


@dataclass(frozen=True)
class Court:
    """A store with one item for each decision, and the configuration by which it is taken."""

    store: Store
    folder: Path
    url: str

    def configured(self, role: str, channel: str) -> Configuration:
        named = {"reviewer": "", "delegate": "", "high": '"fay@acme.example"', "low": ""}
        place = {"risk owner": "high", "risk owner of another priority": "low", "reviewer": "reviewer"}.get(role)
        if place is not None:
            named[place] = ", ".join(filter(None, (named[place], '"kim@acme.example"')))
        if channel != "delegate without the role":
            named["delegate"] = '"dee@acme.example", "kim@acme.example"'
        file = self.folder / f"{role}-{channel}.toml".replace(" ", "-")
        if not file.exists():
            file.write_text(CONFIG.format(url=self.url, **named), encoding="utf-8")
        return load(file)

    def deciding(self, config: Configuration) -> Deciding:
        made = deciding(Shell(self.folder, clock=lambda: NOW), config, self.store)
        return replace(made, clock=lambda: NOW, holder=this_process())


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    folder = tmp_path_factory.mktemp("court")
    url = f"sqlite:///{folder / 'book.db'}"
    with Store.create(url, clock=lambda: NOW, entropy=bytes) as store:
        yield Court(store, folder, url)


OLGA, TOM = "olga@acme.example", "tom@acme.example"
STANDS = {("approve", True): True, ("approve", False): False, ("reject", True): False, ("reject", False): False}
STANDS |= {("revoke", True): False, ("revoke", False): True}
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "test"))


def called(who: str, name: str) -> str:
    return {"address": f"{who}@acme.example", "other letters": f"{who.title()}@Acme.Example"}.get(
        name, f"github:{who}-at-acme"
    )


def matter(court: Court, who: str, chosen: list[tuple[str, str, str]]) -> list[ActionItem]:
    """A new item for each case, that somebody, under one of their names, has to do with, and that is asked about."""
    owners = [called(who, "address" if n == "account" else n) if r == "owner" else OLGA for r, n, _ in chosen]
    drafts = [(ItemDraft("Close the port", owner=owner), date(2026, 12, 20), Priority.HIGH) for owner in owners]
    items = court.store.add_items(drafts, BECAUSE)
    pairs = list(zip(items, chosen, strict=True))
    court.store.commit(
        None,
        Effects(
            linked=[(linked(item, who, relation, name), BECAUSE) for item, (relation, name, _) in pairs],
            evidence=[
                (merged(item, called(who, name)), BECAUSE) for item, (relation, name, _) in pairs if relation == "fixer"
            ],
            requests=[(asked(item, called(who, name), relation), BECAUSE) for item, (relation, name, _) in pairs],
        ),
    )
    return items


def linked(item: ActionItem, who: str, relation: str, name: str) -> Link:
    number = item.ref.removeprefix("AI-").lstrip("0")
    named = f"account:{who}-at-acme" if name == "account" else called(who, name)
    return Link(
        item.ref,
        TicketRef("work", number, f"acme/platform#{number}"),
        "",
        Marker(number.rjust(26, "a"), item.ref),
        {Field.ASSIGNEE: Agreed(None, named if relation == "assignee" else None)},
        1,
        "",
        NOW,
        "run",
        reporter=f"{who}-at-acme" if relation == "reporter" else "counterfoil-bot",
    )


def merged(item: ActionItem, by: str) -> EvidenceDraft:
    return EvidenceDraft(
        EvidenceKind.PULL_REQUEST, "the port is closed", by, NOW, item.ref, origin="work", remote_id=item.ref
    )


def asked(item: ActionItem, them: str, relation: str) -> Acceptance:
    terms = Terms("switched off in March", date(2027, 2, 1), "an alert", 2, 2)
    requester, editors = them if relation == "requester" else TOM, (them,) if relation == "editor" else ()
    state, bound = AcceptanceState.REQUESTED, fingerprint(item)
    return Acceptance("", item.ref, state, terms, requester, NOW, bound, editors, "work")


def may(role: str, relation: str, channel: str) -> bool:
    """What the README promises, said once more."""
    return role == "risk owner" and relation == "none" and channel in ("command", "delegate", "delegate for themselves")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_only_a_risk_owner_who_has_nothing_to_do_with_it_decides(
    court: Court, login: Login, monkeypatch: pytest.MonkeyPatch, role: str, channel: str
) -> None:
    monkeypatch.setenv("COUNTERFOIL_USER", "fay")
    config, wrong = court.configured(role, channel), []
    involved, chosen = "dee" if channel == "delegate involved" else "kim", cases(role, channel)
    for before, (relation, name, verb) in zip(matter(court, involved, chosen), chosen, strict=True):
        if verb == "revoke":
            login("fay")
            court.deciding(config).approve(before.ref, Terms(""), acting(config).decider, BECAUSE)
        decided = decide(court, config, login, channel, verb, before)
        allowed = may(role, relation, "delegate" if channel == "delegate involved" else channel)
        if decided is not allowed or (court.store.item(before.ref).accepted is not None) is not STANDS[verb, allowed]:
            wrong.append((relation, name, verb, decided))
    assert wrong == []


def decide(court: Court, config: Configuration, login: Login, channel: str, verb: str, item: ActionItem) -> bool:
    """Whether Kim, by this channel, was let decide."""
    login("kim" if channel in ("command", "delegate for themselves") else "dee")
    deciding_ = court.deciding(config)
    try:
        who = acting(config, None if channel == "command" else "kim@acme.example")
        if verb == "approve":
            deciding_.approve(item.ref, Terms(""), who.decider, BECAUSE)
        elif verb == "reject":
            deciding_.reject(item.ref, "no", who.decider, BECAUSE)
        else:
            deciding_.revoke(item.ref, "no more", who.decider, BECAUSE)
    except (NotDecided, Mistaken):
        return False
    return True


def test_the_matrix_has_its_size() -> None:
    assert sum(len(cases(role, channel)) for role in ROLES for channel in CHANNELS) >= 200
