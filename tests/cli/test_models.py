"""`sophia models`: prices and their age, who would answer and why, what was spent; and what can't be said."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sophia_kit.cli.main import app
from sophia_kit.core.errors import ConfigError, InputError, SophiaError, Unconfigured, UnknownName
from sophia_kit.core.settings import load_settings
from sophia_kit.llm.budget import Budgets
from sophia_kit.state import State

DEPLOYED = """
[llm.deployments.openai]
provider = "openai"
model = "gpt-5-mini"

[llm.deployments.house]
provider = "compatible"
model = "our-own"
base_url = "http://127.0.0.1:9/v1"
data_policy = "local"

[llm.models."priced"]
input_usd = 1
output_usd = 2
as_of = 2026-01-01

[llm.deployments.priced]
provider = "compatible"
model = "priced"
base_url = "http://127.0.0.1:9/v1"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sophia.toml").write_text(DEPLOYED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def records(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said(*arguments, "--format", "json"))
    return found


def refused(kind: type[SophiaError], *arguments: str) -> SophiaError:
    with pytest.raises(kind) as error:
        CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)
    return error.value


def test_the_list_has_prices_by_the_million_tokens_and_their_age(project: Path) -> None:
    table = said("list")
    assert "genai-prices 0.2.3: of 2026-11-10, " in table
    assert "Without a price: refused where a budget holds" in table
    listed = {one["name"]: one for one in records("list")}
    assert (listed["gpt-5-mini"]["input_usd"], listed["gpt-5-mini"]["output_usd"]) == ("0.25", "2")
    assert listed["our-own"]["input_usd"] is None
    assert listed["priced"]["price_as_of"] == "2026-01-01"
    assert listed["priced"]["price_age_days"] > 300


def test_a_model_is_shown_with_whose_knowledge_it_is(project: Path) -> None:
    shown = said("show", "gpt-5-mini")
    for part in ("$0.25 in, $2 out, $0.025 cached", "272,000", "LiteLLM 1.109.1", "LMArena", "openai gpt-5-mini"):
        assert part in shown
    assert "unknown; refused where a budget holds" in said("show", "house")
    assert refused(UnknownName, "show", "gpt-5-minni").hint == "Did you mean gpt-5-mini?"


def test_explain_says_who_would_answer_and_why_not_the_others(project: Path) -> None:
    ranked = records("explain", "--prompt", "Hi", "--max-tokens", "100", "--max-cost", "0.01")
    by_name = {one["deployment"]: one for one in ranked}
    assert {name: one["rank"] for name, one in by_name.items()} == {"openai": 1, "priced": 2, "house": None}
    assert [each["code"] for each in by_name["house"]["refusals"]] == ["price"]
    assert Decimal(by_name["openai"]["at_most_usd"]) == Decimal("0.25") * 7 / 10**6 + Decimal(2) * 100 / 10**6
    parts = {part["name"]: part["points"] * part["weight"] for part in by_name["openai"]["parts"]}
    assert sum(parts.values()) == pytest.approx(by_name["openai"]["score"])
    table = said("explain", "--model", "our-own", "--preset", "fast")
    assert "the order in which they were asked for" in table
    assert "not among the models asked for" in table
    assert "prompts there are may-train, and local was asked for" in said("explain", "--data-policy", "local")


def test_spend_shows_budgets_of_the_day(project: Path) -> None:
    (project / "sophia.toml").write_text(DEPLOYED + "\n[llm.budget]\nday_usd = 2\n", encoding="utf-8")
    settings = load_settings()
    budgets = Budgets(settings.llm.budget, settings.company.time_zone, settings.clock())
    with State.open(settings.state_location) as state, state.transaction():
        budgets.spent(state, "acme", "", Decimal("1.7"))
    everybody, acme = records("spend")
    assert (everybody["spent_usd"], everybody["limit_usd"], everybody["status"]) == ("1.7", "2", "warning")
    assert (acme["member"], acme["status"]) == ("acme", "no limit")
    assert "$0.3000" in said("spend")
    assert "everybody" in said("spend", "--day", "2020-01-01")


def test_with_nothing_deployed_all_that_is_known_is_listed_and_how_to_configure_one(project: Path) -> None:
    (project / "sophia.toml").write_text("", encoding="utf-8")
    table = said("list")
    for part in (
        "not configured",
        "genai-prices 0.2.3: of 2026-11-10, ",
        "[llm.deployments.openai]",
        "docs/gateway.md",
    ):
        assert part in table
    listed = {one["name"]: one for one in records("list")}
    assert len(listed) > 200
    known = listed["gpt-5-mini"]
    assert (known["deployment"], known["provider"], known["input_usd"]) == (None, "openai", "0.25")
    assert (listed["claude-haiku-4-5"]["provider"], listed["claude-haiku-4-5"]["output_usd"]) == ("anthropic", "5")
    assert (listed["all-MiniLM-L6-v2"]["provider"], listed["all-MiniLM-L6-v2"]["input_usd"]) == ("local", "0")
    rated = [one["quality"] for one in listed.values() if one["kind"] == "chat" and one["quality"] is not None]
    assert rated == sorted(rated, reverse=True)


def test_what_is_known_and_not_deployed_is_shown_as_such(project: Path) -> None:
    shown = said("show", "claude-haiku-4-5")
    for part in ("not configured: claude-haiku-4-5 at anthropic", "$1 in, $5 out", "[llm.deployments.openai]"):
        assert part in shown
    assert "[llm.deployments.openai]" not in said("list")
    assert "[llm.deployments.openai]" not in said("show", "gpt-5-mini")
    names = [one["name"] for one in records("list", "--known")]
    assert names[:3] == ["gpt-5-mini", "our-own", "priced"]
    assert names.count("gpt-5-mini") == 1
    assert len(names) > 200


def test_nobody_is_ranked_where_nothing_is_deployed(project: Path) -> None:
    (project / "sophia.toml").write_text("", encoding="utf-8")
    assert "docs/gateway.md" in (refused(Unconfigured, "explain").hint or "")


def test_wrong_input_is_one_clear_error(project: Path) -> None:
    assert "no amount of dollars" in refused(InputError, "explain", "--max-cost", "-1").message
    assert "is no day" in refused(InputError, "spend", "--day", "today").message
    (project / "sophia.toml").write_text(DEPLOYED + '\n[llm.models."our-own"]\noutput_usd = 1\n', encoding="utf-8")
    assert "begins with its input_usd" in refused(ConfigError, "list").message
