"""What goes wrong in a year, or takes a turn that nobody planned, and how an installation comes out of it."""

from connectors.sandbox.faults import Fault
from tests.e2e.year import Year


def asked_in_vain(year: Year) -> None:
    """An engineer asks for a risk to be accepted by closing a ticket, and thinks better of it."""
    mia, key = year.in_ticket("mia", "withdrawn")
    year.day(2, 27)
    mia.wont_do(key, "We do without")
    year.sync()
    year.day(2, 28)
    mia.reopen(key)
    year.sync()


def out_of_sight(year: Year) -> None:
    """A comment is hidden, and a ticket is no longer shown; then both are there again."""
    lena, issue = year.in_ticket("lena", "hushed")
    _, unseen = year.in_ticket("lena", "unseen")
    year.day(3, 23)
    said = lena.comment(issue, "The old password is written on the board")
    year.sync()
    for day, away in ((24, True), (25, True), (26, False)):
        year.day(3, day)
        lena.minimize(issue, said, "outdated" if away else None)
        year.at.jira.admin("POST", f"/_sandbox/issue/{unseen}/hide", {"hidden": away})
        year.sync("--full")


def a_link_is_refused(year: Year) -> None:
    """Somebody names a page as evidence, at an address that is not looked at."""
    year.day(4, 2)
    year.run(
        "kim", "evidence", "add", year.refs["hushed"], f"{year.at.github.url}/dashboard", "--shows", "all is green"
    )
    with year.at.patch.context() as patch:
        patch.setenv("COUNTERFOIL_EVIDENCE__CHECK_LINKS", "true")
        year.run("kim", "evidence", "check")


def bytes_come_later(year: Year) -> None:
    """An attachment is noted by its hash alone, as files were not copied then, and somebody brings the file."""
    lena, key = year.in_ticket("lena", "doubtful")
    text = "what the console shows"
    year.day(5, 28)
    lena.attach(key, "console.txt", text.encode())
    with year.at.patch.context() as patch:
        patch.setenv("COUNTERFOIL_EVIDENCE__COPY_ATTACHMENTS", "false")
        year.sync()
    year.day(5, 29)
    [piece] = year.run("kim", "evidence", "list", year.refs["doubtful"])
    year.run("kim", "evidence", "add", piece["ref"], year.at.file("console.txt", text))


def answers_are_lost(year: Year) -> None:
    """What a tracker did is not known, and can never be: a person was faster, or the ticket is the item's no more."""
    mia, doubtful = year.in_ticket("mia", "doubtful")
    _, former = year.in_ticket("mia", "unanswered")
    year.day(6, 26)
    year.sync()
    year.run("kim", "item", "edit", year.refs["doubtful"], "--priority", "high")
    year.run("kim", "item", "comment", year.refs["unanswered"], "Is it done?")
    for method, path in (("PUT", r"/issue/\d+$"), ("POST", "/comment$")):
        year.at.jira.faults.next(method, path, Fault.LOSE_ANSWER, times=9)
    year.sync()
    year.at.jira.faults.clear()
    mia.prioritise(doubtful, "Highest")
    other = mia.create("SEC", "Story unanswered, begun by hand")
    year.run("kim", "item", "unlink", year.refs["unanswered"], "--reason", "work goes on elsewhere")
    year.run("kim", "item", "link", year.refs["unanswered"], other)
    mia.delete(former)
    year.day(6, 27)
    year.sync()


def somewhere_else_and_back(year: Year) -> None:
    """Everything is copied to another database, which is never used; and on a quiet day the ledger is signed."""
    year.day(8, 27)
    year.run("kim", "state", "copy", "--to", year.at.databases.empty())
    year.run("kim", "state", "reclaim", "--reason", "the new server was never used")
    year.day(8, 29)
    year.run("kim", "audit", "sign")


def put_back(year: Year) -> None:
    """The disk breaks the day after a copy was made of the database, and all goes on from the copy."""
    year.day(11, 26)
    copy = year.at.databases.copy(year.at.state)
    year.day(11, 27)
    year.close("mia", "put-back")
    year.sync()
    year.at.state = copy
    year.at.configure()
    year.run("kim", "sync", expect=(6,))
    year.run("kim", "audit", "fork", "--reason", "the disk broke, and the copy of the night is used")
    year.sync()
