"""How many tokens a text is, counted here: nothing is asked of a provider.

Where a model's tokenizer is published its own tokens are counted. For all others there is an upper estimate, made of
rules that published tokenizers stay below on prose, code, numbers and other scripts; docs/models.md has them.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

from sophia_kit.core.errors import ConfigError
from sophia_kit.llm.catalogue import bare_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sophia_kit.llm.messages import ChatRequest, EmbedRequest

__all__ = ["TokenCount", "count_text", "encoding_of", "input_tokens", "upper_estimate"]

# OpenAI's cookbook, "How to count tokens with tiktoken": each message, a name, and what primes the answer; each tool.
_PER_MESSAGE = 3
_PER_NAME = 1
_PRIMING = 3
_PER_TOOL = 12
# The dearest published picture of a chat model with that setting: docs/models.md names them.
_IMAGE_LOW = 2833
_IMAGE = 4000
_LONG_WORD = 12
_LOWER = re.compile(r"[a-z]+")
_UPPER = re.compile(r"[A-Z]+")
_SINGLE = re.compile(r"[0-9!-/:-@\[-`{-~]|[^\S ]| {2,}|[\x00-\x08\x0e-\x1f\x7f]")
# Scripts that published vocabularies have words of, up to Thai; kana, Han and Hangul.
_SCRIPTS = re.compile(r"[\u0080-\u0e7f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff9f]+")
_RARE = re.compile(r"[^\x00-\u0e7f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff9f]+")


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of a prompt. `exact` when its model's own tokenizer counted the text; otherwise an upper estimate."""

    tokens: int
    exact: bool


@lru_cache(maxsize=1024)
def encoding_of(model: str) -> str | None:
    """The published tokenizer of a model, by the name of its encoding; None when it has none that is known here."""
    name = bare_names(model)[0]
    for rule, encoding in _rules():
        if rule.match(name):
            return encoding
    return None


def count_text(text: str, model: str) -> TokenCount:
    """Tokens of a text for a model."""
    encoding = encoding_of(model)
    if encoding is None:
        return TokenCount(upper_estimate(text), exact=False)
    return TokenCount(_tokenizer(encoding).count(text), exact=True)


def upper_estimate(text: str) -> int:
    """More tokens than published tokenizers make of prose, code and numbers in any of the larger scripts.

    One for every three letters of a word, or two of one longer than twelve or in capitals; one for each digit, each
    mark and each run of white space other than a single space; half the bytes of UTF-8 for other scripts that
    tokenizers have words of, and all bytes for what is left. Letters in random order may be more.
    """
    count = sum((size + 2) // 3 if size <= _LONG_WORD else (size + 1) // 2 for size in map(len, _LOWER.findall(text)))
    count += sum((size + 1) // 2 for size in map(len, _UPPER.findall(text)))
    count += len(_SINGLE.findall(text))
    if not text.isascii():
        count += sum((len(run.encode()) + 1) // 2 for run in _SCRIPTS.findall(text))
        count += sum(len(run.encode("utf-8", "surrogatepass")) for run in _RARE.findall(text))
    return count


def input_tokens(request: ChatRequest | EmbedRequest, model: str) -> TokenCount:
    """Tokens of everything that is sent for a request: messages, their pictures, tools, the schema of the answer."""
    texts = getattr(request, "texts", None)
    if texts is not None:
        counts = [count_text(text, model) for text in texts]
        return TokenCount(sum(each.tokens for each in counts), all(each.exact for each in counts))
    return _of_chat(request, model)  # type: ignore[arg-type]


def _of_chat(request: ChatRequest, model: str) -> TokenCount:
    tokens = _PRIMING
    exact = encoding_of(model) is not None

    def add(text: str) -> None:
        nonlocal tokens
        if text:
            tokens += count_text(text, model).tokens

    for message in request.messages:
        tokens += _PER_MESSAGE + (_PER_NAME if message.name else 0)
        add(message.text)
        add(message.name or "")
        for call in message.tool_calls:
            tokens += _PER_TOOL
            add(call.name)
            add(call.arguments)
        for image in message.images:
            tokens += _IMAGE_LOW if image.detail == "low" else _IMAGE
            exact = False
    for tool in request.tools:
        tokens += _PER_TOOL
        add(tool.name)
        add(tool.description)
        add(_json(tool.parameters))
        exact = False
    if request.schema is not None:
        tokens += _PER_TOOL
        add(_json(request.schema))
        exact = False
    return TokenCount(tokens, exact)


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    text = (resources.files("sophia_kit.llm") / "data" / "catalogue.toml").read_text(encoding="utf-8")
    return tuple((re.compile(rule["match"]), str(rule["encoding"])) for rule in tomllib.loads(text)["tokenizers"])


@cache
def _tokenizer(encoding: str) -> Any:
    # The package's own modules read every vocabulary into Python, which takes a second and a hundred megabytes, only
    # to list the models that they know. Its compiled part counts without them.
    package = find_spec("bpe_openai")
    found = None if package is None else PathFinder.find_spec("_bindings", package.submodule_search_locations)
    if found is None or found.loader is None:
        raise ConfigError("The tokenizers of bpe-openai aren't installed.", hint="Install sophia-kit[llm].")
    bindings: Any = module_from_spec(found)
    found.loader.exec_module(bindings)
    return bindings.tokenizer_for_encoding(encoding)
