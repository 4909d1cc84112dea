"""Settings: environment over file, secrets never printed nor kept in files, one clear error for a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.settings import find_root, load_settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "sophia.toml").write_text('[company]\nname = "Acme"\ntime_zone = "Europe/Berlin"\n')
    return tmp_path


def test_the_root_is_the_nearest_folder_with_a_sophia_toml(project: Path) -> None:
    inner = project / "notebooks" / "deep"
    inner.mkdir(parents=True)
    assert find_root(inner) == project


def test_without_a_project_the_error_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_root()
    assert "sophia.toml" in (caught.value.hint or "")


def test_the_environment_wins_over_the_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(project).company.time_zone == "Europe/Berlin"
    monkeypatch.setenv("SOPHIA_COMPANY__TIME_ZONE", "America/Chicago")
    settings = load_settings(project)
    assert settings.company.time_zone == "America/Chicago"
    assert settings.company.name == "Acme"


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        ("SOPHIA_SALESFORCE__CLIENT_SECRET", "canary-client"),
        ("SOPHIA_SALESFORCE__REFRESH_TOKEN", "canary-refresh"),
        ("SOPHIA_PROOF_KEY", "canary-key"),
        ("SOPHIA_STATE_URL", "postgresql://u:canary-state@h/db"),
    ],
)
def test_a_secret_is_never_printed(project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, secret: str) -> None:
    monkeypatch.setenv(variable, secret)
    settings = load_settings(project)
    assert "canary" not in repr(settings) + str(settings) + settings.model_dump_json()


SECRETS = [
    "proof_key",
    "state_url",
    "privacy.hash_key",
    "salesforce.client_secret",
    "salesforce.refresh_token",
    "salesforce.private_key",
    "slack.token",
    "gong.access_key_secret",
    "notion.token",
    "github.private_key",
    "github.token",
    "n8n.api_key",
    "snowflake.private_key",
    "snowflake.private_key_passphrase",
    "snowflake.token",
    "snowflake.writer_private_key",
    "snowflake.writer_private_key_passphrase",
    "snowflake.writer_token",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_file_is_refused_and_not_repeated(project: Path, secret: str) -> None:
    section, _, name = secret.rpartition(".")
    (project / "sophia.toml").write_text((f"[{section}]\n" if section else "") + f'{name} = "canary"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(project)
    assert "SOPHIA_" in (caught.value.hint or "")
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[company]\ntime_zone = 'Mars/Base'", "Mars/Base"),
        ("[company]\ncurrency = 'dollars'", "company.currency"),
        ("[company]\nnmae = 'x'", "company.nmae"),
        ("[slak]\nchannels = []", "there is no setting slak."),
        ("[server]\nshutdown_patience_s = inf", "server.shutdown_patience_s"),
        ("[warehouse]\nkeep_snapshots = 0", "warehouse.keep_snapshots"),
        ("workspace = '../escape'", "workspace"),
        ("[http\nattempts = 3", "not valid TOML"),
    ],
)
def test_a_mistake_names_the_setting(project: Path, content: str, said: str) -> None:
    (project / "sophia.toml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(project)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("variable", "value", "said", "hint"),
    [
        ("SOPHIA_GITHUB__REPOSITORIES", "example/payments", "SOPHIA_GITHUB__REPOSITORIES is no JSON", '["one", "two"]'),
        ("SOPHIA_SALESFORCE__FIELDS", "Name", "SOPHIA_SALESFORCE__FIELDS is no JSON", '["one", "two"]'),
        ("SOPHIA_SLACK", "xoxb-canary", "SOPHIA_SLACK is no JSON", '{"name": "value"}'),
        ("SOPHIA_GITHUB__REPOSITORIES", '["payments"]', "github.repositories.0", "as SOPHIA_GITHUB__REPOSITORIES."),
        ("SOPHIA_PRIVACY__FIELDS", '{"slack_users.name": "x"}', "slack_users.name", "as SOPHIA_PRIVACY__FIELDS."),
        ("SOPHIA_PRIVACY__HASH_KEY", "canary", "at least 16 characters", "Set it as SOPHIA_PRIVACY__HASH_KEY."),
        ("SOPHIA_SLACK__TOKN", "canary", "SOPHIA_SLACK__TOKN: there is no setting slack.tokn", "Did you mean token?"),
        ("SOPHIA_LLM__BUDGET__DAY_USDD", "1", "no setting llm.budget.day_usdd", "Did you mean day_usd"),
        ("SOPHIA_LLM__BUDGET__DAY_USD", "x", "llm.budget.day_usd", "as SOPHIA_LLM__BUDGET__DAY_USD."),
        ("SOPHIA_LLM__DEPLOYMENTS__A__MODEL", "x", "a.provider", "as SOPHIA_LLM__DEPLOYMENTS__A__PROVIDER."),
        ("SOPHIA_SLAK__TOKEN", "canary", "SOPHIA_SLAK__TOKEN is no", "Did you mean SOPHIA_SLACK__TOKEN?"),
        ("SOPHIA_SLACK_TOKEN", "canary", "SOPHIA_SLACK_TOKEN is no", "Did you mean SOPHIA_SLACK__TOKEN?"),
        ("sophia_salesfroce__client_secret", "canary", "sophia_salesfroce", "SOPHIA_SALESFORCE__CLIENT_SECRET?"),
        ("SOPHIA_STATE_URI", "canary", "SOPHIA_STATE_URI is no", "Did you mean SOPHIA_STATE_URL?"),
        ("SOPHIA_XQ__JJJ", "canary", "SOPHIA_XQ__JJJ is no", "docs/settings.md lists all."),
        ("SOPHIA_STATE_URL", "mysql://u:canary@h/db", "no postgresql:// URL", "Set it as SOPHIA_STATE_URL."),
        ("SOPHIA_JOBS__BI__NOTEBOK", "x.py", "jobs.bi.notebook", "as SOPHIA_JOBS__BI__NOTEBOOK."),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str, hint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings(project)
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SOPHIA_TEST_POSTGRES", "x"),  # of the kit's own tests
        ("SOPHIA_TOKEN", "x"),
        ("SOPHIA_SLAK__TOKEN", ""),
        ("SOPHIA_SERVICE_HOST", "10.0.0.1"),  # Kubernetes, for a service called sophia
        ("SOPHIA_SERVER_PORT", "tcp://10.0.0.1:80"),  # and for one called sophia-server
    ],
)
def test_a_variable_of_somebody_else_s_or_without_a_value_is_let_be(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert load_settings(project).company.name == "Acme"


def test_a_folder_that_is_not_there_is_said_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPHIA_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"There is no folder .*nowhere"):
        load_settings()


@pytest.mark.parametrize("name", ["metrics_dir", "checks_dir"])
def test_a_folder_of_the_project_s_own_definitions_has_to_be_there(project: Path, name: str) -> None:
    (project / "sophia.toml").write_text(f"{name} = 'nowhere'\n")
    with pytest.raises(ConfigError, match=rf"Setting {name}: there is no folder .*nowhere"):
        load_settings(project)


def test_a_working_folder_that_was_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOPHIA_ROOT", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="was removed"):
        find_root()


def test_the_clock_can_be_frozen_in_the_demo_only(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPHIA_FROZEN_AT", "2025-12-31T23:59:59Z")
    with pytest.raises(ConfigError, match="old data look fresh"):
        load_settings(project)
    monkeypatch.setenv("SOPHIA_WORKSPACE", "demo")
    assert load_settings(project).clock().frozen


def test_ci_as_a_variable_is_not_a_right(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("SOPHIA_PROOF_KEY", "")  # what a fork's workflow sees of a secret
    assert load_settings(project).origin == "local"
    monkeypatch.setenv("SOPHIA_PROOF_KEY", "a key that only CI holds")
    assert load_settings(project).origin == "ci"
    monkeypatch.setenv("SOPHIA_WORKSPACE", "demo")
    assert load_settings(project).origin == "demo"


def test_a_relative_landing_folder_is_below_the_root(project: Path) -> None:
    (project / "sophia.toml").write_text("[landing]\npath = 'landing'")
    assert load_settings(project).landing.path == project / "landing"
