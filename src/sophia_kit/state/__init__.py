"""What the kit itself remembers between runs: load attempts and cursors, runs, seen checkpoints."""

from sophia_kit.state.records import AttemptStatus, LoadAttempt, Run, RunOutcome, SeenCheckpoint
from sophia_kit.state.store import State

__all__ = ["AttemptStatus", "LoadAttempt", "Run", "RunOutcome", "SeenCheckpoint", "State"]
