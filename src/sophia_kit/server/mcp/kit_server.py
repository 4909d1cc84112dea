"""The SDK's server with the kit's manners: who asks, what they may call, and one shape for every error."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError, UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolResult,
    InputRequiredResult,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import AnyUrl, ValidationError
from pydantic_core import to_json

from sophia_kit.core.errors import InputError, InternalError, InvalidRequest, SophiaError, UnknownName
from sophia_kit.core.suggest import nearest
from sophia_kit.server.auth.audit import note
from sophia_kit.server.auth.caller import Caller, caller_of
from sophia_kit.server.mcp.names import SERVERS

if TYPE_CHECKING:
    from mcp.server.lowlevel.helper_types import ReadResourceContents

    from sophia_kit.server.services import Services

__all__ = ["MOST_CHARACTERS", "KitServer"]

MOST_CHARACTERS: Final = 80_000
"""The longest result, in characters of JSON: about 20,000 tokens. Assistants refuse results of more than 25,000."""

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_ERRORS_SHOWN = 20
_NAME_SHOWN = 100
_log = logging.getLogger(__name__)
_Function = TypeVar("_Function", bound=Callable[..., Any])
_caller: ContextVar[Caller] = ContextVar("mcp_caller")


class KitServer(MCPServer[Any]):
    """An MCP server over one workspace. Its tools and resources only read.

    Args:
        name: one of `SERVERS`, which says what a caller needs to be answered at all.
        caller: who asks over stdio; None takes the caller of each HTTP request.
    """

    def __init__(
        self,
        name: str,
        services: Services,
        *,
        title: str,
        instructions: str,
        caller: Caller | None = None,
    ) -> None:
        super().__init__(
            f"sophia-{name}",
            title=title,
            instructions=instructions,
            version=version("sophia-kit"),
            log_level="WARNING",
            # Nothing here is remembered from one request to the next, so nothing can be listened to.
            subscriptions=False,
            middleware=[self._admit],
        )
        self.services = services
        self._scope = SERVERS[name]
        self._fixed = caller
        self._scopes: dict[str, str] = {}
        self._arguments: dict[str, tuple[str, ...]] = {}

    @property
    def caller(self) -> Caller:
        """Who asks.

        Raises:
            LookupError: outside of a request.
        """
        return _caller.get()

    @property
    def offered(self) -> frozenset[str]:
        """The names of the tools that there are."""
        return frozenset(self._scopes)

    def reads(self, title: str, *, scope: str | None = None) -> Callable[[_Function], _Function]:
        """Offer a function as a tool that reads.

        Args:
            scope: what a caller needs beside the server's own.
        """

        def offer(function: _Function) -> _Function:
            self.add_tool(function, title=title, annotations=_READS, structured_output=True)
            if scope is not None:
                self._scopes[function.__name__] = scope
            return function

        return offer

    def add_tool(self, fn: Callable[..., Any], name: str | None = None, *more: Any, **named: Any) -> None:
        """As the SDK's; the tool needs the server's scope."""
        super().add_tool(fn, name, *more, **named)
        self._scopes[name or fn.__name__] = self._scope
        self._arguments[name or fn.__name__] = tuple(inspect.signature(fn).parameters)

    async def list_tools(self) -> list[Tool]:
        """The tools that the caller may call."""
        held = self.caller.scopes
        return [
            tool.model_copy(update={"input_schema": tool.input_schema | {"additionalProperties": False}})
            for tool in await super().list_tools()
            if self._scopes[tool.name] in held
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an error comes back as a problem, in the text and as structured content."""
        if name not in self._scopes:
            unknown = UnknownName("tool", name, (tool.name for tool in await self.list_tools()))
            raise MCPError(INVALID_PARAMS, _sentence(unknown), unknown.problem())
        try:
            self.caller.require(self._scopes[name])
            self._require_known(name, arguments)
            result = await super().call_tool(name, arguments, context)
        except SophiaError as error:
            return _failed(error)
        except ToolError as error:
            return _failed(_understood(error, f"the tool {name}"))
        assert isinstance(result, CallToolResult)
        if result.structured_content is None:
            return result
        # The SDK indents the text, which costs the reading model a third more.
        text = to_json(result.structured_content).decode()
        if len(text) > MOST_CHARACTERS:
            return _failed(
                InputError(
                    f"The answer has {len(text):,} characters; {MOST_CHARACTERS:,} is the most.",
                    hint="Ask for fewer fields, a smaller limit or a shorter period.",
                )
            )
        return result.model_copy(update={"content": [TextContent(type="text", text=text)]})

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource; an error is a protocol error that carries the problem."""
        try:
            return await super().read_resource(uri, context)
        except ResourceNotFoundError:
            raise
        except ResourceError as error:
            found = _understood(error, f"the resource {uri}")
            code = INVALID_PARAMS if found.status < 500 else INTERNAL_ERROR
            raise MCPError(code, _sentence(found), found.problem() | {"uri": str(uri)}) from error

    def _require_known(self, tool: str, arguments: Iterable[str]) -> None:
        """The SDK drops an argument that it doesn't know: a misspelt filter would silently give everything.

        Raises:
            InvalidRequest: the tool doesn't take one of these arguments.
        """
        known = self._arguments[tool]
        unknown = [name[:_NAME_SHOWN] for name in arguments if name not in known][:_ERRORS_SHOWN]
        if unknown:
            raise InvalidRequest(
                f"{tool} takes no argument {unknown[0]!r}.",
                errors=[(name, "there is no such argument") for name in unknown],
                hint=nearest(unknown[0], known),
            )

    async def _admit(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Remember who asks while the request lasts, and what for in the audit log."""
        scope = ctx.request.scope if ctx.request is not None else {}
        try:
            caller = self._fixed or caller_of(scope)
            caller.require(self._scope)
        except SophiaError as error:
            raise MCPError(INVALID_PARAMS, _sentence(error), error.problem()) from error
        called = (ctx.params or {}).get("name")
        if ctx.method == "tools/call" and called in self._scopes:
            note(scope, "tool", called)
        token = _caller.set(caller)
        try:
            return await call_next(ctx)
        finally:
            _caller.reset(token)


def _understood(error: ToolError | ResourceError, what: str) -> SophiaError:
    """The kit's error behind one of the SDK's; a mistake of the kit's own is logged, and told without its inside."""
    cause = error.__cause__
    if isinstance(cause, ValidationError) and not isinstance(error, UnexpectedToolError):
        return _invalid(cause)
    while cause is not None:
        if isinstance(cause, SophiaError):
            if cause.status >= 500:
                _log.warning("In %s: %s: %s", what, cause.code, cause)
            return cause
        cause = cause.__cause__
    _log.error("Mistake in %s", what, exc_info=error)
    return InternalError(
        f"A mistake of the kit's own in {what}.", hint="Tell whoever runs this server; its log tells more."
    )


def _invalid(error: ValidationError) -> InvalidRequest:
    # What was sent isn't repeated: it may be a secret in the wrong place.
    found = [
        (".".join(str(part) for part in one["loc"]), str(one["msg"]).removeprefix("Value error, "))
        for one in error.errors()[:_ERRORS_SHOWN]
    ]
    told = "; ".join(f"{where}: {what}" for where, what in found)
    return InvalidRequest(f"{told}.", errors=found, hint="The tool's input schema says what it takes.")


def _failed(error: SophiaError) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=_sentence(error))], structured_content=error.problem(), is_error=True
    )


def _sentence(error: SophiaError) -> str:
    """The error for a reader."""
    parts = [f"{error.title}: {error.message}", error.hint or "", "Trying again may help." if error.retryable else ""]
    return " ".join(part for part in parts if part)
