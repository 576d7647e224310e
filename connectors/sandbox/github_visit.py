"""One request at an embedded GitHub: who asks, about which repository, and how the answer is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.calls import Answer, Call, Delivery
from connectors.sandbox.github_listing import IssueLists, Slice, paged
from connectors.sandbox.github_model import Comment, Issue, Person, Repository
from connectors.sandbox.github_payloads import Payloads
from connectors.sandbox.github_rules import Json, Refusal, available, not_found, parsed
from connectors.sandbox.github_state import GithubState


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a known person; `here` is the repository's address, or the API's where there is none."""

    call: Call
    person: Person
    state: GithubState
    lists: IssueLists
    show: Payloads
    here: str
    place: Repository | None
    post: list[Delivery]
    quota: int
    used: int

    @property
    def repository(self) -> Repository:
        """The repository that the path names."""
        if self.place is None:
            raise not_found()
        return self.place

    @property
    def query(self) -> dict[str, str]:
        """The query, with the last value of each name."""
        return {name: values[-1] for name, values in self.call.args.items()}

    def body(self) -> Json:
        """The JSON object that was sent."""
        return parsed(self.call.body)

    def number(self, name: str) -> int:
        """A number of the path; what is none is not found."""
        value = self.call.params[name]
        if not (value.isascii() and value.isdigit()):
            raise not_found()
        return int(value)

    def issue(self) -> Issue:
        """The issue of the path; refuses as the vendor does when it was deleted or transferred."""
        available(self.repository)
        found = self.state.issues.get((self.repository.id, self.number("number")))
        if found is None:
            raise not_found()
        if found.deleted:
            raise Refusal(410, "This issue was deleted")
        if found.moved_to is not None:
            raise moved(self.show.issue_url(self.state.issues[found.moved_to]), "GET")
        return found

    def comment(self) -> Comment:
        """The comment of the path."""
        found = self.state.comments.get(self.number("comment"))
        if found is None or found.repository != self.repository.id:
            raise not_found()
        return found

    def need(self, role: str) -> None:
        """Refuse people with less than `role`."""
        if not self.person.may(role):
            app = self.person.kind == "Bot"
            raise Refusal(
                403, "Resource not accessible by integration" if app else "Must have admin rights to Repository."
            )

    def paged(self, rows: Sequence[Any], show: Callable[[Any], Json]) -> Answer:
        """The page of `rows` that was asked for."""
        return listing(paged(rows, self.query, self.here + self._below()), show)

    def issues(self) -> Answer:
        """The page of issues that was asked for."""
        found = self.lists.page(self.repository, self.query, f"{self.here}/issues")
        return listing(found, self.show.listed)

    def _below(self) -> str:
        parts = self.call.path.strip("/").split("/")
        if self.place is None:
            return "/" + "/".join(parts)
        return "".join(f"/{part}" for part in parts[2 if parts[0] == "repositories" else 3 :])


Operation = Callable[[Visit], Answer]
Table = tuple[tuple[str, str, Operation], ...]
"""Method, path and what answers them."""


def listing(page: Slice[Any], show: Callable[[Any], Json]) -> Answer:
    """A page as an answer, with its Link header where there are more."""
    return Answer(200, [show(row) for row in page.rows], {"link": page.link} if page.link else {})


def moved(url: str, method: str) -> Refusal:
    """What the vendor says where something is at another address now: 301 to a read, 307 to a write."""
    status, message = (301, "Moved Permanently") if method in ("GET", "HEAD") else (307, "Temporary Redirect")
    return Refusal(status, message, headers={"location": url}, url=url)
