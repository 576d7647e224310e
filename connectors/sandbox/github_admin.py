"""What a test may arrange in an embedded GitHub that the vendor has no REST request for."""

import re
from dataclasses import replace

from connectors.sandbox import github_rules as rules
from connectors.sandbox.calls import Answer
from connectors.sandbox.github_model import ROLES, Issue, Pull, Repository, Review
from connectors.sandbox.github_visit import Table, Visit

REVIEWS = ("APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED")


def delete_issue(visit: Visit) -> Answer:
    """Delete an issue for good; afterwards it answers 410."""
    visit.state.delete(visit.issue(), visit.person)
    return Answer(204)


def transfer_issue(visit: Visit) -> Answer:
    """Move an issue to the repository `to`, which is made where there is none; afterwards it answers 301."""
    moved = visit.state.transfer(visit.issue(), _repository(visit, visit.body().get("to")), visit.person)
    return Answer(201, visit.show.issue(moved))


def _repository(visit: Visit, name: object) -> Repository:
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise rules.malformed('a repository is called "owner/name".')
    known = visit.state.names.get(name.lower())
    return visit.state.add_repository(name) if known is None else visit.state.repositories[known]


def create_repository(visit: Visit) -> Answer:
    """Make an empty repository called `full_name`."""
    made = _repository(visit, visit.body().get("full_name"))
    return Answer(201, visit.show.repository(made, visit.person))


def _mentioned(visit: Visit, text: str) -> list[Issue]:
    numbers = dict.fromkeys(int(found) for found in re.findall(r"#(\d+)", text))
    known = (visit.state.issues.get((visit.repository.id, number)) for number in numbers)
    return [issue for issue in known if issue is not None and not issue.deleted and issue.moved_to is None]


def open_pull(visit: Visit) -> Answer:
    """Open a pull request; the issues that its body mentions show it in their timelines."""
    body = visit.body()
    text = rules.text(body, "body", rules.TEXT_LIMIT)
    head = str(body.get("head", "change"))
    pull = visit.state.create(visit.repository, visit.person, rules.title(body), text, pull=Pull(head))
    for issue in _mentioned(visit, text or ""):
        visit.state.refer(issue, pull, visit.person)
    return Answer(201, visit.show.issue(pull))


def merge_pull(visit: Visit) -> Answer:
    """Merge a pull request; the issues that its body says it fixes or closes are closed as completed."""
    pull = visit.issue()
    if pull.pull is None or pull.state == "closed":
        raise rules.Refusal(405, "Pull Request is not mergeable")
    commit = f"{pull.id:040x}"
    visit.state.close(pull, "completed", visit.person, commit=commit)
    merged = replace(pull.pull, merged_at=visit.state.stamp(), merged_by=visit.person.login, commit=commit)
    pull.pull = merged
    closing = re.findall(r"(?i)\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?):?\s+(#\d+)", pull.body or "")
    for issue in _mentioned(visit, " ".join(closing)):
        visit.state.close(issue, "completed", visit.person, commit=commit)
    return Answer(200, {"sha": commit, "merged": True, "message": "Pull Request successfully merged"})


def review_pull(visit: Visit) -> Answer:
    """Say what one found of a pull request, as `{"state": "APPROVED"}`."""
    pull, state = visit.issue(), visit.body().get("state")
    if pull.pull is None or state not in REVIEWS:
        raise rules.malformed(f"a review is one of {', '.join(REVIEWS)}.")
    given = Review(visit.state.new_id(), visit.person.login, str(state), visit.state.stamp())
    pull.pull = replace(pull.pull, reviews=(*pull.pull.reviews, given))
    return Answer(204)


def minimize(visit: Visit) -> Answer:
    """Hide a comment for the `reason` given, or show it again where none is."""
    reason = visit.body().get("reason")
    comment = visit.comment()
    comment.minimized = str(reason) if reason else None
    visit.state.touch(visit.state.issues[comment.repository, comment.issue])
    return Answer(204)


def set_role(visit: Visit) -> Answer:
    """Give somebody another role in every repository; `none` hides them all."""
    person, role = visit.state.people.get(visit.call.params["login"].lower()), visit.body().get("role")
    if person is None:
        raise rules.not_found()
    if role not in ROLES:
        raise rules.malformed(f"a role is one of {', '.join(ROLES)}.")
    person.role = role
    return Answer(204)


GLOBAL: Table = (
    ("PUT", "/_sandbox/people/{login}/role", set_role),
    ("POST", "/_sandbox/repos", create_repository),
)

TABLE: Table = (
    ("DELETE", "/issues/{number}", delete_issue),
    ("POST", "/issues/{number}/transfer", transfer_issue),
    ("POST", "/pulls", open_pull),
    ("PUT", "/pulls/{number}/merge", merge_pull),
    ("POST", "/pulls/{number}/reviews", review_pull),
    ("PUT", "/issues/comments/{comment}/minimized", minimize),
)
"""Below `/_sandbox/repos/{owner}/{repo}`."""
