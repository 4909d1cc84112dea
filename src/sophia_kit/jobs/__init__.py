"""Named runs: one at a time, with a time limit, and evidence however they end."""

from sophia_kit.jobs.registry import Job, find_job
from sophia_kit.jobs.run import JobRun, Stage, run_job

__all__ = ["Job", "JobRun", "Stage", "find_job", "run_job"]
