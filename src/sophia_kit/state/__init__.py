"""What the kit itself remembers between runs: load attempts and cursors, runs, seen checkpoints, alerts, access."""

from sophia_kit.state.access_records import AccessSession, AccessToken, TokenStatus
from sophia_kit.state.alert_records import AlertEvent, AlertEventKind, AlertKind, AlertSeries, AlertSilence
from sophia_kit.state.llm_records import CostSource, LlmCall, LlmReservation, LlmSpend, SpendBudget
from sophia_kit.state.records import AttemptStatus, LoadAttempt, Run, RunOutcome, SeenCheckpoint
from sophia_kit.state.store import State

__all__ = [
    "AccessSession",
    "AccessToken",
    "AlertEvent",
    "AlertEventKind",
    "AlertKind",
    "AlertSeries",
    "AlertSilence",
    "AttemptStatus",
    "CostSource",
    "LlmCall",
    "LlmReservation",
    "LlmSpend",
    "LoadAttempt",
    "Run",
    "RunOutcome",
    "SeenCheckpoint",
    "SpendBudget",
    "State",
    "TokenStatus",
]
