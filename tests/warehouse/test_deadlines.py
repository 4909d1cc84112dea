"""What takes too long is stopped, whatever else runs; what has ended is left alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sophia_kit.warehouse.deadlines import Deadlines


def test_what_takes_too_long_is_stopped_and_what_ended_in_time_is_not() -> None:
    deadlines, stopped, ended = Deadlines(), threading.Event(), threading.Event()
    with deadlines.within(0.05, ended.set):
        pass
    began = time.monotonic()
    with deadlines.within(0.2, stopped.set):
        assert stopped.wait(5)
    assert time.monotonic() - began >= 0.2
    assert not ended.is_set()


def test_a_shorter_deadline_is_kept_while_a_longer_one_is_waited_for() -> None:
    deadlines, late, soon = Deadlines(), threading.Event(), threading.Event()
    with deadlines.within(60, late.set):
        with deadlines.within(0.1, soon.set):
            assert soon.wait(5)
        again = threading.Event()
        with deadlines.within(0.1, again.set):
            assert again.wait(5)
    assert not late.is_set()


def test_a_hundred_at_once_are_each_stopped_by_one_thread() -> None:
    deadlines, before = Deadlines(), threading.active_count()
    watching = []

    def run(number: int) -> bool:
        stopped = threading.Event()
        with deadlines.within(0.1 + number % 10 / 50, stopped.set):
            watching.append(sum(thread.name == "sophia-deadlines" for thread in threading.enumerate()))
            return stopped.wait(5)

    with ThreadPoolExecutor(100) as pool:
        assert all(pool.map(run, range(100)))
    assert len(set(watching)) == 1
    assert threading.active_count() <= before + 1


def test_a_forked_process_has_deadlines_of_its_own() -> None:
    program = """
import os, threading
from sophia_kit.warehouse.deadlines import Deadlines

deadlines, stopped = Deadlines(), threading.Event()
with deadlines.within(60, stopped.set):
    child = os.fork()
    if child == 0:
        with deadlines.within(0.1, stopped.set):
            os._exit(0 if stopped.wait(10) else 1)
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60)
