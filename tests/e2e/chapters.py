"""What happens in the year, month by month."""

from datetime import UTC, datetime

from tests.e2e import troubles
from tests.e2e.year import FRAMEWORK, TERMS, Accepted, Year

ISO = "code,title\nA.5.1,Policies\nA.8.5,Authentication\n"
ODD = (
    "=1+1",
    "'tis done",
    "@home",
    "- one\n- two",
    '"quoted", and more',
    "\t+49 555 0100",
    "'=1+1",
    "\u00e4\u4e16\U0001f600",
)
"""What people write that tables get wrong."""


def whole(year: Year) -> None:
    """All of it."""
    year.january()
    for chapter in (
        *(
            _february,
            troubles.asked_in_vain,
            _march,
            troubles.out_of_sight,
            _register,
            troubles.a_link_is_refused,
            _april,
        ),
        *(_may, troubles.bytes_come_later, _june, troubles.answers_are_lost, _july, _august),
        *(troubles.somewhere_else_and_back, _september, _october, _november, troubles.put_back, _december),
    ):
        chapter(year)


def _request(year: Year, name: str, until: str) -> None:
    year.run("kim", "accept", "request", year.refs[name], "--because", f"{name} is switched off", "--until", until)


def _accepted(year: Year, name: str, requester: str, by: set[str], why: str, until: str) -> Accepted:
    """Write down an acceptance that begins now."""
    people = {f"{each}@acme.example" for each in by}
    told = Accepted(year.refs[name], f"{requester}@acme.example", people, why, until, "active")
    year.truth.accepted.append(told)
    year.became(name, "accepted")
    return told


def _over(year: Year, name: str, became: str, at: datetime | None = None) -> None:
    """Write down that an acceptance is over, and its item open."""
    told = next(each for each in year.truth.accepted if each.item == year.refs[name] and each.became == "active")
    told.became = became
    year.became(name, "open", at)


def _approve(year: Year, name: str, *by: str, until: str = "", requester: str = "kim", why: str = "") -> None:
    for who in by:
        asked = ("--until", until) if requester != "kim" else ()
        year.run(who, "accept", "approve", year.refs[name], *asked, *TERMS)
    _accepted(year, name, requester, set(by), why or f"{name} is switched off", until)


def _february(year: Year) -> None:
    year.day(2, 2)
    for name in ("asked-by-comment", "refused-there"):
        mia, key = year.in_ticket("mia", name)
        mia.comment(key, "/accept-risk It is switched off in October until 2026-09-30")
    for name in ("not-planned", "refused"):
        lena, issue = year.in_ticket("lena", name)
        lena.wont_do(issue, "Not worth it this year")
    year.day(2, 3)
    year.sync()
    year.day(2, 4)
    year.run("kim", "accept", "request", year.refs["asked-by-comment"], *TERMS)
    _approve(year, "not-planned", "ruth", until="2027-01-31", requester="lena", why="Not worth it this year")
    year.run("ruth", "accept", "reject", year.refs["refused"], "--reason", "the data is too sensitive")
    ends = {"renewed": "2026-06-30", "revoked": "2026-12-31", "voided": "2026-12-31", "two-owners": "2026-05-01"}
    for name, until in ends.items():
        _request(year, name, until)
        _approve(year, name, *(("ruth", "omar") if name == "two-owners" else ("ruth",)), until=until)
    lena, key = year.in_ticket("lena", "moved")
    for text in ODD:
        lena.comment(key, text)
    year.day(2, 5)
    said = {}
    for name, verdict in (("asked-by-comment", "approve"), ("refused-there", "reject")):
        omar, key = year.in_ticket("omar", name)
        ref = year.run("omar", "accept", "show", year.refs[name])["ref"]
        said[name] = omar.comment(key, f"/{verdict}-risk {ref} as agreed")
        year.truth.by_comment.add((year.refs[name], verdict, "omar@acme.example"))
    _accepted(year, "asked-by-comment", "mia", {"omar"}, "It is switched off in October", "2026-09-30")
    year.day(2, 6)
    year.sync()
    year.at.at_github["emma"].comment(year.in_ticket("mia", "refused")[1], "My telephone is 555-0100")
    year.routine(2, (7, 25))
    year.day(2, 26)
    omar, key = year.in_ticket("omar", "asked-by-comment")
    omar.recomment(key, said["asked-by-comment"], "I never said that")
    year.truth.after_closing.add((year.refs["asked-by-comment"], "comment"))


def _moved(year: Year, name: str, after: str, asked: str, decided: str) -> None:
    """Write down that a due date moved."""
    ref = year.refs[name]
    people = [f"{each}@acme.example" if each else "" for each in (asked, decided)]
    year.truth.moved_dates.add((ref, year.truth.due[ref], after, people[0], people[1]))
    year.truth.due[ref] = after


def _march(year: Year) -> None:
    year.day(3, 2)
    year.tested({"mfa": "fail"}, "CC7.1")
    piece = year.prove("expiring", "a review of all accounts", "--expires", "2026-08-31")
    year.truth.proofs.pop(year.refs["expiring"])
    year.truth.expired.add((piece, "2026-08-31"))
    year.day(3, 3)
    for name in ("came-back", "changed-after", "expiring"):
        year.close("mia", name)
    year.day(3, 5)
    lena, key = year.in_ticket("lena", "later-there")
    lena.due(key, "2026-12-15")
    for name, due in (("later-here", "2027-01-15"), ("later-refused", "2027-02-15"), ("earlier", "2026-10-01")):
        year.run("kim", "item", "edit", year.refs[name], "--due", due, "--reason", "the vendor says so")
    _moved(year, "earlier", "2026-10-01", "kim", "")
    year.day(3, 6)
    year.sync()
    year.day(3, 7)
    for name, due, asked in (("later-there", "2026-12-15", "lena"), ("later-here", "2027-01-15", "kim")):
        year.run("ruth", "due", "approve", year.refs[name], "--reason", "agreed")
        _moved(year, name, due, asked, "ruth")
    year.run("ruth", "due", "reject", year.refs["later-refused"], "--reason", "it has waited long enough")
    year.day(3, 9)
    year.sync()
    year.routine(3, (10, 19))
    year.day(3, 20)
    lena, key = year.in_ticket("lena", "came-back")
    lena.reopen(key)
    year.became("came-back", "open")
    year.day(3, 21)
    year.sync()


def _register(year: Year) -> None:
    """A framework is brought up to date, another is answered by it, and a control is said not to apply."""
    year.day(4, 1)
    year.run("kim", "framework", "add", year.at.file("soc2.csv", FRAMEWORK.replace("Control CC9.1", "Vendors")))
    year.run("kim", "framework", "add", year.at.file("iso.csv", ISO), "--id", "ISO27001")
    year.run("kim", "framework", "map", year.at.file("map.csv", "control,answered_by\nISO27001:A.8.5,SOC2:CC9.1\n"))
    year.run("rex", "controls", "exempt", "ISO27001:A.5.1", "--reason", "the group has one for all of us")


def _april(year: Year) -> None:
    year.day(4, 6)
    piece = year.prove("proved", "all deploy keys were rotated")
    year.run("rex", "evidence", "review", piece, "--accept")
    year.day(4, 7)
    lena, key = year.in_ticket("lena", "proved")
    lena.attach(key, "rotation.png", b"a picture of it, which nobody reviews, so that it does not count")
    year.day(4, 8)
    year.close("mia", "proved")
    year.close("lena", "late")
    year.day(4, 10)
    year.close("mia", "proved-late")
    year.day(4, 11)
    year.sync()
    year.day(4, 14)
    piece = year.prove("proved-late", "the first half of the log")
    year.run("rex", "evidence", "review", piece, "--reject", "the date is cut off")
    year.truth.proofs[year.refs["proved-late"]].clear()
    year.day(4, 16)
    year.prove("proved-late", "the whole of the log, from end to end", piece=piece)
    year.run("rex", "evidence", "review", piece, "--accept")
    year.day(4, 17)
    year.sync()
    year.day(4, 20)
    year.tested({"mfa": "pass"}, "CC7.1")
    year.truth.failing.add(("CC7.1", "2026-03-02", "2026-04-20", 50))
    year.day(4, 21)
    year.close("mia", "mfa")
    year.day(4, 22)
    mia, key = year.in_ticket("mia", "pulled")
    lena, _ = year.in_ticket("lena", "pulled")
    lena.merge_pull(mia.open_pull(key, "Sign the releases"))
    year.done("pulled")
    year.day(4, 23)
    year.sync()
    year.run("rex", "review", year.refs["pulled"], "--accept")
    year.truth.after_closing |= {(year.refs[name], "evidence") for name in ("proved-late", "pulled")}
    year.day(4, 24)
    year.sync()


def _may(year: Year) -> None:
    _over(year, "two-owners", "lapsed", datetime(2026, 5, 2, tzinfo=UTC))
    year.day(5, 4)
    year.sync()
    year.day(5, 5)
    year.close("mia", "came-back")
    year.day(5, 11)
    for name in ("deleted", "transferred", "moved"):
        mia, key = year.in_ticket("mia", name)
        year.truth.lost.add((year.refs[name], key))
        if name == "deleted":
            mia.delete(key)
        elif name == "transferred":
            mia.transfer(key, "acme/archive")
        else:
            year.at.jira.admin("POST", f"/_sandbox/issue/{key}/move", {"project": "OPS"})
    year.run("kim", "item", "edit", year.refs["conflict"], "--owner", "lena@acme.example")
    mia, key = year.in_ticket("mia", "conflict")
    mia.assign(key, "5b109f2e9729b51b54dc274d")
    for day in (12, 13):
        year.day(5, day)
        year.sync("--full")
    year.day(5, 15)
    for hold in year.run("kim", "holds", "list"):
        if hold["kind"] in ("conflict", "gone"):
            year.run("kim", "holds", "settle", hold["id"], "--take", "item", "--reason", "=ours stands")
    year.routine(5, (16, 27))


def _june(year: Year) -> None:
    year.day(6, 1)
    year.tested({"alarm one": "fail", "alarm two": "fail", "alarm three": "fail"}, "CC7.2")
    year.truth.failing.add(("CC7.2", "2026-06-01", "", 214))
    year.day(6, 2)
    year.sync()
    year.day(6, 10)
    renewed = year.run("kim", "accept", "renew", year.refs["renewed"], "--until", "2026-12-15")["ref"]
    year.run("omar", "accept", "approve", renewed, *TERMS)
    old = next(each for each in year.truth.accepted if each.item == year.refs["renewed"])
    old.became = "renewed"
    _accepted(year, "renewed", "kim", {"omar"}, old.why, "2026-12-15")
    year.routine(6, (11, 25))


def _july(year: Year) -> None:
    year.day(7, 1)
    year.tested({"alarm one": "pass", "alarm two": "pass"}, "CC7.2")
    made = year.run("kim", "audit", "rotate", "--out", str(year.at.folder / "audit-2.key"))
    year.at.key, year.at.others = "audit-2.key", [made["old_public_key"]]
    year.at.configure()
    year.run("kim", "risk", "score", "R-0001", "2x4", "--reason", "MFA is on everywhere", "--next-review", "2027-06-30")
    year.day(7, 2)
    year.run("kim", "item", "edit", year.refs["voided"], "--description", "Another system than was spoken of.")
    year.truth.after_closing.add((year.refs["voided"], "description"))
    _over(year, "voided", "voided")
    year.sync()
    year.routine(7, (3, 25))


def _august(year: Year) -> None:
    year.day(8, 3)
    year.run("ruth", "accept", "revoke", year.refs["revoked"], "--reason", "it was not switched off")
    _over(year, "revoked", "revoked")
    year.day(8, 4)
    year.run("kim", "item", "edit", year.refs["changed-after"], "--title", "Story that goes on")
    lena, key = year.in_ticket("lena", "changed-after")
    lena.comment(key, "It was only half of it")
    year.truth.after_closing |= {(year.refs["changed-after"], what) for what in ("title", "comment")}
    year.run("kim", "resolve", year.refs["resolved-here"], "--reason", "it was switched off")
    year.done("resolved-here")
    year.day(8, 5)
    year.sync()
    year.routine(8, (6, 25))


def _september(year: Year) -> None:
    year.day(9, 1)
    year.run("kim", "evidence", "check")
    year.welcome()
    year.day(9, 7)
    year.truth.after_closing.add((year.refs["mfa"], "evidence"))
    year.tested({"mfa": "fail"}, "CC7.1")
    year.day(9, 8)
    year.sync()
    year.day(9, 21)
    year.tested({"mfa": "pass"}, "CC7.1")
    year.truth.failing.add(("CC7.1", "2026-09-07", "2026-09-21", 15))
    year.day(9, 22)
    year.sync()


def _october(year: Year) -> None:
    _over(year, "asked-by-comment", "lapsed", datetime(2026, 10, 1, tzinfo=UTC))
    year.day(10, 5)
    year.sync()
    year.day(10, 6)
    year.truth.lost |= {(ref, key) for ref, (tracker, key) in year.tickets.items() if tracker == "code"}
    year.at.at_github["mia"].rename_repository("platform-core")
    year.day(10, 7)
    year.sync("--full")
    year.routine(10, (8, 25))


def _november(year: Year) -> None:
    year.day(11, 2)
    year.run("kim", "item", "add", "Write down who is called at night", "--owner", "lena@acme.example")
    year.run("kim", "item", "edit", year.refs["later-refused"], "--owner", "omar@acme.example")
    year.welcome()
    with year.at.patch.context() as patch:
        patch.setenv("COUNTERFOIL_SAFETY__MAX_CREATES", "0")
        year.run("kim", "sync", expect=(4,))
        year.sync("--force", "the one of tonight")
    year.routine(11, (3, 25))


def _december(year: Year) -> None:
    year.routine(12, (1, 12))
    _over(year, "renewed", "lapsed", datetime(2026, 12, 16, tzinfo=UTC))
    year.day(12, 20)
    year.sync()
    year.day(12, 21)
    year.run("kim", "person", "erase", "emma-richards", "Emma Richards", "--words", "--reason", "request 12")
    year.day(12, 30)
    year.sync()
