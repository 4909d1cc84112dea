"""One ASGI application: the published apps, an index of them, and a sign of life."""

from typing import TYPE_CHECKING, Any

from sophia_kit.server.run import require_safe_bind, serve

if TYPE_CHECKING:
    from sophia_kit.server.app import create_app
    from sophia_kit.server.published import APPS, App
    from sophia_kit.server.services import Services

__all__ = ["APPS", "App", "Services", "create_app", "require_safe_bind", "serve"]

_HOME = {"APPS": "published", "App": "published", "Services": "services", "create_app": "app"}


def __getattr__(name: str) -> Any:
    # The application needs marimo and FastAPI, which take seconds to import and belong to extras.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
