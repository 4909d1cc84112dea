"""A run that could not do its work."""

from __future__ import annotations

from sophia_kit.core.errors.base import SophiaError

__all__ = ["Busy", "IngestError", "Interrupted", "JobFailed", "ProofError", "StorageError"]


class StorageError(SophiaError):
    code, title, status, exit_code = "storage", "The disk refused", 507, 7


class IngestError(SophiaError):
    code, title, status, exit_code = "ingest", "The load failed", 500, 8


class Busy(SophiaError):
    code, title, status, exit_code, retryable = "busy", "Another run is at work", 409, 9, True


class JobFailed(SophiaError):
    code, title, status, exit_code = "job-failed", "The job failed", 500, 10


class ProofError(SophiaError):
    code, title, status, exit_code = "proof", "The evidence failed", 500, 11


class Interrupted(SophiaError):
    code, title, status, exit_code = "interrupted", "Interrupted", 499, 130
