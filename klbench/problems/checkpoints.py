"""Checkpoints of language models as a source: sequences drawn after prompts, scored with whole distributions.

The tokens of a sequence are decided by the seed, the number of its block and its own number there: each token by a
number in (0, 1) of its own, which seeds a race of exponentials among all tokens (``klbench.models.drawing.pick``).
How many sequences are drawn at once changes them only as far as the kernels of a model round otherwise for another
batch. Measured on a CPU with one thread, 32 answers of 12 tokens by a model of 135 million weights (SmolLM2), in
batches of 1, 3 and 32: in float32 the same tokens in all answers, log-probabilities within 3e-5; in bfloat16, whose
step is 2^-8, within 0.2, which is of the size of what is measured when two precisions are compared. On a GPU, and
between kinds of devices, more may differ.
So a run has batches of a size that only the pair and the kind of device decide, and the same bytes whatever else
differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock
from weakref import finalize

import torch

from klbench.distributions.expression import Expression
from klbench.distributions.stream import stream_for
from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.estimators.term import OfRows
from klbench.estimators.whole import Whole
from klbench.models.drawing import Cast, Drawn, Member, draw, refuse_vocabularies
from klbench.models.loading import ends_of, load, tokenizer_of, tokens_of
from klbench.models.parts import Parts
from klbench.models.policy import policy_of
from klbench.models.prompts import Prompted
from klbench.problems.dump import SequenceProbs, Sequences
from klbench.problems.problem import Draw
from klbench.versions import __version__

BLOCK_SEQUENCES = {"cpu": 32, "cuda": 256}
"""The sequences of a block, by the kind of device: few, for each is many passes through a model, and what is in flight
is lost by an interrupt. Part of the format."""
_ROW_NUMBERS = 2**23
"""Numbers of the rows of one step, float64: 64 MiB for each that is at work."""
_TOKENS = 2**15
"""Tokens at work at once, whose keys and values a model keeps."""
_CHUNK = 2**19
"""Numbers that a chunk of samples has (``klbench.roads.blocks``)."""
FULL = "full"


def wanted_by(names: Iterable[str]) -> Mapping[str, OfRows]:
    """The functions of whole distributions that these estimators are, by name; ``full`` first, which is always
    wanted."""
    wanted: dict[OfRows, str] = {}
    for name in (FULL, *names):
        if (whole := find(name).whole) is not None:
            wanted.setdefault(whole, name)
    return {name: whole for whole, name in wanted.items()}


@dataclass(frozen=True)
class Checkpoints:
    """The policy q, the reference p, and the sampler, which is None where sequences come from q. See ``Problem``.

    Nothing is loaded before the first sequence is drawn.

    Args:
        q, p, sampler: as they are written.
        prompted: what they answer, and how long at most.
        wanted: the functions of whole distributions that are computed at every token, by name.
        runs_on: where the models are; what they say is on the CPU.
        folder: where what was drawn is kept; None for a folder that goes when this does.
    """

    q: Expression
    p: Expression
    sampler: Expression | None
    prompted: Prompted
    wanted: Mapping[str, OfRows]
    runs_on: torch.device
    folder: str | None = None
    _turn: Lock = field(default_factory=Lock, compare=False, repr=False)

    @property
    def wholes(self) -> tuple[OfRows, ...]:
        """The functions of whole distributions whose value every token has."""
        return tuple(self.wanted.values())

    @property
    def device(self) -> torch.device:
        """See ``Problem``: where its numbers are."""
        return torch.device("cpu")

    @property
    def units(self) -> None:
        """As many sequences as one asks for."""

    @property
    def tokens(self) -> int:
        """See ``Problem``."""
        return self.prompted.length

    @property
    def sequences_of_block(self) -> int:
        """How many sequences a full block has."""
        return BLOCK_SEQUENCES[self.runs_on.type]

    @property
    def numbers(self) -> int:
        """See ``Problem``: so many that a chunk is the sequences whose rows and whose caches fit memory."""
        return max(1, _CHUNK // self._at_once)

    @cached_property
    def _at_once(self) -> int:
        longest = self.prompted.length + max(map(len, self.prompts))
        fit = min(_ROW_NUMBERS // self.cast.q.loaded.vocabulary, _TOKENS // longest)
        return max(1, min(self.sequences_of_block, fit))

    @property
    def key(self) -> bytes:
        """See ``Problem``: what is drawn, compared and asked."""
        asked = f"{self.prompted.file} | {self.prompted.length}"
        return f"{self.q} | {self.p} | {'' if self.sampler is None else self.sampler} | {asked}".encode()

    def block(self, seed: int, number: int) -> Draw:
        """See ``Problem``: every block has a stream of its own, every sequence so many numbers of it as it may have
        tokens. The prompts are taken in turn."""
        stream, place = stream_for(seed, self.key, number), [0]
        parts = self._parts(seed)

        def drawn(count: int) -> Sequences:
            first = place[0]
            place[0] += count
            uniforms = stream.uniform(count, self.prompted.length)
            numbers = torch.arange(first, first + count) + number * self.sequences_of_block
            groups = numbers % len(self.prompts)
            scored = parts.find(number, first, count)
            if scored is None:
                with self._one_at_a_time():
                    scored = draw(self.cast, [self.prompts[group] for group in groups.tolist()], uniforms)
                parts.put(number, first, count, scored)
            return self._sequences(scored, groups, numbers)

        return drawn

    def _sequences(self, drawn: Drawn, groups: torch.Tensor, numbers: torch.Tensor) -> Sequences:
        roles = drawn.log_probs
        known = dict(zip(self.wanted.values(), drawn.known, strict=True))
        return Sequences(
            roles["log_q"], roles["log_p"], roles.get("log_sampler"), drawn.lengths, groups, known, numbers
        )

    def log_probs(self, x: Sequences) -> SequenceProbs:
        """See ``Problem``."""
        return SequenceProbs(x)

    def groups(self, x: Sequences) -> None:
        """Sequences are independent, given the prompts."""

    def score(self, parameters: tuple[str, ...] | None) -> None:
        """See ``Problem``: gradients in the weights of a model are not measured."""

    def _one_at_a_time(self) -> AbstractContextManager[object]:
        """On a GPU one batch at a time: more would not be faster, and take more memory."""
        return nullcontext() if self.runs_on.type == "cpu" else self._turn

    @cached_property
    def cast(self) -> Cast:
        """Who draws and who scores, loaded.

        Raises:
            SpecError: they have not the same tokens.
            RunError: one of them cannot be loaded here.
        """
        expressions = {"q": self.q, "p": self.p, **({} if self.sampler is None else {"sampler": self.sampler})}
        members = {}
        for role, expression in expressions.items():
            policy = policy_of(expression)
            members[role] = Member(policy, load(policy.checkpoint, self.runs_on))
        differ = refuse_vocabularies([(role, member.loaded) for role, member in members.items()])
        if differ:
            raise SpecError(differ, help=["q, p and sampler must have the same tokens: checkpoints of one model"])
        ends = ends_of(self._tokenizer, members["q"].loaded)
        self._refuse_few_tokens(members["q"].loaded.vocabulary)
        return Cast(members["q"], members["p"], members.get("sampler"), ends, tuple(self.wanted.values()))

    def _refuse_few_tokens(self, vocabulary: int) -> None:
        for name, function in self.wanted.items():
            if isinstance(function, Whole) and function.least > vocabulary:
                help = [f"K is a whole number from 1 to {vocabulary}"]
                raise SpecError(f"{name}: the vocabulary has {vocabulary:,} tokens", help=help)

    @cached_property
    def _tokenizer(self) -> object:
        return tokenizer_of(policy_of(self.q).checkpoint)

    @cached_property
    def prompts(self) -> Sequence[list[int]]:
        """The tokens of each prompt, held to what the models read.

        Raises:
            SpecError: a prompt has none, or too many.
        """
        called = policy_of(self.q).checkpoint.called
        prompts = tokens_of(self.prompted.prompts(), self._tokenizer, called)
        cast, longest = self.cast, max(map(len, prompts))
        for member in cast.members.values():
            loaded, asked = member.loaded, longest + self.prompted.length
            if loaded.longest is not None and asked > loaded.longest:
                message = f"{loaded.called} reads {loaded.longest:,} tokens, and the longest prompt has {longest:,}"
                raise SpecError(message, help=[f"length: {max(1, loaded.longest - longest)}, or shorter prompts"])
            if max(map(max, prompts)) >= loaded.vocabulary:
                message = f"the tokenizer of {called} has tokens that {loaded.called} has not"
                raise SpecError(message, help=["a checkpoint with the tokenizer it was trained with"])
        return prompts

    def _parts(self, seed: int) -> Parts:
        """Where the parts of this very pair and seed are kept."""
        return Parts(Path(self.folder or self._own_folder) / self._digest / str(seed))

    @cached_property
    def _own_folder(self) -> str:
        """A folder that goes with this."""
        folder = mkdtemp(prefix="klbench-")
        finalize(self, rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def _digest(self) -> str:
        """Of all that decides what is drawn and scored, but for the seed."""
        roles = [each for each in (self.q, self.p, self.sampler) if each is not None]
        stamps = [str(policy_of(each).checkpoint.stamp()) for each in roles]
        of = [self.key.decode(), *stamps, self.prompted.digest(), ", ".join(self.wanted), self.runs_on.type]
        return blake2b("\n".join([*of, __version__, torch.__version__]).encode(), digest_size=16).hexdigest()


def scored(problem: Checkpoints, seed: int, samples: int) -> Iterator[Sequences]:
    """The first ``samples`` sequences of a pair, a chunk at a time; what is not kept of them is drawn again."""
    size = problem.sequences_of_block
    most = max(1, _CHUNK // problem.numbers)
    for number in range(-(-samples // size)):
        drawn, left = problem.block(seed, number), min(size, samples - number * size)
        while left:
            count = min(left, most)
            left -= count
            yield drawn(count)
