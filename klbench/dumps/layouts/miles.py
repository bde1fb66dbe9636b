"""miles, a fork of slime whose files are slices of each rank: read where no context parallelism has cut sequences."""

from __future__ import annotations

from collections.abc import Iterable

from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, has
from klbench.dumps.layouts.layout import Opening
from klbench.dumps.layouts.slime import TRAIN
from klbench.dumps.names import Names
from klbench.dumps.row import Row
from klbench.dumps.snippets import of_pt
from klbench.errors import SpecError


def _is_train(record: Record) -> bool:
    return "cp_size" in record.around and has(record.value, "log_probs")


class _Train(Flat):
    def rows(self, record: Record, opening: Opening) -> Iterable[Row]:
        size = record.around["cp_size"]
        if size != 1:
            help = ["run with context parallelism 1, or gather whole sequences and write the neutral form:", *of_pt()]
            raise SpecError(
                f"{record.place}: its sequences are cut for cp_size {size}; only miles can join them", help=help
            )
        return super().rows(record, opening)


_TRAIN = _Train(TRAIN.names, prompt=TRAIN.prompt)
_LOSS = Flat(Names(log_q=("train_log_probs",), log_sampler=("rollout_log_probs",), mask=("local_loss_mask",)))

LAYOUTS = (
    # the file has what slime's has, and miles has an entry of its own: its low_var_kl clamps before it
    _TRAIN.layout(
        "miles train data",
        _is_train,
        "miles train data of one rank: log_probs is q before the update, ref_log_probs p, rollout_log_probs the "
        "sampler; ranks of tensor parallelism repeat sequences, so read one of them",
        "miles:low_var_kl",
    ),
    _LOSS.layout(
        "miles policy loss",
        lambda record: has(record.value, "train_log_probs", "local_loss_mask"),
        "miles policy loss of one rank: train_log_probs is q, rollout_log_probs the sampler; sequences are whole only "
        "without context parallelism",
        "miles:low_var_kl",
    ),
)
