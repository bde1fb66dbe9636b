"""Measuring for a command: the folder claimed, what is kept found and said, the run watched, the files written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from klbench.cli import output
from klbench.cli.engines import Engines
from klbench.cli.interrupts import under_way
from klbench.cli.pictures import NO_PICTURES, Pictures
from klbench.cli.waiting import import_torch
from klbench.errors import Interrupted, RunError
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory

if TYPE_CHECKING:
    from klbench.cli.kept import Kept
    from klbench.engines.engine import Engine
    from klbench.files.folder import Claim
    from klbench.observer import Observer
    from klbench.report.manifest import Call
    from klbench.report.progress import Tally
    from klbench.results import Results
    from klbench.resume import FileKeeper
    from klbench.spec.model import Spec

T = TypeVar("T")


@dataclass(frozen=True)
class How:
    """How a run is done: nothing of this changes a number."""

    device: str = "auto"
    engines: Engines = field(default_factory=Engines)
    fresh: bool = False
    quiet: bool = False
    kept: Kept | None = None
    pictures: Pictures = NO_PICTURES


def written(spec: Spec, folder: Path, call: Call, how: How) -> tuple[Results, Sequence[str]]:
    """The results of a run, and the names of their files, which are in ``folder``.

    Raises:
        Interrupted: with what is kept of the run, and how to go on.
        RunError: the run cannot be finished, or its files cannot be written.
        SpecError: a case cannot be measured, or a user's function cannot be used.
    """
    _get_ready(spec, how.quiet)
    from klbench.files.store import NAMES
    from klbench.runner import run

    def measured(engine: Engine, watched: Observer, keeper: FileKeeper) -> Results:
        parts = None if how.kept is None else str(how.kept.parts)
        return run(spec, device=how.device, engine=engine, observer=watched, keeper=keeper, folder=parts)

    kept_run = partial(_kept_run, spec, folder, "", how, measured)
    return write(spec, folder, call, kept_run, NAMES, quiet=how.quiet, pictures=how.pictures)


def measured_shard(spec: Spec, folder: Path, shard: str, how: How) -> None:
    """Measure a shard into a store of its own, and say what is next.

    Raises:
        Interrupted, RunError, SpecError: as of a whole run.
    """
    from klbench.files.folder import claim
    from klbench.files.store import NAME, NAMES
    from klbench.measure.shard import Shard

    one = Shard.read(shard)
    _get_ready(spec, how.quiet)
    from klbench.runner import refuse_precision, run_shard

    refuse_precision(spec)
    own = folder / f"shard-{one.number}-of-{one.of}"

    def measured(engine: Engine, watched: Observer, keeper: FileKeeper) -> str:
        run_shard(spec, one, device=how.device, engine=engine, observer=watched, keeper=keeper)
        keeper.flush(anyway=True)
        return keeper.here

    try:
        with under_way(), claim(own, NAMES):
            here = _kept_run(spec, own, str(one), how, measured)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", help=["nothing was written"]) from None
    if not how.quiet:
        output.remark(f"{own / NAME}: {here or 'no block is of this shard'}. With all shards: klbench merge {folder}")


def write(
    spec: Spec,
    folder: Path,
    call: Call,
    measured: Callable[[], Results],
    names: Sequence[str] = (),
    *,
    quiet: bool,
    pictures: Pictures = NO_PICTURES,
) -> tuple[Results, Sequence[str]]:
    """Claim a folder, measure, and write the files into it, in place of an earlier run's.

    Args:
        names: of other files that go when these are written.
        quiet: whether nothing is said.
        pictures: what is drawn of the results, and written beside them.

    Raises:
        Interrupted: in between.
        RunError: another run has the folder, or it cannot be written.
    """
    from klbench.files.folder import claim
    from klbench.report.folder import OWN, to_files

    files: Mapping[str, str | None] = {}
    try:
        with under_way(), claim(folder, (*OWN, *names)) as claimed:
            _say_what_goes(claimed, spec, folder, quiet=quiet)
            results = measured()
            files = to_files(results, datetime.now().astimezone(), call)
            claimed.write(files)
            if pictures.wanted:
                # once the results are safe
                files = {**files, **pictures.files(files, folder)}
                claimed.write(files)
    except KeyboardInterrupt:
        there = claimed.state(files) if files else "nothing was written"
        raise Interrupted("interrupted as the files were written" if files else "interrupted", help=[there]) from None
    return results, [name for name, text in files.items() if text is not None]


def _get_ready(spec: Spec, quiet: bool) -> None:
    import_torch(quiet=quiet)
    # both import torch's parts: an interrupt meanwhile is heard only outside of under_way
    import klbench.resume
    import klbench.runner  # noqa: F401
    from klbench.measure.reach import hold_to_reach

    # a run does so too: here it comes before a word on what the run would replace or go on with
    hold_to_reach(spec)


def _say_what_goes(claimed: Claim, spec: Spec, folder: Path, *, quiet: bool) -> None:
    from klbench.report.folder import what_was_there

    if not quiet and (earlier := what_was_there(claimed.read, spec)):
        output.remark(f"{folder} holds {earlier}; this run replaces it")


def _kept_run(
    spec: Spec, folder: Path, shard: str, how: How, measured: Callable[[Engine, Observer, FileKeeper], T]
) -> T:
    """What is measured with what is kept in a folder, which an error leaves there, with a word on how to go on."""
    with watched(quiet=how.quiet) as tally, how.engines.running() as engine:
        keeper = _keeper(spec, folder, shard, engine, how)
        try:
            return measured(engine, tally, keeper)
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


@contextmanager
def watched(*, quiet: bool) -> Iterator[Tally]:
    """Watch a run; stdout is for the data, what a user's function prints goes where everything else does."""
    from klbench.report.console import on_stderr
    from klbench.report.progress import watching

    with watching(on_stderr(), quiet=quiet) as tally, redirect_stdout(sys.stderr):
        yield tally


def _keeper(spec: Spec, folder: Path, shard: str, engine: Engine, how: How) -> FileKeeper:
    """What keeps the run, and knows what an earlier one has done of it; where it is of use, that is said."""
    from klbench.files.store import NAME
    from klbench.resume import identity_of, keeper_for
    from klbench.runner import resolve_device

    keeper = keeper_for(
        *(folder / NAME, identity_of(spec, resolve_device(how.device).type, shard), len(spec.cases()), engine.record),
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
