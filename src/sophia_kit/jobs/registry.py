"""Which jobs there are: those of `sophia.toml`, each a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sophia_kit.core.errors import ConfigError, UnknownName
from sophia_kit.core.settings import Settings

__all__ = ["Job", "find_job"]


@dataclass(frozen=True, slots=True)
class Job:
    """A named run: load what is configured, then run the notebook. `time_limit_s` bounds the notebook's process."""

    name: str
    notebook: Path
    time_limit_s: float


def find_job(settings: Settings, name: str) -> Job:
    """The job called `name`.

    Raises:
        UnknownName: no such job in the settings.
        ConfigError: its notebook isn't there.
    """
    if name not in settings.jobs:
        raise UnknownName("job", name, settings.jobs)
    described = settings.jobs[name]
    notebook = settings.root / described.notebook
    if not notebook.is_file():
        raise ConfigError(
            f"The notebook of job {name} isn't there: {notebook}.",
            hint=f"Fix jobs.{name}.notebook in sophia.toml; the path is relative to the project's root.",
        )
    return Job(name, notebook, described.time_limit_s)
