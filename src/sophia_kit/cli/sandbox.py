"""`sophia sandbox`: the fictional company's data platform and its vendors' APIs, on loopback."""

from __future__ import annotations

import os
import signal
import threading
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console

if TYPE_CHECKING:
    from sophia_kit.sandbox import Company, FaultKind

_LOOK_S = 0.5

app = typer.Typer(
    no_args_is_help=True,
    help="The fictional company of the demo: its deliveries and its vendors' APIs, with faults on demand.",
)

DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--day",
        formats=["%Y-%m-%d"],
        help="The company's present day; its last day by default.",
    ),
]
ScaleOption = Annotated[
    float | None, typer.Option("--scale", min=0.005, max=4.0, help="Size of the company; 1 is 1.5 M payments.")
]
CompanyOption = Annotated[
    Path | None, typer.Option("--company", help="The company's profile; data/company.toml of the project by default.")
]


def _company(file: Path | None, scale: float | None, day: datetime | None) -> Company:
    from sophia_kit.core.settings import find_root
    from sophia_kit.sandbox import Company

    path = file if file is not None else find_root() / "data" / "company.toml"
    return Company.load(path, scale=scale, day=day.date() if day else None)


@app.command("serve")
def serve_command(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    day: DayOption = None,
    scale: ScaleOption = None,
    company: CompanyOption = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="KIND=SHARE of requests that fail, e.g. server_error=0.1; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--fault-seed", help="Which requests the faults hit.")] = 0,
    parent: Annotated[
        int | None, typer.Option("--parent", metavar="PID", help="End with this process, which started this one.")
    ] = None,
) -> None:
    """Serve the vendors' APIs from the fictional company until Ctrl-C or SIGTERM.

    Prints one line with the address when it is ready. Every secret there is "sandbox".
    """
    from sophia_kit.core.errors import Busy
    from sophia_kit.sandbox import Faults, SandboxServer

    faults = Faults(shares=_shares(fault or []), seed=seed)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server = SandboxServer(_company(company, scale, day), faults=faults, port=port)
    except OSError as error:
        raise Busy(
            f"Port {port} can't be taken: {error.strerror}.", hint="Choose another, or 0 for a free one."
        ) from None
    with server:
        typer.echo(f"{server.company.name} (DEMO DATA) on {server.company.day} is served at {server.base_url}")
        # A parent that was killed can't tell.
        while not ended.wait(None if parent is None else _LOOK_S) and parent == os.getppid():
            pass


@app.command("deliver")
def deliver_command(
    to: Annotated[
        Path | None, typer.Option("--to", help="The landing folder; data/demo/landing of the project by default.")
    ] = None,
    day: DayOption = None,
    scale: ScaleOption = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only deliveries after this day.")
    ] = None,
    company: CompanyOption = None,
) -> None:
    """Deliver the fictional company's Parquet files, as its data platform would, up to a day.

    What has been delivered already is left alone; a later --day brings only the days between.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from sophia_kit.core.settings import find_root
    from sophia_kit.sandbox import deliver

    found = _company(company, scale, day)
    landing = to if to is not None else find_root() / "data" / "demo" / "landing"
    columns = (TextColumn("Delivering {task.fields[table]:<22}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("deliver", table="", total=None)

        def step(table: str, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, table=table)

        done = deliver(found, landing, since=since.date() if since else None, progress=step)
    typer.echo(
        f"{found.name} (DEMO DATA) to {found.day}: {len(done.written)} files with {done.rows:,} rows delivered to "
        f"{landing}, {done.present} there already."
    )


def _shares(given: list[str]) -> dict[FaultKind, float]:
    """Shares of faults from KIND=SHARE.

    Raises:
        UnknownName: no such kind of fault.
        InputError: not of that form, or more than all requests.
    """
    from sophia_kit.core.errors import InputError, UnknownName
    from sophia_kit.sandbox import FAULT_KINDS

    shares: dict[FaultKind, float] = {}
    for text in given:
        name, _, share = text.partition("=")
        kind = next((known for known in FAULT_KINDS if known == name), None)
        if kind is None:
            raise UnknownName("fault", name, FAULT_KINDS)
        try:
            shares[kind] = float(share)
        except ValueError:
            raise InputError(f"--fault {text!r} is not KIND=SHARE.", hint="For example server_error=0.1.") from None
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1:
        raise InputError("Shares of faults must be at least 0 and sum to at most 1.", hint="For example slow=0.2.")
    return shares
