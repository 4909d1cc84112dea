"""Questions in plain English: how many get exactly their query, how many a wrong one, and how long reading takes.

Beside a plain search: the metric whose name or synonym is most like the question (rapidfuzz), for its latest period,
without filters. Eager, it answers from a likeness of 60 of 100 on; cautious, from 92 on, the bar at which it is right
most often on the tuned part. On the demo company, a fiftieth of the size. Of the part kept aside only totals are shown.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rapidfuzz import fuzz, process
from rich.console import Console
from rich.table import Table

from sophia_kit.metrics import Calendar, Catalogue, MetricQuery
from sophia_kit.metrics.question import Answer, Interpreter
from sophia_kit.metrics.question.members import Members
from sophia_kit.warehouse import SnapshotStore, Warehouse

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.larkfield import load_larkfield  # noqa: E402  # as the tests load it
from tests.metrics.asked import DAY, outcome, questions  # noqa: E402  # the questions are the tests'

SCALE = 0.02
EXACT_TARGET = 85
WRONG_TARGET = 2
EAGER, CAUTIOUS = 60, 92


def plain_search(catalogue: Catalogue, least: int) -> Callable[[str], Answer]:
    names = {
        name: item.name for item in catalogue for name in (item.name.replace("_", " "), item.label, *item.synonyms)
    }
    lower = {name.lower(): metric for name, metric in names.items()}

    def search(question: str) -> Answer:
        found = process.extractOne(question.lower(), list(lower), scorer=fuzz.WRatio, score_cutoff=least)
        if found is None:
            return Answer(question, "declined", "", 0.0)
        return Answer(question, "answered", "", found[1] / 100, MetricQuery(lower[found[0]], DAY))

    return search


def main() -> None:
    table = Table(
        title=f"Questions (targets, kept aside: exact at least {EXACT_TARGET} %, wrong under {WRONG_TARGET} %)",
    )
    for heading in (
        "part",
        "questions",
        "read by",
        "exact, %",
        "wrong, %",
        "declined rightly, %",
        "p50, ms",
        "p95, ms",
    ):
        table.add_column(heading, justify="left" if heading in ("part", "read by") else "right")
    with tempfile.TemporaryDirectory() as folder:
        settings = load_larkfield(Path(folder), scale=SCALE)
        catalogue = Catalogue.load()
        with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
            members = Members(warehouse, catalogue)
            started = time.perf_counter()
            interpreter = Interpreter(warehouse, catalogue, Calendar(), DAY, over=True)
            first = (time.perf_counter() - started) * 1000
            readers = {
                "sophia ask": interpreter.interpret,
                "plain search, eager": plain_search(catalogue, EAGER),
                "plain search, cautious": plain_search(catalogue, CAUTIOUS),
            }
            for part in ("tuned", "aside"):
                for name, read in readers.items():
                    table.add_row(part, *row(part, name, read, catalogue, members))
    console = Console(width=120)
    console.print(table)
    console.print(f"Made ready once for a snapshot and a catalogue of {len(catalogue)} metrics: {first:.0f} ms")


def row(part: str, name: str, read: Callable[[str], Answer], catalogue: Catalogue, members: Members) -> tuple[str, ...]:
    asked, outcomes, times = questions(part), [], []
    for question in asked:
        started = time.perf_counter()
        answer = read(question.text)
        times.append((time.perf_counter() - started) * 1000)
        outcomes.append(outcome(question, answer, catalogue, members))
    with_query = [way for question, way in zip(asked, outcomes, strict=True) if not question.declined]
    without = [way for question, way in zip(asked, outcomes, strict=True) if question.declined]
    return (
        str(len(asked)),
        name,
        share(with_query, "right"),
        share(outcomes, "wrong"),
        share(without, "right"),
        f"{statistics.median(times):.1f}",
        f"{statistics.quantiles(times, n=20)[-1]:.1f}",
    )


def share(outcomes: list[str], kind: str) -> str:
    return f"{100 * outcomes.count(kind) / len(outcomes):.1f}"


if __name__ == "__main__":
    main()
