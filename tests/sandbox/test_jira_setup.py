"""The embedded Jira tells who one is, what one may do and how it is set up, as each personality does."""

from typing import Any

from connectors.sandbox.jira_site import MIA, WATCHER


def test_everybody_is_who_their_token_says(jira: Any) -> None:
    with jira.client(MIA) as client:
        me = client.get("/myself").json()
    assert (me["displayName"], me["emailAddress"]) == ("Mia Krystof", "mia@acme.example")
    assert me["accountId" if jira.cloud else "name"] == (MIA.id if jira.cloud else "mia")


def test_permissions_follow_the_person(jira: Any) -> None:
    query = {"permissions": "BROWSE_PROJECTS,CREATE_ISSUES,ADMINISTER", "projectKey": "SEC"}
    allowed = {}
    for user in (MIA, WATCHER):
        with jira.client(user) as client:
            told = client.get("/mypermissions", params=query).json()["permissions"]
            allowed[user.name] = [told[name]["havePermission"] for name in query["permissions"].split(",")]
    assert allowed == {"mia": [True, True, False], "vera": [True, False, False]}
    assert jira.http.get("/mypermissions").status_code == (400 if jira.cloud else 200)
    assert jira.http.get("/mypermissions?permissions=FLY").status_code == 400
    assert jira.http.get("/mypermissions?permissions=CREATE_ISSUES&projectKey=NO").status_code == 404


def test_the_server_says_what_it_is_to_anybody(jira: Any) -> None:
    with jira.client(MIA) as client:
        client.auth = None
        client.headers.pop("authorization", None)
        told = client.get("/serverInfo").json()
    assert (told["deploymentType"], told["baseUrl"]) == ("Cloud" if jira.cloud else "Server", jira.server.url)


def test_the_lists_name_what_is_there(jira: Any) -> None:
    names = {
        path: [one["name"] for one in jira.http.get(path).json()] for path in ("/priority", "/resolution", "/status")
    }
    assert names["/priority"] == ["Highest", "High", "Medium", "Low", "Lowest"]
    assert "Won't Do" in names["/resolution"]
    assert names["/status"] == ["To Do", "In Progress", "In Review", "Done"]
    assert "duedate" in [one["id"] for one in jira.http.get("/field").json()]


def test_the_project_has_types_statuses_and_a_create_screen(jira: Any) -> None:
    assert [one["name"] for one in jira.http.get("/project/SEC").json()["issueTypes"]] == ["Task", "Bug"]
    statuses = jira.http.get("/project/SEC/statuses").json()[0]["statuses"]
    assert [one["statusCategory"]["key"] for one in statuses] == ["new", "indeterminate", "indeterminate", "done"]
    types = jira.http.get("/issue/createmeta/SEC/issuetypes").json()
    assert [one["name"] for one in types["issueTypes" if jira.cloud else "values"]] == ["Task", "Bug"]
    page = jira.http.get("/issue/createmeta/SEC/issuetypes/1", params={"maxResults": 3}).json()
    assert (page["total"], len(page["fields" if jira.cloud else "values"])) == (8, 3)
    for path in (
        "/project/NO",
        "/project/NO/statuses",
        "/issue/createmeta/NO/issuetypes",
        "/issue/createmeta/SEC/issuetypes/9",
    ):
        assert jira.http.get(path).status_code == 404


def test_people_are_found_by_the_beginning_of_a_name(jira: Any) -> None:
    word = "query" if jira.cloud else "username"
    found = jira.http.get("/user/assignable/search", params={word: "mia", "project": "SEC"}).json()
    assert [one["displayName"] for one in found] == ["Mia Krystof"]
    assert ("emailAddress" in found[0]) is not jira.cloud
    assert jira.http.get("/user/assignable/search", params={word: "vera", "project": "SEC"}).json() == []
    assert len(jira.http.get("/user/search", params={word: "vera"}).json()) == 1
    assert jira.http.get("/user/assignable/search", params={word: "mia"}).status_code == 400
    known = {"accountId": MIA.id} if jira.cloud else {"username": "mia"}
    assert jira.http.get("/user", params=known).json()["displayName"] == "Mia Krystof"
    assert jira.http.get("/user", params=dict.fromkeys(known, "nobody")).status_code == 404
