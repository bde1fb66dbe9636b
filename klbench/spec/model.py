"""The spec, validated: what a run needs to know, each field described once for the reader and for the JSON Schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from klbench.distributions.expression import Expression, files_of, placeholders, references, size, with_references
from klbench.distributions.expression import Text as WrittenText
from klbench.distributions.named_files import is_shipped
from klbench.distributions.shape import check_pair, form
from klbench.dumps.source import Source
from klbench.errors import Location
from klbench.estimators.vocabulary import FULL_PRECISION, PLACEMENTS
from klbench.models.policy import Checkpoint, checkpoints_of
from klbench.models.prompts import Prompted
from klbench.row import Row, columns_of
from klbench.spec import expected, together
from klbench.spec.algebra import substitute
from klbench.spec.cases import Case
from klbench.spec.data_pair import DataPair
from klbench.spec.every import Asked
from klbench.spec.fields import (
    ESTIMATOR,
    MOST_ESTIMATORS,
    Aggregations,
    BaselineName,
    Batch,
    Distribution,
    Dtypes,
    EstimatorName,
    Estimators,
    FileName,
    Folder,
    GridName,
    GridValues,
    Levels,
    Measure,
    PairName,
    Parameters,
    Placements,
    Positive,
    Precision,
    Reading,
    Samples,
    Seed,
    SequenceLength,
    Text,
    Weightings,
    folder_of,
)
from klbench.spec.form import Expected, Form, expectations
from klbench.spec.grid import MOST_CASES, combinations, count_cases
from klbench.spec.naming import pair_name
from klbench.spec.nodes import Node
from klbench.spec.placing import NOT_JUDGED
from klbench.spec.refusal import Refusal, Step, refusing, shown, unknown_key
from klbench.spec.written import Written

DEFAULT_SAMPLES = 1_000_000
MOST_NUMBERS = 1_000_000
"""Of all cases of a pair together: each is held to its rules before anything runs, at some 3 microseconds a number."""
_ENOUGH_ERRORS = 20
"""Of a list of pairs with so many errors the rest is not judged: only the first few are shown, and each takes a
millisecond to say what was probably meant."""

CHECKED_COLUMNS = tuple(
    column.name
    for column in columns_of(Row).values()
    if column.kind == "number" and "values" in column.files and not column.name.endswith("_mcse")
    if not column.name.startswith("z_")
)
"""The columns of the results that ``expect`` may name."""


class PairSpec(Form):
    """Two distributions to compare, and where the samples come from."""

    noun: ClassVar[str] = "a pair"

    q: Distribution = Field(description="The distribution being penalised, KL(q‖p)'s first argument: the policy.")
    p: Distribution = Field(description="The reference.")
    sampler: Distribution | None = Field(
        None, description="Where the samples come from, when that is not q: an old policy, a truncated sampler."
    )
    prompts: Text | None = Field(
        None,
        description="Checkpoints only. The file of what sequences answer, relative to the spec's folder: a text a "
        "line, or .jsonl of {messages: [...]} or {prompt: ...}, which go through the chat template, or {text: ...}.",
    )
    length: SequenceLength | None = Field(
        None, description="Checkpoints only. The most tokens of a sequence, its eos included."
    )
    grid: Mapping[GridName, GridValues] = Field(
        default_factory=dict,
        description="Values for the parameters in braces: {mu: [0.1, 1]}. Several parameters: every combination.",
    )
    name: PairName = Field(
        default_factory=lambda read: pair_name(read["q"], read["p"], read["sampler"]),
        description="What the pair is called in the results.",
    )
    expect: Expected = Field(
        default_factory=dict,
        description="Published values by estimator and column, checked by --check in every case of the pair.",
        json_schema_extra={"propertyNames": {**ESTIMATOR}},
    )

    _prompted: Prompted | None = PrivateAttr(default=None)

    @field_validator("q", mode="after")
    @classmethod
    def _q_names_no_other(cls, q: Expression) -> Expression:
        if references(q):
            raise Refusal("q names itself", help=["p and sampler may name q: p: Perturb(q, scale=0.1)"])
        return q

    @field_validator("p", "sampler", mode="after")
    @classmethod
    def _q_is_put_in(cls, written: Expression | None, read: ValidationInfo) -> Expression | None:
        if written is None or "q" not in read.data or not references(written):
            return written
        put = with_references(written, {"q": read.data["q"]})
        with refusing():
            form(put)
        return put

    @field_validator("expect", mode="before")
    @classmethod
    def _expect_is_short(cls, written: Any) -> Any:
        for name, columns in {"expect": written, **(written if isinstance(written, Mapping) else {})}.items():
            if isinstance(columns, Mapping) and len(columns) > MOST_ESTIMATORS:
                raise Refusal(f"{shown(name)} has {len(columns)} keys", help=[f"at most {MOST_ESTIMATORS}"])
        return written

    @property
    def has_sequences(self) -> bool:
        """Whether it is of policies over sequences."""
        return form(self.q).sequence

    @property
    def roles(self) -> dict[str, Expression]:
        """The pair's distributions by the name of their field."""
        given = {"q": self.q, "p": self.p, "sampler": self.sampler}
        return {role: expression for role, expression in given.items() if expression is not None}

    @model_validator(mode="after")
    def _grid_is_used(self) -> Self:
        used = {name: role for role, expression in self.roles.items() for name in sorted(placeholders(expression))}
        for name, role in used.items():
            if name not in self.grid:
                raise _undefined(name, self.grid).within(role)
        for name in self.grid:
            if name not in used:
                help = [f"write {{{name}}} in q, p or sampler"]
                raise Refusal(f"nothing uses the grid parameter {name}", help=help, path=("grid", name), at_key=True)
        return self

    @model_validator(mode="after")
    def _prompts_are_there(self, info: ValidationInfo) -> Self:
        given = {"prompts": self.prompts, "length": self.length}
        if not form(self.q).checkpoint:
            for key, value in given.items():
                if value is not None:
                    help = [f"take {key} out, or take a checkpoint for q: Model(...)"]
                    raise Refusal(f"{key} is for checkpoints", help=help, path=(key,), at_key=True)
            return self
        missing = [key for key, value in given.items() if value is None]
        if missing:
            help = ["prompts: prompts.txt, a text a line", "length: 64, the most tokens of an answer"]
            raise Refusal(f"a pair of checkpoints needs {' and '.join(missing)}", help=help, path=("q",))
        assert self.prompts is not None
        assert self.length is not None
        self._prompted = Prompted(self.prompts, folder_of(info.context), self.length)
        with refusing("prompts"):
            self._prompted.prompts()
        return self

    @model_validator(mode="after")
    def _cases_are_valid(self) -> Self:
        numbers = count_cases(self.grid) * sum(size(e) for e in self.roles.values() if placeholders(e))
        if numbers > MOST_NUMBERS:
            raise Refusal(f"the cases hold {numbers} numbers", help=[f"at most {MOST_NUMBERS}"], path=("grid",))
        for case in self.cases():
            with refusing("p"):
                check_pair(case.q, case.p)
            with refusing("sampler"):
                check_pair(case.q, case.p, case.sampler)
        return self

    def cases(self) -> Iterator[Case]:
        """The pair's cases, one per combination of the grid's values."""
        return (self.case_at(parameters) for parameters in combinations(self.grid))

    def case_at(self, parameters: Mapping[str, float]) -> Case:
        """The pair with these values for its grid parameters, in the grid or between its values.

        Raises:
            Refusal: a distribution does not take such a number.
        """
        filled = {role: _filled(role, expression, parameters) for role, expression in self.roles.items()}
        q, p, sampler = filled["q"], filled["p"], filled.get("sampler")
        return Case(self.name, q, p, sampler, parameters, expectations(self.expect), prompted=self._prompted)


def _undefined(name: str, grid: Mapping[str, object]) -> Refusal:
    defined = f"the grid has {', '.join(grid)}" if grid else f"add to the pair: grid: {{{name}: [0.1, 1]}}"
    return Refusal(f"the grid parameter {name} has no values", help=[defined])


def _filled(role: str, expression: Expression, parameters: Mapping[str, float]) -> Expression:
    try:
        return substitute(expression, parameters)
    except Refusal as refusal:
        values = ", ".join(f"{name} = {parameters[name]}" for name in sorted(placeholders(expression)))
        raise Refusal(f"with {values}: {refusal.message}", help=refusal.help, path=(role,)) from refusal


AnyPairSpec = PairSpec | DataPair
"""Distributions, or the files of a run."""


def _until_enough(
    written: Any,
    judge: ModelWrapValidatorHandler[AnyPairSpec],  # noqa: ARG001
    info: ValidationInfo,
) -> AnyPairSpec:
    """Judge a pair of a list, unless there are enough errors in those before it; they are counted in the context."""
    errors = info.context.errors if isinstance(info.context, Reading) else Counter[str]()
    if errors["pairs"] >= _ENOUGH_ERRORS:
        raise PydanticCustomError(NOT_JUDGED, "not judged")
    try:
        # not both: an error would then be told twice
        kind = DataPair if isinstance(written, Mapping) and "data" in written else PairSpec
        return kind.model_validate(written, context=info.context)
    except ValidationError as error:
        errors["pairs"] += error.error_count()
        raise


class Spec(Form):
    """What to measure: estimators, pairs, and how many samples."""

    noun: ClassVar[str] = "a spec"

    name: FileName = Field(description="Names the folder of the results; letters, digits, - and _.")
    description: Text = Field("", description="What the spec is about, in a sentence.")
    measure: Measure = Field(
        ("value",), description="What to measure of each estimator: its value, its gradient, or a list of both."
    )
    samples: Samples = Field(
        DEFAULT_SAMPLES, description="Samples per case: a whole number, also written 1e7, 10_000_000 or 10M."
    )
    precision: Precision | None = Field(
        None,
        description="Stop as soon as every error bar of bias/true and stdev/true (gradients: of the cosine too) is at "
        "most this; samples is then the most that is taken. Default: take all samples.",
    )
    seed: Seed = Field(0, description="The number every random stream is derived from.")
    dtype: Dtypes = Field(
        (FULL_PRECISION,),
        description="The precision of the estimators' arithmetic, or a list: each estimator is measured in each.",
    )
    estimators: Estimators = Field(
        description="The estimators to measure; klbench list estimators shows them all. verl:* is all that verl ships, "
        "verl@0.4:* all of its release 0.4."
    )
    ratio: EstimatorName | None = Field(
        None,
        description="One of the estimators: each one's noise is measured relative to this one's too, on the same "
        "draws. Default: none.",
    )
    level: Levels | None = Field(
        None,
        description="Policies over sequences only. Whether an estimator takes each token's log_ratio (token), the sum "
        "over its sequence (sequence), or a list of both. Default: token; what a framework ships as it ships it.",
    )
    aggregation: Aggregations | None = Field(
        None,
        description="Policies over sequences only. How token values become one number, in verl's words, or a list. "
        "Default: seq-mean-token-sum; what a framework ships as it ships it.",
    )
    norm: Positive | None = Field(
        None,
        description="What seq-mean-token-sum-norm divides by. Default: the policy's length.",
    )
    clip: Positive | None = Field(
        None, description="The largest importance weight: a larger one counts as this. Default: none is cut off."
    )
    placements: Placements | None = Field(
        None,
        description="Gradients only. Where the estimator sits in training: in the loss, differentiated, or detached in "
        "the reward. Default: both, or where a framework puts it.",
    )
    weightings: Weightings | None = Field(
        None,
        description="Gradients only. The importance weight q/sampler: none, ratio (differentiated) or detached (held "
        "constant). Default: none, or as a framework weights it.",
    )
    parameters: Parameters | None = Field(
        None,
        description="Gradients only. The parameters of q to differentiate in, by torch's names. Default: all.",
    )
    baseline: BaselineName = Field(
        "none",
        description="Gradients only. What is subtracted in the reward: the batch's own mean, or that of its other "
        "samples (leave-one-out).",
    )
    batch: Batch | None = Field(
        None, description="Gradients only. The number of samples that share a baseline: a whole number from 2 to 1e6."
    )
    pairs: tuple[Annotated[AnyPairSpec, WrapValidator(_until_enough)], ...] = Field(
        description="The pairs of distributions to measure them on, or files of log-probabilities of a run.",
        min_length=1,
    )
    folder: Folder | None = Field(
        None, description="Where the files that the spec names are looked for first. Default: the spec's own folder."
    )
    _written: Written = PrivateAttr(default=Written())

    @model_validator(mode="before")
    @classmethod
    def _all_of_a_framework(cls, given: Any) -> Any:
        """The estimators with where they are put: what ``verl:*`` stands for depends on it."""
        if isinstance(given, Mapping) and together.measures_gradients(given.get("measure")) and "estimators" in given:
            placements = given.get("placements")
            asked = [placements] if isinstance(placements, str) else placements
            known = [name for name in asked if name in PLACEMENTS] if isinstance(asked, list | tuple) else []
            return {**given, "estimators": Asked(given["estimators"], known)}
        return given

    @field_validator("pairs", mode="before")
    @classmethod
    def _pairs_are_few(cls, written: Any) -> Any:
        if isinstance(written, list | tuple) and len(written) > MOST_CASES:
            raise Refusal(f"the spec has {len(written)} pairs", help=[f"at most {MOST_CASES} cases in all"])
        return written

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names: set[str] = set()
        for index, pair in enumerate(self.pairs):
            if pair.name in names:
                help = ["give each pair a name of its own"]
                raise Refusal(f"two pairs are called {shown(pair.name)}", help=help, path=("pairs", index, "name"))
            names.add(pair.name)
        return self

    @model_validator(mode="after")
    def _keys_belong_together(self) -> Self:
        together.check(self)
        return self

    @model_validator(mode="after")
    def _expected_is_measured(self) -> Self:
        measured = set(self.estimators)
        for index, pair in enumerate(self.pairs):
            for estimator, columns in pair.expect.items():
                if estimator not in measured:
                    refusal = unknown_key(estimator, self.estimators, kind="estimator in expect", of="this spec")
                    raise refusal.within("pairs", index, "expect")
                for column, published in columns.items():
                    place = ("pairs", index, "expect", estimator)
                    if column not in CHECKED_COLUMNS:
                        raise unknown_key(column, CHECKED_COLUMNS, kind="column").within(*place)
                    if published.dtype not in (None, *self.dtype):
                        help = [f"the spec's dtype has {', '.join(self.dtype)}"]
                        raise Refusal(
                            f"nothing is measured in {published.dtype}", help=help, path=(*place, column, "dtype")
                        )
                    with refusing(*place, column):
                        expected.check(self, pair, estimator, published.expectation)
        return self

    @model_validator(mode="after")
    def _cases_are_few(self) -> Self:
        count = sum(count_cases(pair.grid) for pair in self.pairs)
        if count > MOST_CASES:
            raise Refusal(f"the spec has {count} cases", help=[f"at most {MOST_CASES}"], path=("pairs",))
        return self

    def written_as(self, tree: Node, folder: str) -> Self:
        """The same spec, which knows where it is written, and the folder of its files if it has any."""
        known = self.model_copy(update={"folder": folder if self._names_files() else None})
        known._written = Written(tree)
        return known

    def _names_files(self) -> bool:
        """Whether there are files, other than those that ship with klbench, that are sought in a folder."""
        own = [source for source in self.sources() if not source.is_shipped]
        return bool(own or self.checkpoints()) or any(not is_shipped(name) for name in self.files())

    def place_of(self, estimator: str) -> Location | None:
        """Where an estimator is named, plain or weighted; None in a spec that was not read from a text."""
        return self._written.place_of(estimator)

    def place_at(self, *path: Step) -> Location | None:
        """Where the value under these keys and indices stands; None in a spec that was not read from a text."""
        return self._written.place_at(path)

    def files(self) -> tuple[WrittenText, ...]:
        """The files that its pairs name, each once."""
        roles = [expression for pair in self.pairs for expression in pair.roles.values()]
        return tuple(dict.fromkeys(name for expression in roles for name in files_of(expression)))

    def sources(self) -> tuple[Source, ...]:
        """The files of log-probabilities of its pairs, each once."""
        return tuple(dict.fromkeys(case.data.source for case in self.cases() if case.data))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints of its pairs, each once."""
        prompted = (case for case in self.cases() if case.prompted)
        return tuple(dict.fromkeys(each for case in prompted for each in checkpoints_of(case.q, case.p, case.sampler)))

    def prompts(self) -> tuple[Prompted, ...]:
        """What checkpoints are asked, each once."""
        return tuple(dict.fromkeys(case.prompted for case in self.cases() if case.prompted))

    def cases(self) -> tuple[Case, ...]:
        """Every case in the order of the pairs and of their grids."""
        return tuple(case for pair in self.pairs for case in pair.cases())

    def grid_parameters(self) -> tuple[str, ...]:
        """Every grid parameter of any pair, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair.grid))

    def to_yaml(self) -> str:
        """The spec as YAML that reads back to an equal one, every default written out."""
        from klbench.spec.writer import to_yaml

        return to_yaml(self)
