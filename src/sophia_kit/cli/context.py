"""What every command shares: the settings it works with, and where it prints."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sophia_kit.core.clock import end_of_day
from sophia_kit.core.errors import ConfigError, InputError, NoSnapshot, SnapshotDamaged

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.core.settings import CompanySettings, Settings

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
    from sophia_kit.core.settings import find_root, load_settings

    root = find_root()
    company, last = _demo_company(root)
    first, zone = company.history_begins, ZoneInfo(company.time_zone)
    if day is None:
        moment = end_of_day(last, zone)
        if not last_day:
            from sophia_kit.warehouse import SnapshotStore

            # What is damaged is told by the command that asks it.
            with suppress(NoSnapshot, SnapshotDamaged):
                moment = SnapshotStore(root / "data" / "demo" / "snapshots").current().known_at
    elif first is not None and day < first:
        raise InputError(
            f"The demo company's data begins on {first}; {day} is before it.", hint=f"Ask for a day from {first} on."
        )
    elif day.year > last.year + 1:
        raise InputError(f"{day} is long after the demo company's last day.", hint=f"Ask for a day about {last}.")
    else:
        moment = end_of_day(day, zone)
    return load_settings(
        root,
        workspace="demo",
        frozen_at=moment,
        warehouse={"keep_snapshots": _DEMO_SNAPSHOTS},
        company=company,
    )


def _demo_company(root: Path) -> tuple[CompanySettings, date]:
    """The fictional company and its last day.

    Raises:
        ConfigError: its file is missing or wrong.
    """
    from pydantic import ValidationError

    from sophia_kit.core.settings import CompanySettings

    file = root / "data" / "company.toml"
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        first, last = told["first_day"], told["last_day"]
        if not isinstance(first, date) or not isinstance(last, date):
            raise TypeError("first_day and last_day are days")
        company = CompanySettings(
            name=told["name"], time_zone=told["time_zone"], currency=told["currency"], history_begins=first
        )
    except FileNotFoundError:
        raise ConfigError(
            f"{root} has no demo company: data/company.toml is missing.",
            hint="Run inside a clone of the repository, which carries it.",
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        if isinstance(error, ValidationError):
            wrong = error.errors(include_url=False, include_input=False)[0]
            reason = f"{wrong['loc'][0]}: {wrong['msg'].removeprefix('Value error, ')}"
        raise ConfigError(
            f"The demo company's data/company.toml can't be used: {reason}.",
            hint="Compare it with the repository's.",
            path=file,
        ) from None
    return company, last


def console(*, stderr: bool = False) -> Console:
    """Where a command prints. Plain when the output isn't a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def relative(path: Path, root: Path) -> str:
    """`path` as the user would type it from the project's root."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
