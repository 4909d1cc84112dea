"""One ASGI application: the published apps, an index of them, and a sign of life."""

from sophia_kit.server.app import APPS, App, create_app
from sophia_kit.server.run import require_loopback, serve

__all__ = ["APPS", "App", "create_app", "require_loopback", "serve"]
