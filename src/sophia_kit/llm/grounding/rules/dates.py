"""Dates: months, weekdays, spans of time, and what a change is said to be measured against."""

from __future__ import annotations

from collections.abc import Iterator

from sophia_kit.llm.grounding.clauses import clauses_of
from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import lexicon
from sophia_kit.llm.grounding.material import Kind, Material
from sophia_kit.llm.grounding.reading import Sentence, Text, Token
from sophia_kit.llm.grounding.rules.numbers import blanked

__all__ = ["check_dates", "check_words_of_dates", "kinds_said"]

_TOLD: dict[Kind, str] = {
    "year": "a year earlier",
    "period": "the period before",
    "target": "a target",
}
_MONTHS = ("March", "May")


def check_dates(text: Text, material: Material) -> Iterator[Finding]:
    """Dates of the text's own, and bases of comparison that no fact has."""
    yield from check_words_of_dates(text, material)
    for sentence in text.sentences:
        yield from _comparisons(text, sentence, material)


def check_words_of_dates(text: Text, material: Material) -> Iterator[Finding]:
    """Months, weekdays, spans of time, and claims about all of the past."""
    words = lexicon()
    clear = blanked(text.masked, *(pattern for kind, pattern in words.comparisons if kind != "target"))
    clear = blanked(clear, words.date_idioms)
    found = {m.start(): m[0] for pattern in (words.date_phrases, words.history) for m in pattern.finditer(clear)}
    for token in text.tokens:
        if token.kind == "word" and (token.text in _MONTHS or _plain(token) in words.dates):
            found.setdefault(token.at, token.text)
    for at, said in sorted(found.items()):
        message = "A date or a span of time of the text's own. Refer to a term that holds one, such as {arr.period}."
        yield Finding("date", at, text.paragraph(at), text.prose[at : at + len(said)], message)


def _plain(token: Token) -> str:
    return token.lower.partition("'")[0]


def kinds_said(text: Text, sentence: Sentence) -> dict[Kind, tuple[int, str]]:
    """What the sentence says that its changes are measured against, and where."""
    begin, end = sentence.tokens[0].at, sentence.tokens[-1].end
    found: dict[Kind, tuple[int, str]] = {}
    for kind, pattern in lexicon().comparisons:
        match = pattern.search(text.masked, begin, end)
        if match:
            said = text.prose[match.start() : match.end()]
            found[kind] = (match.start() + len(said) - len(said.lstrip()), said.strip())
    return found


def _judged(text: Text, sentence: Sentence, material: Material) -> Iterator[Kind]:
    """The kinds of changes that a firm word beside their value is held against: "lower than a year earlier"."""
    clauses = clauses_of(text, sentence)
    named = [[t.text for t in one.tokens if t.kind == "reference" and t.text in material.numbers] for one in clauses]
    for number, clause in enumerate(clauses):
        values = named[number]
        if not values and clause.continues and number:
            values = named[number - 1]
        elif not values and number + 1 < len(clauses) and not clauses[number + 1].sayings:
            values = named[number + 1]
        if any(saying.firm for saying in clause.sayings):
            kinds = (material.kind(fact.name) for name in values for fact in material.changes(name))
            yield from (kind for kind in kinds if kind is not None)


def _comparisons(text: Text, sentence: Sentence, material: Material) -> Iterator[Finding]:
    """A year earlier is said only beside a fact that was compared with it, so far as the facts' names tell."""
    names = [token.text for token in sentence.tokens if token.kind == "reference" and token.text in material.numbers]
    kinds = {material.kind(name) for name in names if material.moved(material.numbers[name]) or ".vs_" in name}
    kinds |= set(_judged(text, sentence, material))
    for kind, (at, said) in kinds_said(text, sentence).items():
        if kind == "target" or kind in kinds or None in kinds:
            continue
        message = f"No fact that this sentence refers to is a comparison with {_TOLD[kind]}."
        yield Finding("comparison", at, text.paragraph(at), said, message)
