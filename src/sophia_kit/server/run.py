"""Runs the application on this machine's loopback interface."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from importlib import import_module

from sophia_kit.core.errors import InputError, Interrupted
from sophia_kit.core.settings import Settings
from sophia_kit.warehouse import SnapshotStore

__all__ = ["require_loopback", "serve"]

_PATIENCE_S = 3
# The first visitor would wait seconds for these imports.
_HEAVY = ("polars", "duckdb", "altair", "sophia_kit.reports")


def require_loopback(host: str) -> str:
    """`host`, when only this machine can reach it.

    Raises:
        InputError: others could, and nobody signs in yet.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise InputError(
            f"{host} can be reached from other machines, and there is no sign-in yet.",
            hint="Serve on 127.0.0.1 and put a proxy that signs people in before it.",
        )
    return host


def serve(settings: Settings, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` is told the URL once visitors can connect. Port 0 takes a free one.

    Raises:
        InputError: `host` isn't loopback, or the port is taken.
        NoSnapshot: there is nothing to serve.
        ConfigError: a notebook isn't there.
    """
    address = require_loopback(host)
    SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    with _listen(address, port) as listener:
        # Imported here: what can be refused is refused before the seconds that these take.
        import uvicorn

        from sophia_kit.server.app import create_app
        from sophia_kit.server.services import Services

        # The notebooks of this process read their settings from its environment.
        os.environ.update(settings.environment())
        for name in _HEAVY:
            import_module(name)
        with Services.open(settings) as services:
            app = create_app(services)
            config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_PATIENCE_S, lifespan="on")
            shown = f"[{address}]" if ":" in address else address
            ready(f"http://{shown}:{listener.getsockname()[1]}")
            try:
                uvicorn.Server(config).run(sockets=[listener])
            except (KeyboardInterrupt, Interrupted):
                # Uvicorn closes what is open, then raises again the signal that ended it.
                return


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(
            f"Can't listen on {address}:{port}: {error.strerror}.", hint="Choose another with --port, or 0 for any."
        ) from None
    return listener
