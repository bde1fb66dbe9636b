"""Completion as shells ask for it, in processes of their own, and how bash's pieces are joined."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import klbench
from klbench.cli import completion
from klbench.cli.completion import joined
from klbench.distributions.catalogue import EVERY
from klbench.estimators.catalogue import estimators
from klbench.frameworks.catalogue import frameworks, names
from klbench.report.columns import COLUMNS
from klbench.spec import builtin
from klbench.spec.model import Spec

Complete = Callable[..., list[str]]
CODE = """
import sys
from klbench.cli import main
try:
    main()
finally:
    heavy = {"torch", "pandas", "scipy"} & set(sys.modules)
    assert not heavy, heavy
"""


@pytest.fixture
def complete(here: Path) -> Complete:
    """What a shell is told where the last of ``words`` is being typed."""

    def completing(*words: str, shell: str = "bash") -> list[str]:
        line = " ".join(("klbench", *words))
        asked = {
            "_KLBENCH_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": "\n".join(("klbench", *words)),
            "COMP_CWORD": str(len(words)),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "PYTHONPATH": str(Path(klbench.__file__).parents[1]),
        }
        done = subprocess.run(
            [sys.executable, "-c", CODE], cwd=here, env={**os.environ, **asked}, capture_output=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return list(filter(None, done.stdout.decode().splitlines()))

    return completing


@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_spec_is_a_built_in_one_or_a_file(complete: Complete, here: Path, command: str) -> None:
    (here / "scale.yml").touch()
    (here / "schemes.txt").touch()
    assert set(complete(command, "")) == {*builtin.names(), "mine.yaml", "scale.yml"}
    assert complete(command, "sc") == ["schulman", "scale.yml"]
    assert complete(command, "nothing/like") == []  # the shell's own paths


def test_results_are_folders_with_results_and_csvs(complete: Complete, here: Path) -> None:
    for folder in ("results/mine", "results/empty", "build/mine"):
        (here / folder).mkdir(parents=True)
    for folder in ("results/mine", "build/mine"):
        (here / folder / "results.csv").touch()
    (here / "old.csv").touch()
    assert set(complete("compare", "")) == {"results/mine", "old.csv"}
    assert complete("compare", "old.csv", "build/") == ["build/mine"]


def test_overrides_are_keys_and_then_values(complete: Complete) -> None:
    assert complete("run", "schulman", "") == [f"{key}=" for key in Spec.model_fields]
    assert complete("run", "schulman", "seed=1", "sam") == ["samples="]
    assert complete("run", "schulman", "measure", "=", "") == complete("run", "schulman", "")  # a new word
    assert complete("run", "schulman", "measure", "=") == ["value", "gradient"]
    assert complete("validate", "schulman", "dtype", "=", "bf") == ["bfloat16"]
    assert complete("run", "schulman", "samples", "=", "1") == []
    assert complete("run", "schulman", "nonsense", "=", "1") == []


def test_names_with_a_colon_are_completed(complete: Complete) -> None:
    entries = [name for name in names() if name.startswith("verl:")]
    assert complete("explain", "verl", ":") == [name.removeprefix("verl:") for name in entries]
    assert set(complete("explain", "verl", ":", "low")) == {"low_var_kl", "low_var_kl+"}
    assert set(complete("identify", "verl:low")) == {"verl:low_var_kl", "verl:low_var_kl+"}  # a bash without that break


def test_everything_can_be_explained(complete: Complete) -> None:
    offered = complete("explain", "")
    assert len(offered) == len(set(offered))
    plain = [each.name for each in estimators()]
    known = {*plain, *frameworks(), *names(), *EVERY, *(column.name for column in COLUMNS), *Spec.model_fields}
    assert known - set(offered) == set()


def test_what_is_offered_is_explained(complete: Complete, call: Callable[..., object]) -> None:
    for name in complete("explain", "")[::7]:
        assert call("explain", name).status == 0  # type: ignore[attr-defined]


def test_lists_options_and_devices(complete: Complete) -> None:
    assert complete("list", "") == ["estimators", "frameworks", "distributions", "specs"]
    assert complete("run", "mine.yaml", "--dev") == ["--device"]
    assert complete("run", "mine.yaml", "--device", "") == ["auto", "cpu", "cuda"]
    assert complete("run", "mine.yaml", "-f", "m") == ["markdown"]
    assert complete("expl") == ["explain"]


def test_other_shells_are_given_help(complete: Complete) -> None:
    assert complete("run", "schul", shell="fish") == [f"schulman\t{builtin.title('schulman')}"]
    assert complete("explain", "k3", shell="fish") == ["k3\tr − 1 − log r, for the reverse KL"]
    (answer,) = complete("explain", "verl:abs", shell="zsh")[:1]
    assert answer.startswith("""_arguments '*: :(("verl\\\\:abs":"|log r|""")


def test_help_is_a_line_each(complete: Complete) -> None:
    lines = complete("explain", " ", shell="fish")
    assert len(lines) == len(completion.explained())
    assert [line for line in lines if not line.partition("\t")[2].strip()] == []


def test_the_script_can_be_shown(start: Callable[..., subprocess.Popen[str]]) -> None:
    code = "import os; os.environ['_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION'] = '1'\n"
    out, _ = start("--show-completion", "bash", code=f"{code}from klbench.cli import main; main()").communicate()
    assert "_KLBENCH_COMPLETE=complete_bash" in out


@pytest.mark.parametrize(
    ("pieces", "number", "found"),
    [
        ("k e verl : low", 4, ("k e verl:low", 2, "verl:")),
        ("k e verl :", 3, ("k e verl:", 2, "verl:")),
        ("k e verl", 2, ("k e verl", 2, "")),
        ("k run a samples = 1", 5, ("k run a samples=1", 3, "samples=")),
        ("k run a b = c = d x", 8, ("k run a b=c=d x", 4, "")),
        ("k --device = c", 3, ("k --device=c", 1, "--device=")),
        ("k", 0, ("k", 0, "")),
    ],
)
def test_pieces_are_joined(pieces: str, number: int, found: tuple[str, int, str]) -> None:
    words, at, typed = joined(pieces.split(), number)
    assert (" ".join(words), at, typed) == found


def test_a_word_that_begins_is_not_joined() -> None:
    assert joined(["k", "run", "seed", "=", ""], 4) == (["k", "run", "seed=", ""], 3, "")


@pytest.mark.skipif(not Path("/usr/bin/bash").exists() and not Path("/bin/bash").exists(), reason="needs bash")
def test_bash_itself_completes(here: Path, tmp_path: Path) -> None:
    program = tmp_path / "klbench"
    root = Path(klbench.__file__).parents[1]
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m klbench "$@"\n')
    program.chmod(0o755)
    script = f"""
export PATH={tmp_path}:$PATH _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1
eval "$(klbench --show-completion bash)"
COMP_WORDS=(klbench explain verl : low) COMP_CWORD=4
_klbench_completion klbench
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], cwd=here, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["low_var_kl", "low_var_kl+"]


@pytest.mark.parametrize("command", [("frameworks",), ("list", "frameworks")])
def test_where_frameworks_are_chosen_they_and_their_entries_are_offered(
    complete: Complete, command: tuple[str, ...]
) -> None:
    assert "verl" in complete(*command, "ver")
    assert "trl:grpo" in complete(*command, "trl:grpo")
