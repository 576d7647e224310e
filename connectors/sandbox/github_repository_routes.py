"""What an embedded GitHub tells of itself, its people and its repositories, and lets their owners change."""

import json
from datetime import timedelta

from connectors.sandbox import github_rules as rules
from connectors.sandbox.calls import Answer, Delivery
from connectors.sandbox.github_model import Hook, Label, Person, Repository
from connectors.sandbox.github_payloads import permissions
from connectors.sandbox.github_rules import Json
from connectors.sandbox.github_visit import Table, Visit
from connectors.sandbox.github_webhooks import signed


def get_user(visit: Visit) -> Answer:
    """The account that asks; an app has none."""
    if visit.person.kind == "Bot":
        raise rules.Refusal(403, "Resource not accessible by integration")
    return Answer(200, visit.show.myself(visit.person))


def get_profile(visit: Visit) -> Answer:
    """Somebody's public profile."""
    return Answer(200, visit.show.profile(_person(visit)))


def _person(visit: Visit) -> Person:
    person = visit.state.people.get(visit.call.params["login"].lower())
    if person is None:
        raise rules.not_found()
    return person


def meta(_visit: Visit) -> Answer:
    """What the installation is."""
    return Answer(200, {"verifiable_password_authentication": False, "hooks": [], "web": [], "api": [], "git": []})


def get_repository(visit: Visit) -> Answer:
    """The repository, with what the person who asks may do there."""
    return Answer(200, visit.show.repository(visit.repository, visit.person))


def edit_repository(visit: Visit) -> Answer:
    """Rename, archive or hide the repository, or switch its issues on or off."""
    visit.need("admin")
    repository, body = visit.repository, visit.body()
    name = body.get("name")
    if isinstance(name, str) and name:
        wanted = f"{repository.full_name.partition('/')[0]}/{name}"
        taken = visit.state.repositories.get(visit.state.names.get(wanted.lower(), 0))
        if taken is not None and taken is not repository and taken.full_name.lower() == wanted.lower():
            raise rules.invalid("name", "custom", resource="Repository", message="name already exists on this account")
        visit.state.rename(repository, wanted)
    repository.archived = bool(body.get("archived", repository.archived))
    repository.has_issues = bool(body.get("has_issues", repository.has_issues))
    repository.private = bool(body.get("private", repository.private))
    return Answer(200, visit.show.repository(repository, visit.person))


def list_labels(visit: Visit) -> Answer:
    """The labels that the repository knows."""
    rows = sorted(visit.repository.labels.values(), key=lambda label: label.name.lower())
    return visit.paged(rows, lambda label: visit.show.label(visit.repository, label))


def _label(visit: Visit) -> Label:
    found = visit.repository.labels.get(visit.call.params["name"].lower())
    if found is None:
        raise rules.not_found()
    return found


def _named(visit: Visit, body: Json, key: str) -> str:
    if not isinstance(body.get(key), str):
        raise rules.malformed(f'"{key}" wasn\'t supplied.')
    name = rules.label_name(body[key])
    if name.lower() in visit.repository.labels:
        raise rules.invalid("name", "already_exists", resource="Label")
    return name


def create_label(visit: Visit) -> Answer:
    """Make a label known before its first use."""
    visit.need("write")
    rules.may_write(visit.repository)
    body = visit.body()
    label = visit.state.label(visit.repository, _named(visit, body, "name"))
    label.color = rules.text(body, "color", 6, resource="Label") or label.color
    label.description = rules.text(body, "description", 100, resource="Label")
    return Answer(201, visit.show.label(visit.repository, label))


def get_label(visit: Visit) -> Answer:
    """One label of the repository."""
    return Answer(200, visit.show.label(visit.repository, _label(visit)))


def edit_label(visit: Visit) -> Answer:
    """Change a label, also on the issues that have it; their times stay."""
    visit.need("write")
    label, body = _label(visit), visit.body()
    old, new = label.name, rules.text(body, "new_name", rules.LABEL_LIMIT, resource="Label") or label.name
    if new.lower() != old.lower():
        new = _named(visit, body, "new_name")
    label.name = rules.label_name(new)
    visit.repository.labels.pop(old.lower())
    visit.repository.labels[label.name.lower()] = label
    label.color = rules.text(body, "color", 6, resource="Label") or label.color
    label.description = rules.text(body, "description", 100, resource="Label") or label.description
    _replace_label(visit, old, (label.name,))
    return Answer(200, visit.show.label(visit.repository, label))


def delete_label(visit: Visit) -> Answer:
    """Forget a label, also on the issues that have it; their times stay."""
    visit.need("write")
    label = _label(visit)
    _replace_label(visit, label.name, ())
    del visit.repository.labels[label.name.lower()]
    return Answer(204)


def _replace_label(visit: Visit, old: str, new: tuple[str, ...]) -> None:
    for issue in visit.state.issues.values():
        if issue.repository == visit.repository.id and old in issue.labels:
            kept = [new if name == old else (name,) for name in issue.labels]
            issue.labels = tuple(name for names in kept for name in names)
    visit.repository.version += 1


def list_assignees(visit: Visit) -> Answer:
    """The people whom issues may be given to."""
    rows = [one for one in visit.state.people.values() if rules.assignable(visit.state, one.login)]
    return visit.paged(rows, lambda one: visit.show.account(one.login))


def check_collaborator(visit: Visit) -> Answer:
    """Whether somebody may do more than read."""
    if not _person(visit).may("triage"):
        raise rules.not_found()
    return Answer(204)


def get_permission(visit: Visit) -> Answer:
    """What somebody may do in the repository."""
    person = _person(visit)
    known = {"triage": "read", "maintain": "write"}
    user = visit.show.account(person.login) | {
        "permissions": permissions(person),
        "role_name": person.role,
    }
    return Answer(200, {"permission": known.get(person.role, person.role), "role_name": person.role, "user": user})


def list_hooks(visit: Visit) -> Answer:
    """The webhooks of the repository, for those who administer it."""
    visit.need("admin")
    return visit.paged(list(visit.repository.hooks.values()), lambda hook: visit.show.hook(visit.repository, hook))


def _hook(visit: Visit) -> Hook:
    visit.need("admin")
    found = visit.repository.hooks.get(visit.number("hook"))
    if found is None:
        raise rules.not_found()
    return found


def _configure(hook: Hook, body: Json) -> None:
    config = body.get("config") or {}
    if not isinstance(config, dict):
        raise rules.malformed("For 'properties/config', a hook is configured by an object.")
    if "url" in config:
        hook.url = str(config["url"])
    hook.secret = str(config.get("secret", hook.secret))
    hook.content_type = "json" if config.get("content_type", hook.content_type) == "json" else "form"
    hook.events = rules.names(body, "events", "name") or hook.events
    hook.active = bool(body.get("active", hook.active))


def create_hook(visit: Visit) -> Answer:
    """Add a webhook; it is pinged at once."""
    visit.need("admin")
    hook = Hook(visit.state.new_id(), "", "", ["push"], visit.state.stamp(), content_type="form")
    _configure(hook, visit.body())
    if not hook.url.startswith(("http://", "https://")):
        raise rules.invalid("url", "missing_field", resource="Hook")
    if any(one.url == hook.url for one in visit.repository.hooks.values()):
        message = "Hook already exists on this repository"
        raise rules.Refusal(422, "Validation Failed", [{"resource": "Hook", "code": "custom", "message": message}])
    visit.repository.hooks[hook.id] = hook
    visit.post.append(_ping(visit, visit.repository, hook))
    return Answer(201, visit.show.hook(visit.repository, hook))


def _ping(visit: Visit, repository: Repository, hook: Hook) -> Delivery:
    told = {"zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": visit.show.hook(repository, hook)}
    told |= {"repository": visit.show.repository(repository, visit.person)}
    return signed(hook, "ping", json.dumps(told).encode(), visit.state.new_id(), visit.state.stamp())


def get_hook(visit: Visit) -> Answer:
    """One webhook."""
    return Answer(200, visit.show.hook(visit.repository, _hook(visit)))


def edit_hook(visit: Visit) -> Answer:
    """Change a webhook."""
    hook = _hook(visit)
    _configure(hook, visit.body())
    return Answer(200, visit.show.hook(visit.repository, hook))


def delete_hook(visit: Visit) -> Answer:
    """Remove a webhook."""
    del visit.repository.hooks[_hook(visit).id]
    return Answer(204)


def list_deliveries(visit: Visit) -> Answer:
    """What was sent to a webhook, newest first."""
    return visit.paged(list(reversed(_hook(visit).deliveries)), lambda told: told)


def rate_limit(visit: Visit) -> Answer:
    """How much of the hour's allowance is left; asking costs nothing."""
    end = visit.state.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    reset = int(end.timestamp())
    left = max(0, visit.quota - visit.used)
    core = {"limit": visit.quota, "used": visit.used, "remaining": left, "reset": reset}
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
    graphql = {"limit": 5000, "used": 0, "remaining": 5000, "reset": reset}
    return Answer(200, {"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core})


GLOBAL: Table = (
    ("GET", "/user", get_user),
    ("GET", "/users/{login}", get_profile),
    ("GET", "/meta", meta),
    ("GET", "/rate_limit", rate_limit),
)

HOOKS: Table = (
    ("GET", "/hooks", list_hooks),
    ("POST", "/hooks", create_hook),
    ("GET", "/hooks/{hook}", get_hook),
    ("PATCH", "/hooks/{hook}", edit_hook),
    ("DELETE", "/hooks/{hook}", delete_hook),
    ("GET", "/hooks/{hook}/deliveries", list_deliveries),
)

TABLE: Table = (
    ("GET", "", get_repository),
    ("PATCH", "", edit_repository),
    ("GET", "/labels", list_labels),
    ("POST", "/labels", create_label),
    ("GET", "/labels/{name}", get_label),
    ("PATCH", "/labels/{name}", edit_label),
    ("DELETE", "/labels/{name}", delete_label),
    ("GET", "/assignees", list_assignees),
    ("GET", "/collaborators/{login}", check_collaborator),
    ("GET", "/collaborators/{login}/permission", get_permission),
    *HOOKS,
)
