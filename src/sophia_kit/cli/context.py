"""What every command shares: the settings it works with, and where it prints."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sophia_kit.core.clock import end_of_day
from sophia_kit.core.errors import ConfigError, InputError, NoSnapshot

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.core.settings import Settings

__all__ = ["console", "demo_settings", "open_settings"]


# A snapshot of the demo company takes about 90 MB; a newcomer's disk is not for keeping two weeks of them.
_DEMO_SNAPSHOTS = 3


def open_settings(demo: bool = False) -> Settings:
    """Settings of the project around the working directory; with `demo`, those of the fictional company.

    In the demo the clock stands at the moment of the snapshot that was loaded last, or at the company's last day.

    Raises:
        ConfigError: no project, or a wrong setting.
    """
    if demo:
        return demo_settings()
    from sophia_kit.core.settings import load_settings

    return load_settings()


def demo_settings(day: date | None = None, *, last_day: bool = False) -> Settings:
    """Settings of the demo workspace, with the clock frozen at the end of `day`.

    Without a day: at the company's last day when `last_day` is true or nothing is loaded, else see `open_settings`.

    Raises:
        ConfigError: the project has no demo company.
        InputError: `day` is before the company's first day.
    """
    from sophia_kit.core.settings import CompanySettings, find_root, load_settings

    root = find_root()
    file = root / "data" / "company.toml"
    try:
        company = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{root} has no demo company: data/company.toml is missing.",
            hint="Run inside a clone of the repository, which carries it.",
        ) from None
    zone = ZoneInfo(company["time_zone"])
    if day is None:
        moment = end_of_day(company["last_day"], zone)
        if not last_day:
            from sophia_kit.warehouse import SnapshotStore

            with suppress(NoSnapshot):
                moment = SnapshotStore(root / "data" / "demo" / "snapshots").current().known_at
    elif day < company["first_day"]:
        raise InputError(
            f"The demo company's data begins on {company['first_day']}; {day} is before it.",
            hint=f"Ask for a day from {company['first_day']} on.",
        )
    else:
        moment = end_of_day(day, zone)
    return load_settings(
        root,
        workspace="demo",
        frozen_at=moment,
        warehouse={"keep_snapshots": _DEMO_SNAPSHOTS},
        company=CompanySettings(
            name=company["name"],
            time_zone=company["time_zone"],
            currency=company["currency"],
            history_begins=company["first_day"],
        ),
    )


def console(*, stderr: bool = False) -> Console:
    """Where a command prints. Plain when the output isn't a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def relative(path: Path, root: Path) -> str:
    """`path` as the user would type it from the project's root."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
