"""The rival of `bench_server.py`: FastAPI, DuckDB and a statement, with nothing between them.

`python tests/benchmarks/bare_endpoint.py < question.json` serves the statement's rows at `/` on a free port, which it
prints. The environment names the workspace.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from sophia_kit.core.settings import load_settings
from sophia_kit.warehouse import SnapshotStore, Warehouse


def main() -> None:
    question = json.load(sys.stdin)
    settings = load_settings()
    warehouse = Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings)
    # The views that the statement reads are defined on this connection; what asks is DuckDB alone.
    connection, cursors = warehouse._connection, threading.local()
    app = FastAPI()

    @app.get("/")
    def rows(number: int = 0) -> list[dict[str, Any]]:
        if not hasattr(cursors, "own"):
            cursors.own = connection.cursor()
        found = cursors.own.execute(question["sql"], question["params"][number])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
