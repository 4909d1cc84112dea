"""The `sophia` command: its groups, and how an error leaves it."""

from __future__ import annotations

import errno
import gc
import json
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from sophia_kit.cli import (
    alerts,
    ask,
    checks,
    definitions,
    demo,
    doctor,
    ingest,
    lineage,
    mcp,
    metrics,
    models,
    proofs,
    quarantine,
    run,
    sandbox,
    serve,
    snapshots,
    tokens,
    warehouse,
    whole_imports,
    why,
)
from sophia_kit.cli.context import console
from sophia_kit.core.errors import Interrupted, SophiaError, StorageError

__all__ = ["app", "main"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
# A load holds thousands of small objects that are no garbage. With Python's own threshold, 700, the search for cycles
# among them takes two thirds of the time in which JSON is decoded.
_SEARCH_AFTER = 50_000

app = typer.Typer(
    name="sophia",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Metrics defined once, explained, unknown when unknown, and sealed with signed evidence.",
)

app.command("demo")(demo.demo_command)
app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run.run_command)
app.command("metric")(metrics.metric_command)
app.command("explain")(metrics.explain_command)
app.command("why")(why.why_command)
app.command("lineage")(lineage.lineage_command)
app.command("ask")(ask.ask_command)
app.add_typer(definitions.app, name="metrics")
app.add_typer(alerts.app, name="alerts")
ingest.app.add_typer(quarantine.app, name="quarantine")
app.add_typer(ingest.app, name="ingest")
app.add_typer(checks.app, name="checks")
app.add_typer(snapshots.app, name="snapshots")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(models.app, name="models")
app.add_typer(proofs.app, name="proofs")
app.command("serve")(serve.serve_command)
app.command("mcp")(mcp.mcp_command)
app.add_typer(tokens.app, name="tokens")
app.command("doctor")(doctor.doctor_command)
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line; exits with the error's code when one is raised."""
    gc.set_threshold(_SEARCH_AFTER)
    signal.signal(signal.SIGTERM, _terminate)
    whole_imports.install()
    _take_any_terminal()
    try:
        try:
            app()
        finally:
            # The last of what was printed is written here, where a refusal can still be told.
            if sys.stdout:
                sys.stdout.flush()
    except SophiaError as error:
        _show(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read has seen enough.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _NO_ROOM:
            raise
        _drop_output()
        refused = StorageError(
            f"What was printed could not be written: {error.strerror}.", hint="Check where the output goes."
        )
        _show(refused)
        sys.exit(refused.exit_code)
    except (SystemExit, KeyboardInterrupt) as end:
        # Typer ends on Ctrl-C without a word, and doesn't know of one before its command has begun.
        if isinstance(end, SystemExit) and end.code != Interrupted.exit_code:
            raise
        _show(Interrupted("Interrupted by the keyboard.", hint="Nothing was half-written; run it again."))
        sys.exit(Interrupted.exit_code)


def _take_any_terminal() -> None:
    """Print `?` for a character that the output's encoding lacks. A window is said to have no width where nobody knows
    it; nothing would be shown in one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    if os.environ.get("COLUMNS", "").isdigit() and int(os.environ["COLUMNS"]) == 0:
        del os.environ["COLUMNS"]


def _drop_output() -> None:
    """Have the interpreter not try once more, at its end, to write what can't be written."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the process ends


def _show(error: SophiaError) -> None:
    """One error: what went wrong, what to do. As a problem object when JSON was asked for."""
    if "json" in sys.argv[1:] or "--format=json" in sys.argv[1:]:
        problem = error.problem() | ({} if error.path is None else {"path": str(error.path)})
        sys.stderr.write(json.dumps(problem, indent=2) + "\n")
        return
    from rich.markup import escape

    out = console(stderr=True)
    out.print(f"[bold red]{error.title}.[/] {escape(error.message)}", soft_wrap=True)
    if error.path is not None:
        out.print(f"[bold]Where:[/] {escape(str(error.path))}", soft_wrap=True)
    if error.hint:
        out.print(f"[bold]Hint:[/] {escape(error.hint)}", soft_wrap=True)
    if error.retryable:
        out.print("Trying again later may help.")


def _terminate(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted("Ended by a termination signal.", hint="Nothing was half-written; run it again when you like.")
