"""What docs/ says is what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sophia_kit.core.settings import Settings
from sophia_kit.metrics import definition
from sophia_kit.metrics.value import Grain, UnknownCode
from sophia_kit.proofs.verification import ORIGINS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])


def shown(field: FieldInfo) -> str:
    """A default as docs/settings.md writes it."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return "unset"
    if isinstance(value, tuple | dict):
        return "empty" if not value else f"`{value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`" if value < 1000 else f"`{value:.0f}`"


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if get_origin(inner) is dict and isinstance(of := get_args(inner)[1], type) and issubclass(of, BaseModel):
            yield from settings_of(of, f"{prefix}{name}.<name>.")
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_of(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|", page, re.M)
    documented = {name: (variable, default) for name, variable, default in rows}
    assert len(documented) == len(rows), "a setting is documented twice"
    expected = {
        name: ("SOPHIA_" + name.upper().replace(".", "__"), shown(field)) for name, field in settings_of(Settings)
    }
    expected["root"] = ("SOPHIA_ROOT", "found")
    assert documented == expected


def test_exactly_the_secrets_are_marked_as_such() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"^\| `([^`]+)` \|[^|]+\|[^|]+\| \*\*Secret\.\*\*", page, re.M))
    assert marked == {name for name, field in settings_of(Settings) if "SecretStr" in str(field.annotation)}


def test_every_page_is_listed_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


def test_every_key_of_a_definition_and_every_reason_of_unknown_is_documented() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    parts = [part for part in vars(definition).values() if isinstance(part, type) and issubclass(part, BaseModel)]
    keys = {field.alias or name for part in parts for name, field in part.model_fields.items()} - {"name"}
    named = keys | {*definition.KINDS, *get_args(UnknownCode), *get_args(Grain)}
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_every_code_of_a_failed_verification_is_documented() -> None:
    sources = [
        (ROOT / "src/sophia_kit/proofs" / name).read_text("utf-8") for name in ("verification.py", "log_check.py")
    ]
    codes = {code for text in sources for code in re.findall(r'_(?:fail|mismatch)\(\s*"([a-z-]+)"', text)}
    page = (DOCS / "proofs.md").read_text(encoding="utf-8")
    assert codes == set(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", page, re.M)) - set(ORIGINS)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    absent = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not absent


def test_pages_that_messages_send_people_to_exist() -> None:
    folders = (ROOT / "src", ROOT / "notebooks", ROOT / "apps")
    kinds = {".py", ".html", ".yaml", ".sql"}
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    # The demo company's repositories have pages of their own.
    sources.remove(ROOT / "src/sophia_kit/sandbox/git_tree.py")
    named = {name for path in sources for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8"))}
    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()
