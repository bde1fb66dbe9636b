"""``klbench data``: measure the log-probabilities that a run has saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klbench.cli.completion import identified
from klbench.cli.engines import EngineName, Engines
from klbench.cli.measuring import How, written
from klbench.cli.options import Check, Html, Out, Plot, Quiet, Ratio, RunFormat, RunShown, command_line, not_empty
from klbench.cli.outcome import tell
from klbench.cli.pictures import Pictures
from klbench.errors import SpecError

if TYPE_CHECKING:
    from klbench.spec.model import Spec

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help=".jsonl (.gz, .zst), .csv, .npz, .safetensors, .pt, .parquet; several, a pattern, or - for stdin.",
    ),
]


def _column(flag: str, whose: str) -> Any:
    return typer.Option(flag, metavar="COL", callback=not_empty, help=f"The column of {whose}.")


Several = list[str] | None
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", callback=not_empty, help="Names the results; else the file's stem."),
]
Estimator = Annotated[
    Several,
    typer.Option(
        "-e",
        "--estimator",
        metavar="NAME",
        autocompletion=identified,
        help="An estimator; again for more. Default: k1, k2, k3, k1_cv(optimal), and that of the file's framework.",
    ),
]
Level = Annotated[
    Several, typer.Option("--level", metavar="LEVEL", help="token or sequence; again for both. Default: both.")
]
Aggregation = Annotated[
    Several,
    typer.Option(
        "--aggregation", metavar="NAME", help="How token values become one number: seq-mean-token-sum, token-mean, ..."
    ),
]
Norm = Annotated[
    str | None, typer.Option("--norm", metavar="N", help="What seq-mean-token-sum-norm divides by: the longest row.")
]
Clip = Annotated[str | None, typer.Option("--clip", metavar="C", help="The largest importance weight.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out sequences with unusable numbers, counted and named.")
]
CompareOnly = Annotated[
    str | None,
    typer.Option("--compare", metavar="WHAT", help="Only one of two: reference (q‖p) or mismatch (sampler‖q)."),
]
WorstShown = Annotated[
    int, typer.Option("--worst", metavar="N", min=0, max=100, help="Show the N tokens and sequences farthest off.")
]
Threads = Annotated[
    int | None,
    typer.Option("-j", "--threads", metavar="N", min=1, help="Threads, by default one per core. It changes no number."),
]


def data(
    context: typer.Context,
    files: Files,
    log_q: Annotated[str | None, _column("--log-q", "the policy's log-probabilities")] = None,
    log_p: Annotated[str | None, _column("--log-p", "the reference's")] = None,
    log_sampler: Annotated[str | None, _column("--log-sampler", "those of the engine that drew the tokens")] = None,
    mask: Annotated[str | None, _column("--mask", "what counts, 1 or 0")] = None,
    group: Annotated[str | None, _column("--group", "what shares an error, such as the prompt")] = None,
    estimator: Estimator = None,
    level: Level = None,
    aggregation: Aggregation = None,
    norm: Norm = None,
    clip: Clip = None,
    ratio: Ratio = None,
    compare: CompareOnly = None,
    name: Name = None,
    out: Out = "results",
    skip_bad: SkipBad = False,
    worst: WorstShown = 0,
    threads: Threads = None,
    html: Html = False,
    plot: Plot = False,
    check: Check = False,
    format: RunShown = RunFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Measure log-probabilities that a run has saved: each estimator, with errors that are right for groups.

    Columns are found by the names that frameworks give them (klbench explain data lists them), or said. With those of
    the policy and the reference it is the KL to the reference, with those of the policy and the engine that drew the
    tokens the mismatch of the two. The files are DIR/<name>/results.csv, checks.csv, positions.csv, worst.csv,
    manifest.json and spec.yaml.
    For example: klbench data rollouts/*.jsonl --group uid
    """
    pictures = Pictures(html, plot)
    pictures.refuse_without_matplotlib()
    from klbench.files.folder import ensure_writable
    from klbench.report.folder import OWN
    from klbench.report.manifest import Call

    named = {"log_q": log_q, "log_p": log_p, "log_sampler": log_sampler, "mask": mask, "group": group}
    columns = {role: column for role, column in named.items() if column is not None}
    keys: dict[str, Any] = {"estimators": estimator, "level": level, "aggregation": aggregation}
    keys |= {"norm": _number(norm), "clip": _number(clip), "ratio": ratio}
    given = {key: value for key, value in keys.items() if value is not None and value != []}
    pair = {"data": files, "columns": columns, "skip_bad": skip_bad, **({"compare": compare} if compare else {})}
    spec = _spec(pair, given, name)
    from klbench.files.store import NAMES

    folder = Path(out) / spec.name
    pictures.refuse_what_is_in_the_way(folder)
    ensure_writable(folder, (*OWN, *NAMES))
    how = How("cpu", Engines(EngineName.THREADS, threads), fresh=True, quiet=quiet, pictures=pictures)
    with _without_place():
        results, made = written(spec, folder, Call(command_line(context), ()), how)
    tell(results, folder, made, format, quiet=quiet, check=check)
    if worst:
        from klbench.cli.worst import show_worst

        show_worst(results, worst)


def _number(written: str | None) -> float | str | None:
    """A number as a spec has it; what is none is left for the spec to refuse."""
    try:
        return None if written is None else float(written)
    except ValueError:
        return written


def _spec(pair: dict[str, Any], keys: dict[str, Any], name: str | None) -> Spec:
    """The spec that a call means.

    Raises:
        SpecError: as of a spec, without a place: nobody wrote one.
    """
    import yaml

    from klbench.dumps.source import named_by
    from klbench.spec.data_pair import DataPair
    from klbench.spec.read import read_text

    called = name or named_by(pair["data"])
    given = {"name": called, "estimators": ["k1"], "level": ["token", "sequence"], **keys}
    given["pairs"] = [{"name": called, **pair}]
    # what is relative to one of the estimators waits for these
    ratio = {} if "estimators" in keys or "ratio" not in given else {"ratio": given.pop("ratio")}
    with _without_place():
        spec = read_text(yaml.safe_dump(given), _NOWHERE)
        if "estimators" not in keys:
            (read,) = spec.pairs
            assert isinstance(read, DataPair)
            given["estimators"] = [*DEFAULT, *read.known, *([read.entry] if read.entry else [])]
            spec = read_text(yaml.safe_dump(given | ratio), _NOWHERE)
    return spec


@contextmanager
def _without_place() -> Iterator[None]:
    """Take the place from an error in a spec that nobody wrote."""
    try:
        yield
    except SpecError as error:
        if error.location is None or error.location.source != _NOWHERE:
            raise
        raise SpecError(error.message, help=[_PLACE.sub("", line) for line in error.help]) from None


_NOWHERE = "klbench data"
_PLACE = re.compile(rf"{_NOWHERE}:[0-9]+:[0-9]+: ")
DEFAULT = ("k1", "k2", "k3", "k1_cv(optimal)")
"""The estimators that are measured if none is named; the last is k1 regressed on r − 1."""
