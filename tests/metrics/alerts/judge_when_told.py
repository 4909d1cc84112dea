"""A process that judges two dozen rules of one till: it opens the state, says so, and begins when it is told.

judge_when_told.py STATE RUN_ID
"""

from __future__ import annotations

import sys

from tests.metrics.alerts.till import JUNE_1, LOW, catalogue, judge, till

from sophia_kit.state import State

RULES = catalogue(*(LOW | {"name": f"low_{number:02}", "below": 100 + number} for number in range(24)))
SALES = {"a": [150, 50, 150, 50, 150]}

if __name__ == "__main__":
    path, run_id = sys.argv[1:]
    with State.open(path) as state:
        print("ready", flush=True)
        sys.stdin.readline()
        judge(till(SALES), RULES, state, 5, run_id=run_id, since=JUNE_1)
