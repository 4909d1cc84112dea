"""The rules as docs/metric-rules.md shows them, and where their remarks are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import REPOSITORY

from sophia_kit.core.errors import UnknownName
from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.lint import MISTAKE, RULES, lint, lint_text

PAGE = (REPOSITORY / "docs" / "metric-rules.md").read_text(encoding="utf-8")
SECTIONS = {match[1]: match[2] for match in re.finditer(r"^## `([a-z-]+)`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)}
FENCE = re.compile(r"^```yaml\n(.*?)^```", re.M | re.S)

SHARED: dict[str, Any] = {
    "label": "Attempts of ours",
    "description": "Payments attempted in the period.",
    "source": "Payments handbook 2025",
    "owner": "Payments",
    "unit": "count",
    "format": "count",
    "higher_is_better": True,
    "additive": "full",
    "grains": ["month"],
    "tests": [{"day": "2025-12-31", "expect": 1}],
}
ROWS = {"kind": "simple", "base": "payments", "time": "attempted_day", "expression": "count(*)"}


def text_of(snippet: str) -> str:
    """A whole file around the keys that the page shows."""
    keys = yaml.safe_load(snippet)
    rows = {} if keys.get("kind") == "derived" else ROWS
    return yaml.safe_dump({"metrics": {"attempts_of_ours": SHARED | rows | keys}}, sort_keys=False)


def remarks(snippet: str) -> list[str]:
    return [item.rule for item in lint_text(text_of(snippet), "mine", Catalogue.load())]


def test_every_rule_has_its_section() -> None:
    assert set(SECTIONS) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_remarks_on_the_bad_and_not_on_the_good(name: str) -> None:
    bad, good = FENCE.findall(SECTIONS[name])
    assert remarks(bad) == [name]
    assert remarks(good) == []


def test_the_package_s_own_definitions_leave_nothing_to_remark(tmp_path: Path) -> None:
    assert lint(tmp_path / "absent") == ()


def test_a_remark_is_located_and_a_rule_may_be_left_out(tmp_path: Path) -> None:
    text = text_of("{synonyms: [turnover], source: own}")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    found = lint(tmp_path)
    lines = text.splitlines()
    assert [(item.rule, lines[(item.line or 0) - 1].strip()) for item in found] == [
        ("vague-source", "source: own"),
        ("ambiguous-name", "- turnover"),
    ]
    assert {item.file for item in found} == {f"{tmp_path.name}/mine.yaml"}
    assert "revenue" in found[1].message
    assert [item.rule for item in lint(tmp_path, ignore=["vague-source"])] == ["ambiguous-name"]
    with pytest.raises(UnknownName, match="No rule is called 'vague'"):
        lint(tmp_path, ignore=["vague"])


def test_every_definition_s_mistake_is_found_in_every_file(tmp_path: Path) -> None:
    fields = SHARED | ROWS
    one = {"metrics": {"a": fields | {"base": "paymants"}, "b": fields | {"kind": "simpel"}, "c": fields}}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(one), encoding="utf-8")
    (tmp_path / "two.yaml").write_text("metrics: {d: 1}", encoding="utf-8")
    found = lint(tmp_path)
    assert {item.rule for item in found} == {MISTAKE}
    assert [item.message for item in found] == ["unknown view 'paymants'", "unknown kind 'simpel'", "d has no fields"]
    assert "payments" in (found[0].hint or "")


def test_what_only_shows_beside_the_package_is_a_mistake_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"metrics": {"arr": SHARED | ROWS}}), encoding="utf-8")
    (found,) = lint(tmp_path)
    assert (found.rule, found.line, found.message) == (MISTAKE, 2, "the package has a metric 'arr'")


def test_a_text_may_change_the_project_s_own_metric_and_not_the_package_s(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text_of("{}"), encoding="utf-8")
    over = Catalogue.load(tmp_path)
    changed = text_of("{owner: Finance}")
    assert lint_text(changed, "editor", over) == ()
    assert over.extended(changed, "editor").get("attempts_of_ours").owner == "Finance"
    assert over.get("attempts_of_ours").owner == "Payments"
    (found,) = lint_text(changed.replace("attempts_of_ours", "arr"), "editor", over)
    assert found.message == "the package has a metric 'arr'"
    (broken,) = lint_text("metrics: [", "editor", over)
    assert broken.message.startswith("not valid YAML")
