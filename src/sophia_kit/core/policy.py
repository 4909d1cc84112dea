"""What the running kit may ask of a vendor: a list of requests that only read. Everything else is refused.

The list names the GETs as well as the POSTs, because vendors serve changes by GET: Salesforce revokes a token
(`/services/oauth2/revoke`) and runs Apex (`tooling/executeAnonymous`) that way, Slack posts messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from sophia_kit.core.errors import PolicyRefused
from sophia_kit.core.telemetry import HTTP_REFUSALS

__all__ = ["READS", "RequestPolicy", "Rule", "segments"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A request that only reads.

    `path` is a template: `{name}` stands for exactly one segment, any other segment for itself. It also labels
    the request in metrics and traces, so that identifiers in paths don't reach them.
    """

    provider: str
    method: str
    path: str


_SALESFORCE_DATA = "/services/data/{version}"

READS: tuple[Rule, ...] = (
    Rule("salesforce", "POST", "/services/oauth2/token"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/limits"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/query"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/query/{locator}"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/queryAll"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/queryAll/{locator}"),
    Rule("salesforce", "GET", _SALESFORCE_DATA + "/sobjects/{object}/describe"),
    Rule("slack", "GET", "/api/auth.test"),
    Rule("slack", "GET", "/api/chat.getPermalink"),
    Rule("slack", "GET", "/api/conversations.history"),
    Rule("slack", "GET", "/api/conversations.list"),
    Rule("slack", "GET", "/api/conversations.members"),
    Rule("slack", "GET", "/api/conversations.replies"),
    Rule("slack", "GET", "/api/users.list"),
    Rule("gong", "GET", "/v2/users"),
    Rule("gong", "GET", "/v2/settings/trackers"),
    Rule("gong", "POST", "/v2/calls/extensive"),
    Rule("gong", "POST", "/v2/calls/transcript"),
    Rule("notion", "POST", "/v1/search"),
    Rule("notion", "GET", "/v1/data_sources/{data_source_id}"),
    Rule("notion", "POST", "/v1/data_sources/{data_source_id}/query"),
    Rule("notion", "GET", "/v1/databases/{database_id}"),
    Rule("notion", "GET", "/v1/pages/{page_id}"),
    Rule("notion", "GET", "/v1/pages/{page_id}/markdown"),
    Rule("notion", "GET", "/v1/pages/{page_id}/properties/{property_id}"),
    Rule("notion", "GET", "/v1/blocks/{block_id}/children"),
    Rule("notion", "GET", "/v1/users"),
    Rule("notion", "GET", "/v1/users/me"),
    Rule("github", "POST", "/app/installations/{installation}/access_tokens"),
    Rule("github", "GET", "/rate_limit"),
    Rule("github", "GET", "/repos/{owner}/{repository}"),
    Rule("github", "GET", "/repos/{owner}/{repository}/commits"),
    Rule("github", "GET", "/repos/{owner}/{repository}/git/trees/{sha}"),
    Rule("github", "GET", "/repos/{owner}/{repository}/git/blobs/{sha}"),
    Rule("github", "GET", "/repos/{owner}/{repository}/pulls"),
    Rule("github", "GET", "/repos/{owner}/{repository}/issues"),
    Rule("github", "GET", "/repos/{owner}/{repository}/actions/runs"),
    Rule("github", "GET", "/repositories/{id}"),
    Rule("github", "GET", "/repositories/{id}/commits"),
    Rule("github", "GET", "/repositories/{id}/git/trees/{sha}"),
    Rule("github", "GET", "/repositories/{id}/git/blobs/{sha}"),
    Rule("github", "GET", "/repositories/{id}/pulls"),
    Rule("github", "GET", "/repositories/{id}/issues"),
    Rule("github", "GET", "/repositories/{id}/actions/runs"),
    Rule("n8n", "GET", "/api/v1/workflows"),
    Rule("n8n", "GET", "/api/v1/executions"),
)
"""Every request the kit's connectors may send."""

_OVERRIDES = frozenset({
    "x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "_method", "_httpmethod",
    "x-original-url", "x-rewrite-url",
})  # fmt: skip
"""What servers and frameworks take for another method, or another path, than the request's own."""
_HINT = "The running kit only reads. Requests that it may send are listed in core/policy.py."


class RequestPolicy:
    """The rules of one provider; a provider without rules may send nothing.

    `HEAD` and `OPTIONS` are permitted where `GET` is. A path has to be unambiguous: one with empty or dot
    segments, encoded slashes, double encoding or path parameters is refused, since servers disagree on its meaning.
    """

    def __init__(self, provider: str, rules: Iterable[Rule] = READS) -> None:
        self.provider = provider
        self._rules = tuple((rule, segments(rule.path)) for rule in rules if rule.provider == provider)

    def __repr__(self) -> str:
        return f"RequestPolicy({self.provider!r}, {len(self._rules)} rules)"

    def check(self, method: str, target: str, headers: Iterable[str] = (), fields: Iterable[str] = ()) -> Rule:
        """The rule that permits a request.

        Args:
            method: the HTTP method.
            target: path and query as they would be sent, below the vendor's address.
            headers: the names of the headers.
            fields: the names in the body, a form or an object.

        Raises:
            PolicyRefused: no rule permits it, or it tries to pass for another method. The message names the path
                without its query.
        """
        verb = method.upper()
        path, _, query = target.partition("?")
        if not (target.isascii() and target.isprintable()):
            raise self._refusal(verb, path, "it has characters that must be encoded")
        for name in headers:
            if _overrides(name):
                raise self._refusal(verb, path, f"header {name} would change what it does")
        for name, _value in parse_qsl(query.replace(";", "&"), keep_blank_values=True):
            if _overrides(name):
                raise self._refusal(verb, path, f"query parameter {name} would change what it does")
        for name in fields:
            if _overrides(name):
                raise self._refusal(verb, path, f"{name} in its body would change what it does")
        try:
            asked = segments(path)
        except ValueError as error:
            raise self._refusal(verb, path, str(error)) from None
        wanted = "GET" if verb in {"HEAD", "OPTIONS"} else verb
        for rule, template in self._rules:
            if rule.method == wanted and _matches(template, asked):
                return rule
        raise self._refusal(verb, path, "it is not on the list of requests that only read")

    def check_body(self, method: str, target: str, headers: Iterable[str], kind: str, content: bytes) -> Rule:
        """`check` of a request as it would be sent: `content` has to be a form or JSON, and a `GET` has none.

        Raises:
            PolicyRefused: as `check` does.
        """
        if not content:
            return self.check(method, target, headers)
        path, verb = target.partition("?")[0], method.upper()
        if verb != "POST":
            raise self._refusal(verb, path, "it has a body")
        fields = _fields(kind.partition(";")[0].strip().lower(), content)
        if fields is None:
            raise self._refusal(verb, path, "its body is neither a form nor JSON")
        return self.check(method, target, headers, fields)

    def _refusal(self, method: str, path: str, reason: str) -> PolicyRefused:
        HTTP_REFUSALS.labels(self.provider).inc()
        shown = "".join(character if character.isprintable() else "?" for character in path[:200])
        return PolicyRefused(
            f"{method[:20]} {shown} to {self.provider} was not sent: {reason}.", hint=_HINT, provider=self.provider
        )


def _fields(kind: str, content: bytes) -> Iterable[str] | None:
    """The names in a body, those of an object in JSON at its top; None when it can't be read."""
    try:
        text = content.decode()
        if kind == "application/x-www-form-urlencoded":
            return [name for name, _ in parse_qsl(text.replace(";", "&"), keep_blank_values=True)]
        held = json.loads(text) if kind == "application/json" else None
    except (ValueError, RecursionError):
        return None
    return held.keys() if isinstance(held, dict) else None


def _overrides(name: str) -> bool:
    plain = name.strip().lower()
    return plain in _OVERRIDES or plain.replace("_", "-") in _OVERRIDES


_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def segments(path: str) -> tuple[str, ...]:
    """The segments of a path that all servers read alike.

    Raises:
        ValueError: they may not; says why.
    """
    if not path.startswith("/"):
        raise ValueError("its path does not begin with /")
    found = []
    for raw in path[1:].split("/"):
        try:
            segment = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise ValueError("its path is not UTF-8") from None
        if segment in {"", ".", ".."}:
            raise ValueError("its path has an empty or a dot segment")
        if _ESCAPE.search(segment):
            raise ValueError("its path is encoded twice")
        if any(character in "/\\;?#" or not character.isprintable() for character in segment):
            raise ValueError("its path has a separator or control character inside a segment")
        found.append(segment)
    return tuple(found)


def _matches(template: tuple[str, ...], asked: tuple[str, ...]) -> bool:
    return len(template) == len(asked) and all(
        (expected[0] == "{" and expected[-1] == "}") or expected == given
        for expected, given in zip(template, asked, strict=True)
    )
