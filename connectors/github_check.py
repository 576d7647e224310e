"""What would stop or bend a run on a GitHub repository, found out without writing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import Denied, NotFound, Rejected, TrackerError
from connectors.github_reading import folded
from connectors.github_session import GithubSession
from state.model import Problem

Json = Mapping[str, Any]
_PUSH = frozenset({"admin", "maintain", "push", "triage"})


def problems(
    session: GithubSession, name: str, repository: Callable[[], Json], labels: Sequence[str], *, app: bool
) -> list[Problem]:
    """Everything found, the fatal first; what cannot be reached or seen ends the search."""
    try:
        found = [*_identity(session, app=app), *_seen(session, name, repository, labels)]
    except Denied as refusal:
        return [_denied(session, refusal)]
    except NotFound as hidden:
        fix = "check `repository`, that the token or App may see it (Metadata: read), and `url` (https://HOST/api/v3)"
        return [Problem(str(hidden), fix)]
    except TrackerError as failure:
        return [Problem(str(failure), "check `url`, the network and the proxy, then try again")]
    return sorted(found, key=lambda problem: not problem.fatal)


def _denied(session: GithubSession, refusal: Denied) -> Problem:
    if refusal.status == 401:
        return Problem(str(refusal), "give a token that is valid and has not expired")
    asked = f" (GitHub asks for {session.wanted})" if session.wanted else ""
    return Problem(str(refusal), f"allow the token or App Issues: read and write, Metadata: read{asked}")


def _identity(session: GithubSession, *, app: bool) -> Iterator[Problem]:
    try:
        session.app() if app else session.get("/user")
    except (Denied, NotFound, Rejected) as refusal:
        if refusal.status in (0, 401):
            raise
        what = f"our own account cannot be learned ({refusal}); changes of our own cannot be told from other people's"
        yield Problem(what, "use a token of a user of its own, or a GitHub App", fatal=False)


def _seen(
    session: GithubSession, name: str, repository: Callable[[], Json], labels: Sequence[str]
) -> Iterator[Problem]:
    """What the repository and its issues show; a server may have the issues alone."""
    told: Json = {}
    try:
        told = repository()
    except NotFound as hidden:
        yield Problem(
            f"nothing is told of the repository ({hidden})", "nothing to do: its issues are there", fatal=False
        )
    yield from _repository(told)
    if told.get("has_issues") is not False:
        yield from _issues(session, f"/repos/{told.get('full_name') or name}", labels)


def _repository(told: Json) -> Iterator[Problem]:
    name = told.get("full_name", "the repository")
    if told.get("archived"):
        yield Problem(f"{name} is archived: nothing can be written", "unarchive it, or route items elsewhere")
    if told.get("disabled"):
        yield Problem(f"{name} is disabled", "ask its owner, or route items elsewhere")
    if told.get("has_issues") is False:
        yield Problem(f"issues are switched off in {name}", "switch them on under Settings, Features")
    rights = told.get("permissions")
    if isinstance(rights, dict) and rights and not any(rights.get(right) for right in _PUSH):
        what = f"no right to set labels and assignees in {name}: GitHub drops them silently and tickets get lost"
        yield Problem(what, "give the account the Triage role or more, or the App Issues: read and write")


def _issues(session: GithubSession, root: str, labels: Sequence[str]) -> Iterator[Problem]:
    session.get(f"{root}/issues", state="all", per_page=1)
    try:
        known = folded([str(label.get("name")) for page in session.pages(f"{root}/labels") for label in page])
    except (NotFound, Rejected) as refusal:
        yield Problem(f"labels cannot be listed ({refusal})", "nothing to do: they are made on first use", fatal=False)
        return
    for label in dict.fromkeys(labels):
        if label.casefold() not in known:
            fix = "nothing to do: GitHub makes it on first use; make it yourself to choose its colour"
            yield Problem(f"label {label!r} does not exist yet", fix, fatal=False)
