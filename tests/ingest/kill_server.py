"""Runs loads in child processes and kills them. Imports once, so that a kill costs no start-up.

Reads lines `<seconds>` from standard input: starts a full load of the workspace in its arguments, kills it with SIGKILL
after that many seconds, and answers `killed` or the exit status and how long the load took.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from sophia_kit.core.settings import CompanySettings, LandingSettings, load_settings
from sophia_kit.ingest import run_ingest
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore


def main() -> None:
    root, landing, base_url, now, time_zone, client_id, client_secret, token = sys.argv[1:]
    salesforce: dict[str, Any] = {"base_url": base_url, "client_id": client_id, "client_secret": client_secret}
    settings = load_settings(
        Path(root),
        workspace="demo",
        frozen_at=datetime.fromisoformat(now),
        company=CompanySettings(time_zone=time_zone),
        salesforce=salesforce | {"refresh_token": token, "requests_per_second": 1000},
        landing=LandingSettings(path=Path(landing)),
    )
    for line in sys.stdin:
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            state = State.open(settings.state_location)
            run_ingest(settings, state, SnapshotStore(settings.snapshots_dir), settings.clock(), full=True)
            os._exit(0)
        deadline = begun + float(line)
        ended, status = 0, 0
        while not ended and time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.002)
        if ended:
            print(f"{os.waitstatus_to_exitcode(status)} {time.monotonic() - begun}", flush=True)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            print("killed", flush=True)


if __name__ == "__main__":
    main()
