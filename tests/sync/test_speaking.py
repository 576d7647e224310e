"""A comment about a topic stands in its ticket once, and is edited there."""

from typing import Any

import pytest

from connectors.errors import Ambiguous
from state.effects import Effects
from state.model import Comment


def say(world: Any, ref: str, text: str) -> None:
    comment = Comment("", ref, "counterfoil", text, world.clock(), inbound=False, tracker="eng", topic="missing")
    world.store.commit(None, Effects(comments=[(comment, world.because())]))


def spoken(world: Any, ref: str) -> list[str]:
    return [a.text.partition("\n")[0] for a in world.far.activity(world.link(ref).ref) if a.kind == "comment"]


def at_rest(world: Any) -> bool:
    report = world.sync()
    return report.plan.operations == () and world.store.open_intents() == [] and not world.store.waiting_comments()


def test_it_is_edited_where_it_stands_and_then_nothing_is_written(world: Any) -> None:
    item = world.add()
    world.sync()
    for text in ("A screenshot is missing.", "A review is missing.", "Nothing is missing."):
        say(world, item.ref, text)
        assert world.sync().tally.commented == 1
        assert spoken(world, item.ref) == [text]
        assert at_rest(world)


@pytest.mark.parametrize("happened", [True, False])
def test_an_edit_whose_answer_was_lost_is_made_again_once_it_cannot_come_late(world: Any, happened: bool) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    say(world, item.ref, "A screenshot is missing.")
    world.sync()
    say(world, item.ref, "A review is missing.")
    if happened:
        world.far.lose_answer("recomment")
    else:
        world.far.fail_next("recomment", Ambiguous("the connection broke"))
    assert world.sync().exit_code == 3
    say(world, item.ref, "A screenshot is missing.")
    assert world.sync().tally.commented == 0
    world.clock.sleep(600)
    world.sync()
    assert spoken(world, item.ref) == ["A screenshot is missing."]
    assert at_rest(world)


@pytest.mark.parametrize("last", ["A screenshot is missing.", "A review is missing."])
def test_one_that_is_found_after_a_lost_answer_is_recorded_as_sent_in_the_words_that_were_sent(
    world: Any, last: str
) -> None:
    item = world.add()
    world.sync()
    say(world, item.ref, "A screenshot is missing.")
    world.far.lose_answer("comment")
    world.sync()
    say(world, item.ref, last)

    def unlink(point: str) -> None:
        if point == "changes.after" and world.store.link(item.ref) is not None:
            world.store.unlink(item.ref, world.because("a mistake"))

    world.crash = unlink
    world.sync()
    told = [record.told for record in world.store.log([item.ref])]
    [added] = [each["after"] for each in told if each["action"] == "comment.added"]
    [sent] = [each["after"] for each in told if each["action"] == "comment.sent"]
    assert (sent["text"], bool(sent["remote_id"])) == (added["text"], True)


@pytest.mark.parametrize("last", ["A screenshot is missing.", "A review is missing."])
def test_one_that_is_found_is_written_again_only_to_say_something_else(world: Any, last: str) -> None:
    item = world.add()
    world.sync()
    say(world, item.ref, "A screenshot is missing.")
    world.far.lose_answer("comment")
    world.sync()
    say(world, item.ref, last)
    edits = last != "A screenshot is missing."
    assert world.sync().tally.commented == edits
    actions = [r.told["action"] for r in world.store.log([item.ref])]
    assert [a for a in actions if a == "comment.sent"] == ["comment.sent"] * (1 + edits)
    assert spoken(world, item.ref) == [last]
    assert at_rest(world)


def test_an_edit_in_doubt_on_a_ticket_that_is_the_items_no_more_is_recorded_as_perhaps_sent(world: Any) -> None:
    item = world.add()
    world.sync()
    for text in ("A screenshot is missing.", "A review is missing."):
        say(world, item.ref, text)
        world.far.lose_answer("recomment")
        world.sync()
    [stands] = [a.id for a in world.far.activity(world.link(item.ref).ref) if a.kind == "comment"]
    world.store.unlink(item.ref, world.because("a mistake"))
    world.sync()
    [perhaps] = [r.told["after"] for r in world.store.log([item.ref]) if r.told["action"] == "comment.perhaps_sent"]
    assert (perhaps["id"], perhaps["remote_id"]) == ("C-000001", stands)


def test_one_that_somebody_deleted_is_said_anew_once(world: Any) -> None:
    item = world.add()
    world.sync()
    say(world, item.ref, "A screenshot is missing.")
    world.sync()
    stored = world.far.stored(world.link(item.ref).ref)
    stored.log[:] = [a for a in stored.log if a.kind != "comment"]
    assert world.sync().tally.commented == 0
    say(world, item.ref, "A review is missing.")
    world.sync()
    assert spoken(world, item.ref) == ["A review is missing."]
    assert at_rest(world)


@pytest.mark.parametrize("step", ["saying", "comment", "said"])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("edit", [False, True])
def test_a_kill_anywhere_leaves_one_comment_that_says_the_last_word(
    world: Any, step: str, side: str, edit: bool
) -> None:
    item = world.add()
    world.sync()
    texts = ["A screenshot is missing.", "A review is missing."][: 1 + edit]
    for text in texts[:-1]:
        say(world, item.ref, text)
        world.sync()

    def crash(point: str) -> None:
        if point == f"{step}.{side}":
            raise KeyboardInterrupt

    say(world, item.ref, texts[-1])
    world.crash = crash
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    for _ in range(2):
        world.clock.sleep(600)
        world.sync()
    assert spoken(world, item.ref) == texts[-1:]
    assert at_rest(world)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_persons_comment_mentions_people_where_that_is_allowed_and_nothing_else_ever_does(
    world: Any, allowed: bool
) -> None:
    world.mentions = allowed
    text = "ask @tom@acme.example and @eve"
    item = world.add(description=text)
    world.sync()
    world.store.add_comment(item.ref, "mia@acme.example", text, world.because())
    say(world, item.ref, text)
    world.sync()
    block = str(world.ticket(item.ref).body).replace("\u200b", "|")
    said = [line.replace("\u200b", "|") for line in spoken(world, item.ref)]
    assert "ask @|tom@acme.example and @|eve" in block
    assert said == [f"ask {'@tom' if allowed else '@|tom@acme.example'} and @|eve", "ask @|tom@acme.example and @|eve"]
    assert at_rest(world)
