"""An error in the form that OpenAI's clients read, beside the one that everybody else reads."""

from __future__ import annotations

from typing import Any, Final

from sophia_kit.core.errors import SophiaError

__all__ = ["PATHS", "error_member", "is_model_path"]

PATHS: Final = ("/v1/chat/completions", "/v1/embeddings", "/v1/models")

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


def is_model_path(path: str) -> bool:
    """Whether an OpenAI client asks there."""
    return path in PATHS or path.startswith("/v1/models/")


def error_member(error: SophiaError) -> dict[str, Any]:
    """What OpenAI's clients look for under `error`. `param` is the field of the request that is wrong, where one is."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    message = error.message if error.hint is None else f"{error.message} {error.hint}"
    return {"message": message, "type": kind, "param": getattr(error, "param", None), "code": error.code}
