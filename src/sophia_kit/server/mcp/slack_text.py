"""Slack's markup as people read it, and links to messages as the kit knows these."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Final

from sophia_kit.core.errors import InputError

__all__ = ["mentioned", "readable", "thread_of"]

_USER: Final = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^>]*))?>")
_CHANNEL: Final = re.compile(r"<#(C[A-Z0-9]+)(?:\|([^>]*))?>")
_GROUP: Final = re.compile(r"<!(?:subteam\^[A-Z0-9]+\|@?([^>]+)|(here|channel|everyone))>")
_LINK: Final = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]*))?>")
_MESSAGE: Final = re.compile(r"[CGD][A-Z0-9]{2,}:\d{9,11}\.\d{6}")
_PERMALINK: Final = re.compile(
    r"https://[\w.-]+/archives/([CGD][A-Z0-9]{2,})/p(\d{9,11})(\d{6})(?:\?.*?thread_ts=(\d{9,11}\.\d{6}))?"
)


def mentioned(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The ids of users whom texts mention, each once."""
    return tuple(dict.fromkeys(match[1] for text in texts if text for match in _USER.finditer(text)))


def readable(text: str, names: Mapping[str, str]) -> str:
    """A message's text with names in the place of ids, and without escapes. `names` are users' by id."""
    text = _USER.sub(lambda match: f"@{names.get(match[1]) or match[2] or match[1]}", text)
    text = _CHANNEL.sub(lambda match: f"#{match[2] or match[1]}", text)
    text = _GROUP.sub(lambda match: f"@{match[1] or match[2]}", text)
    text = _LINK.sub(lambda match: f"{match[2]} ({match[1]})" if match[2] else match[1], text)
    return html.unescape(text)


def thread_of(reference: str) -> str:
    """The id of the message that a reference names: an id (`C0SB0000001:1766110684.059900`), or Slack's link to it. A
    link to an answer names the thread that it is in.

    Raises:
        InputError: it is neither.
    """
    text = reference.strip().strip("<>")
    if _MESSAGE.fullmatch(text):
        return text
    link = _PERMALINK.match(html.unescape(text))
    if link is None:
        raise InputError(
            f"{reference[:100]!r} names no message.",
            hint="Give a thread_id, e.g. C0SB0000001:1766110684.059900, or the link that Slack copies.",
        )
    return f"{link[1]}:{link[4] or f'{link[2]}.{link[3]}'}"
