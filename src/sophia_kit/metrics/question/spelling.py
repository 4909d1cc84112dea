"""Misspelt words, set right against the words that are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sophia_kit.metrics.question.tokens import Token, stem

__all__ = ["Spelling"]

_SHORTEST = 5
"""Words shorter than this are near too many others."""
_LONG = 7
"""From this length on, two slips are set right; below it one, and no letter in place of another: `stage`, `stale`."""


class Spelling:
    """The words that a question may hold."""

    def __init__(self, known: Iterable[str]) -> None:
        self._words = sorted({word for word in known if word.isalpha() and len(word) >= _SHORTEST - 1})
        self._stems = {stem(word) for word in known}

    def corrected(self, tokens: Iterable[Token]) -> tuple[list[Token], tuple[tuple[str, str], ...]]:
        """The tokens, and which words (as typed, as read) were set right."""
        result, changed = [], []
        for token in tokens:
            better = self._nearest(token)
            if better is None:
                result.append(token)
            else:
                changed.append((token.raw, better))
                result.append(replace(token, word=better, stem=stem(better)))
        return result, tuple(changed)

    def _nearest(self, token: Token) -> str | None:
        """The one nearest known word that begins alike; None when the word is known, or none or several are near."""
        from rapidfuzz.distance import OSA

        word = token.word
        if len(word) < _SHORTEST or not word.isalpha() or token.stem in self._stems:
            return None
        most = 2 if len(word) >= _LONG else 1
        near: dict[str, int] = {}
        for known in self._words:
            if known[0] == word[0] and abs(len(known) - len(word)) <= most:
                distance = OSA.distance(word, known, score_cutoff=most)
                if distance <= most and (most > 1 or len(known) != len(word) or sorted(known) == sorted(word)):
                    near[known] = distance
        if not near:
            return None
        least = min(near.values())
        best = {stem(known): known for known, distance in near.items() if distance == least}
        return best.popitem()[1] if len(best) == 1 else None
