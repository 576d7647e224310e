"""What an embedded GitHub says: its records in the vendor's JSON."""

import base64
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.github_model import Comment, Event, Hook, Issue, Label, Occurrence, Person, Repository
from connectors.sandbox.github_state import GithubState

Json = dict[str, Any]

APP_SLUG = "counterfoil"
_RIGHTS = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
_REPOSITORY_URLS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}
_USER_URLS = {
    "followers": "/followers",
    "following": "/following{/other_user}",
    "gists": "/gists{/gist_id}",
    "starred": "/starred{/owner}{/repo}",
    "subscriptions": "/subscriptions",
    "organizations": "/orgs",
    "repos": "/repos",
    "events": "/events{/privacy}",
    "received_events": "/received_events",
}


def node_id(kind: str, number: int) -> str:
    """The vendor's opaque global id of a thing."""
    return f"{kind}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def permissions(person: Person) -> Json:
    """What a person may do, by the names that the vendor gives to rights."""
    return {right: person.may(role) for right, role in _RIGHTS.items()}


@dataclass(frozen=True, slots=True)
class Payloads:
    """Turns records into JSON whose links begin with `api`, for people who see pages under `web`."""

    state: GithubState
    api: str
    web: str

    def repository_url(self, repository: Repository) -> str:
        """Where the API has this repository."""
        return f"{self.api}/repos/{repository.full_name}"

    def issue_url(self, issue: Issue) -> str:
        """Where the API has this issue."""
        return f"{self.repository_url(self.state.repositories[issue.repository])}/issues/{issue.number}"

    def page_url(self, issue: Issue) -> str:
        """Where people see this issue."""
        kind = "pull" if issue.pull else "issues"
        return f"{self.web}/{self.state.repositories[issue.repository].full_name}/{kind}/{issue.number}"

    def account(self, login: str) -> Json:
        """A person as other things mention them; an unknown login is an organisation."""
        person = self.state.people.get(login.lower())
        url = f"{self.api}/users/{login}"
        number = person.id if person else 1
        return {
            "login": person.login if person else login,
            "id": number,
            "node_id": node_id("U", number),
            "avatar_url": f"{self.web}/avatars/u/{number}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{login}",
            **{f"{name}_url": url + path for name, path in _USER_URLS.items()},
            "type": person.kind if person else "Organization",
            "user_view_type": "public",
            "site_admin": False,
        }

    def _maybe(self, login: str | None) -> Json | None:
        return None if login is None else self.account(login)

    def profile(self, person: Person) -> Json:
        """A person's public profile."""
        return {
            **self.account(person.login),
            "name": person.name,
            "company": None,
            "blog": "",
            "location": None,
            "email": person.email,
            "hireable": None,
            "bio": None,
            "twitter_username": None,
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        }

    def myself(self, person: Person) -> Json:
        """A person's profile as they see it themselves."""
        private = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
        return {
            **self.profile(person),
            "user_view_type": "private",
            "notification_email": person.email,
            **dict.fromkeys(private, 0),
            "two_factor_authentication": True,
            "plan": {"name": "free", "space": 976562499, "collaborators": 0, "private_repos": 10000},
        }

    def app(self) -> Json:
        """The GitHub App that the sandbox knows."""
        return {
            "id": 1001,
            "slug": APP_SLUG,
            "node_id": node_id("A", 1001),
            "owner": self.account("acme"),
            "name": "Counterfoil",
            "description": "",
            "external_url": "https://example.com",
            "html_url": f"{self.web}/apps/{APP_SLUG}",
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "permissions": {"issues": "write", "metadata": "read"},
            "events": ["issues", "issue_comment"],
        }

    def repository(self, repository: Repository, viewer: Person) -> Json:
        """A repository in full."""
        url, owner = self.repository_url(repository), repository.full_name.partition("/")[0]
        page = f"{self.web}/{repository.full_name}"
        opened = sum(issue.state == "open" for issue in self.state.issues.values() if issue.repository == repository.id)
        zero = ("forks", "forks_count", "size", "stargazers_count", "watchers", "watchers_count", "network_count")
        no = ("fork", "has_projects", "has_wiki", "has_pages", "has_discussions", "has_downloads", "disabled")
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.full_name.partition("/")[2],
            "full_name": repository.full_name,
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "owner": self.account(owner),
            "html_url": page,
            "url": url,
            **{f"{name}_url": url + path for name, path in _REPOSITORY_URLS.items()},
            "clone_url": f"{page}.git",
            "git_url": f"git://localhost/{repository.full_name}.git",
            "ssh_url": f"git@localhost:{repository.full_name}.git",
            "svn_url": page,
            **dict.fromkeys(("mirror_url", "description", "homepage", "language", "license")),
            **dict.fromkeys((*zero, "subscribers_count"), 0),
            **dict.fromkeys(no, False),
            "has_issues": repository.has_issues,
            "archived": repository.archived,
            "open_issues": opened,
            "open_issues_count": opened,
            "default_branch": "main",
            "pushed_at": repository.created_at,
            "created_at": repository.created_at,
            "updated_at": repository.created_at,
            "permissions": permissions(viewer),
        }

    def label(self, repository: Repository, label: Label) -> Json:
        """A label."""
        return {
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": f"{self.repository_url(repository)}/labels/{label.name.replace(' ', '%20')}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
        }

    def _labels(self, issue: Issue) -> list[Json]:
        repository = self.state.repositories[issue.repository]
        known = (repository.labels.get(name.lower()) for name in issue.labels)
        return [self.label(repository, label) for label in known if label is not None]

    def _association(self, login: str) -> str:
        person = self.state.people.get(login.lower())
        return "COLLABORATOR" if person and person.may("triage") else "NONE"

    def _via(self, *, via_app: bool) -> Json | None:
        return self.app() if via_app else None

    def _reactions(self, url: str) -> Json:
        return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)}

    def listed(self, issue: Issue) -> Json:
        """An issue as lists show it, which is without who closed it."""
        url = self.issue_url(issue)
        assignees = [self.account(login) for login in issue.assignees]
        shown: Json = {
            "url": url,
            "repository_url": self.repository_url(self.state.repositories[issue.repository]),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": self.page_url(issue),
            "id": issue.id,
            "node_id": node_id("PR" if issue.pull else "I", issue.id),
            "number": issue.number,
            "title": issue.title,
            "user": self.account(issue.author),
            "labels": self._labels(issue),
            "state": issue.state,
            "locked": issue.locked,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": None,
            "comments": len(issue.comments),
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "author_association": self._association(issue.author),
            "active_lock_reason": issue.lock_reason,
            "body": issue.body,
            "reactions": self._reactions(url),
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": self._via(via_app=issue.via_app),
            "state_reason": issue.reason,
        }
        return shown | self._pull(issue)

    def _pull(self, issue: Issue) -> Json:
        if issue.pull is None:
            return {}
        page = self.page_url(issue)
        url = self.issue_url(issue).replace("/issues/", "/pulls/")
        links = {"url": url, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        return {"draft": False, "pull_request": {**links, "merged_at": issue.pull.merged_at}}

    def issue(self, issue: Issue) -> Json:
        """An issue in full."""
        return self.listed(issue) | {"closed_by": self._maybe(issue.closed_by)}

    def comment(self, comment: Comment) -> Json:
        """A comment."""
        issue = self.state.issues[comment.repository, comment.issue]
        url = f"{self.repository_url(self.state.repositories[comment.repository])}/issues/comments/{comment.id}"
        return {
            "url": url,
            "html_url": f"{self.page_url(issue)}#issuecomment-{comment.id}",
            "issue_url": self.issue_url(issue),
            "id": comment.id,
            "node_id": node_id("IC", comment.id),
            "user": self.account(comment.author),
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self._association(comment.author),
            "body": comment.body,
            "reactions": self._reactions(url),
            "performed_via_github_app": self._via(via_app=comment.via_app),
            "minimized": None if comment.minimized is None else {"reason": comment.minimized},
        }

    def event(self, issue: Issue, event: Event) -> Json:
        """An event as an issue's history tells it."""
        repository = self.state.repositories[issue.repository]
        facts = dict(event.facts)
        if "assignee" in facts:
            facts["assignee"] = self.account(facts["assignee"])
            facts["assigner"] = self.account(event.actor)
        return {
            "id": event.id,
            "node_id": node_id("EV", event.id),
            "url": f"{self.repository_url(repository)}/issues/events/{event.id}",
            "actor": self.account(event.actor),
            "event": event.kind,
            "commit_id": None,
            "commit_url": None,
            "created_at": event.at,
            "performed_via_github_app": self._via(via_app=event.via_app),
            **facts,
        }

    def reference(self, event: Event) -> Json:
        """A cross-reference as a timeline tells it; it shows the other issue as that is now."""
        number: int
        repository, number = event.facts["source"]
        return {
            "actor": self.account(event.actor),
            "created_at": event.at,
            "updated_at": event.at,
            "source": {"type": "issue", "issue": self.listed(self.state.issues[repository, number])},
            "event": "cross-referenced",
        }

    def told(self, issue: Issue, one: Event | Comment) -> Json:
        """An event or a comment as the timeline of its issue tells it."""
        if isinstance(one, Comment):
            return self.comment(one) | {"event": "commented", "actor": self.account(one.author)}
        return self.reference(one) if one.kind == "cross-referenced" else self.event(issue, one)

    def hook(self, repository: Repository, hook: Hook) -> Json:
        """A webhook; its secret is not shown."""
        url = f"{self.repository_url(repository)}/hooks/{hook.id}"
        config = {"content_type": hook.content_type, "insecure_ssl": "0", "url": hook.url}
        last = hook.deliveries[-1]["status_code"] if hook.deliveries else None
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": hook.events,
            "config": config | ({"secret": "********"} if hook.secret else {}),
            "updated_at": hook.created_at,
            "created_at": hook.created_at,
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": last, "status": "active" if last else "unused", "message": None},
        }

    def delivery(self, told: Occurrence) -> Json:
        """The body of a webhook delivery."""
        repository = self.state.repositories[told.repository]
        issue = self.state.issues[told.repository, told.issue]
        facts = dict(told.facts)
        if "label" in facts:
            facts["label"] = self.label(repository, self.state.label(repository, facts["label"]))
        if "assignee" in facts:
            facts["assignee"] = self.account(facts["assignee"])
        comment = self.state.comments.get(told.comment or 0)
        return {
            "action": told.action,
            "issue": self.issue(issue),
            **({"comment": self.comment(comment)} if comment else {}),
            **facts,
            "repository": self.repository(repository, self.state.people[told.actor.lower()]),
            "sender": self.account(told.actor),
        }
