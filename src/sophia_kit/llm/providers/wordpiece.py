"""Texts as the word pieces of BERT's uncased vocabulary: Devlin et al. 2018, and its published `tokenization.py`.

The vocabulary, data/wordpiece.txt, is that of bert-base-uncased (Google, Apache-2.0), one piece a line.
"""

# Not by the package `tokenizers`, which does the same: it requires huggingface-hub, a client that loads models from the
# network, with six packages and 28 MB between them (tokenizers 0.23, huggingface-hub 1.33). The tests hold what is here
# against what it makes of the same texts.

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

__all__ = ["BEGIN", "END", "pieces"]

_LONGEST_WORD = 100
_UNKNOWN = "[UNK]"
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2CEAF), (0x2F800, 0x2FA1F))
BEGIN, END = 101, 102
"""The pieces `[CLS]` and `[SEP]`, which stand around every text."""


def pieces(text: str) -> list[int]:
    """The numbers of a text's pieces, without those around it."""
    known = _vocabulary()
    found: list[int] = []
    for word in _words(text):
        found += _word(word, known)
    return found


def _word(word: str, known: dict[str, int]) -> list[int]:
    """The longest known piece each time; a word that can't be made of pieces is unknown as a whole."""
    if len(word) > _LONGEST_WORD:
        return [known[_UNKNOWN]]
    found: list[int] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            number = known.get(("##" if start else "") + word[start:end])
            if number is not None:
                found.append(number)
                start = end
                break
        else:
            return [known[_UNKNOWN]]
    return found


def _words(text: str) -> list[str]:
    """Lower case, without accents; each mark and each ideograph a word of its own."""
    plain: list[str] = []
    for character in text:
        if character in "\x00\ufffd" or (
            character not in "\t\n\r" and unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs"}
        ):
            continue
        plain.append(f" {character} " if _is_ideograph(ord(character)) else character)
    split: list[str] = []
    for character in unicodedata.normalize("NFD", "".join(plain).lower()):
        kind = unicodedata.category(character)
        if kind != "Mn":
            split.append(f" {character} " if _is_mark(character, kind) else character)
    return "".join(split).split()


def _is_mark(character: str, kind: str) -> bool:
    # BERT takes all of ASCII's signs for marks, though Unicode calls some of them symbols.
    return kind[0] == "P" or character in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _is_ideograph(code: int) -> bool:
    return any(first <= code <= last for first, last in _IDEOGRAPHS)


@cache
def _vocabulary() -> dict[str, int]:
    text = (resources.files("sophia_kit.llm") / "data" / "wordpiece.txt").read_text(encoding="utf-8")
    return {piece: number for number, piece in enumerate(text.split("\n")[:-1])}
