"""docs/sandbox.md says what is true of the company."""

from __future__ import annotations

import re
from pathlib import Path

from sophia_kit.sandbox import FAULT_KINDS, Company

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_every_kind_of_fault_is_explained() -> None:
    faults = PAGE.partition("## Faults")[2]
    assert re.findall(r"^\| `(\w+)` \|", faults, flags=re.M) == list(FAULT_KINDS)


def test_the_days_of_the_stories_are_right(company: Company) -> None:
    truth = company.truth
    assert truth.outage
    assert truth.price_rise
    assert truth.price_lift
    assert truth.stuck_deal
    assert truth.souring_account
    assert truth.rate_gap
    assert truth.rpe_gap
    told = [
        truth.outage.day,
        truth.price_rise.day,
        truth.price_lift.day,
        truth.stuck_deal.since,
        truth.souring_account.since,
        truth.rate_gap.first,
        truth.rate_gap.last,
        company.last_day,
    ]
    assert all(day.isoformat() in PAGE for day in told)
    assert f"{truth.rpe_gap.target:,} dollars" in PAGE
    assert f"{truth.stuck_deal.amount / 1_000_000:.2f} million dollars" in PAGE
    assert f"Sophia-Sandbox: {company.name}" in PAGE
