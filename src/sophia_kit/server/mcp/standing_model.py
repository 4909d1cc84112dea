"""What an answer with records stands on, as tools return it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sophia_kit.server.forms import FreshnessForm
from sophia_kit.server.mcp.value_models import Answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sophia_kit.server.records import Standing

__all__ = ["RecordsAnswer", "standing_fields"]


class RecordsAnswer(Answered):
    """Base of answers with records: what they stand on."""

    demo: bool = Field(description="Whether the data is a fictional company's. Say so wherever you use it.")
    snapshot_id: str | None = Field(description="The snapshot that was read; null where the warehouse keeps none.")
    known_at: datetime = Field(description="As of when the records are known (UTC).")
    freshness: FreshnessForm
    notes: list[str] = Field(description="What to know of the records.")


def standing_fields(standing: Standing, notes: Sequence[str]) -> dict[str, Any]:
    """The fields of `RecordsAnswer`."""
    return {
        "demo": standing.demo,
        "snapshot_id": standing.snapshot_id,
        "known_at": standing.known_at,
        "freshness": FreshnessForm.model_validate(standing.freshness),
        "notes": list(notes),
    }
