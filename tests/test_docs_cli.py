"""docs/cli.md has every command and option; every command line shown anywhere is one that exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sophia_kit.cli.main import app

ROOT = Path(__file__).parents[1]
CLI_PAGE = ROOT / "docs" / "cli.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SHOWN = re.compile(r"^ *(?:\$ )?(?:\.venv/bin/)?(sophia(?: .*)?)$", re.M)


@cache
def root_command() -> TyperGroup:
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def leaves(command: Any, path: tuple[str, ...] = ("sophia",)) -> Iterator[tuple[str, TyperCommand]]:
    """Every command that does something, by its full name."""
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path), command


def sections() -> dict[str, str]:
    """The text below each `## sophia ...` of docs/cli.md, by the command's name."""
    page = CLI_PAGE.read_text(encoding="utf-8")
    return {match[1]: match[2] for match in re.finditer(r"^## `(sophia[^`]*)`\n(.*?)(?=^## |\Z)", page, re.M | re.S)}


def option_names(command: TyperCommand) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, TyperOption) and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    } - {"--help"}


def shown_commands() -> Iterator[tuple[str, str]]:
    """Every command line in a fence of a page: `sophia ...`."""
    for page in PAGES:
        for fence in re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S):
            for line in SHOWN.findall(fence):
                yield str(page.relative_to(ROOT)), line


def test_every_command_has_its_section_and_no_section_is_of_the_past() -> None:
    assert set(sections()) == {name for name, _ in leaves(root_command())}


@pytest.mark.parametrize("name", sorted(name for name, _ in leaves(root_command())))
def test_a_section_has_exactly_the_options_of_its_command(name: str) -> None:
    command = dict(leaves(root_command()))[name]
    documented = set(re.findall(r"^\| `(--[a-z-]+)(?:[ `/]|$)", sections()[name], re.M))
    documented |= set(re.findall(r"^\| `--[a-z-]+/(--[a-z-]+)`", sections()[name], re.M))
    assert documented == option_names(command)


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_a_command_line_that_is_shown_exists(page: str, line: str) -> None:
    command: Any = root_command()
    _, *words = shlex.split(line, comments=True)
    while isinstance(command, TyperGroup) and words:
        assert words[0] in command.commands, f"{page}: no command {words[0]!r} in {line!r}"
        command = command.commands[words.pop(0)]
    if command.context_settings.get("allow_extra_args"):
        return
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert options <= option_names(command) | {"--help"}, f"{page}: {line}"
