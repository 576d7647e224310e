"""A person's decision about what waited for one."""

import re
from dataclasses import replace
from typing import Literal

from state.lease import this_process
from sync.app import identity, shapes
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell
from sync.settle import settle as decide


def settle(shell: Shell, hold_id: str, take: Literal["item", "ticket"], reason: str) -> int:
    """Settle a hold for the item's side or the ticket's; the next sync carries it over."""
    if not reason.strip():
        raise Mistaken("settling a hold needs --reason, which is recorded")
    if not re.fullmatch(r"(?i:h-)?\d+", hold_id.strip()):
        raise Mistaken(f"{hold_id!r} is no hold; `counterfoil holds list` shows what there is, as H-3")
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason=reason, at=shell.clock())
    with open_store(shell, config, writes=True) as store:
        hold = store.hold(hold_id)
        if hold.id not in {each.id for each in store.holds(hold.item)}:
            raise Mistaken(f"{hold.id} is settled already; `counterfoil holds list` shows what is open")
        decide(store, hold, take, because, holder=this_process())
    answer = {"settled": shapes.hold(hold), "take": take, "reason": reason}
    shell.answer(answer, lambda: f"{hold.id} on {hold.item} is settled for the {take}; run: counterfoil sync")
    return IN_ORDER
