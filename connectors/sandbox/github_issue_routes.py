"""What an embedded GitHub does with issues and their comments, labels, assignees and history."""

from connectors.sandbox import github_rules as rules
from connectors.sandbox.calls import Answer
from connectors.sandbox.github_listing import choice, moment
from connectors.sandbox.github_model import Comment, Event, Issue
from connectors.sandbox.github_visit import Table, Visit

LOCK_REASONS = ("off-topic", "too heated", "resolved", "spam")


def list_issues(visit: Visit) -> Answer:
    """Issues and pull requests of a repository."""
    rules.available(visit.repository)
    return visit.issues()


def create_issue(visit: Visit) -> Answer:
    """Open an issue; labels and assignees of people without triage rights are dropped without a word."""
    rules.available(visit.repository)
    rules.may_write(visit.repository)
    body = visit.body()
    title, text = rules.title(body), rules.text(body, "body", rules.TEXT_LIMIT)
    labels, assignees = rules.label_names(body), None
    trusted = visit.person.may("triage")
    if trusted:
        assignees = rules.assignees(visit.state, body)
    issue = visit.state.create(
        visit.repository,
        visit.person,
        title,
        text,
        labels=labels or () if trusted else (),
        assignees=assignees or (),
    )
    return Answer(201, visit.show.issue(issue), {"location": visit.show.issue_url(issue)})


def get_issue(visit: Visit) -> Answer:
    """One issue, read past the lag of lists."""
    return Answer(200, visit.show.issue(visit.issue()))


def edit_issue(visit: Visit) -> Answer:
    """Change what is given; a reason counts only together with a change of state."""
    issue, state, person = visit.issue(), visit.state, visit.person
    rules.may_write(visit.repository)
    rules.may_edit(issue, person)
    body = visit.body()
    wanted, reason = rules.state_change(body)
    title = rules.title(body) if body.get("title") is not None else issue.title
    text = rules.text(body, "body", rules.TEXT_LIMIT) if "body" in body else issue.body
    labels = rules.label_names(body)
    assignees = rules.assignees(state, body) if person.may("triage") else None
    state.retitle(issue, title, person)
    state.rewrite(issue, text, person)
    if wanted == "closed":
        state.close(issue, reason if reason in rules.REASONS[:3] else "completed", person)
    elif wanted == "open":
        state.reopen(issue, person)
    if labels is not None and person.may("triage"):
        state.relabel(issue, labels, person)
    if assignees is not None:
        state.reassign(issue, assignees, person)
    return Answer(200, visit.show.issue(issue))


def list_comments(visit: Visit) -> Answer:
    """The comments of one issue, oldest first."""
    since = moment(visit.query)
    comments = [visit.state.comments[key] for key in visit.issue().comments]
    return visit.paged([one for one in comments if one.updated_at >= since], visit.show.comment)


def list_all_comments(visit: Visit) -> Answer:
    """The comments of all issues of a repository."""
    since = moment(visit.query)
    upwards = choice(visit.query, "direction", ("asc", "desc")) == "asc"
    by_update = choice(visit.query, "sort", ("created", "updated")) == "updated"

    def place(one: Comment) -> tuple[str, int]:
        return (one.updated_at if by_update else one.created_at, one.id)

    found = [one for one in visit.state.comments.values() if one.repository == visit.repository.id]
    kept = [one for one in found if one.updated_at >= since and not _deleted(visit, one)]
    return visit.paged(sorted(kept, key=place, reverse=not upwards), visit.show.comment)


def _deleted(visit: Visit, comment: Comment) -> bool:
    return visit.state.issues[comment.repository, comment.issue].deleted


def create_comment(visit: Visit) -> Answer:
    """Comment on an issue."""
    issue = visit.issue()
    rules.may_write(visit.repository)
    rules.may_comment(issue, visit.person)
    comment = visit.state.add_comment(issue, rules.comment_text(visit.body()), visit.person)
    shown = visit.show.comment(comment)
    return Answer(201, shown, {"location": shown["url"]})


def get_comment(visit: Visit) -> Answer:
    """One comment."""
    return Answer(200, visit.show.comment(visit.comment()))


def _own_comment(visit: Visit) -> Comment:
    comment = visit.comment()
    if comment.author != visit.person.login:
        visit.need("write")
    rules.may_write(visit.repository)
    return comment


def edit_comment(visit: Visit) -> Answer:
    """Change the text of a comment."""
    comment = _own_comment(visit)
    visit.state.edit_comment(comment, rules.comment_text(visit.body()), visit.person)
    return Answer(200, visit.show.comment(comment))


def delete_comment(visit: Visit) -> Answer:
    """Delete a comment."""
    visit.state.remove_comment(_own_comment(visit))
    return Answer(204)


def _labels(visit: Visit, issue: Issue) -> list[rules.Json]:
    known = visit.repository.labels
    return [visit.show.label(visit.repository, known[name.lower()]) for name in issue.labels]


def _labelled(visit: Visit) -> Issue:
    issue = visit.issue()
    visit.need("triage")
    rules.may_write(visit.repository)
    return issue


def list_labels(visit: Visit) -> Answer:
    """The labels of an issue."""
    return visit.paged(_labels(visit, visit.issue()), lambda shown: shown)


def add_labels(visit: Visit) -> Answer:
    """Put labels on an issue, beside those it has."""
    issue = _labelled(visit)
    visit.state.relabel(issue, [*issue.labels, *(rules.label_names(visit.body()) or ())], visit.person)
    return Answer(200, _labels(visit, issue))


def set_labels(visit: Visit) -> Answer:
    """Put labels on an issue in place of those it has."""
    issue = _labelled(visit)
    visit.state.relabel(issue, rules.label_names(visit.body()) or (), visit.person)
    return Answer(200, _labels(visit, issue))


def remove_label(visit: Visit) -> Answer:
    """Take one label off an issue; one that is not there is not found."""
    issue = _labelled(visit)
    name = visit.call.params["name"].lower()
    if name not in {one.lower() for one in issue.labels}:
        raise rules.Refusal(404, "Label does not exist")
    visit.state.relabel(issue, [one for one in issue.labels if one.lower() != name], visit.person)
    return Answer(200, _labels(visit, issue))


def clear_labels(visit: Visit) -> Answer:
    """Take every label off an issue."""
    visit.state.relabel(_labelled(visit), (), visit.person)
    return Answer(204)


def check_assignee(visit: Visit) -> Answer:
    """Whether an issue may be given to somebody."""
    visit.issue()
    return check_login(visit)


def check_login(visit: Visit) -> Answer:
    """Whether the issues of a repository may be given to somebody."""
    if not rules.assignable(visit.state, visit.call.params["login"]):
        raise rules.not_found()
    return Answer(204)


def _reassigned(visit: Visit, *, adds: bool) -> Issue:
    issue = visit.issue()
    rules.may_write(visit.repository)
    named = rules.names(visit.body(), "assignees", "login") or []
    if visit.person.may("triage"):
        known = [login for login in named if rules.assignable(visit.state, login)]
        gone = {login.lower() for login in named}
        kept = [login for login in issue.assignees if adds or login.lower() not in gone]
        visit.state.reassign(issue, [*kept, *(known if adds else ())], visit.person)
    return issue


def add_assignees(visit: Visit) -> Answer:
    """Give an issue to more people; those it cannot be given to are ignored without a word."""
    return Answer(201, visit.show.issue(_reassigned(visit, adds=True)))


def remove_assignees(visit: Visit) -> Answer:
    """Take an issue from people."""
    return Answer(200, visit.show.issue(_reassigned(visit, adds=False)))


def lock(visit: Visit) -> Answer:
    """Lock the conversation."""
    issue, reason = visit.issue(), visit.body().get("lock_reason")
    visit.need("write")
    if reason is not None and reason not in LOCK_REASONS:
        raise rules.invalid("lock_reason", value=reason)
    visit.state.lock(issue, visit.person, locked=True, reason=reason)
    return Answer(204)


def unlock(visit: Visit) -> Answer:
    """Unlock the conversation."""
    issue = visit.issue()
    visit.need("write")
    visit.state.lock(issue, visit.person, locked=False)
    return Answer(204)


def _told(issue: Issue) -> list[Event]:
    return [event for event in issue.events if event.kind != "cross-referenced"]


def list_events(visit: Visit) -> Answer:
    """What happened to an issue, oldest first, without comments and references."""
    issue = visit.issue()
    return visit.paged(_told(issue), lambda event: visit.show.event(issue, event))


def list_all_events(visit: Visit) -> Answer:
    """What happened to all issues of a repository, newest first."""
    here = [one for one in visit.state.issues.values() if one.repository == visit.repository.id and not one.deleted]
    rows = sorted(((event, issue) for issue in here for event in _told(issue)), key=lambda row: -row[0].id)
    return visit.paged(rows, lambda row: visit.show.event(row[1], row[0]) | {"issue": visit.show.listed(row[1])})


def timeline(visit: Visit) -> Answer:
    """What happened to an issue, oldest first, with comments and references."""
    issue = visit.issue()
    rows = [(one.at, one.id, one) for one in issue.events]
    said = [visit.state.comments[key] for key in issue.comments]
    every = sorted([*rows, *((one.created_at, one.id, one) for one in said)], key=lambda row: row[:2])
    return visit.paged(every, lambda row: visit.show.told(issue, row[2]))


TABLE: Table = (
    ("GET", "/issues", list_issues),
    ("POST", "/issues", create_issue),
    ("GET", "/issues/comments", list_all_comments),
    ("GET", "/issues/events", list_all_events),
    ("GET", "/issues/comments/{comment}", get_comment),
    ("PATCH", "/issues/comments/{comment}", edit_comment),
    ("DELETE", "/issues/comments/{comment}", delete_comment),
    ("GET", "/issues/{number}", get_issue),
    ("PATCH", "/issues/{number}", edit_issue),
    ("GET", "/issues/{number}/comments", list_comments),
    ("POST", "/issues/{number}/comments", create_comment),
    ("GET", "/issues/{number}/labels", list_labels),
    ("POST", "/issues/{number}/labels", add_labels),
    ("PUT", "/issues/{number}/labels", set_labels),
    ("DELETE", "/issues/{number}/labels", clear_labels),
    ("DELETE", "/issues/{number}/labels/{name}", remove_label),
    ("GET", "/issues/{number}/assignees/{login}", check_assignee),
    ("POST", "/issues/{number}/assignees", add_assignees),
    ("DELETE", "/issues/{number}/assignees", remove_assignees),
    ("PUT", "/issues/{number}/lock", lock),
    ("DELETE", "/issues/{number}/lock", unlock),
    ("GET", "/issues/{number}/events", list_events),
    ("GET", "/issues/{number}/timeline", timeline),
    ("GET", "/assignees/{login}", check_login),
)
