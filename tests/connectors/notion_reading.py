"""What tests of Notion's connector ask of it."""

from __future__ import annotations

from typing import Any

from sophia_kit.connectors.notion import Notion

Record = dict[str, Any]


async def records(notion: Notion, resource: str, *fields: str, since: str | None = None, **more: Any) -> list[Record]:
    """All that one reading gives."""
    found = [record async for batch in notion.read(resource, since, fields, **more) for record in batch.records]
    assert all("id" in record for record in found)
    return found
