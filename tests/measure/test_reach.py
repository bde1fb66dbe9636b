"""What cannot be measured is refused before anything is, for all cases, at its place in the spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import klbench
from klbench.errors import SpecError
from klbench.measure.components import MOST_COMPONENTS
from klbench.measure.reach import hold_to_reach
from klbench.observer import Observer
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.spec.read import read_text
from tests.faults.conftest import Ended, call, here

__all__ = ["call", "here"]

LARGE = {
    "states times tokens": ("Markov(vocab=40, length=6)", "Perturb(q, scale=0.3)", "", "1,640", "fewer states"),
    "a matrix": (
        f"MultivariateNormal(loc={[0] * 32}, scale_tril={[[float(i == j) for j in range(32)] for i in range(32)]})",
        f"MultivariateNormal(loc={[1] * 32}, scale_tril={[[float(i == j) for j in range(32)] for i in range(32)]})",
        "",
        "1,056",
        "name fewer with parameters",
    ),
    "tokens with a baseline": (
        "Zipf(vocab=2000)",
        "Zipf(vocab=2000, exponent=2)",
        "baseline: mean\nbatch: 8\n",
        "2,000",
        "take baseline out",
    ),
}


def written(q: str, p: str, keys: str = "", measure: str = "[value, gradient]") -> str:
    """A spec whose first pair is in order; its second q stands at 8:8."""
    first = (
        '  - {q: "N(0, 1)", p: "N(1, 1)"}' if keys == "" else '  - {q: "Zipf(vocab=3)", p: "Zipf(vocab=3, exponent=2)"}'
    )
    head = f"name: small\nsamples: 1000\nestimators: [k1]\nmeasure: {measure}\npairs:\n{first}\n"
    return f'{head}  - name: large\n    q: "{q}"\n    p: "{p}"\n{keys}'


@pytest.mark.parametrize("what", LARGE)
@pytest.mark.parametrize("command", [("run",), ("validate",), ("validate", "-f", "csv"), ("run", "--shard", "1/2")])
def test_a_gradient_of_too_many_components_is_refused_at_q(
    call: Callable[..., Ended], here: Path, what: str, command: Sequence[str]
) -> None:
    q, p, keys, count, advice = LARGE[what]
    (here / "s.yaml").write_text(written(q, p, keys))
    ended = call(command[0], "s.yaml", *command[1:])
    ended.refuses(2, f"the gradient has {count} components", f"{MOST_COMPONENTS:,}", "s.yaml:8:8", "8 |", "^", advice)
    assert ended.out == ""
    assert not (here / "results").exists()


class Started(Observer):
    """Fails as soon as a run begins."""

    def started(self, spec: Spec, cases: Sequence[Case]) -> None:  # noqa: ARG002
        raise AssertionError("begun")


def test_nothing_is_begun() -> None:
    q, p, *_ = LARGE["states times tokens"]
    with pytest.raises(SpecError, match="components"):
        klbench.run(read_text(written(q, p)), observer=Started())


def test_a_case_of_a_grid_is_named_and_one_without_a_text_has_no_place() -> None:
    pair = {"q": "Markov(vocab={v}, length=6)", "p": "Perturb(q, scale=0.3)", "grid": {"v": [4, 40]}}
    unwritten = Spec.model_validate({"name": "a", "measure": "gradient", "estimators": ["k1"], "pairs": [pair]})
    text = written(str(pair["q"]), str(pair["p"])) + "    grid: {v: [4, 40]}\n"
    for spec, line in ((read_text(text), 8), (unwritten, None)):
        with pytest.raises(SpecError, match=r"with v = 40: the gradient has 1,640 components") as error:
            hold_to_reach(spec)
        assert (error.value.location and error.value.location.line) == line


def test_an_override_is_the_place_where_it_is_to_blame() -> None:
    q, p, *_ = LARGE["states times tokens"]
    spec = read_text(written("Markov(vocab=4, length=6)", p), overrides=[f"pairs.large.q={q}"])
    with pytest.raises(SpecError, match="components") as error:
        hold_to_reach(spec)
    assert error.value.location is not None
    assert (error.value.location.source, error.value.location.column) == ("override", 15)


IN_REACH = {
    "values": (*LARGE["states times tokens"][:3], "value"),
    "counted draws": (*LARGE["tokens with a baseline"][:2], "", "gradient"),
    "the largest that is summed": ("Markov(vocab=31, length=6)", "Perturb(q, scale=0.3)", "", "gradient"),
}


@pytest.mark.parametrize("what", IN_REACH)
def test_what_can_be_measured_is_not_refused(what: str) -> None:
    q, p, keys, measure = IN_REACH[what]
    hold_to_reach(read_text(written(q, p, keys, measure)))
