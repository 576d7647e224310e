"""What a run may cost: it depends on what changed, and not on what exists."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.sandbox.github_engineer import GithubEngineer
from state.effects import Because, Effects
from state.model import Actor, Agent, ItemDraft, Priority
from state.store import Store
from state.ticket import TicketRef
from tests.databases import on_sqlite, statements
from tests.e2e.conftest import Installation

BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "olga@acme.example"))


def now() -> datetime:
    return datetime.now(UTC)


def opened(made: Installation) -> Store:
    configured = tomllib.loads((made.folder / "counterfoil.toml").read_text())
    return Store.open(configured["state"]["url"], clock=now)


def add(made: Installation, count: int) -> None:
    with opened(made) as store:
        drafts = [(ItemDraft(f"Encrypt volume {n}"), now().date(), Priority.LOW) for n in range(count)]
        store.add_items(drafts, BECAUSE)


def rest_with(made: Installation, count: int) -> None:
    """Link items to tickets of which the tracker has nothing to tell, until `count` are linked, and leave no work."""
    with opened(made) as store:
        [first] = store.links(["AI-000001"]).values()
        wanted = range(store.link_count("work"), count)
        drafts = [(ItemDraft(f"Volume {number}"), now().date(), Priority.LOW) for number in wanted]
        linked = []
        for number, item in zip(wanted, store.add_items(drafts, BECAUSE), strict=True):
            marker = replace(first.marker, key=store.marker_key(item.ref, "work", 1), item=item.ref)
            ref = TicketRef("work", f"9{number:06d}", f"{first.ref.key}{number:06d}")
            linked.append((replace(first, item=item.ref, ref=ref, marker=marker, item_revision=item.revision), BECAUSE))
        store.commit(None, Effects(linked=linked))
        feed = store.feed("work")
        store.commit(None, Effects(feeds=[replace(feed, settled=feed.fresh, settling=None, settle_at=None)]))


def test_a_quiet_run_asks_the_tracker_once_and_the_database_no_more_however_many_are_linked(
    installation: Installation,
) -> None:
    add(installation, 1)
    installation.run("sync")
    status = 304 if isinstance(installation.engineer, GithubEngineer) else 200
    asked = []
    for count in (10, 300):
        rest_with(installation, count)
        installation.run("sync")
        rest_with(installation, count)
        installation.server.requests.clear()
        with statements() as said:
            report = installation.run("sync")
        assert [one.status for one in installation.server.requests] == [status]
        assert report["requests"] == {"work": 1}
        assert not [one for one in said if "count(" in one and "FROM hold" not in one]
        asked.append(len([one for one in said if "audit" not in one]))
    assert asked[0] == asked[1]


def test_planning_new_tickets_asks_the_database_no_more_for_many_than_for_few(github: Installation) -> None:
    asked = []
    for count in (10, 90):
        add(github, count)
        with statements() as said:
            assert len(github.run("plan")["operations"]) >= count
        asked.append(len([one for one in said if "audit" not in one]))
    assert asked[0] == asked[1]


@on_sqlite
def test_the_database_is_read_as_a_whole_when_the_tickets_are_counted_and_not_at_each_change(
    github: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole() -> int:
        with statements() as said:
            github.run("sync")
        return sum("integrity_check" in one for one in said)

    add(github, 1)
    asked = [whole()]
    for _ in range(2):
        github.run("item", "edit", "AI-000001", "--description", f"Another description than {asked}.")
        asked.append(whole())
    monkeypatch.setenv("COUNTERFOIL_TRACKERS__WORK__AUDIT_HOURS", "0")
    asked.append(whole())
    assert asked == [1, 0, 0, 1]
