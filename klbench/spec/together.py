"""Checks the keys of a gradient spec against each other and against the pairs.

Each check takes the fields it is about, all of them read already, and refuses at the path of the one to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from klbench.distributions.parameters import chosen, differentiable
from klbench.distributions.shape import Form, form
from klbench.estimators.catalogue import find, unweighted
from klbench.estimators.estimator import SELF_NORMALISED
from klbench.estimators.vocabulary import PLACEMENTS
from klbench.spec.refusal import Refusal, refusing
from klbench.wording import counted

if TYPE_CHECKING:
    from klbench.estimators.whole import Whole
    from klbench.spec.data_pair import DataPair
    from klbench.spec.model import AnyPairSpec, Spec

KEYS = ("placements", "weightings", "parameters", "baseline", "batch")
"""The keys that only a gradient spec may have."""
OF_SEQUENCES = ("level", "aggregation", "norm")
"""The keys that only a spec with policies over sequences may have."""

OF_RATIO = ("noise_ratio", "exact_noise_ratio")
"""The columns that are there only where a spec has the key ratio."""


def measures_gradients(written: object) -> bool:
    """Whether ``measure`` as it is written asks for gradients, alone or in a list."""
    return written == "gradient" or (isinstance(written, list | tuple) and "gradient" in written)


def check(spec: Spec) -> None:
    """Hold a spec to what its ``measure`` allows.

    Raises:
        Refusal: with the path in the spec.
    """
    _check_levels(spec)
    _check_ratio(spec)
    _check_data(spec)
    _check_clip(spec)
    _check_whole(spec)
    if "gradient" not in spec.measure:
        _refuse_keys(spec.model_fields_set)
        return
    if "value" not in spec.measure:
        _refuse_expect(spec.pairs)
    _check_baseline(spec)
    _check_parameters(spec.parameters, spec.pairs)


def has_sequences(spec: Spec) -> bool:
    """Whether a pair is of policies over sequences."""
    return any(pair.has_sequences for pair in spec.pairs)


def _check_levels(spec: Spec) -> None:
    given = [key for key in OF_SEQUENCES if key in spec.model_fields_set]
    if given and not has_sequences(spec):
        help = [f"take {given[0]} out, or take a policy over sequences for q: Markov(...), Tree(...) or Ngram(...)"]
        message = f"{given[0]} is for policies over sequences: here every sample is one token or one number"
        raise Refusal(message, help=help, path=(given[0],), at_key=True)
    if spec.norm is not None and "seq-mean-token-sum-norm" not in (spec.aggregation or ()):
        help = ["add seq-mean-token-sum-norm to aggregation, or take norm out"]
        raise Refusal("nothing is divided by norm", help=help, path=("norm",), at_key=True)
    if spec.aggregation is not None and "token" not in (spec.level or ("token",)):
        help = ["add token to level, or take aggregation out"]
        raise Refusal("nothing is aggregated at level sequence", help=help, path=("aggregation",), at_key=True)


def _check_ratio(spec: Spec) -> None:
    if spec.ratio is not None and spec.ratio not in spec.estimators:
        help = [f"one of {', '.join(spec.estimators)}, or add it to estimators"]
        raise Refusal(f"{spec.ratio} is not among the estimators of the spec", help=help, path=("ratio",))
    if spec.ratio is None:
        for index, pair in enumerate(spec.pairs):
            for name, columns in pair.expect.items():
                for column in columns:
                    if column in OF_RATIO:
                        path = ("pairs", index, "expect", name, column)
                        help = ["add ratio: k1, the estimator whose noise is 1"]
                        raise Refusal(f"{column} needs a ratio", help=help, path=path, at_key=True)


def _check_clip(spec: Spec) -> None:
    if spec.clip is None:
        return
    asked = [find(name) for name in spec.estimators]
    gradients = spec.weightings if spec.weightings is not None else [estimator.weighting for estimator in asked]
    of_values = [estimator.weighted or estimator.weighting != "none" for estimator in asked]
    weighted = ("value" in spec.measure and any(of_values)) or (
        "gradient" in spec.measure and any(weighting != "none" for weighting in gradients)
    )
    if not weighted:
        example = "weightings: [ratio]" if "value" not in spec.measure else "ratio*k3 or ratio-sequence*k3"
        help = [f"weigh an estimator, with {example}, or take clip out"]
        raise Refusal(
            "clip cuts importance weights off, and nothing is weighted", help=help, path=("clip",), at_key=True
        )


def _check_whole(spec: Spec) -> None:
    """Hold estimators of whole distributions, and of returns, to what the spec measures and has."""
    from klbench.spec.data_pair import DataPair  # whose fields are read by what imports this

    asked = [(index, name, find(name)) for index, name in enumerate(spec.estimators)]
    for index, name, estimator in asked:
        path = ("estimators", index)
        if estimator.to_go and "gradient" not in spec.measure:
            help = ["add measure: gradient; as a value it is k1"]
            raise Refusal(f"{name} is an estimator of gradients", help=help, path=path)
        if estimator.to_go and spec.placements == ("loss",):
            raise Refusal(f"{name} is put in the reward only", help=["add reward to placements"], path=path)
        only_tokens = estimator.to_go or estimator.whole is not None
        if only_tokens and spec.level == ("sequence",):
            raise Refusal(f"{name} has rows at level token only", help=["add token to level"], path=path)
        if estimator.whole is not None:
            for pair in spec.pairs:
                if isinstance(pair, DataPair):
                    _check_known(name, pair, path)
                    continue
                for case in pair.cases():
                    if case.prompted is None:  # a checkpoint's vocabulary is known once it is loaded
                        _check_vocabulary(name, estimator.whole, form(case.q), "gradient" in spec.measure, path)


def _check_known(name: str, pair: DataPair, path: tuple[str, int]) -> None:
    if name not in pair.known:
        help = [
            "take a file with whole distributions, such as two logits files of llama.cpp, or what klbench run --save "
            "keeps (with a sampler: compare: reference), or take it out"
        ]
        message = f"{name} needs whole distributions, and {', '.join(pair.data)} has log-probabilities of tokens"
        raise Refusal(message, help=help, path=path)


def _check_data(spec: Spec) -> None:
    """Hold a spec with files of log-probabilities to what these can tell."""
    from klbench.spec.data_pair import DataPair

    for index, pair in enumerate(spec.pairs):
        if not isinstance(pair, DataPair):
            if pair.prompts is not None and "gradient" in spec.measure:
                help = ["take measure out: gradients are measured of policies that are tables, Markov(...), Tree(...)"]
                raise Refusal("checkpoints have values and no gradients", help=help, path=("pairs", index, "q"))
            continue
        if "gradient" in spec.measure:
            help = ["take measure out: a file of log-probabilities has no parameters to derive in"]
            raise Refusal("data has values and no gradients", help=help, path=("pairs", index, "data"), at_key=True)
        if spec.precision is not None:
            help = ["take precision out: all of a file is measured"]
            raise Refusal("precision is for what is drawn", help=help, path=("precision",), at_key=True)


def _check_vocabulary(name: str, whole: Whole, of_q: Form, gradients: bool, path: tuple[str, int]) -> None:
    if of_q.categories is None or len(of_q.event_shape) > 1:
        help = ["take a policy over tokens for q: a Categorical, Zipf(...), Markov(...)"]
        raise Refusal(f"{name} needs whole distributions over tokens, and q is {of_q}", help=help, path=path)
    if gradients and not of_q.sequence:
        help = ["write q and p as sequences of one token: Markov(initial=..., transition=..., length=1)"]
        raise Refusal(f"the gradient of {name} is measured of sequences only", help=help, path=path)
    if whole.least > of_q.categories:
        help = [f"K is a whole number from 1 to {of_q.categories}"]
        raise Refusal(f"{name}: the vocabulary has {of_q.categories} tokens", help=help, path=path)


def _refuse_keys(given: Iterable[str]) -> None:
    for key in KEYS:
        if key in given:
            help = [f"add measure: gradient, or take {key} out: this spec measures values"]
            raise Refusal(f"{key} is for gradients", help=help, path=(key,), at_key=True)


def refuse_weighted(estimators: Sequence[str]) -> None:
    """Hold the estimators of a gradient spec, as they are listed, to being plain.

    Raises:
        Refusal: at the first that is weighted.
    """
    for index, name in enumerate(estimators):
        if (plain := unweighted(name)) != name:
            weighting = name.partition("*")[0]
            plain_weighting = weighting.removeprefix(SELF_NORMALISED)
            help = [f"write {plain}, and weightings: [{plain_weighting}] (differentiated) or [detached]"]
            if plain_weighting != weighting:
                help.append("self-normalised, its mean is that divided by the mean weight, a constant")
            raise Refusal(f"{name} is for values", help=help, path=(index,))


def _refuse_expect(pairs: Sequence[AnyPairSpec]) -> None:
    for index, pair in enumerate(pairs):
        if pair.expect:
            help = ["take it out: --check holds gradients to their exact values"]
            raise Refusal("expect is for values", help=help, path=("pairs", index, "expect"), at_key=True)


def _check_baseline(spec: Spec) -> None:
    if spec.baseline == "none":
        if spec.batch is not None:
            help = ["add baseline: mean or baseline: leave-one-out, or take batch out"]
            raise Refusal("batch is for a baseline, and there is none", help=help, path=("batch",), at_key=True)
        return
    if "reward" not in _placements(spec):
        help = ["add reward to placements, or take baseline out"]
        raise Refusal("a baseline is for the reward, and every placement is loss", help=help, path=("baseline",))
    if spec.batch is None:
        help = ["add batch, the number of samples that share a baseline: batch: 64"]
        raise Refusal(f"the baseline {spec.baseline} needs a batch", help=help, path=("baseline",))
    if spec.batch > spec.samples:
        message = f"a batch of {spec.batch} is more than the {counted(spec.samples, 'sample')}"
        raise Refusal(message, help=["at most as many as samples"], path=("batch",))


def _placements(spec: Spec) -> set[str]:
    """Where the estimators are put: as the spec says, else where each of them is at home."""
    if spec.placements is not None:
        return set(spec.placements)
    homes = [find(name).placement for name in spec.estimators]
    return {placement for home in homes for placement in ((home,) if home else PLACEMENTS)}


def _check_parameters(named: Sequence[str] | None, pairs: Sequence[AnyPairSpec]) -> None:
    """Every case is looked at: a grid may lead to the end of a parameter's range, where there is no derivative."""
    for index, pair in enumerate(pairs):
        for case in pair.cases():
            with refusing("pairs", index, "q"):
                differentiable(case.q)
            for position, name in enumerate(named or ()):
                with refusing("parameters", position):
                    chosen(case.q, (name,))
