"""Tokens are counted offline: with the model's own tokenizer where it is published, else by an upper estimate."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_kit.llm import ChatRequest, EmbedRequest, Image, Message, Tool
from sophia_kit.llm.tokens import TokenCount, count_text, encoding_of, input_tokens, upper_estimate

ROOT = Path(__file__).parents[2]
ENCODINGS = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4", "voyage3_base": "voyage-3"}


# Counts of OpenAI's published examples: github.com/openai/openai-cookbook, How_to_count_tokens_with_tiktoken.
@pytest.mark.parametrize(
    ("text", "model", "tokens"),
    [
        ("antidisestablishmentarianism", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4o", 6),
        ("2 + 2 = 4", "gpt-4", 7),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "gpt-4o", 8),
    ],
)
def test_published_tokenizers_count_as_published(text: str, model: str, tokens: int) -> None:
    assert count_text(text, model) == TokenCount(tokens, exact=True)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("openai/gpt-5:nitro", "o200k_base"),
        ("@production/gpt-4-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("voyage-3.5", "voyage3_base"),
        ("claude-opus-5-5", None),
        ("our-own-model", None),
    ],
)
def test_which_tokenizer_a_model_has(model: str, encoding: str | None) -> None:
    assert encoding_of(model) == encoding


TEXTS = {
    "English": (ROOT / "docs" / "metrics.md").read_text("utf-8"),
    "code": (ROOT / "src" / "sophia_kit" / "llm" / "policy.py").read_text("utf-8"),
    "SQL": (ROOT / "src" / "sophia_kit" / "warehouse" / "models" / "payments.sql").read_text("utf-8"),
    "numbers": ",".join(str(number * 7919 % 100_003) for number in range(500)),
    "German": "Die Donaudampfschifffahrtsgesellschaft befördert Fahrgäste über viele Flüsse.",
    "French": "L’été à Paris était très agréable, même s’il pleuvait.",
    "Russian": "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "Arabic": "الذكاء الاصطناعي يغير العالم بسرعة كبيرة",
    "Hindi": "कृत्रिम बुद्धिमत्ता दुनिया को तेजी से बदल रही है।",
    "Japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "Chinese": "人工智能正在改变我们的生活方式和工作方式。",
    "Korean": "인공지능이 세상을 빠르게 바꾸고 있습니다.",
    "emoji": "😀🎉👩‍👩‍👧‍👦🏳️‍🌈🤖",
    "a rare script": "𒀀𒀁𒀂𒀃",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_the_estimate_is_above_every_published_tokenizer_and_not_far(kind: str) -> None:
    counts = [count_text(TEXTS[kind], model).tokens for model in ENCODINGS.values()]
    assert max(counts) <= upper_estimate(TEXTS[kind]) <= 3 * max(counts)


def test_the_estimate_says_that_it_is_one() -> None:
    assert count_text("Hello, world!", "our-own-model") == TokenCount(7, exact=False)
    assert count_text("", "our-own-model").tokens == upper_estimate("") == 0


def test_everything_that_is_sent_counts() -> None:
    def tokens(**parts: object) -> int:
        return input_tokens(ChatRequest(**{"messages": (Message("user", "Hi"),), **parts}), "gpt-4o").tokens  # type: ignore[arg-type]

    plain = tokens()
    assert plain == 1 + 3 + 3
    assert tokens(messages=(Message("user", "Hi", name="Ann"),)) > plain
    assert tokens(messages=(Message("user", "Hi"), Message("user", "Hi"))) == plain + 4
    assert tokens(tools=(Tool("weather", "of a place"),)) > plain
    assert tokens(schema={"type": "object"}) > plain
    assert tokens(messages=(Message("user", "Hi", images=(Image("https://example.com/a.png"),)),)) == plain + 4000


def test_texts_to_embed_count_each() -> None:
    assert input_tokens(EmbedRequest(("Hi", "Hi")), "text-embedding-3-small") == TokenCount(2, exact=True)
