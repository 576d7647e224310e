"""What people say about work that is done, as commands."""

from dataclasses import replace

from state.lacking import ways
from state.model import Status
from sync.app import evidence, identity, shapes, show
from sync.app import evidence_shapes as pieces
from sync.app.failures import IN_ORDER, PERSON, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.shell import Shell


def resolve(shell: Shell, ref: str, reason: str, sources: list[str]) -> int:
    """Say that an item is done."""
    config = configuration(shell)
    if not reason.strip():
        raise Mistaken("saying that something is done needs --reason: what was done?")
    by, because = identity.bringer(shell, config)
    with open_store(shell, config, writes=True) as store:
        store.item(ref := store.called(ref))
        kept = [evidence.take(shell, config, store, ref, each, _UNSAID)[0] for each in sources]
        item, missing = evidence.resolving(shell, config, store).claim(ref, by, replace(because, reason=reason))
        link, holds = store.link(ref), store.holds(ref)
    answer = {
        "item": shapes.item(item, link, holds),
        "missing": list(missing),
        "evidence": [pieces.piece(each, shell.today) for each in kept],
    }
    shell.answer(answer, lambda: _told(ref, missing, link.ref.key if link else ""))
    return IN_ORDER if item.status is Status.RESOLVED else PERSON


_UNSAID = evidence.Said("", None, None, None, None, ())


def _told(ref: str, missing: tuple[str, ...], key: str) -> str:
    where = f"; the next sync closes {key}" if key else ""
    if not missing:
        return f"{ref} is resolved{where}"
    asks = f"; the next sync asks for it on {key}" if key else ""
    head = f"{ref} is said to be done, and does not count as resolved yet{asks}. Still missing:"
    return show.rendered(head, show.bullets([*missing, ways(ref, missing)]))


def review(shell: Shell, ref: str, *, accept: bool, reject: str | None, reason: str, on_behalf_of: str | None) -> int:
    """Accept or refuse what is to show that an item is done."""
    config = configuration(shell)
    if accept is (reject is not None):
        raise Mistaken("a review needs one of --accept and --reject REASON")
    if reject is not None and not reject.strip():
        raise Mistaken("--reject needs a reason, which is recorded and told on the ticket")
    who = identity.acting(config, on_behalf_of)
    identity.must_review(config, who)
    because = who.because(shell, reject or reason or "review")
    names = identity.every_name(config, who)
    with open_store(shell, config, writes=True) as store:
        ref = store.called(ref)
        say = evidence.resolving(shell, config, store)
        some = (say.accept if accept else say.reject)(ref, who.email, names, because)
        item, link, holds = store.item(ref), store.link(ref), store.holds(ref)
        left_out, missing = say.waiting(ref), say.missing(item)
    answer = {
        "item": shapes.item(item, link, holds),
        "verdict": "accepted" if accept else "rejected",
        "reviewed": [{"ref": each.ref, "version": each.version} for each in some],
        "left_out": [{"ref": each.ref, "version": each.version} for each in left_out],
        "missing": list(missing),
    }
    refs = ", ".join(each.ref for each in some) or "nothing that was brought"
    after = "; run: counterfoil sync" if link else ""
    told = [f"{refs} for {ref} {answer['verdict']}; {ref} is {item.status.value.replace('_', ' ')}{after}"]
    if left_out:
        own = ", ".join(each.ref for each in left_out)
        told.append(f"Left out, since nobody reviews what they brought themselves: {own}")
    if missing and accept:
        told += ["Still missing:", show.bullets([*missing, ways(ref, missing)])]
    shell.answer(answer, lambda: show.rendered(*told))
    return IN_ORDER
