"""The section `[mcp]` of the settings: which records agents may read, and the queries that have a name."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["McpQuerySettings", "McpSettings"]

ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,48}$")]
FilterValue = bool | str | list[str]


class McpQuerySettings(BaseModel):
    """A query with a name, which agents call as a tool.

    Attributes:
        of: the records it reads, e.g. `salesforce_opportunities`.
        description: what it answers, for the model that chooses among tools.
        fields: the fields it answers with; all that are permitted when empty.
        filters: what records are restricted by, always: filter to value, as the records' own tool takes them.
        parameters: further filters, which the caller gives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    description: Annotated[str, Field(min_length=1, max_length=500)]
    fields: tuple[str, ...] = ()
    filters: dict[str, FilterValue] = {}
    parameters: tuple[str, ...] = ()


class McpSettings(BaseModel):
    """What the MCP servers give of vendors' records.

    Attributes:
        records: the only records that are given, e.g. `salesforce_accounts`; all when empty.
        fields: of records named here, the only fields that are given and filtered by.
        queries: queries with a name, each a tool of the server whose records it reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    records: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] = {}
    queries: dict[ToolName, McpQuerySettings] = {}
