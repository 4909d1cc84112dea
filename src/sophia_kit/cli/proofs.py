"""`sophia proofs`: read the evidence that runs have left, and verify it offline."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings, relative
from sophia_kit.cli.output import Format, FormatOption, print_json
from sophia_kit.core.errors import InputError, ProofError, UnknownName

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.proofs import Entry, Trust, VerifyReport

app = typer.Typer(no_args_is_help=True, help="The evidence that runs have left: read it, verify it offline.")

OriginOption = Annotated[str | None, typer.Option("--origin", help="One trail only: ci, local or demo.")]


@app.command("list")
def list_command(origin: OriginOption = None, format: FormatOption = Format.table) -> None:  # noqa: A002  # the option's name
    """List the proofs of every trail, oldest first."""
    from sophia_kit.cli.proofs_view import list_table, listing
    from sophia_kit.proofs import load_trust

    settings = open_settings()
    entries = _entries(settings, load_trust(settings), origin)
    if format is Format.json:
        print_json([listing(entry, settings.root) for entry in entries])
    else:
        console().print(list_table(entries))


@app.command("show")
def show_command(
    proof: Annotated[
        str, typer.Argument(help="`latest`, a proof's path, a run's id, or the beginning of either.")
    ] = "latest",
    origin: OriginOption = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show what a proof states, who signed it, and its place in the log."""
    from sophia_kit.cli.proofs_view import show_json, show_page
    from sophia_kit.proofs import load_trust

    settings = open_settings()
    trust = load_trust(settings)
    entry = _find(_entries(settings, trust, origin), proof, settings)
    if format is Format.json:
        sys.stdout.write(json.dumps(show_json(entry, settings.root), indent=2, ensure_ascii=False) + "\n")
    else:
        console().print(show_page(entry))


@app.command("verify")
def verify_command(
    path: Annotated[
        str | None, typer.Argument(help="A proof's path, or a trail: ci, local or demo. All trails if left out.")
    ] = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Verify signatures, digests, inclusion and consistency, and name exactly what fails. Needs no network.

    A subject that is absent (a report or snapshot that isn't kept) is "not checked": neither pass nor fail.
    """
    from sophia_kit.cli.proofs_view import verify_page

    settings = open_settings()
    if format is Format.json:
        report = _verify(settings, path)
        print_json(report.trails)
    else:
        with console(stderr=True).status("Verifying"):
            report = _verify(settings, path)
        console().print(verify_page(report))
    if not report.ok:
        first, count = report.findings[0], len(report.findings)
        raise ProofError(
            f"{count} finding{'s' if count > 1 else ''}; the first: {first.where}: {first.message}.",
            hint="docs/proofs.md says what each finding means and what to do about it.",
        )


@app.command("keygen")
def keygen_command(
    out: Annotated[Path, typer.Option("--out", help="Where to put the private key: outside the project.")],
    origin: Annotated[str, typer.Option("--origin", help="The trail it is to sign.")] = "ci",
    note: Annotated[str, typer.Option("--note", help="Who holds it, for the entry in trust.json.")] = "",
) -> None:
    """Make a private key for CI, and print the entry that makes its signatures count.

    The key goes into the secret SOPHIA_PROOF_KEY, the entry into `keys` in proofs/trust.json.
    """
    from sophia_kit.core.clock import SystemClock
    from sophia_kit.proofs import TrustedKey, new_key_file

    settings = open_settings()
    key = new_key_file(out, root=settings.root)
    entry = TrustedKey(origin, key, SystemClock().now().date(), note).entry()
    sys.stdout.write(json.dumps(entry, indent=2, ensure_ascii=False) + "\n")
    out_err = console(stderr=True)
    out_err.print(f"The private key is in {out}: put it into the secret SOPHIA_PROOF_KEY, then delete the file.")
    out_err.print("Add the entry above to `keys` in proofs/trust.json, and commit that.")


@app.command("accept")
def accept_command(
    origin: Annotated[str, typer.Argument(help="The trail: ci, local or demo.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Forget how far a trail had come, after you have yourself removed it or set it back.

    Without this, `verify` goes on saying that entries are gone.
    """
    from sophia_kit.cli.workspaces import Workspaces

    with Workspaces(open_settings()) as workspaces:
        seen = workspaces.checkpoint(origin)
        if seen is None:
            raise UnknownName("remembered trail", origin, ())
        size, root = seen
        console().print(f"This machine saw the trail {origin} with {size} entries and root {root}.")
        if not yes and not typer.confirm("Forget that, and accept what is there now?"):
            raise typer.Abort
        workspaces.forget_checkpoint(origin)
        console().print("Forgotten. `sophia proofs verify` accepts what is there now, and remembers it.")


def _verify(settings: Settings, path: str | None) -> VerifyReport:
    from sophia_kit.cli.workspaces import Workspaces
    from sophia_kit.proofs import VerifyReport, load_trust, verify, verify_proof

    trust = load_trust(settings)
    with Workspaces(settings) as workspaces:
        if path is not None and (file := _existing(path, settings)) is not None:
            one = verify_proof(
                file, proofs_dir=settings.proofs_dir, trust=trust, subject_digest=workspaces.subject_digest
            )
            return VerifyReport((one,))
        return verify(
            settings.proofs_dir,
            trust=trust,
            origins=None if path is None else [Path(path).name],
            witness=workspaces,
            subject_digest=workspaces.subject_digest,
        )


def _existing(path: str, settings: Settings) -> Path | None:
    """The file that `path` names, from the working directory, the project's root or the proofs' folder."""
    candidates = (Path(path), settings.root / path, settings.proofs_dir / path)
    return next((file for file in candidates if file.is_file()), None)


def _entries(settings: Settings, trust: Trust, origin: str | None) -> list[Entry]:
    from sophia_kit.proofs import origins_present, read_entries

    present = origins_present(settings.proofs_dir)
    if not present:
        raise ProofError(
            f"There is no proof in {settings.proofs_dir}.", hint="A trail begins with a run, e.g. `sophia demo`."
        )
    if origin is not None and origin not in present:
        raise UnknownName("trail", origin, present)
    chosen = present if origin is None else (origin,)
    found = [entry for name in chosen for entry in read_entries(settings.proofs_dir, name, trust.keys_of(name))]
    return sorted(found, key=lambda entry: entry.name.partition("/")[2])


def _find(entries: list[Entry], query: str, settings: Settings) -> Entry:
    if query == "latest" and entries:
        return entries[-1]
    file = _existing(query, settings)
    wanted = relative(file.resolve(), settings.proofs_dir.resolve()) if file is not None else query
    found = [entry for entry in entries if _answers(entry, wanted)]
    if not found:
        raise UnknownName("proof", query, [f"{entry.origin}/{entry.name}" for entry in entries])
    if len(found) > 1:
        names = ", ".join(f"{entry.origin}/{entry.name}" for entry in found[:5])
        raise InputError(f"{query!r} fits {len(found)} proofs.", hint=f"Name one of them: {names}")
    return found[0]


def _answers(entry: Entry, query: str) -> bool:
    names = [f"{entry.origin}/{entry.name}", entry.name, entry.name.partition("/")[2]]
    if entry.proof is not None:
        names.append(entry.proof.statement.run.run_id)
    return any(name.startswith(query) for name in names)
