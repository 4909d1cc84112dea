"""A brief whose narrative a model writes: by a real server, through the gateway, into the page and the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from llmock.scenarios import Fail, Reply
from llmock.testing import LLMockServer

from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.core.settings import Settings
from sophia_kit.llm.grounding import check
from sophia_kit.reports import DailyBrief, narrate, plain_text, render, with_analysis
from sophia_kit.reports.analysis import INSTRUCTIONS, material_of
from sophia_kit.reports.narrative import Author
from sophia_kit.reports.result import result_of
from sophia_kit.reports.views import author_line

GOOD = """\
Annual recurring revenue stands at {arr}, up {arr.vs_prior_year.size} on a year earlier.

Retention improved by {nrr.vs_prior_year.size} on a year earlier, to {nrr}.

Of the failed payments {failed_payments.top} were for the reason {failed_payments.top.reason}."""
BAD = "Annual recurring revenue doubled to {arr}."


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as running:
        yield running


@pytest.fixture
def settings(server: LLMockServer, tmp_path: Path) -> Settings:
    server.state.scenarios.clear()
    server.state.journal.clear()
    deployment = {"provider": "compatible", "model": "gpt-4o-mini", "base_url": server.base_url("openai")}
    llm = LlmSettings.model_validate(
        {"deployments": {"mock": deployment}, "analysis_model": "gpt-4o-mini", "attempts": 1}
    )
    return Settings(root=tmp_path, llm=llm)


def replies(server: LLMockServer, *texts: str) -> None:
    for text in texts:
        server.state.scenarios.add(Reply(text=text, times=1))


def told(brief: DailyBrief, kind: str) -> list[str]:
    return [plain_text(item.parts) for item in brief.narrative.paragraphs if item.kind == kind]


def asked(server: LLMockServer) -> list[list[dict[str, str]]]:
    """The messages of every request that arrived."""
    return [record.body["messages"] for record in server.state.journal.records()]


def test_a_text_that_passes_is_the_narrative_with_the_kits_numbers_and_the_rules_cautions(
    brief: DailyBrief, settings: Settings, server: LLMockServer
) -> None:
    replies(server, GOOD)
    written = with_analysis(brief, settings)
    assert told(written, "headline") == ["Annual recurring revenue stands at $14.1M, up 19.4 % on a year earlier."]
    assert told(written, "point") == [
        "Retention improved by 4.0 pp on a year earlier, to 105.2 %.",
        "Of the failed payments 811 were for the reason insufficient funds.",
    ]
    assert told(written, "caution") == told(brief, "caution") != []
    author = written.narrative.author
    assert (author.kind, author.model, author.reason) == ("model", "gpt-4o-mini", "It passed the check.")
    page = render(written)
    assert "Written by the language model gpt-4o-mini; every number was filled in for it." in page
    assert '<a class="num" href="#why-arr">$14.1M</a>' in page
    assert result_of(written)["narrative"] == {
        "author": "model",
        "model": "gpt-4o-mini",
        "version": author.version,
        "reason": "It passed the check.",
    }
    assert str(author.version).endswith("prompt 1, check 2")


def test_a_text_that_fails_is_repaired_once_and_the_model_is_told_what_was_wrong(
    brief: DailyBrief, settings: Settings, server: LLMockServer
) -> None:
    replies(server, BAD, GOOD)
    written = with_analysis(brief, settings)
    assert written.narrative.author.reason == "It passed the check after one repair."
    first, second = asked(server)
    assert second[: len(first)] == first
    assert second[-2]["content"] == BAD
    assert "'doubled': A number of the text's own" in second[-1]["content"]


def test_a_text_that_fails_twice_is_not_shown_and_the_page_and_the_evidence_say_so(
    brief: DailyBrief, settings: Settings, server: LLMockServer
) -> None:
    replies(server, BAD, BAD, GOOD)
    written = with_analysis(brief, settings)
    assert written.narrative.paragraphs == narrate(brief.facts).paragraphs
    author = written.narrative.author
    assert (author.kind, author.model) == ("rules", "gpt-4o-mini")
    assert author.reason.startswith("The model's text was refused, and so was its repair. number: paragraph 1, at 25")
    assert len(asked(server)) == 2
    assert author_line(author).startswith("Written by rules from the numbers below. The model's text was refused")
    assert result_of(written)["narrative"]["author"] == "rules"


def test_a_server_that_fails_leaves_the_rules_narrative(
    brief: DailyBrief, settings: Settings, server: LLMockServer
) -> None:
    server.state.scenarios.add(Fail(status=503, times=None))
    author = with_analysis(brief, settings).narrative.author
    assert (author.kind, author.model) == ("rules", None)
    assert author.reason.startswith("No model answered: ")


def test_with_no_model_configured_nothing_is_sent(brief: DailyBrief, settings: Settings, server: LLMockServer) -> None:
    silent = settings.model_copy(update={"llm": settings.llm.model_copy(update={"analysis_model": None})})
    assert with_analysis(brief, silent) is brief
    assert brief.narrative.author == Author("rules", "No model is configured to write it.")
    assert asked(server) == []


def test_the_same_facts_are_asked_about_once(brief: DailyBrief, settings: Settings, server: LLMockServer) -> None:
    replies(server, GOOD)
    assert with_analysis(brief, settings).narrative == with_analysis(brief, settings).narrative
    assert len(asked(server)) == 1


def test_narratives_as_models_write_them_pass(brief: DailyBrief) -> None:
    texts = (Path(__file__).parent / "narratives.txt").read_text(encoding="utf-8").split("\n\n")
    assert [check(text, material_of(brief)) for text in texts] == [()] * 3


def test_names_of_customers_are_not_in_the_prompt(brief: DailyBrief, settings: Settings, server: LLMockServer) -> None:
    assert any("alert(" in text for text in brief.facts.terms.values()), "a customer of this brief is called so"
    replies(server, GOOD)
    with_analysis(brief, settings)
    ((system, user),) = asked(server)
    assert INSTRUCTIONS in user["content"]
    assert "alert(" not in system["content"] + user["content"]
    assert "alert_" not in system["content"] + user["content"]
    listed = user["content"].split("<facts>\n")[1].split("\n</facts>")[0]
    names = {line.get("fact") or line["term"] for line in map(json.loads, listed.splitlines())}
    material = material_of(brief)
    assert names == {*material.numbers, *material.terms}
    assert not any(".at_" in name for name in names)
