"""The index: which apps there are, what each answers, and whether it is about real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

__all__ = ["STYLE", "index_page"]

STYLE: Final = """\
body{margin:0;background:#f4f6f8;color:#17212e;
font:17px/1.55 -apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:44rem;margin:0 auto;padding:48px 24px}
.demo{background:#6b2fa0;color:#fff;text-align:center;padding:8px 16px;font-size:15px}
h1{font-size:30px;letter-spacing:-.015em;margin:0 0 24px}
ul{list-style:none;padding:0}
li{background:#fff;border:1px solid #dce2e9;border-radius:10px;padding:18px 22px;margin:0 0 12px}
a{color:#1d4f7c;font-size:20px;font-weight:600}
a:focus-visible{outline:3px solid #1d4f7c;outline-offset:3px}
p{margin:4px 0 0;color:#55616f}
a.out{font-size:inherit;font-weight:inherit}
"""


def index_page(company: str, apps: Sequence[tuple[str, str, str]], *, demo: bool, signed_in: str | None = None) -> str:
    """The page as HTML. `apps` are (path, title, what it answers); `signed_in` is who reads it, and may sign out."""
    banner = '<div class="demo"><strong>DEMO DATA</strong>: a fictional company.</div>' if demo else ""
    flag = " DEMO DATA." if demo else ""
    items = "".join(
        f'<li><a href="{escape(path)}/">{escape(title)}</a><p>{escape(answers)}{flag}</p></li>'
        for path, title, answers in apps
    )
    out = f'<p>{escape(signed_in)} · <a class="out" href="/sign-out">Sign out</a></p>' if signed_in else ""
    api = '<p><a class="out" href="/docs">API</a></p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{'DEMO DATA: ' if demo else ''}{escape(company)}</title><style>{STYLE}</style></head>"
        f"<body>{banner}<main><h1>{escape(company)}</h1><ul>{items}</ul>{api}{out}</main></body></html>"
    )
