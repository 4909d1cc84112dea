"""One ASGI application: the published apps, an index of them, and a sign of life."""

from typing import TYPE_CHECKING, Any

from sophia_kit.server.run import require_loopback, serve

if TYPE_CHECKING:
    from sophia_kit.server.app import APPS, App, create_app

__all__ = ["APPS", "App", "create_app", "require_loopback", "serve"]


def __getattr__(name: str) -> Any:
    # The application needs marimo and FastAPI, which take seconds to import and belong to extras.
    if name in {"APPS", "App", "create_app"}:
        from sophia_kit.server import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
