"""docs/connectors.md says what the policy and the settings say."""

from __future__ import annotations

import re
from pathlib import Path

from sophia_kit.connectors import CONNECTORS
from sophia_kit.core.policy import READS
from sophia_kit.core.settings import HttpSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "connectors.md").read_text(encoding="utf-8")


def test_the_list_of_what_may_be_sent_is_the_policy_s() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([A-Z]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
    assert rows == [(rule.provider, rule.method, rule.path) for rule in READS]


def test_the_stated_patience_is_the_default_one() -> None:
    default = HttpSettings()
    assert f"{default.attempts} attempts in all" in PAGE
    assert f"ends after {default.deadline_s:g} s" in PAGE
    assert f"Connecting may take {default.connect_timeout_s:g} s" in PAGE
    assert f"middle of an answer {default.read_timeout_s:g} s" in PAGE
    pauses = [min(default.backoff_max_s, default.backoff_initial_s * 2**retry) for retry in range(default.attempts - 1)]
    assert "waits " + ", ".join(f"{pause:g} s" for pause in pauses) in PAGE
    assert f"never over {default.backoff_max_s:g} s" in PAGE
    assert f"over {default.max_answer_mb:g} MB" in PAGE


def test_every_connector_has_a_page() -> None:
    assert set(re.findall(r"\[(\w+)\.md\]\(\1\.md\)", PAGE)) == set(CONNECTORS)
