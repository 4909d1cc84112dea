"""The pages of the sign-in: a form for a token, the way to it, and the way out. They run no script."""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse

from sophia_kit.server.problems import CHALLENGE

__all__ = ["local_path", "sign_in_page", "sign_out_page", "to_sign_in"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Without a referrer browsers hide the origin of a form too, and it is checked.
    "Referrer-Policy": "same-origin",
}
_STYLE: Final = """\
body{margin:0;background:#f4f6f8;color:#17212e;
font:17px/1.55 -apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:26rem;margin:0 auto;padding:72px 24px}
h1{font-size:26px;letter-spacing:-.015em;margin:0 0 20px}
form{background:#fff;border:1px solid #dce2e9;border-radius:10px;padding:22px}
label{display:block;font-weight:600;margin:0 0 6px}
input{box-sizing:border-box;width:100%;font:inherit;padding:10px 12px;border:1px solid #9aa7b5;border-radius:7px}
button{font:inherit;font-weight:600;background:#1d4f7c;color:#fff;border:0;border-radius:7px;padding:10px 20px;
margin:16px 0 0;cursor:pointer}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid #1d4f7c;outline-offset:2px}
p{color:#55616f;font-size:15px;margin:12px 0 0}
.wrong{background:#fdecea;border:1px solid #d9a19b;border-radius:7px;color:#7a1d14;padding:10px 14px;margin:0 0 16px}
.demo{background:#6b2fa0;color:#fff;text-align:center;padding:8px 16px;font-size:15px}
a{color:#1d4f7c}
"""


def local_path(wanted: str) -> str:
    """A path of this server to go to after the sign-in; `/` for anything that a browser could take elsewhere."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and " " not in wanted
    if not plain or parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    return "/" if parts.path in ("/sign-in", "/sign-out") else wanted


def to_sign_in(asked: str) -> HTMLResponse:
    """401, and the way to the sign-in.

    A page that sends the browser on, and no redirect: after a link on another site the cookie (SameSite=Strict) isn't
    sent along redirects, so who has signed in would be asked to do it again. From this page it is.
    """
    target = escape("/sign-in?next=" + quote(local_path(asked), safe=""))
    page = _page(
        "Sign in",
        f'<h1>Sign in</h1><p><a href="{target}">Go on to the sign-in</a></p>',
        head=f'<meta http-equiv="refresh" content="0;url={target}">',
    )
    return HTMLResponse(page, status_code=401, headers=_HEADERS | {"WWW-Authenticate": CHALLENGE})


def sign_in_page(
    company: str, wanted: str, *, demo: bool, status: int = 200, wrong: str | None = None, retry_after: float = 0.0
) -> HTMLResponse:
    """The form; `wrong` says why it is shown again."""
    told = f'<div class="wrong" role="alert">{escape(wrong)}</div>' if wrong else ""
    form = (
        f'<h1>{escape(company)}</h1>{told}<form method="post" action="/sign-in">'
        '<label for="token">Access token</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" spellcheck="false" '
        'autocapitalize="none" maxlength="200" required autofocus>'
        f'<input type="hidden" name="next" value="{escape(local_path(wanted))}">'
        '<button type="submit">Sign in</button>'
        "<p>Whoever runs this server gives you one: <code>sophia tokens create</code>.</p></form>"
    )
    headers = _HEADERS | ({"Retry-After": str(max(1, round(retry_after)))} if retry_after else {})
    return HTMLResponse(_page(f"Sign in: {company}", form, demo=demo), status_code=status, headers=headers)


def sign_out_page(company: str, *, demo: bool) -> HTMLResponse:
    """A button: a link alone must not sign anyone out."""
    form = (
        f'<h1>{escape(company)}</h1><form method="post" action="/sign-out">'
        '<p>Ends this browser\'s sign-in and what it has open.</p><button type="submit">Sign out</button></form>'
    )
    return HTMLResponse(_page(f"Sign out: {company}", form, demo=demo), headers=_HEADERS)


def _page(title: str, content: str, *, demo: bool = False, head: str = "") -> str:
    banner = '<div class="demo"><strong>DEMO DATA</strong>: a fictional company.</div>' if demo else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{banner}<main>{content}</main></body></html>"
    )
