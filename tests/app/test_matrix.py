"""Nobody accepts their own risk: every role, relation, name and channel, over the commands' own code."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from state.acceptance import Acceptance, AcceptanceState, Terms, fingerprint
from state.effects import Because, Effects, ItemChange
from state.lease import this_process
from state.model import GROUP, ActionItem, Actor, Agent, Agreed, Field, ItemDraft, Link, Priority
from state.proof import COMMIT, EvidenceDraft, EvidenceKind
from state.store import Store
from state.ticket import Marker, TicketRef
from sync.accepting import Deciding, NotDecided
from sync.app.accepting import deciding
from sync.app.failures import Mistaken
from sync.app.identity import acting
from sync.app.settings import Configuration, load
from sync.app.shell import Shell
from sync.involved import BY_HAND

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLES = ("risk owner", "risk owner of another priority", "reviewer", "none")
OF_THE_REQUEST = ("none", "requester", "editor")
OF_THE_ITEM = ("owner", "owner before", "assignee", "assignee before", "reporter", "filer", "fixer", "committer")
SUBTLE = ("owner before", "assignee before", "filer", "committer")
RELATIONS = (*OF_THE_REQUEST, *OF_THE_ITEM)
NAMES = ("address", "other letters", "account")
CHANNELS = ("command", "delegate", "delegate involved", "delegate without the role", "delegate for themselves")
VERBS = ("approve", "reject", "revoke")


class Case(NamedTuple):
    """One decision; `listed` says that the relation is to the group whose ticket lists the item."""

    relation: str
    name: str
    verb: str
    listed: bool = False


def cases(role: str, channel: str) -> list[Case]:
    """Each case of a role and a channel; all relations, names, verbs and places where the role would do."""
    if role != "risk owner":
        return [Case(relation, NAMES[0], VERBS[0]) for relation in RELATIONS if relation not in SUBTLE]
    full = channel == "command"
    own = itertools.starmap(Case, itertools.product(RELATIONS, NAMES, VERBS if full else VERBS[:1]))
    listed = itertools.product(OF_THE_ITEM, ("address", "account") if full else ())
    some = [case for case in own if full or case.name == NAMES[0] or case.relation not in SUBTLE]
    return [*some, *(Case(relation, name, VERBS[0], listed=True) for relation, name in listed)]


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


def matter(court: Court, who: str, case: Case) -> ActionItem:
    """A new item that somebody, under one of their names, has to do with, and that is asked about."""
    relation, name = case.relation, case.name
    mine = about = item_of(court, who, case, {})
    if case.listed:
        about = item_of(court, who, case, {GROUP: f"group:check:{mine.ref}"})
    them, write = called(who, name), court.store.commit
    pieces = {"fixer": "", "committer": COMMIT}
    write(
        None,
        Effects(
            linked=[(linked(about, who, relation, name), BECAUSE)],
            evidence=[(change(about, them, pieces[relation]), BECAUSE)] if relation in pieces else (),
            requests=[(asked(mine, them, relation), BECAUSE)],
        ),
    )
    if case.listed:
        write(None, Effects(changes=[ItemChange(mine.ref, {"part_of": about.ref}, BECAUSE)]))
    if relation == "owner before":
        write(None, Effects(changes=[ItemChange(about.ref, {"owner": OLGA}, BECAUSE)]))
    if relation == "assignee before":
        court.store.unlink(about.ref, BECAUSE)
    return mine


def item_of(court: Court, who: str, case: Case, origin: dict[str, str]) -> ActionItem:
    """A new item, or with such an origin a group, of which somebody may be the owner, or who filed it."""
    its = case.listed is bool(origin)
    owns = its and case.relation.startswith("owner")
    owner = called(who, "address" if case.name == "account" else case.name) if owns else OLGA
    draft = ItemDraft("Close the port", owner=owner, controls=(), risks=(), origin=origin)
    name = who if case.name == "account" else called(who, case.name)
    filer = Agent(Actor.HUMAN, "counterfoil", name if its and case.relation == "filer" else OLGA)
    return court.store.add_items([(draft, date(2026, 12, 20), Priority.HIGH)], Because(filer, reason=BY_HAND))[0]


def linked(item: ActionItem, who: str, relation: str, name: str) -> Link:
    number = item.ref.removeprefix("AI-").lstrip("0")
    named = f"account:{who}-at-acme" if name == "account" else called(who, name)
    return Link(
        item.ref,
        TicketRef("work", number, f"acme/platform#{number}"),
        "",
        Marker(number.rjust(26, "a"), item.ref),
        {Field.ASSIGNEE: Agreed(None, named if relation.startswith("assignee") else None)},
        1,
        "",
        NOW,
        "run",
        reporter=f"{who}-at-acme" if relation == "reporter" else "counterfoil-bot",
    )


def change(item: ActionItem, by: str, commit: str) -> EvidenceDraft:
    kind = EvidenceKind.LINK if commit else EvidenceKind.PULL_REQUEST
    return EvidenceDraft(kind, "the port is closed", by, NOW, item.ref, origin="work", remote_id=f"{commit}{item.ref}")


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
    for case in chosen:
        before, verb, relation = matter(court, involved, case), case.verb, case.relation
        if verb == "revoke":
            login("fay")
            court.deciding(config).approve(before.ref, Terms(""), acting(config).decider, BECAUSE)
        decided = decide(court, config, login, channel, verb, before)
        allowed = may(role, relation, "delegate" if channel == "delegate involved" else channel)
        if decided is not allowed or (court.store.item(before.ref).accepted is not None) is not STANDS[verb, allowed]:
            wrong.append((case, decided))
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


@pytest.mark.parametrize("relation", OF_THE_ITEM)
def test_who_has_to_do_with_it_by_the_last_approval_is_not_counted(
    court: Court, login: Login, monkeypatch: pytest.MonkeyPatch, relation: str
) -> None:
    monkeypatch.setenv("COUNTERFOIL_USER", "fay")
    config = court.configured("risk owner", "command")
    two = court.deciding(config)
    two = replace(two, authorities=replace(two.authorities, approvals={Priority.HIGH: 2}))
    item = matter(court, "kim", Case("none", "address", "approve"))
    login("kim")
    two.approve(item.ref, Terms(""), acting(config).decider, BECAUSE)
    later(court, item, relation)
    login("fay")
    assert two.approve(item.ref, Terms(""), acting(config).decider, BECAUSE).state is AcceptanceState.REQUESTED


def later(court: Court, item: ActionItem, relation: str) -> None:
    """Kim has to do with the item by now; where it is too late for that, by a group that lists it from now on."""
    if relation == "filer":
        group = item_of(court, "kim", Case(relation, "address", "approve", listed=True), {GROUP: item.ref})
        effects = Effects(changes=[ItemChange(item.ref, {"part_of": group.ref}, BECAUSE)])
    elif relation.startswith("owner"):
        effects = Effects(changes=[ItemChange(item.ref, {"owner": "kim@acme.example"}, BECAUSE)])
    elif relation in ("fixer", "committer"):
        piece = change(item, "github:kim-at-acme", COMMIT if relation == "committer" else "")
        effects = Effects(evidence=[(piece, BECAUSE)])
    else:
        effects = Effects(touched=[linked(item, "kim", relation, "account")])
    court.store.commit(None, effects)
    if relation == "owner before":
        court.store.commit(None, Effects(changes=[ItemChange(item.ref, {"owner": OLGA}, BECAUSE)]))
    if relation == "assignee before":
        court.store.unlink(item.ref, BECAUSE)


def test_the_matrix_has_its_size() -> None:
    assert sum(len(cases(role, channel)) for role in ROLES for channel in CHANNELS) >= 300
