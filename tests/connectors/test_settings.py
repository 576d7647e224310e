"""What the configuration may say about a tracker."""

import pytest
from pydantic import ValidationError

from connectors.github_settings import GithubSettings
from connectors.jira_settings import JiraSettings


@pytest.mark.parametrize("url", ["api.github.com", "ftp://acme.example", "https://", "https:/acme.example", ""])
def test_an_address_without_a_scheme_or_a_host_is_a_problem(url: str) -> None:
    with pytest.raises(ValidationError, match="https://HOST"):
        GithubSettings(url=url, repository="acme/platform")
    with pytest.raises(ValidationError, match="https://HOST"):
        JiraSettings(kind="jira", url=url, project="SEC")


@pytest.mark.parametrize("email", ["zoë@acme.example", "данило@acme.example", "a\n@acme.example", "a:b@acme.example"])
def test_an_address_that_no_header_can_carry_is_a_problem(email: str) -> None:
    with pytest.raises(ValidationError, match="plain e-mail address"):
        JiraSettings(kind="jira", url="https://acme.example", project="SEC", email=email)
