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

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


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
    done = demo.sophia(*arguments)
    printed = "".join(line.rstrip() + "\n" for line in (done.stdout + done.stderr).rstrip().splitlines())
    assert re.fullmatch(pattern(shown), printed), f"{page}: {command} prints\n{printed}"


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
