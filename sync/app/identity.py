"""Who gives a command, and whether they may: the operating system's user, as `[[people]]` names them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from state.acceptance import AcceptancePolicy, Authorities, Channel, Decider
from state.easing import less, refusal
from state.effects import Because
from state.model import ActionItem, Person
from state.store import Store
from sync.app.failures import Mistaken
from sync.app.settings import Configuration
from sync.app.shell import Shell, system_user
from sync.involved import owners


@dataclass(frozen=True, slots=True)
class Acting:
    """The person in whose name something is done, with every name they are known by.

    `typist` is who gave the command, where that is somebody else.
    """

    email: str
    names: frozenset[str]
    typist: "Acting | None" = None

    @property
    def typed_by(self) -> str:
        """The e-mail address of who gave the command, where that is somebody else."""
        return self.typist.email if self.typist is not None else ""

    @property
    def channel(self) -> Channel:
        """How what they decide reaches us."""
        return Channel.COMMAND if self.typist is None else Channel.DELEGATE

    @property
    def decider(self) -> Decider:
        """The same, as decisions know it."""
        typist = None if self.typist is None else self.typist.decider
        return Decider(self.email, self.names, typist, self.channel)

    def because(self, shell: Shell, reason: str) -> Because:
        """Why this command changes something, with the person as the one who did it."""
        agent = replace(shell.agent(), account=self.typed_by or self.email, name=self.email)
        return Because(agent, run=shell.run, reason=reason)


def authorities(config: Configuration) -> Authorities:
    """Who may do what."""
    return config.settings.authorities


def acceptance(config: Configuration) -> AcceptancePolicy:
    """How risks are accepted."""
    said = config.settings.accept
    return AcceptancePolicy(authorities(config), said.answer_within_days, said.warn_days, said.by_comment)


def people(config: Configuration) -> tuple[Person, ...]:
    """Everyone in `[[people]]`."""
    return tuple(Person(each.email, dict(each.model_extra or {}), each.login) for each in config.settings.people)


def acting(config: Configuration, on_behalf_of: str | None = None) -> Acting:
    """Who decides here; `on_behalf_of` is an e-mail address, and asks for the `delegate` role.

    Raises `Mistaken` for somebody who is not in `[[people]]`, with the line to add.
    """
    login = system_user()
    known = people(config)
    person = next((each for each in known if each.login == login), None)
    if person is None:
        raise Mistaken(
            f"the user {login!r} is nobody in [[people]], and who decides has to be known; add login = {login!r} to "
            f"their table in {config.file.name}"
        )
    if on_behalf_of is None:
        return Acting(person.email, person.names)
    other = next((each for each in known if each.email.casefold() == on_behalf_of.strip().casefold()), None)
    if other is None:
        raise Mistaken(f"{on_behalf_of} is nobody in [[people]] of {config.file.name}")
    if other is person:
        return Acting(person.email, person.names)
    if not _among(person.email, config.settings.roles.delegate):
        raise Mistaken(f"{person.email} may not act for others; who may is named by delegate under [roles]")
    return Acting(other.email, other.names, Acting(person.email, person.names))


def must_review(config: Configuration, who: Acting) -> None:
    """Raise `Mistaken` unless this person has the `reviewer` role."""
    if not _among(who.email, config.settings.roles.reviewer):
        raise Mistaken(f"{who.email} may not review; who may is named by reviewer under [roles] of {config.file.name}")


def easing(config: Configuration, store: Store, item: ActionItem, values: Mapping[str, Any]) -> str | None:
    """Why who gives this command may not have these values ask for less of the item; `None` if they may."""
    if not less(item, values):
        return None
    login = system_user()
    email = next((each.email for each in people(config) if each.login == login), "")
    return refusal(item, values, email, owners(store, item), authorities(config))


def every_name(config: Configuration, who: Acting) -> frozenset[str]:
    """Every name of the person and, where somebody else gives the command, of that one."""
    known = (each for each in people(config) if each.email in (who.email, who.typed_by))
    return frozenset().union(who.names, *(each.names for each in known))


def by_hand(shell: Shell, config: Configuration, reason: str = "") -> Because:
    """Why somebody changes something by a command of theirs: the person at the machine, else whoever is said to be."""
    return _because(shell, _at_the_machine(config), reason)


def bringer(shell: Shell, config: Configuration) -> tuple[str, Because]:
    """By which name evidence is brought, and why it is written."""
    who = _at_the_machine(config)
    return system_user() if who is None else who.email, _because(shell, who)


def author(shell: Shell, config: Configuration) -> Because:
    """Why an item is written by hand: by whom; raises `Mistaken` for somebody who may not."""
    authors = config.settings.roles.author
    who = _at_the_machine(config) if authors is None else acting(config)
    if who is not None and authors is not None and not _among(who.email, authors):
        raise Mistaken(f"{who.email} may not write items; who may is named by author under [roles]")
    return _because(shell, who)


def _because(shell: Shell, who: Acting | None, reason: str = "") -> Because:
    return shell.because(reason) if who is None else who.because(shell, reason)


def _at_the_machine(config: Configuration) -> Acting | None:
    """Who gives the command.

    Where `[[people]]` names nobody's login, everyone may who can reach the database, under the name of their user.
    """
    return acting(config) if any(each.login for each in people(config)) else None


def _among(email: str, some: Iterable[str]) -> bool:
    return email.casefold() in {each.casefold() for each in some}
