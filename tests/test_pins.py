"""The exact pins, the ranges others install by, and uv.lock tell one story."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
# Tools of the house itself; nobody installs them by a range.
WITHOUT_RANGE = {"dev"}

PINS: dict[str, tuple[str, Requirement]] = {
    canonicalize_name(requirement.name): (group, requirement)
    for group, lines in GROUPS.items()
    for requirement in map(Requirement, lines)
}
RANGES: dict[str, Requirement] = {
    canonicalize_name(requirement.name): requirement
    for lines in (PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values())
    for requirement in map(Requirement, lines)
}
LOCKED: dict[str, str | None] = {
    canonicalize_name(package["name"]): package.get("version") for package in LOCK["package"]
}


def pinned_version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is no exact pin"
    assert "*" not in specifier.version, f"{requirement} is no exact pin"
    return specifier.version


def test_the_groups_are_those_of_the_design() -> None:
    assert set(GROUPS) == {"core", "mcp-servers", "ai-enhanced", "automation", "dev"}
    assert set(PROJECT["tool"]["uv"]["default-groups"]) == set(GROUPS)


def test_a_package_is_pinned_once() -> None:
    names = [canonicalize_name(Requirement(line).name) for lines in GROUPS.values() for line in lines]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", sorted(PINS))
def test_a_pin_is_what_is_locked(name: str) -> None:
    assert LOCKED.get(name) == pinned_version(PINS[name][1])


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_range_holds_its_pin(name: str) -> None:
    assert name in PINS, f"{name} has a range in [project] and no pin in [dependency-groups]"
    version = pinned_version(PINS[name][1])
    assert RANGES[name].specifier.contains(version), f"{version} lies outside {RANGES[name]}"
    assert PINS[name][1].extras >= RANGES[name].extras


@pytest.mark.parametrize("name", sorted(name for name, (group, _) in PINS.items() if group not in WITHOUT_RANGE))
def test_a_pin_has_its_range(name: str) -> None:
    assert name in RANGES, f"{name} is pinned, but nobody who installs the library gets it"


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_range_has_a_tested_lower_and_an_upper_end(name: str) -> None:
    operators = {specifier.operator for specifier in RANGES[name].specifier}
    assert ">=" in operators
    # tzdata is data, versioned by year: a newer one is always right.
    assert "<" in operators or name == "tzdata"
