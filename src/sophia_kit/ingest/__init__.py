"""From what sources deliver to raw tables: contracts, quarantine, load audit, and one atomic snapshot."""

from sophia_kit.ingest.contract import Column, Contract
from sophia_kit.ingest.contract_files import load_contracts, read_contract
from sophia_kit.ingest.findings import Finding, open_findings
from sophia_kit.ingest.report import IngestReport, Progress, ProgressEvent, TableReport
from sophia_kit.ingest.run import ingest, run_ingest

__all__ = [
    "Column",
    "Contract",
    "Finding",
    "IngestReport",
    "Progress",
    "ProgressEvent",
    "TableReport",
    "ingest",
    "load_contracts",
    "open_findings",
    "read_contract",
    "run_ingest",
]
