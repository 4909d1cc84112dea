"""docs/privacy.md says of every table what is stored of it."""

from __future__ import annotations

from pathlib import Path

from sophia_kit.connectors import CONNECTORS, connect
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import Contract, load_contracts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"


def row(contract: Contract, opt_in: str | None) -> str:
    """A contract as the page's table has it."""
    by_policy = {
        policy: ", ".join(f"`{column.name}`" for column in contract.columns if column.privacy == policy)
        for policy in ("keep", "hash", "drop")
    }
    asked = f"`privacy.{opt_in}`" if opt_in else "always"
    cells = (f"`{contract.table}`", *by_policy.values(), contract.new_fields, asked)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def test_the_page_says_of_every_table_what_is_kept_hashed_and_dropped(tmp_path: Path) -> None:
    opt_ins = {
        resource.table: resource.opt_in
        for provider in CONNECTORS
        for resource in connect(provider, Settings(root=tmp_path)).resources.values()
    }
    expected = [row(contract, opt_ins.get(table)) for table, contract in sorted(load_contracts().items())]
    _, _, page = PAGE.read_text(encoding="utf-8").partition("## What is stored of each table")
    said = [line for line in page.splitlines() if line.startswith("| `")]
    assert said == expected
