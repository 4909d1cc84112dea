"""`sophia run`: a job on what is configured. It never falls back to the demo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sophia_kit.cli.context import console, open_settings, relative
from sophia_kit.core.errors import InputError

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.jobs import JobRun

__all__ = ["print_run", "run_command"]

_OPTION = re.compile(r"--([a-z][a-z0-9_-]*)(?:=(.*))?")


def run_command(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A job of sophia.toml, e.g. daily_bi.")],
    load: Annotated[
        bool, typer.Option("--load/--no-load", help="Load from the sources first, or use the current snapshot.")
    ] = True,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait for another run of the job.")
    ] = 0.0,
) -> None:
    """Load what is configured, run the job's notebook, and seal what came out.

    Further options go to the notebook: sophia run daily_bi --day 2025-12-31 --segment Enterprise
    """
    from sophia_kit.cli.progress import RunProgress
    from sophia_kit.jobs import run_job

    arguments = notebook_arguments(context.args)
    settings = open_settings()
    with RunProgress(console(stderr=True)) as progress:
        done = run_job(settings, job, arguments, load=load, wait_s=wait, stage=progress.stage, progress=progress.load)
    print_run(settings, done, elapsed_s=done.elapsed_s)


def notebook_arguments(extra: list[str]) -> dict[str, str]:
    """`["--day", "2025-12-31"]` as `{"day": "2025-12-31"}`.

    Raises:
        InputError: not pairs of an option and its value.
    """
    found: dict[str, str] = {}
    rest = iter(extra)
    for part in rest:
        match = _OPTION.fullmatch(part)
        value = None if match is None else match[2] if match[2] is not None else next(rest, None)
        if match is None or value is None:
            raise InputError(
                f"{part!r} is not an option with a value.", hint="Write options of the notebook as --name value."
            )
        found[match[1]] = value
    return found


def print_run(settings: Settings, done: JobRun, *, elapsed_s: float) -> None:
    """What the notebook printed, and where report and proof lie."""
    out = console()
    out.print((done.report_dir / "output.log").read_text(encoding="utf-8").rstrip(), markup=False, soft_wrap=True)
    for proof in done.abandoned:
        out.print(f"An earlier run had vanished; sealed as abandoned: {relative(proof.path, settings.root)}")
    if done.load is not None:
        for table in done.load.tables:
            if table.status != "complete":
                out.print(f"[yellow]{table.table} ({table.source}) {table.status}[/]: {escape(table.note or '')}")
    out.print(f"Proof   {relative(done.proof.path, settings.root)} (entry {done.proof.index} of {done.proof.origin})")
    out.print(f"Done in {elapsed_s:.1f} s. Check the evidence: sophia proofs verify", highlight=False)
