"""The configuration: the example is whole and valid, and everything wrong is said at once."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.bounded import SIZE_LIMIT
from connectors.registry import BUILT_IN, settings_class
from connectors.sandbox.memory import CAPS, FarSide, MemoryTracker
from sync.app.complaints import ConfigError, line_numbers
from sync.app.reaching import rules_of, tracker_settings
from sync.app.runs import _keeping
from sync.app.settings import Settings, keys_at, load

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"

TRACKER = """
[trackers.eng]
kind = "jira"
url = "https://acme.example"
token_env = "T"
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COUNTERFOIL_CONFIG", "COUNTERFOIL_USER"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "counterfoil.toml"
    file.write_text(text, encoding="utf-8")
    return file


def complaints(folder: Path, text: str) -> dict[str, tuple[str, int]]:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    return {c.key: (c.what, c.line) for c in caught.value.complaints}


def test_the_example_is_valid() -> None:
    settings = load(EXAMPLE).settings
    assert list(settings.trackers) == ["eng-jira", "platform"]
    assert [r.tracker for r in settings.routes] == ["platform", "eng-jira"]
    assert settings.people[0].model_extra == {"github": "their-github-login", "jira": "5b10ac8d82e05b22cc7d4ef5"}
    assert (settings.safety.max_creates, settings.safety.change_share) == (200, 0.30)


def test_the_example_shows_the_defaults_of_what_it_sets() -> None:
    given = load(EXAMPLE).settings
    fresh = Settings()
    assert (given.safety, given.due, given.intake) == (fresh.safety, fresh.due, fresh.intake)
    assert given.state.url.get_secret_value() == fresh.state.url.get_secret_value()


@pytest.mark.parametrize(
    ("table", "key", "what", "line"),
    [
        ('name = "a"\nkind = "git"\npath = "x"\nremot = "y"', "remot", "is not a key; did you mean 'remote'?", 6),
        ('name = "a"\nkind = "git"', "path", "is required", 2),
        ('name = "a"\nkind = "gti"', "kind", "'gti' is unknown; did you mean 'git'?", 4),
        ('name = "a"\npath = "x"', "kind", "is required", 2),
        (
            'name = "a"\nkind = "timestamp"\nurl = "tsa.acme.example"\npath = "x"\nroots = ["y"]',
            "url",
            'is no address; write it as "https://host/path", without a user name, a question mark or a secret',
            5,
        ),
        ('name = "a"\nkind = "log"\npath = "x"', "path", "is not a key; known here: kind, name", 5),
    ],
)
def test_a_place_for_checkpoints_says_by_line_and_key_what_is_wrong(
    tmp_path: Path, table: str, key: str, what: str, line: int
) -> None:
    assert complaints(tmp_path, f"[audit]\n[[audit.anchors]]\n{table}\n") == {f"audit.anchors[1].{key}": (what, line)}


def test_two_places_for_checkpoints_have_two_names(tmp_path: Path) -> None:
    table = '[[audit.anchors]]\nname = "ci"\nkind = "log"\n'
    [(key, (what, line))] = complaints(tmp_path, table * 2).items()
    assert (key, line) == ("audit.anchors[2].name", 5)
    assert what.startswith("'ci' is called as another place is")


@pytest.mark.parametrize("table", ["state", "safety", "due"])
def test_the_example_explains_every_key(table: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert f"[{table}]" in text
    for key in keys_at((table,)):
        assert f"\n{key} = " in text or f"\n# {key} = " in text, key


def test_the_example_explains_every_key_of_a_route() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert all(f"{key} = " in text for key in keys_at(("routes", 0, "when")))


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_the_example_explains_every_key_of_a_tracker(kind: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for key, field in settings_class(kind).model_fields.items():
        shown = (f"\n{key} = ", f"\n# {key} = ", f"\n# {key}.", f".{key}]", f"or {key} = ")
        assert any(each in text for each in shown), key
        for inner in getattr(field.annotation, "model_fields", ()):
            assert f"\n{inner} = " in text or f"\n# {inner} = " in text, f"{key}.{inner}"


@pytest.mark.parametrize("name", ["eng-jira", "platform"])
def test_the_example_s_trackers_are_valid(name: str) -> None:
    table = load(EXAMPLE).settings.trackers[name]
    assert settings_class(table["kind"]).model_validate(table).url


def test_everything_wrong_is_said_at_once_with_its_key_and_line(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        """
[state]
uri = "x"
[trackers.eng]
kind = "jira"
token = "hunter2"
[[routes]]
tracker = "enk"
when = { priority = ["urgent"] }
[safety]
max_create = 3
change_share = 7
""",
    )
    assert found["state.uri"] == ("is not a key; did you mean 'url'?", 3)
    assert found["trackers.eng.url"] == ("is required", 4)
    assert found["trackers.eng.token"][1] == 6
    assert "token_env" in found["trackers.eng.token"][0]
    assert "did you mean 'eng'?" in found["routes[1].tracker"][0]
    assert found["routes[1].when.priority[1]"][1] == 9
    assert "max_creates" in found["safety.max_create"][0]
    assert found["safety.change_share"][1] == 12


@pytest.mark.parametrize(
    "host", ["https://wiki.example", "wiki.example/a", "*.example", "a b", "wiki.example:port", ""]
)
def test_a_host_that_may_be_looked_at_is_a_host(tmp_path: Path, host: str) -> None:
    found = complaints(tmp_path, f'[evidence]\nallow_hosts = ["wiki.example:8443", "[::1]:80", "{host}"]\n')
    assert set(found) == {"evidence.allow_hosts[3]"}


def test_a_refused_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, TRACKER + 'token = "hunter2"\npassword = ["hunter3"]\n'))
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"), [("https://", "https://me:hunter2@"), (".example", ".example?token=hunter2")]
)
def test_a_url_with_a_secret_in_it_is_refused(tmp_path: Path, before: str, after: str) -> None:
    found = complaints(tmp_path, TRACKER.replace(before, after, 1))
    assert "hunter2" not in str(found)
    assert "trackers.eng.url" in found


def test_no_credentials_and_two_credentials_are_both_problems(tmp_path: Path) -> None:
    assert "no credentials" in complaints(tmp_path, TRACKER.replace('token_env = "T"', ""))["trackers.eng"][0]
    mistyped = complaints(tmp_path, TRACKER.replace("token_env", "token_evn"))
    assert mistyped["trackers.eng.token_evn"][0] == "is not a key; did you mean 'token_env'?"
    assert "keep one" in complaints(tmp_path, TRACKER + 'token_file = "t"\n')["trackers.eng.token_file"][0]


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="counterfoil init"):
        load(tmp_path / "none.toml")


def test_broken_toml_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        load(written(tmp_path, "[state]\nurl = \n"))


@pytest.mark.parametrize("value", ["inf", "nan", "1e12", "1_000_000_000_000_000", "-1"])
@pytest.mark.parametrize("key", ["audit_hours", "timeout_seconds", "visibility_wait_seconds"])
def test_a_tracker_s_time_that_is_no_time_is_named(tmp_path: Path, key: str, value: str) -> None:
    config = load(written(tmp_path, f'{TRACKER}project = "SEC"\n{key} = {value}\n'))
    with pytest.raises(ConfigError, match=rf"counterfoil\.toml:7: trackers\.eng\.{key}: "):
        tracker_settings(config)


DAYS = {
    "due": "critical high medium low",
    "resolve": "reopen_after_days",
    "accept": "answer_within_days warn_days",
    "accept.longest": "critical high medium low",
    "evidence": "valid_days",
    "tests": "reopen_days stale_days",
    "safety": "visibility_wait_seconds",
}


@pytest.mark.parametrize("place", [f"{table}.{key}" for table, keys in DAYS.items() for key in keys.split()])
def test_more_days_than_a_calendar_has_are_named(tmp_path: Path, place: str) -> None:
    table, _, key = place.rpartition(".")
    assert "less than or equal" in complaints(tmp_path, f"[{table}]\n{key} = {10**15}\n")[place][0]


def test_a_number_of_thousands_of_digits_is_a_problem_of_the_file(tmp_path: Path) -> None:
    assert "is not TOML" in complaints(tmp_path, f"[safety]\nmax_creates = {'9' * 5_000}\n")["(the file)"][0]


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_SAFETY__MAX_CREATES", "7")
    monkeypatch.setenv("COUNTERFOIL_TRACKERS__ENG_PLACE__URL", "https://other.example")
    text = TRACKER.replace("trackers.eng", "trackers.Eng-Place") + "[safety]\nmax_creates = 3\nchange_share = 0.5\n"
    settings = load(written(tmp_path, text)).settings
    assert (settings.safety.max_creates, settings.safety.change_share) == (7, 0.5)
    assert settings.trackers == {"Eng-Place": {"kind": "jira", "url": "https://other.example", "token_env": "T"}}


def test_a_bad_or_stray_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_SAFETY__MAX_CREATES", "many")
    monkeypatch.setenv("COUNTERFOIL_SAFTY__MAX_CREATES", "7")
    monkeypatch.setenv("COUNTERFOIL_CONFIG", "x")
    monkeypatch.setenv("COUNTERFOIL_ENG_TOKEN", "x")
    found = complaints(tmp_path, TRACKER)
    assert set(found) == {"$COUNTERFOIL_SAFETY__MAX_CREATES", "$COUNTERFOIL_SAFTY__MAX_CREATES"}
    assert "'safety'" in found["$COUNTERFOIL_SAFTY__MAX_CREATES"][0]


def test_a_variable_that_is_not_json_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_ROUTES", "[bad")
    assert complaints(tmp_path, TRACKER) == {"$COUNTERFOIL_ROUTES": ("the variable's value is not JSON", 0)}


def test_relative_paths_start_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, TRACKER)
    monkeypatch.chdir("/")
    config = load(file)
    assert config.state_url.get_secret_value() == f"sqlite:///{tmp_path}/counterfoil.db"
    assert config.path("a.token") == tmp_path / "a.token"
    assert config.path("/a.token") == Path("/a.token")


def test_a_password_in_the_database_url_stays_out_of_reprs(tmp_path: Path) -> None:
    config = load(written(tmp_path, '[state]\nurl = "postgresql+psycopg://me:hunter2@db/x"\n'))
    assert "hunter2" not in repr(config)
    assert config.state_url.get_secret_value().endswith(":hunter2@db/x")


def test_line_numbers_know_tables_arrays_and_dotted_keys() -> None:
    text = '[a."b c"]\nx = 1\n[[r]]\nt = 1\n[[r]]\nt.u = 2\n'
    assert line_numbers(text) == {
        ("a", "b c"): 1,
        ("a", "b c", "x"): 2,
        ("r", 0): 3,
        ("r", 0, "t"): 4,
        ("r", 1): 5,
        ("r", 1, "t", "u"): 6,
    }


@pytest.mark.parametrize("line", ["", "mentions = false", "mentions = true"])
def test_people_are_mentioned_only_where_the_trackers_table_says_so(tmp_path: Path, line: str) -> None:
    people = '[[people]]\nemail = "mia@acme.example"\njira = "5b10"\n'
    config = load(written(tmp_path, f'{TRACKER}project = "SEC"\n{line}\n{people}'))
    tracker = MemoryTracker(
        "eng", far_side=FarSide(lambda: datetime(2026, 11, 20, tzinfo=UTC)), caps=replace(CAPS, account_kind="jira")
    )
    rules = rules_of(config, tracker_settings(config), {"eng": tracker})
    wanted = "5b10" if line.endswith("true") else None
    assert [rules.mentioned("eng", name) for name in ("Mia@acme.example", "5B10", "tom")] == [wanted, wanted, None]


@pytest.mark.parametrize(("limit", "largest"), [(1, 1024**2), (64, SIZE_LIMIT), (500, SIZE_LIMIT)])
def test_no_attachment_is_asked_for_that_no_answer_may_be_as_large_as(tmp_path: Path, limit: int, largest: int) -> None:
    assert _keeping(load(written(tmp_path, f"[evidence]\nlargest_mb = {limit}\n"))).largest == largest


@pytest.mark.parametrize(("authority", "by_first"), [("item", False), ("ticket", True), ("both", True)])
def test_where_a_ticket_has_a_say_over_the_priority_policies_go_by_the_first_one_too(
    tmp_path: Path, authority: str, by_first: bool
) -> None:
    settings = load(written(tmp_path, f'{TRACKER}[trackers.eng.authority]\npriority = "{authority}"\n')).settings
    assert (settings.resolution.evidence.by_first, settings.authorities.by_first) == (by_first, by_first)
