"""What an embedded GitHub tells of pull requests: how they were merged, and who approved them."""

from connectors.sandbox.calls import Answer
from connectors.sandbox.github_model import Issue, Pull, Review
from connectors.sandbox.github_payloads import node_id
from connectors.sandbox.github_rules import Json, not_found
from connectors.sandbox.github_visit import Table, Visit


def get_pull(visit: Visit) -> Answer:
    """A pull request in full."""
    issue, pull = _pull(visit)
    return Answer(200, visit.show.issue(issue) | _more(visit, issue, pull))


def list_reviews(visit: Visit) -> Answer:
    """What people found of a pull request, oldest first."""
    issue, pull = _pull(visit)
    return visit.paged(pull.reviews, lambda review: _review(visit, issue, review))


def _pull(visit: Visit) -> tuple[Issue, Pull]:
    issue = visit.issue()
    if issue.pull is None:
        raise not_found()
    return issue, issue.pull


def _more(visit: Visit, issue: Issue, pull: Pull) -> Json:
    url = visit.show.issue_url(issue).replace("/issues/", "/pulls/")
    page, repository = visit.show.page_url(issue), visit.show.repository(visit.repository, visit.person)
    owner = visit.show.account(issue.author)
    links = {
        "comments_url": f"{visit.show.issue_url(issue)}/comments",
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{url}/comments{{/number}}",
        "statuses_url": f"{repository['url']}/statuses/{issue.id:040x}",
    }
    named = {"html": page, "issue": visit.show.issue_url(issue), "self": url}
    named |= {name.removesuffix("_url"): address for name, address in links.items()}
    merged_by = None if pull.merged_by is None else visit.show.account(pull.merged_by)
    sides = {
        side: {"label": f"acme:{ref}", "ref": ref, "sha": f"{issue.id:040x}", "user": owner, "repo": repository}
        for side, ref in (("base", "main"), ("head", pull.head))
    }
    return {
        **links,
        **sides,
        "url": url,
        "issue_url": visit.show.issue_url(issue),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "_links": {name: {"href": address} for name, address in named.items()},
        "merge_commit_sha": pull.commit,
        "merged": pull.merged_at is not None,
        "merged_at": pull.merged_at,
        "merged_by": merged_by,
        "mergeable": None,
        "mergeable_state": "unknown",
        "maintainer_can_modify": False,
        "auto_merge": None,
        **dict.fromkeys(("additions", "deletions", "changed_files", "commits", "review_comments"), 0),
    }


def _review(visit: Visit, issue: Issue, review: Review) -> Json:
    page = visit.show.page_url(issue)
    return {
        "id": review.id,
        "node_id": node_id("PRR", review.id),
        "user": visit.show.account(review.author),
        "body": "",
        "state": review.state,
        "html_url": f"{page}#pullrequestreview-{review.id}",
        "pull_request_url": visit.show.issue_url(issue).replace("/issues/", "/pulls/"),
        "submitted_at": review.at,
        "commit_id": f"{issue.id:040x}",
        "author_association": "MEMBER",
    }


TABLE: Table = (
    ("GET", "/pulls/{number}", get_pull),
    ("GET", "/pulls/{number}/reviews", list_reviews),
)
