"""What docs/ and the README show a command print is what it prints, on a demo company a fiftieth of the size.

A line that is only `...` stands for any lines, `...` within a line for anything in it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Project
from typer.testing import CliRunner

from sophia_kit.cli.main import app

ROOT = Path(__file__).parents[1]
WALKED = ROOT / "docs" / "add-a-metric.md"
"""A page whose commands build on each other; the others' stand alone."""

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {WALKED})


def examples() -> Iterator[tuple[str, str, str]]:
    """Page, command line and shown output of every `$ sophia ...` in a fence marked `console`."""
    for page in PAGES:
        for fence in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            for block in re.split(r"^\$ ", fence, flags=re.M)[1:]:
                command, _, output = block.partition("\n")
                yield str(page.relative_to(ROOT)), command, output


def pattern(shown: str) -> str:
    """A regular expression for what is shown; trailing blanks don't count."""
    lines = [line.rstrip() for line in shown.rstrip().splitlines()]
    parts = ["(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in lines]
    return "".join(parts)


@pytest.mark.parametrize(("page", "command", "shown"), list(examples()))
def test_the_output_that_is_shown_is_the_output(demo: Project, page: str, command: str, shown: str) -> None:
    name, *arguments = shlex.split(command)
    assert name == "sophia", f"{page}: only sophia is run; mark the fence sh instead"
    done = demo.here(*arguments)
    printed = "".join(line.rstrip() + "\n" for line in (done.stdout + done.stderr).rstrip().splitlines())
    assert re.fullmatch(pattern(shown), printed), f"{page}: {command} prints\n{printed}"


def test_a_newcomer_who_follows_the_page_on_metrics_word_by_word_sees_what_it_shows(
    demo: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = demo.copy(tmp_path / "project")
    (project.root / "metrics").mkdir()
    monkeypatch.chdir(project.root)
    for kind, fence in re.findall(r"^```(yaml|console)\n(.*?)^```", WALKED.read_text(encoding="utf-8"), re.M | re.S):
        if kind == "yaml":
            name = fence.splitlines()[0].removeprefix("# ")
            (project.root / name).write_text(fence, encoding="utf-8")
            continue
        for block in re.split(r"^\$ ", fence, flags=re.M)[1:]:
            command, _, shown = block.partition("\n")
            done = CliRunner().invoke(app, shlex.split(command)[1:], env={"COLUMNS": "120", "NO_COLOR": "1"})
            printed = "".join(line.rstrip() + "\n" for line in done.output.rstrip().splitlines())
            assert re.fullmatch(pattern(shown), printed), f"{command} prints\n{printed}"


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("a\n...\nz\n", "a\nz\n", True),
        ("took ... s\n", "took 1.5 s\n", True),
        ("took ... s\n", "took 1.5\n", False),
        ("1.5\n", "1x5\n", False),
    ],
)
def test_how_output_is_compared(shown: str, printed: str, fits: bool) -> None:
    assert bool(re.fullmatch(pattern(shown), printed)) is fits
