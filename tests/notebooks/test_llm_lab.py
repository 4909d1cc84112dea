"""The model lab: prompts put to models of a real server, and a notebook that sends nothing before it is told to."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from llmock.scenarios import Fail, Match, Reply
from llmock.testing import LLMockServer
from rich.console import Console

from sophia_kit.core.errors import InputError, Unconfigured, UnknownName
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.reports import (
    ModelLabParameters,
    compare_models,
    expected_cost,
    lab_models,
    model_lab_parameters,
    model_rows,
    print_comparison,
    trial_rows,
)
from sophia_kit.reports.model_lab import Prompt

NOTEBOOK = Path(__file__).parents[2] / "notebooks/llm_lab.py"
PROMPTS = (Prompt("Churn of four in a hundred?", "4"), Prompt("Say anything."))


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as running:
        yield running


@pytest.fixture
def settings(server: LLMockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    server.state.scenarios.clear()
    server.state.journal.clear()
    deployments = "".join(
        f"""
[llm.deployments.{name}]
provider = "compatible"
model = "{name}"
base_url = "{server.base_url("openai")}"
"""
        for name in ("small", "large", "broken")
    )
    prices = "[llm.models.small]\ninput_usd = 1\noutput_usd = 2\n[llm.models.large]\ninput_usd = 10\noutput_usd = 20\n"
    (tmp_path / "sophia.toml").write_text(f"[llm]\nattempts = 1\n{deployments}{prices}")
    monkeypatch.setenv("SOPHIA_ROOT", str(tmp_path))
    return load_settings(tmp_path)


def test_models_are_compared_by_cost_time_agreement_and_rightness(
    server: LLMockServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The replies come in the order of the questions.
    monkeypatch.setattr("sophia_kit.reports.model_lab.AT_A_TIME", 1)
    for model, texts in (("small", ("It is 4.", "Good day to you")), ("large", ("It is 40", "Good day to you"))):
        for text in texts:
            server.state.scenarios.add(Reply(text=text, match=Match(model=model)))
    server.state.scenarios.add(Fail(status=400, times=None, match=Match(model="broken")))
    found = compare_models(PROMPTS, ("small", "large", "broken"), settings)
    small, large, broken = found.figures
    assert (small.answered, small.failed, small.right) == (2, 0, 1.0)
    assert (large.answered, large.failed, large.right) == (2, 0, 0.0)
    assert (broken.answered, broken.failed, broken.right, broken.cost_usd, broken.agreement) == (0, 2, None, None, None)
    assert small.agreement is not None
    assert 0.5 < small.agreement < 1
    assert large.agreement == small.agreement
    assert small.cost_usd is not None
    assert large.cost_usd == small.cost_usd * 10 > 0
    assert small.seconds is not None
    (first, *_, last) = model_rows(found)
    assert (first["Model"], first["Answered"], first["Right"]) == ("small", "2 of 2", "100%")
    assert (last["Cost"], last["Agreement"]) == ("unknown", "unknown")
    assert [row["Right"] for row in trial_rows(found)] == ["yes", "NO", "", "", "", ""]
    out = io.StringIO()
    print_comparison(found, to=Console(file=out, width=120))
    assert "broken: The vendor rejected the request" in out.getvalue()


def test_what_it_costs_at_most_is_told_before_and_is_unknown_without_a_price(settings: Settings) -> None:
    cost = expected_cost(PROMPTS, ("small",), settings)
    assert cost is not None
    assert Decimal("0.008") < cost < Decimal("0.01"), (
        "two answers of 2,000 tokens at 2 dollars a million, and the prompts"
    )
    assert expected_cost(PROMPTS, ("small", "broken"), settings) is None


def test_all_models_that_chat_are_compared_unless_some_are_named(settings: Settings, tmp_path: Path) -> None:
    assert lab_models(ModelLabParameters(), settings) == ("small", "large", "broken")
    assert lab_models(model_lab_parameters({"models": "large, small"}), settings) == ("large", "small")
    with pytest.raises(UnknownName, match="smal"):
        lab_models(ModelLabParameters(("smal",)), settings)
    with pytest.raises(Unconfigured, match="No language model"):
        lab_models(ModelLabParameters(), Settings(root=tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "isn't YAML"),
        ("a: b", "holds no list"),
        ("[]", "holds no list"),
        ("[{expect: x}]", "entry 1 is no prompt"),
    ],
)
def test_a_file_that_holds_no_prompts_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        model_lab_parameters({"prompts": str(file)})


def test_a_file_of_prompts_is_read(tmp_path: Path) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text('- One?\n- {prompt: "Two?", expect: 2}\n')
    assert model_lab_parameters({"prompts": str(file)}).prompts == (Prompt("One?"), Prompt("Two?", "2"))
    assert len(model_lab_parameters({}).prompts) >= 5


def test_the_notebook_tells_the_cost_and_sends_nothing_by_itself(server: LLMockServer, settings: Settings) -> None:
    spec = importlib.util.spec_from_file_location("llm_lab_under_test", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, defs = module.app.run(defs={"params": ModelLabParameters(("small",), PROMPTS)})
    shown = "".join(output.text for output in outputs if hasattr(output, "text"))
    assert "at most" in shown
    assert defs["models"] == ("small",)
    assert "comparison" not in defs
    assert server.state.journal.records() == []
