"""Checks as they are written: every mistake is located, a project's own stand over the package's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_kit.core.errors import DefinitionError
from sophia_kit.warehouse import models
from sophia_kit.warehouse.checks import load_checks
from sophia_kit.warehouse.checks.files import packaged_folder, read_folder
from sophia_kit.warehouse.checks.lint import lint

GOOD = """\
view: tickets
checks:
  category_given:
    kind: not_null
    column: category
    when: status = 'open'
    description: An open ticket has a category.
  answers_match:
    kind: reconciliation
    measure: count(*)
    columns: [category]
    time: opened_day
    by: [account_id]
    against: {view: surveys, measure: count(*), columns: [kind], time: answered_day}
    description: As many tickets as answers.
"""


def own(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tickets.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("wrong", "right", "line", "message", "hint"),
    [
        ("view: tickts", "view: tickets", 1, "unknown view 'tickts'", "tickets"),
        ("vew: tickets", "view: tickets", 1, "unknown key 'vew'", "view, checks"),
        ("kind: notnull", "kind: not_null", 4, "unknown kind 'notnull'", "not_null"),
        ("kind: [not_null]", "kind: not_null", 4, "unknown kind ['not_null']", "not_null"),
        ("view: [tickets]", "view: tickets", 1, "unknown view ['tickets']", "tickets"),
        ("column: categry", "column: category", 5, "unknown column 'categry' of tickets", "category"),
        ("colum: category", "column: category", 5, "unknown key 'colum'", "column"),
        ("view: surveys", "when: status = 'open'", 6, "unknown key 'view'", "The file says the view"),
        ("when: status = ", "when: status = 'open'", 6, "doesn't parse", "brackets"),
        ("when: state = 1", "when: status = 'open'", 6, "unknown column 'state' of tickets", "status"),
        ("when: count(*) > 1", "when: status = 'open'", 6, "not what belongs here", "a condition on one row"),
        ("when: status IN (SELECT 'open')", "when: status = 'open'", 6, "is a query of its own", "its view alone"),
        ("severity: eror", "when: status = 'open'", 6, "'eror' isn't permitted", "error"),
        ("  measure: category\n", "  measure: count(*)\n", 10, "not what belongs here", "an aggregate"),
        ("columns: [categry]", "columns: [category]", 11, "unknown column 'categry' of tickets", "category"),
        ("", "    time: opened_day\n", 8, "give both sides a time, or neither", ""),
        ("by: [priority]", "by: [account_id]", 13, "unknown column 'priority' of surveys", "Known"),
        ("view: survey,", "view: surveys,", 14, "unknown view 'survey'", "surveys"),
        ("columns: [knd]", "columns: [kind]", 14, "unknown column 'knd' of surveys", "kind"),
        ("override: true", "when: status = 'open'", 3, "'tickets.category_given' overrides nothing", "tickets"),
        ("  account_exists:", "  category_given:", 3, "is one of the package's", "override: true"),
        (
            "  answers_match:\n",
            "  answers_match:\n    kind: reconciliation\n",
            8,
            "'kind' is missing",
            "reconciliation",
        ),
        ("checks: {}", GOOD.partition("\n")[2], 2, "the file holds no checks", "name"),
        ("  category_given:", "  answers_match:", 8, "'category_given' is given twice", "line 3"),
    ],
)
def test_a_mistake_is_located(tmp_path: Path, wrong: str, right: str, line: int, message: str, hint: str) -> None:
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    with pytest.raises(DefinitionError) as caught:
        load_checks(own(tmp_path / "checks", text))
    assert str(caught.value).startswith(f"checks/tickets.yaml:{line}: ")
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_file_that_would_be_passed_over_by_its_name_is_a_mistake(tmp_path: Path) -> None:
    own(tmp_path / "checks", GOOD).joinpath("more.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"checks/more\.yml: files of checks end in \.yaml") as caught:
        load_checks(tmp_path / "checks")
    assert caught.value.hint == "Call it more.yaml."


def test_own_checks_stand_beside_the_packages(tmp_path: Path) -> None:
    known = {check.id for check in load_checks()}
    mine = {check.id for check in load_checks(own(tmp_path / "checks", GOOD))}
    assert mine - known == {"tickets.category_given", "tickets.answers_match"}
    assert known < mine
    assert {check.id for check in load_checks(tmp_path / "nowhere")} == known


def test_an_own_check_replaces_one_of_the_package_where_it_says_so(tmp_path: Path) -> None:
    text = """\
view: tickets
checks:
  priority_known:
    kind: accepted_values
    column: priority
    values: [p1, p2]
    severity: warn
    override: true
    description: Ours are two.
"""
    (ours,) = [check for check in load_checks(own(tmp_path / "checks", text)) if check.id == "tickets.priority_known"]
    assert ours.severity == "warn"
    assert len(load_checks(tmp_path / "checks")) == len(load_checks())


def test_not_null_of_several_columns_is_a_check_for_each(tmp_path: Path) -> None:
    text = GOOD.replace("column: category", "columns: [category, priority]")
    found = {check.id: check.stands_on for check in load_checks(own(tmp_path / "checks", text))}
    assert found["tickets.category_given_category"] == ("tickets.category",)
    assert found["tickets.category_given_priority"] == ("tickets.priority",)


def test_the_packages_checks_name_what_is_there() -> None:
    for source, where, check in read_folder(packaged_folder()):
        lint(check, source, where)


def test_every_view_of_vendors_data_is_checked() -> None:
    own_records = {"check_results", "freshness", "load_audit", "quarantine"}
    assert {check.view for check in load_checks()} == set(models()) - own_records
