"""Syntax trees that several threads make at once."""

from __future__ import annotations

import subprocess
import sys

from sophia_kit.server.syntax_trees import AFFECTED

# In a process of its own: what it does to the collector, and a Python that fails, are nobody else's.
TREES = """
import ast, gc, sys, threading, time

class Slow:
    def __init__(self):
        self.itself = self
    def __del__(self):
        time.sleep(0)  # lets another thread go on, as any Python code may

def make():
    for _ in range(150):
        Slow()
        try:
            ast.parse(text)
        except SystemError:
            failed.append(1)

text, failed = "x = [(1, 2), {3: (4, [5])}]\\n" * 20, []
gc.set_threshold(100, 5, 5)
if sys.argv[1] == "guarded":
    from sophia_kit.server.syntax_trees import make_one_at_a_time
    make_one_at_a_time()
threads = [threading.Thread(target=make) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(failed))
"""


def failures(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", TREES, how], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_python_itself_fails_now_and_then_where_it_is_known_to() -> None:
    assert (failures("alone") > 0) == AFFECTED


def test_in_turn_every_tree_is_made() -> None:
    assert failures("guarded") == 0
