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
