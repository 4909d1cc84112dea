"""From what sources deliver to raw tables: contracts, quarantine, load audit, and one atomic snapshot."""

from sophia_kit.ingest.contract import Column, Contract
from sophia_kit.ingest.contract_files import load_contracts, read_contract
from sophia_kit.ingest.findings import Finding, open_findings
from sophia_kit.ingest.replay import replay, run_replay
from sophia_kit.ingest.report import IngestReport, Progress, ProgressEvent, TableReport
from sophia_kit.ingest.run import ingest, run_ingest
from sophia_kit.ingest.sources import Span

__all__ = [
    "Column",
    "Contract",
    "Finding",
    "IngestReport",
    "Progress",
    "ProgressEvent",
    "Span",
    "TableReport",
    "ingest",
    "load_contracts",
    "open_findings",
    "read_contract",
    "replay",
    "run_ingest",
    "run_replay",
]
