"""Signing in and out, for people's browsers: a token once, then a cookie that no script can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sophia_kit.core.errors import ForeignOrigin, InputError, SophiaError, Unauthenticated
from sophia_kit.server.auth.access import Access, client_address
from sophia_kit.server.auth.audit import AuditEntry
from sophia_kit.server.auth.caller import Caller
from sophia_kit.server.auth.credentials import Cookie, cookie_name, encrypted, shown
from sophia_kit.server.auth.pages import local_path, sign_in_page, sign_out_page
from sophia_kit.server.problems import problem_response, trace_id

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings

__all__ = ["sign_in_routes"]

_LONGEST_FORM: Final = 4096


def sign_in_routes(settings: Settings, access: Access) -> list[Route]:
    """`/sign-in` and `/sign-out`. With authentication off there is nothing to sign in to: both lead to `/`."""
    pages = _SignIn(settings, access)
    return [
        Route("/sign-in", pages.sign_in, methods=["GET", "POST"], include_in_schema=False),
        Route("/sign-out", pages.sign_out, methods=["GET", "POST"], include_in_schema=False),
    ]


class _SignIn:
    def __init__(self, settings: Settings, access: Access) -> None:
        self._settings = settings
        self._access = access

    async def sign_in(self, request: Request) -> Response:
        directory = self._access.directory
        wanted = local_path(request.query_params.get("next", "/"))
        if directory is None:
            return _go(wanted)
        if request.method != "POST":
            if await self._visitor(request) is not None:
                return _go(wanted)
            return self._form(wanted)
        try:
            _from_here(request)
            fields = await _fields(request)
        except SophiaError as error:
            return problem_response(error, request.scope)
        wanted = local_path(fields.get("next", "/"))
        if wait := self._access.sign_in_blocked(request.scope):
            return self._form(
                wanted, status=429, wrong=f"Too many failed sign-ins. Try again in {wait:.0f} s.", retry_after=wait
            )
        try:
            session, ends, caller = await directory.sign_in(fields.get("token", "").strip(), self._access.session)
        except Unauthenticated as error:
            self._access.sign_in_failed(request.scope)
            self._audit(request, "sign-in", None, "refused")
            return self._form(wanted, status=401, wrong=error.message)
        self._audit(request, "sign-in", caller, "signed in")
        # Whoever had signed in with this browser before is out.
        if (before := _session(request)) is not None:
            await directory.sign_out(before)
        answer = _go(wanted)
        answer.set_cookie(
            cookie_name(request.scope),
            session,
            max_age=int((ends - directory.clock.now()).total_seconds()),
            path="/",
            secure=encrypted(request.scope),
            httponly=True,
            samesite="strict",
        )
        return answer

    async def sign_out(self, request: Request) -> Response:
        directory = self._access.directory
        if directory is None:
            return _go("/")
        if request.method != "POST":
            return sign_out_page(self._settings.company.name, demo=self._settings.demo)
        try:
            _from_here(request)
        except SophiaError as error:
            return problem_response(error, request.scope)
        caller, session = await self._visitor(request), _session(request)
        if caller is not None and session is not None:
            await directory.sign_out(session)
            self._audit(request, "sign-out", caller, "signed out")
        answer = _go("/sign-in")
        name, secure = cookie_name(request.scope), encrypted(request.scope)
        answer.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    def _form(self, wanted: str, *, status: int = 200, wrong: str | None = None, retry_after: float = 0.0) -> Response:
        name, demo = self._settings.company.name, self._settings.demo
        return sign_in_page(name, wanted, demo=demo, status=status, wrong=wrong, retry_after=retry_after)

    async def _visitor(self, request: Request) -> Caller | None:
        session = _session(request)
        if session is None or self._access.directory is None:
            return None
        try:
            return await self._access.directory.visitor(session)
        except Unauthenticated:
            return None

    def _audit(self, request: Request, event: str, caller: Caller | None, outcome: str) -> None:
        self._access.audit.write(
            AuditEntry(
                event=event,
                caller=caller.principal.name if caller else None,
                token_id=caller.token_id if caller else None,
                client=client_address(request.scope),
                outcome=outcome,
                trace_id=trace_id(),
            )
        )


def _session(request: Request) -> str | None:
    """What the session's cookie holds; None without one, or when there are several."""
    try:
        credential = shown(request.scope)
    except (InputError, Unauthenticated):
        return None
    return credential.session if isinstance(credential, Cookie) else None


def _from_here(request: Request) -> None:
    """Go on when the form stands on a page of this server; a browser says where it does, a program says nothing.

    Raises:
        ForeignOrigin: another site's page, or another service of this machine, sends it.
    """
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    ours = origin is None or origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())
    if not ours or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignOrigin("A page of another site sent this form.", hint="Open /sign-in itself.")


async def _fields(request: Request) -> dict[str, str]:
    """The form's fields.

    Raises:
        InputError: it is no form, or a longer one than a token needs.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            break
    if kind != "application/x-www-form-urlencoded" or len(body) > _LONGEST_FORM:
        raise InputError("That isn't the form of the sign-in.", hint="Open /sign-in with a browser.")
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise InputError("The form can't be read.", hint="Open /sign-in with a browser.") from None
    return {name: values[-1] for name, values in found.items()}


def _go(path: str) -> Response:
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})
