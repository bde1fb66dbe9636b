"""Figures and pages: what they cost beyond what they cannot do without, each in a process of its own.

A figure is drawn by `klbench plot` and, beside it, by a user's own few lines: a data frame of results.csv, one line and
its error bars for each estimator in two panels. Both are told beside a bare `import matplotlib`. The quick commands are
told beside a bare Python.

    python benchmarks/figures.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
MAIN = "from klbench.cli import main; main()"
OWN = """
import matplotlib; matplotlib.use("svg")
import matplotlib.pyplot as plt, pandas as pd
frame = pd.read_csv({csv!r})
figure, axes = plt.subplots(1, 2, figsize=(8, 3))
for name, rows in frame.groupby("estimator"):
    for axis, column in zip(axes, ("bias_over_true", "stdev_over_true")):
        axis.errorbar(rows.true, rows[column].abs(), 2 * rows[column + "_mcse"], fmt="o", label=name)
        axis.plot(rows.true, rows["exact_" + column].abs())
        axis.set(xscale="log", yscale="log", title=column)
axes[0].legend()
figure.savefig({out!r})
"""


def klbench(*arguments: str) -> list[str]:
    """A call of the command line."""
    return [sys.executable, "-c", MAIN, *arguments]


def seconds(command: Sequence[str]) -> float:
    """What a process takes, start to end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - start


def main() -> None:
    """Time everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder, "figure.svg"))
        own = OWN.format(csv=str(RESULTS / "shift/results.csv"), out=out)
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "import matplotlib": [sys.executable, "-c", "import matplotlib.figure, matplotlib.backends.backend_svg"],
            "a user's own two panels of shift": [sys.executable, "-c", own],
            **{f"plot {name}": klbench("plot", str(RESULTS / name), "-o", out) for name in ("shift", "schulman")},
            "plot gradients, five figures": klbench("plot", str(RESULTS / "gradients"), "-o", out),
            "plot k1 k2 k3 verl:low_var_kl": klbench("plot", "k1", "k2", "k3", "verl:low_var_kl", "-o", out),
            "plot audit": klbench("plot", "audit", "-o", out),
            "report of one run": klbench("report", str(RESULTS / "shift"), "-o", str(Path(folder, "one.html"))),
            "report of the gallery": klbench("report", str(RESULTS), "-o", str(Path(folder, "all.html"))),
            "frameworks -f html": klbench("frameworks", "-f", "html"),
            "compare, 68 rows": klbench("compare", str(RESULTS / "shift"), str(RESULTS / "shift" / "results.csv")),
            "--help": klbench("--help"),
            "list estimators": klbench("list", "estimators"),
            "explain k3": klbench("explain", "k3"),
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):  # in turn, so that what else goes on meets all alike
            for name, command in commands.items():
                took[name].append(seconds(command))
    table = Table("", "seconds", "beyond import matplotlib", "beyond python")
    middle = {name: statistics.median(values) for name, values in took.items()}
    for name, value in middle.items():
        beyond = (f"{value - middle[base]:.2f}" for base in ("import matplotlib", "python"))
        table.add_row(name, f"{value:.2f}", *beyond)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
