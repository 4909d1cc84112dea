"""Evidence: signed statements of what ran, in an append-only log that anyone can verify offline."""

from sophia_kit.proofs.envelope import PAYLOAD_TYPE, Proof
from sophia_kit.proofs.keys import ProofSigner, PublicKey, ensure_signer, new_key_file
from sophia_kit.proofs.report import Finding, TrailReport, UncheckedSubject, VerifyReport
from sophia_kit.proofs.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Authorship,
    ClockReading,
    CodeState,
    FileDigest,
    MetricReading,
    Outcome,
    Run,
    Seal,
    SourceFreshness,
    Statement,
    Subject,
)
from sophia_kit.proofs.trail import Entry, ProofRef, Trail, open_trail, origins_present, read_entries
from sophia_kit.proofs.trust import Trust, TrustedKey, load_trust
from sophia_kit.proofs.verification import SubjectDigest, verify, verify_proof
from sophia_kit.proofs.witness import Witness

__all__ = [
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "Authorship",
    "ClockReading",
    "CodeState",
    "Entry",
    "FileDigest",
    "Finding",
    "MetricReading",
    "Outcome",
    "Proof",
    "ProofRef",
    "ProofSigner",
    "PublicKey",
    "Run",
    "Seal",
    "SourceFreshness",
    "Statement",
    "Subject",
    "SubjectDigest",
    "Trail",
    "TrailReport",
    "Trust",
    "TrustedKey",
    "UncheckedSubject",
    "VerifyReport",
    "Witness",
    "ensure_signer",
    "load_trust",
    "new_key_file",
    "open_trail",
    "origins_present",
    "read_entries",
    "verify",
    "verify_proof",
]
