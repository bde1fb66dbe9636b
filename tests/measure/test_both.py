"""Values and gradients in one spec: a table of each, with the numbers that each alone has."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from dataclasses import replace

import pytest

from klbench.report.check import check
from klbench.report.components import to_components_csv
from klbench.report.frame import to_csv
from klbench.report.markdown import to_markdown
from klbench.results import Results
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text

HEAD = """
name: both
measure: {}
samples: 30_000
estimators: [k1, k3]
pairs:
  - {{name: shift, q: "N(0, 1)", p: "N({{mu}}, 1.2)", grid: {{mu: [0.3, 0.6]}}}}
"""


def results(measure: str) -> Results:
    return run(read_text(HEAD.format(measure)), device="cpu", threads=2)


def bare(row: Row) -> str:
    """A row's numbers, NaN as text; components are compared in components.csv."""
    return repr(replace(row, components=None))


@pytest.mark.parametrize("order", [("value", "gradient"), ("gradient", "value")])
def test_each_table_is_that_of_a_run_of_its_own(order: tuple[str, str]) -> None:
    both, first, second = results(f"[{', '.join(order)}]"), results(order[0]), results(order[1])
    for together, one, other in zip(both.cases, first.cases, second.cases, strict=True):
        assert [*map(bare, together.rows)] == [*map(bare, (*one.rows, *other.rows))]
        assert {*together.notes} == {*one.notes, *other.notes}
    gradients = first if order[0] == "gradient" else second
    assert to_components_csv(both) == to_components_csv(gradients)


def test_the_file_tells_them_apart_and_has_every_column() -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(results("[value, gradient]")))))
    values = [line for line in lines if not line["placement"]]
    assert len(values) == 2 * 2
    assert len(lines) == len(values) + 2 * 4
    assert all(line["mean"] and not line["follows"] for line in values)
    assert all(line["follows"] and not line["mean"] for line in lines if line not in values)


def test_a_person_reads_a_table_of_each() -> None:
    text = to_markdown(results("[value, gradient]"))
    values, gradients = text.index("| k1 | 0.023"), text.index("| k1 | loss |")
    assert values < gradients
    assert all(point.holds for point in check(results("[value, gradient]")))


def test_it_is_written_as_it_is_asked() -> None:
    for measure in ("[value, gradient]", "gradient"):
        spec = read_text(HEAD.format(measure))
        assert read_text(spec.to_yaml()) == spec
        assert f"measure: {measure}\n" in spec.to_yaml()


GRADIENTS_ONLY = (
    *("measure.gradients", "measure.exact_gradients", "measure.place", "measure.baseline", "measure.follows"),
    *("roads.exact_vector", "roads.gradient_sums", "stats.lengths", "stats.vectors", "stats.score_table"),
    *("derived.coefficient", "distributions.score", "distributions.kl_gradient"),
)


@pytest.mark.parametrize(("measure", "imported"), [("value", False), ("gradient", True)])
def test_measuring_a_value_imports_nothing_of_gradients(measure: str, imported: bool) -> None:
    code = (
        "import sys\nfrom klbench.runner import run\nfrom klbench.spec.read import read_text\n"
        f"run(read_text({HEAD.format(measure)!r}), device='cpu', threads=1)\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert [f"klbench.{name}" in modules for name in GRADIENTS_ONLY] == [imported] * len(GRADIENTS_ONLY)
