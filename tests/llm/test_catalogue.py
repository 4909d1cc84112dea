"""What the catalogue says of models: list prices in one unit, limits, abilities, quality; and what it doesn't know."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.llm_policy_settings import ModelSettings
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm import Catalogue, Model, Usage

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def known(provider: str, model: str, *, at: datetime = NOON, own: ModelSettings | None = None, **more: str) -> Model:
    settings = LlmSettings(models={} if own is None else {model: own})
    deployment = DeploymentSettings.model_validate({"provider": provider, "model": model, **more})
    return Catalogue(settings).model(deployment, at)


# Input, output, cached input: US dollars per million tokens, from the providers' price pages in November 2026:
# developers.openai.com/api/docs/pricing, platform.claude.com/docs/en/about-claude/pricing, ai.google.dev/pricing.
LIST_PRICES = [
    ("openai", "gpt-4o", "2.5", "10", "1.25"),
    ("openai", "gpt-4o-mini", "0.15", "0.6", "0.075"),
    ("openai", "gpt-4.1", "2", "8", "0.5"),
    ("openai", "gpt-5", "1.25", "10", "0.125"),
    ("openai", "gpt-5-mini", "0.25", "2", "0.025"),
    ("openai", "gpt-5-mini-2025-08-07", "0.25", "2", "0.025"),
    ("openai", "gpt-6.1-sol", "2", "10", "0.1"),
    ("openrouter", "openai/gpt-5-mini", "0.25", "2", "0.025"),
    ("openrouter", "anthropic/claude-opus-5.5", "4", "20", "0.2"),
]


@pytest.mark.parametrize(("provider", "model", "fresh", "answer", "cached"), LIST_PRICES)
def test_prices_are_dollars_per_million_tokens(provider: str, model: str, fresh: str, answer: str, cached: str) -> None:
    price = known(provider, model).price
    assert price is not None
    rates = price.rates
    assert (rates.input_usd, rates.output_usd, rates.cached_input_usd) == tuple(map(Decimal, (fresh, answer, cached)))
    assert price.cost(Usage(input_tokens=1_000_000)) == Decimal(fresh) or price.tiers
    assert price.cost(Usage(output_tokens=1_000_000)) == Decimal(answer)
    assert (price.source, price.as_of) == ("genai-prices 0.2.3", date(2026, 11, 10))


def test_cached_tokens_are_a_part_of_the_prompt_and_cost_their_own_price() -> None:
    price = known("openai", "gpt-4o").price
    assert price is not None
    assert price.cost(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=10)) == Decimal("0.0021")


def test_what_is_put_into_the_providers_cache_costs_its_own_price_too() -> None:
    price = known("openai", "gpt-6.1-sol").price
    assert price is not None
    # 100 fresh at $2, 600 from the cache at $0.1, 300 into it at $2.5.
    usage = Usage(input_tokens=1000, cached_input_tokens=600, cache_write_tokens=300)
    assert price.cost(usage) == Decimal("0.00101")
    # No count of a provider's makes a prompt cost more than all of it at the dearest.
    assert price.cost(Usage(input_tokens=10, cached_input_tokens=8, cache_write_tokens=10**6)) <= price.at_most(10, 0)


def test_a_long_prompt_costs_the_dearer_rates_for_all_of_it() -> None:
    price = known("openai", "gpt-6.1-sol").price
    assert price is not None
    assert price.cost(Usage(input_tokens=272_000)) == Decimal("0.544")
    assert price.cost(Usage(input_tokens=272_001, output_tokens=1000)) == Decimal("1.103004")


def test_the_most_that_a_call_can_cost_counts_what_is_put_in_the_cache() -> None:
    price = known("openai", "gpt-6.1-sol").price
    assert price is not None
    assert price.at_most(1000, 100) == Decimal("0.0035")
    assert price.at_most(1000, 100) >= price.cost(Usage(input_tokens=1000, output_tokens=100))


def test_a_price_is_that_of_the_day() -> None:
    before = known("openai", "o3", at=datetime(2025, 6, 9, tzinfo=UTC)).price
    after = known("openai", "o3", at=datetime(2025, 6, 10, tzinfo=UTC)).price
    assert before is not None
    assert after is not None
    assert [each.rates.input_usd for each in (before, after)] == [10, 2]


def test_a_compatible_address_has_the_prices_of_whose_it_is_and_others_have_none() -> None:
    groq = known("compatible", "llama-3.3-70b-versatile", base_url="https://api.groq.com/openai/v1")
    assert groq.price is not None
    assert groq.price.listed_as == "groq llama-3.3-70b-versatile"
    assert known("compatible", "gpt-4o", base_url="http://127.0.0.1:9/v1").price is None


def test_what_stands_behind_portkey_has_its_vendors_price() -> None:
    price = known("portkey", "@production/gpt-4o").price
    assert price is not None
    assert price.listed_as == "openai gpt-4o"


def test_what_runs_in_this_process_costs_nothing_and_says_so() -> None:
    price = known("local", "small-embeddings", kind="embedding").price
    assert price is not None
    assert price.cost(Usage(input_tokens=10**9)) == 0
    assert price.source == "computed in this process"


def test_limits_and_abilities_have_a_source_and_a_day() -> None:
    model = known("openai", "gpt-5-mini")
    assert (model.context_window, model.max_input_tokens, model.max_output_tokens) == (400_000, 272_000, 128_000)
    assert (model.modalities, model.tools, model.structured_output) == (("text", "image"), True, True)
    assert model.facts_as_of == date(2026, 11, 22)
    assert "LiteLLM" in (model.facts_source or "")


def test_a_model_goes_by_its_dated_name_its_variant_and_with_a_point_for_a_hyphen() -> None:
    plain = known("openrouter", "anthropic/claude-haiku-4-5")
    for name in (
        "anthropic/claude-haiku-4.5",
        "anthropic/claude-haiku-4-5-20251001",
        "anthropic/claude-haiku-4.5:nitro",
    ):
        found = known("openrouter", name)
        assert (found.max_output_tokens, found.quality) == (plain.max_output_tokens, plain.quality) != (None, None)


def test_quality_is_on_one_scale_with_its_source_and_day() -> None:
    better, worse = known("openai", "gpt-5").quality, known("openai", "gpt-4o-mini").quality
    assert better is not None
    assert worse is not None
    # (1 + exp((1350 - 1407) / 50))^-1 and the same of 1287.
    assert (better.value, worse.value) == (0.7577, 0.221)
    assert (better.as_of, better.source.split(" (")[0]) == (date(2025, 12, 11), "LMArena text leaderboard")


def test_what_nobody_knows_is_unknown() -> None:
    model = known("compatible", "our-own-model", base_url="http://127.0.0.1:9/v1")
    assert model == Model(name="our-own-model", provider="compatible", kind="chat")


def test_your_settings_win_and_the_rest_stays() -> None:
    own = ModelSettings(
        input_usd=Decimal("0.5"),
        output_usd=Decimal(1),
        as_of=date(2026, 11, 1),
        context_window=8000,
        quality=0.9,
        quality_source="our own test",
        quality_as_of=date(2026, 11, 2),
    )
    model = known("openai", "gpt-5-mini", own=own)
    assert model.price is not None
    assert model.price.cost(Usage(input_tokens=2_000_000, output_tokens=1_000_000)) == 2
    assert (model.price.source, model.price.as_of) == ("your settings", date(2026, 11, 1))
    assert (model.context_window, model.max_output_tokens) == (8000, 128_000)
    assert model.quality is not None
    assert model.quality.value == 0.9


def test_a_price_of_prompts_alone_is_refused_for_a_chat_model() -> None:
    with pytest.raises(ConfigError, match="none for its answers"):
        known("openai", "gpt-5-mini", own=ModelSettings(input_usd=Decimal(1)))


def test_importing_the_catalogue_imports_no_price_list_and_no_client() -> None:
    script = "import sys, sophia_kit.llm.ledger, sophia_kit.llm.choice; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"genai_prices", "httpx", "httpx2", "openai", "bpe_openai", "sqlalchemy"}.isdisjoint(done.stdout.split())
