"""Runs the application: on this machine's loopback interface, or where callers have to show a token."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import InputError, Interrupted
from sophia_kit.core.transport import is_loopback
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings

__all__ = ["require_safe_bind", "serve"]

_BACKLOG = 1024
# The first visitor would wait seconds for these imports.
_HEAVY = ("polars", "duckdb", "altair", "sophia_kit.reports")


def require_safe_bind(settings: Settings) -> str:
    """The address of the settings, when nobody can reach it who doesn't belong there.

    Loopback, or any other with tokens as authentication; with tokens, at least one has to be valid, or nobody could ask
    anything.

    Raises:
        InputError: others could reach it, and nobody would have to sign in; or nobody could.
        StorageError, Unreachable: the state, which knows the tokens, can't be read.
    """
    server = settings.server
    host = "127.0.0.1" if server.host == "localhost" else server.host
    if server.authentication == "off":
        if not is_loopback(host):
            raise InputError(
                f"{host or 'An empty host'} can be reached from other machines, and nobody would have to sign in.",
                hint="Serve on 127.0.0.1, or set SOPHIA_SERVER__AUTHENTICATION=tokens and run `sophia tokens create`.",
            )
        return host
    now = SystemClock().now()
    with State.open(settings.state_location) as state:
        if not state.access.valid_tokens(now):
            raise InputError(
                "Callers have to show a token, and there is no valid one.", hint="Make one with `sophia tokens create`."
            )
    return host


def serve(settings: Settings, *, ready: Callable[[str], None]) -> None:
    """Serve at the address of the settings until interrupted; `ready` is told the URL once visitors can connect. Port 0
    takes a free one.

    When told to end (Ctrl-C, SIGTERM), it takes nothing new, and what runs may finish within the settings' patience.

    Raises:
        InputError: the address isn't safe (see `require_safe_bind`), or the port is taken.
        NoSnapshot, SnapshotDamaged: there is nothing to serve.
        ConfigError: a notebook isn't there.
    """
    address = require_safe_bind(settings)
    if settings.engine == "duckdb":
        SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    with _listen(address, settings.server.port) as listener:
        # Imported here: what can be refused is refused before the seconds that these take.
        from sophia_kit.reports import get_ready
        from sophia_kit.server.app import create_app
        from sophia_kit.server.draining import server_of
        from sophia_kit.server.services import Services
        from sophia_kit.server.traces import exported_traces, log_to_stderr

        # The notebooks of this process read their settings from its environment.
        os.environ.update(settings.environment())
        for name in _HEAVY:
            import_module(name)
        get_ready()
        log_to_stderr()
        with exported_traces(), Services.open(settings) as services:
            app = create_app(services)
            if settings.engine == "duckdb":
                # The first visitor doesn't wait for it either, and a damaged one is told before anybody is let in.
                with services.snapshots.current():
                    pass
            shown = f"[{address}]" if ":" in address else address
            ready(f"http://{shown}:{listener.getsockname()[1]}")
            try:
                server_of(app, settings.server).run(sockets=[listener])
            except (KeyboardInterrupt, Interrupted):
                # Uvicorn closes what is open, then raises again the signal that ended it.
                return


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise InputError(
            f"Can't listen on {address}:{port}: {error.strerror}.", hint="Choose another with --port, or 0 for any."
        ) from None
    return listener
