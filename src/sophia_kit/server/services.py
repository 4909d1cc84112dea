"""What every part of the server works with."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from sophia_kit.metrics import Catalogue
from sophia_kit.server.snapshots import Snapshots
from sophia_kit.state import State

if TYPE_CHECKING:
    from sophia_kit.core.clock import Clock
    from sophia_kit.core.settings import Settings

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """One workspace, opened for serving; on the application as `app.state.services`.

    Attributes:
        clock: the settings' clock, by which answers are dated.
        catalogue: the package's metrics and the project's own.
    """

    settings: Settings
    clock: Clock
    state: State
    snapshots: Snapshots
    catalogue: Catalogue

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Open the workspace of these settings; works before anything was loaded.

        Raises:
            DefinitionError: a metric of the project's own is wrong.
            StorageError, Unreachable, ConfigError: the state can't be opened.
        """
        catalogue = Catalogue.load(settings.metrics_folder)
        return cls(settings, settings.clock(), State.open(settings.state_location), Snapshots(settings), catalogue)

    def close(self) -> None:
        """Stop what still runs and let go of everything."""
        self.snapshots.close()
        self.state.close()

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
