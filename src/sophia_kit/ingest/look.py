"""A look at what a vendor has: some records, read now and shown as a load would store them. Nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from sophia_kit.connectors import Connector
from sophia_kit.connectors.api import moment_text
from sophia_kit.core.errors import UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.convert import Converter, Refused
from sophia_kit.ingest.privacy import Treatment, with_policy

__all__ = ["Look", "contract_of", "look"]


@dataclass(frozen=True, slots=True)
class Look:
    """Records of one resource.

    Attributes:
        contract: the raw table's, under the settings' policy for personal data.
        frame: the columns of the raw table, hashed or emptied where the policy says so.
        refused: records that a load would keep in quarantine.
        new_fields: fields that the contract doesn't know.
        absent: fields that were asked for and that the vendor doesn't have.
    """

    contract: Contract
    frame: pl.DataFrame = field(repr=False)
    refused: tuple[Refused, ...]
    new_fields: tuple[str, ...]
    absent: tuple[str, ...]
    demo: bool


def contract_of(
    provider: str, resource: str, settings: Settings, contracts: Mapping[str, Contract] | None = None
) -> Contract:
    """What a resource promises, under the settings' policy for personal data.

    Raises:
        UnknownName: the vendor has no such resource here.
        ConfigError: the policy names what there isn't.
    """
    known = with_policy(load_contracts() if contracts is None else contracts, settings.privacy.fields)
    found = {contract.resource: contract for contract in known.values() if contract.source == provider}
    if resource not in found:
        raise UnknownName(f"{provider} resource", resource, found)
    return found[resource]


async def look(
    connector: Connector, resource: str, settings: Settings, *, records: int = 50, since: datetime | None = None
) -> Look:
    """The first records of a resource, or of those changed since a moment; no more pages are read than they take.

    Raises:
        Unconfigured, UnknownName, ProviderError: as `Connector.read` does.
    """
    contract = contract_of(connector.provider, resource, settings)
    converter = Converter(contract, settings.company.time_zone, Treatment(settings.privacy.key))
    connector.batch_records = records
    begins = None if since is None else moment_text(since)
    reading = connector.read(resource, begins, contract.asked)
    try:
        batch = await anext(reading)
    finally:
        if isinstance(reading, AsyncGenerator):
            await reading.aclose()
    found = converter.records(batch.records[:records], batch.absent_fields)
    first = [name for name in contract.data_columns if name in found.frame.columns]
    frame = found.frame.select(*first, pl.exclude(first))
    return Look(contract, frame, found.refused, found.new_columns, batch.absent_fields, batch.demo)
