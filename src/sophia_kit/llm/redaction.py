"""What may be logged of a text: personal data and secrets, as far as their form gives them away, are replaced."""

from __future__ import annotations

import re

__all__ = ["redacted"]

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[key]", re.compile(r"\b(?:sk|pk|rk|xox[abprs]|gh[opsu]|glpat|AKIA)[-_A-Za-z0-9]{12,}")),
    ("[token]", re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+")),
    ("[key]", re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|$)", re.DOTALL)),
    ("[email]", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w")),
    ("[iban]", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("[card]", re.compile(r"\b\d(?:[ -]?\d){12,18}\b")),
    ("[ssn]", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("[phone]", re.compile(r"(?<![\w.])\+?\(?\d{1,4}\)?(?:[ ./-]\(?\d{2,4}\)?){2,5}(?![\w.])")),
    ("[address]", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("[secret]", re.compile(r"(?i)(?<=password[=: ])\s*\S+|(?<=secret[=: ])\s*\S+|(?<=token[=: ])\s*\S+")),
)
_MOST = 2_000


def redacted(text: str) -> str:
    """`text` without keys, mail addresses, card, account and phone numbers, cut after 2,000 characters."""
    for name, form in _FORMS:
        text = form.sub(name, text)
    return text if len(text) <= _MOST else text[:_MOST] + f" ... ({len(text) - _MOST} more)"
