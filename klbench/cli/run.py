"""``klbench run``: measure a spec, write its files, show the table, hold it to its checks."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import output
from klbench.cli.completion import devices
from klbench.cli.interrupts import under_way
from klbench.cli.options import Format, Overrides, SpecSource, command_line
from klbench.cli.waiting import import_torch
from klbench.errors import Interrupted, RunError
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory

if TYPE_CHECKING:
    from klbench.report.manifest import Call
    from klbench.results import Results
    from klbench.resume import FileKeeper
    from klbench.spec.model import Spec


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise typer.BadParameter(f"{name!r} is not a device; allowed: auto, cpu, cuda, cuda:N")
    return name


def _not_empty(value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise typer.BadParameter("is empty; give a value, or leave the option out")
    return value


Out = Annotated[
    str, typer.Option("-o", "--out", metavar="DIR", callback=_not_empty, help="Where the files go: DIR/<name>/.")
]
Samples = Annotated[
    str | None, typer.Option("-n", "--samples", metavar="SIZE", callback=_not_empty, help="Samples per case: 1e7, 10M.")
]
Precision = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--precision",
        metavar="SHARE",
        callback=_not_empty,
        help="Stop as soon as every error bar is at most this: 0.01 is 1 % of the true value.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The seed, in place of the spec's.")]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", callback=_device, autocompletion=devices, help="auto, cpu, cuda or cuda:N."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("-j", "--threads", metavar="N", min=1, help="Threads, by default one per core. It changes no number."),
]
Check = Annotated[
    bool,
    typer.Option("--check", help="Exit 1 if measured and exact disagree (|z| > 5) or an expected value is missed."),
]
NoImport = Annotated[
    bool, typer.Option("--no-import", help="Import no module that the spec names: for a spec that you did not write.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start anew, in place of going on with an interrupted run.")]
Shown = Annotated[Format, typer.Option("-f", "--format", help="What goes to stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress and no notes.")]


def run(
    context: typer.Context,
    spec: SpecSource,
    overrides: Overrides = None,
    out: Out = "results",
    samples: Samples = None,
    precision: Precision = None,
    seed: Seed = None,
    device: Device = "auto",
    threads: Threads = None,
    check: Check = False,
    no_import: NoImport = False,
    fresh: Fresh = False,
    format: Shown = Format.TABLE,
    quiet: Quiet = False,
) -> None:
    """Run a spec: print its table, write its files.

    The files are DIR/<name>/results.csv, manifest.json and spec.yaml; of gradients components.csv as well. Until then
    DIR/<name>/blocks.sqlite keeps what is done: the same command goes on with a run that was interrupted or killed.
    For example: klbench run schulman samples=1e6 --check
    """
    from klbench.files.folder import ensure_writable
    from klbench.report.folder import FILES
    from klbench.report.manifest import Call
    from klbench.spec.overrides import Option
    from klbench.spec.read import read_spec
    from klbench.spec.vetting import refuse_imports

    options = [
        ("-n/--samples", "samples", samples),
        ("-p/--precision", "precision", precision),
        ("--seed", "seed", seed),
    ]
    given = [Option(flag, key, str(value)) for flag, key, value in options if value is not None]
    resolved = read_spec(spec, [*(overrides or ()), *given])
    if no_import:
        refuse_imports(resolved)
    from klbench.files.store import NAMES  # SQLite, which a wrong spec need not wait for

    folder = Path(out) / resolved.name
    # at once, before torch is imported, and by _written once more for the whole run
    ensure_writable(folder, (*FILES, *NAMES))
    overridden = [*(overrides or ()), *(f"{option.key}={option.value}" for option in given)]
    call = Call(command_line(context), tuple(overridden))
    results, written = _written(resolved, folder, call, _Machine(device, threads, fresh, quiet))
    try:
        with under_way():
            _show(results, format, quiet)
            if not quiet:
                _say_where(results, folder, written)
            if check:
                _hold(results, quiet)
    except KeyboardInterrupt:
        help = [f"{folder} holds the results of this run, all of them"]
        raise Interrupted("interrupted as the results were shown", help=help) from None


@dataclass(frozen=True)
class _Machine:
    """How a run is done: nothing of this changes a number."""

    device: str
    threads: int | None
    fresh: bool
    quiet: bool


def _written(spec: Spec, folder: Path, call: Call, how: _Machine) -> tuple[Results, Sequence[str]]:
    """The results, and the names of their files, which are in ``folder``."""
    import_torch(quiet=how.quiet)

    # both import torch's parts: an interrupt meanwhile is heard only outside of under_way
    import klbench.resume
    import klbench.runner  # noqa: F401
    from klbench.files.folder import claim
    from klbench.files.store import NAMES
    from klbench.report.folder import FILES, to_files, what_was_there

    files: Mapping[str, str | None] = {}
    try:
        with under_way(), claim(folder, (*FILES, *NAMES)) as claimed:
            if not how.quiet and (earlier := what_was_there(claimed.read, spec)):
                output.remark(f"{folder} holds {earlier}; this run replaces it")
            results = _measured(spec, folder, how)
            files = to_files(results, finished=datetime.now().astimezone(), call=call)
            claimed.write(files)
    except KeyboardInterrupt:
        there = claimed.state(files) if files else "nothing was written"
        raise Interrupted("interrupted as the files were written" if files else "interrupted", help=[there]) from None
    return results, [name for name, text in files.items() if text is not None]


def _measured(spec: Spec, folder: Path, how: _Machine) -> Results:
    from klbench.report.console import on_stderr
    from klbench.report.progress import watching
    from klbench.runner import run

    keeper = _keeper(spec, folder, how)
    # stdout is for the data: what a user's function prints goes where everything else does
    with watching(on_stderr(), quiet=how.quiet) as tally, redirect_stdout(sys.stderr):
        try:
            return run(spec, device=how.device, threads=how.threads, observer=tally, keeper=keeper)
        except BaseException as error:
            keeper.flush()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(f"interrupted {tally.so_far}", help=[_kept(keeper, folder)]) from None
            if is_out_of_memory(error):
                raise RunError(out_of_memory(error), help=[*LESS_MEMORY, _kept(keeper, folder)]) from error
            if isinstance(error, RunError):
                raise RunError(error.message, help=[*error.help, _kept(keeper, folder)]) from error
            raise
        finally:
            keeper.store.close()


def _keeper(spec: Spec, folder: Path, how: _Machine) -> FileKeeper:
    """What keeps the run, and knows what an earlier one has done of it; where it is of use, that is said."""
    from klbench.files.store import NAME
    from klbench.resume import identity_of, keeper_for
    from klbench.runner import resolve_device

    identity = identity_of(spec, resolve_device(how.device).type)
    keeper = keeper_for(
        *(folder / NAME, identity, len(spec.cases())),
        fresh=how.fresh,
        said=output.remark,
        failed=lambda why: output.remark(f"cannot keep what is done ({why}): an interrupt now loses the run"),
    )
    if keeper.here and not how.quiet:
        output.remark(f"{folder}: {keeper.here}")
    return keeper


def _kept(keeper: FileKeeper, folder: Path) -> str:
    if not keeper.here:
        return "nothing was written"
    return f"{folder}: {keeper.here}; the same command goes on with it, with --fresh it starts anew"


def _show(results: Results, format: Format, quiet: bool) -> None:
    from klbench.cli.show import show_document, show_tables
    from klbench.report.frame import to_csv, to_json
    from klbench.report.markdown import to_markdown

    match format:
        case Format.TABLE:
            show_tables(results, notes=not quiet)
        case Format.MARKDOWN:
            output.document(to_markdown(results))
        case Format.CSV:
            show_document(to_csv(results), results, notes=not quiet)
        case Format.JSON:
            show_document(to_json(results), results, notes=not quiet)


def _say_where(results: Results, folder: Path, written: Sequence[str]) -> None:
    from klbench.report.numbers import seconds

    output.remark(f"wrote {folder}/{', '.join(written)} · {seconds(results.seconds)}")


def _hold(results: Results, quiet: bool) -> None:
    from klbench.report.check import check, not_checkable
    from klbench.wording import counted

    points = list(check(results))
    missed = [point for point in points if not point.holds]
    for point in missed:
        output.remark(f"check failed: {point.text}")
    if missed:
        output.remark(f"{len(missed)} of {counted(len(points), 'check')} failed")
        raise typer.Exit(1)
    if not quiet:
        output.remark(_passed(len(points), results.spec))
        unchecked = sum(1 for _ in not_checkable(results))
        if unchecked:
            numbers = counted(unchecked, "number")
            output.remark(f"{numbers} could not be checked: no exact value or error bar, or less than float64")


def _passed(count: int, spec: Spec) -> str:
    if not count and FULL_PRECISION not in spec.dtype:
        return (
            "nothing to check: the exact values are of float64, and rounding is part of these numbers. "
            "Add float64 to dtype, or give the values you expect"
        )
    if not count:
        return "nothing to check: no number here has both an exact value and an error bar"
    return f"all {count} checks passed" if count > 1 else "the one check passed"
