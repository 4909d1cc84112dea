"""`sophia tokens`: shown once, listed without secrets, revoked; a mistake is one clear error."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Project

from sophia_kit.server.auth.tokens import parts


def test_a_token_is_shown_once_and_listed_without_its_secret(project: Project) -> None:
    made = project.here(
        *("tokens", "create", "Zoë [red]", "--scope", "ask", "--scope", "metrics:read", "--for", "4w"),
        *("--attribute", 'segment=Enterprise,"Mid, market"', "--attribute", "region=West"),
    )
    assert (made.returncode, made.stderr) == (0, "")
    (token,) = re.findall(r"^  (sophia_\S+)$", made.stdout, re.M)
    found = parts(token)
    assert found is not None
    assert "Rows     region: West; segment: Enterprise, Mid, market" in made.stdout
    assert f"sophia tokens revoke {found[0]}" in made.stdout
    (listed,) = json.loads(project.here("tokens", "list", "--format", "json").stdout)
    assert listed["attributes"] == {"segment": ["Enterprise", "Mid, market"], "region": ["West"]}
    assert (listed["token_id"], listed["name"], listed["status"]) == (found[0], "Zoë [red]", "valid")
    ends = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=27) < ends <= timedelta(days=28)
    table = project.here("tokens", "list").stdout
    assert "Zoë [red]" in table
    kept = b"".join(file.read_bytes() for file in project.root.rglob("*") if file.is_file())
    assert found[0].encode() in kept
    for shown in (table, json.dumps(listed)):
        assert found[1] not in shown
    assert found[1].encode() not in kept


def test_a_revoked_token_says_so(project: Project) -> None:
    assert "no token yet" in project.here("tokens", "list").stdout
    made = json.loads(project.here("tokens", "create", "Ada", "--scope", "all", "--format", "json").stdout)
    assert "is revoked" in project.here("tokens", "revoke", "Ada").stdout
    assert "revoked before" in project.here("tokens", "revoke", made["token_id"]).stdout
    assert re.search(r"Ada +revoked +all", project.here("tokens", "list").stdout)
    (log,) = (project.root / "data" / "live" / "audit").iterdir()
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == ["token-created", "token-revoked"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "a", "--scope", "metrics:reed"], "Did you mean metrics:read"),
        (["create", "a", "--scope", "ask", "--for", "3 years"], "12h, 3d, 2w"),
        (["create", "a", "--scope", "ask", "--for", "60w"], "up to 366 days"),
        (["create", "a", "--scope", "ask", "--attribute", "segment"], "segment=Enterprise"),
        (["create", "a", "--scope", "ask", "--attribute", "segment=,x"], "segment=Enterprise"),
        (["create", "a", "--scope", "ask", "--attribute", "segmet=x"], "Did you mean segment"),
        (["create", "", "--scope", "ask"], "who holds the token"),
        (["revoke", "nobody"], "No token is called 'nobody'"),
        (["revoke", "sophia_0123456789abcdef_" + "A" * 43], "whole token"),
    ],
)
def test_a_mistake_is_one_clear_error_and_makes_nothing(project: Project, arguments: list[str], said: str) -> None:
    done = project.here("tokens", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "A" * 43 not in done.stderr
    assert project.here("tokens", "list", "--format", "json").stdout == "[]\n"
