"""``klbench run``: measure a spec, write its files, show the table, hold it to its checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from klbench.cli.completion import devices
from klbench.cli.engines import EngineName, Engines
from klbench.cli.kept import Kept
from klbench.cli.measuring import How, measured_shard, written
from klbench.cli.options import (
    Check,
    Html,
    Out,
    Overrides,
    Plot,
    Quiet,
    Ratio,
    RunFormat,
    RunShown,
    SpecSource,
    command_line,
    not_empty,
)
from klbench.cli.outcome import tell
from klbench.cli.pictures import Pictures


def _address(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"auto|[^\s/]+:[0-9]{1,5}", name):
        raise typer.BadParameter(f"{name!r} is no address; allowed: auto, HOST:PORT")
    return name


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", name):
        raise typer.BadParameter(f"{name!r} is not a device; allowed: auto, cpu, cuda, cuda:N")
    return name


Samples = Annotated[
    str | None, typer.Option("-n", "--samples", metavar="SIZE", callback=not_empty, help="Samples per case: 1e7, 10M.")
]
Precision = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--precision",
        metavar="SHARE",
        callback=not_empty,
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
NoImport = Annotated[
    bool, typer.Option("--no-import", help="Import no module that the spec names: for a spec that you did not write.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start anew, in place of going on with an interrupted run.")]
Engine = Annotated[
    EngineName,
    typer.Option("--engine", help="Who measures: threads of this process, or Ray's workers. It changes no number."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        callback=_address,
        help="Ray's: a cluster, or auto for the one here. Else RAY_ADDRESS, else a local Ray.",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Ray's: tasks at once; by default all its cores.")
]
Gpus = Annotated[
    float | None,
    typer.Option("--gpus-per-task", metavar="N", min=0, help="Ray's: the GPUs of one task, such as 1 or 0.5."),
]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        callback=not_empty,
        help="Measure only the I-th of N shards; klbench merge makes the results of all.",
    ),
]


Save = Annotated[
    str | None,
    typer.Option(
        "--save",
        metavar="FILE.npz|.parquet",
        callback=not_empty,
        help="Checkpoints: keep the log-probabilities that were scored, for klbench data.",
    ),
]


def _refuse_with_a_shard(check: bool, pictures: Pictures, format: RunFormat, save: str | None) -> None:
    """Refuse what needs the whole run.

    Raises:
        typer.BadParameter: one of these is asked for.
    """
    option = "--check" if check else pictures.option or "-f" * (format is not RunFormat.TABLE)
    if option:
        raise typer.BadParameter(f"a shard has no results: give {option} to klbench merge", param_hint="--shard")
    if save is not None:
        raise typer.BadParameter("a shard has not all that is scored: save a whole run", param_hint="--save")


def run(
    context: typer.Context,
    spec: SpecSource,
    overrides: Overrides = None,
    out: Out = "results",
    samples: Samples = None,
    precision: Precision = None,
    seed: Seed = None,
    ratio: Ratio = None,
    device: Device = "auto",
    threads: Threads = None,
    engine: Engine = EngineName.THREADS,
    address: Address = None,
    workers: Workers = None,
    gpus_per_task: Gpus = None,
    shard: ShardOf = None,
    save: Save = None,
    html: Html = False,
    plot: Plot = False,
    check: Check = False,
    no_import: NoImport = False,
    fresh: Fresh = False,
    format: RunShown = RunFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Run a spec: print its table, write its files.

    The files are DIR/<name>/results.csv, manifest.json and spec.yaml; of gradients components.csv as well. Until then
    DIR/<name>/blocks.sqlite keeps what is done: the same command goes on with a run that was interrupted or killed.
    With --html report.html is one of them, with --plot figures/*.svg are.
    Of checkpoints, --save FILE keeps what was scored as well; until then FILE.parts has what is drawn.
    With --shard it is DIR/<name>/shard-I-of-N/blocks.sqlite, and klbench merge DIR/<name> writes the results.
    For example: klbench run schulman samples=1e6 --check
    """
    pictures = Pictures(html, plot)
    engines = Engines(engine, threads, address, workers, gpus_per_task)
    engines.refuse_what_does_not_fit()
    if shard is not None:
        _refuse_with_a_shard(check, pictures, format, save)
    pictures.refuse_without_matplotlib()
    from klbench.files.folder import ensure_writable
    from klbench.report.folder import OWN
    from klbench.report.manifest import Call
    from klbench.spec.overrides import Option
    from klbench.spec.read import read_spec
    from klbench.spec.vetting import refuse_imports

    options = [
        ("-n/--samples", "samples", samples),
        ("-p/--precision", "precision", precision),
        ("--seed", "seed", seed),
        ("--ratio", "ratio", ratio),
    ]
    given = [Option(flag, key, str(value)) for flag, key, value in options if value is not None]
    resolved = read_spec(spec, [*(overrides or ()), *given])
    if no_import:
        refuse_imports(resolved)
    kept = None if save is None else Kept.of(resolved, Path(save))
    from klbench.files.store import NAMES  # SQLite, which a wrong spec need not wait for

    folder, how = Path(out) / resolved.name, How(device, engines, fresh, quiet, kept, pictures)
    if shard is not None:
        measured_shard(resolved, folder, shard, how)
        return
    # at once, before torch is imported, and once more for the whole run
    pictures.refuse_what_is_in_the_way(folder)
    ensure_writable(folder, (*OWN, *NAMES))
    call = Call(command_line(context), (*(overrides or ()), *(f"{option.key}={option.value}" for option in given)))
    results, files = written(resolved, folder, call, how)
    if kept is not None:
        kept.save(results, quiet=quiet)
    tell(results, folder, files, format, quiet=quiet, check=check)
