"""What frameworks ship: explained, listed and audited, at any width, without torch where none is needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from klbench.cli import shipped
from klbench.frameworks import catalogue
from klbench.identity.audit import STANDARD, Practice, audit
from klbench.report.frameworks import figure, number_rows, ordered, shipped_by, to_json, to_markdown, to_page
from klbench.report.verdict import KINDS, STALE_TOO, TO_FORWARD, verdict
from tests.cli.conftest import Done
from tests.cli.test_process import IMPORTS, Start

Call = Callable[..., Done]


@pytest.fixture(scope="module")
def found() -> tuple[Practice, ...]:
    return audit()


def drawn(renderable: RenderableType, width: int) -> list[str]:
    console = Console(width=width, file=sys.stderr, color_system=None)
    with console.capture() as capture:
        console.print(renderable, crop=False)
    return capture.get().splitlines()


@pytest.mark.parametrize("name", [*catalogue.names(), "verl:k3", "verl@0.6:k3", "nemo-rl@0.6:k3", "verl:k1+"])
def test_every_entry_is_explained(call: Call, name: str) -> None:
    done = call("explain", name)
    assert (done.status, done.err) == (0, "")
    entry = catalogue.find(name)
    for part in (
        entry.qualified,
        entry.formula,
        entry.summary,
        str(entry.source),
        "▸ in the" if entry.placement else "",
    ):
        assert part in done.out


def test_verls_default_is_explained_whole(call: Call) -> None:
    said = " ".join(call("explain", "verl:low_var_kl").out.split())
    for part in (
        "also called verl:k3",
        "clamp(r − log r − 1, ±10), log r clamped to ±20 first",
        "clamps log r to ±20, then the value to ±10",
        "saturated log r < −11 or log r > 2.611",
        "no gradient in the loss, where it is saturated",
        "infinite or NaN 11.09 < log r < 20.01 in float16",
        "its mean is KL(q‖p) on samples of q",
        "put in the loss",
        "releases from 0.4.1",
        "option actor.kl_loss_type low_var_kl, the default of the loss",
        "coefficient actor.use_kl_loss, off, and actor.kl_loss_coef, 0.001",
        "log-probs the trainer's: in the loss the current policy against the reference",
        "k in the reward taken at the old policy's log-probabilities",
        "on sequences the KL per token: E[sum]/E[length] (token, token-mean): loss_agg_mode, as the policy's",
        "aggregation loss: loss_agg_mode, the same as the policy's: token-mean (default",
        "code seen 0.9.0, 1dda039b of 2026-08-22, run",
        "same as cosmos-rl:grpo, easyr1:low_var_kl, miles:low_var_kl, ms-swift:grpo, nemo-rl@0.6:k3, rlinf:low_var_kl",
        "source verl-project/verl, verl/trainer/ppo/core_algos.py, kl_penalty",
        "▸ in the loss KL(p‖q) none",
        "in the loss × ratio KL(q‖p) KL(q‖p)",
        "in the reward KL(q‖p) − KL(p‖q) none",
    ):
        assert part in said, part


@pytest.mark.parametrize("name", catalogue.frameworks())
def test_every_framework_is_explained_with_what_its_entries_have_in_common(call: Call, name: str) -> None:
    said = " ".join(call("explain", name).out.split())
    about = catalogue.about()[name]
    for fact in (about.coefficient, about.log_probs, about.reward, about.aggregation, about.precision, about.seen):
        assert " ".join(fact.split()) in said


def test_what_is_estimated_on_sequences_is_told(call: Call) -> None:
    for name, part in [
        ("skyrl:k3", "the mean over sequences of their token means: not the KL of sequences"),
        ("trl:rloo", "the KL of sequences (token, seq-mean-token-sum): summed over the tokens of a sequence first"),
        ("torchtune:grpo_completion", "by one value of each sequence's summed log-ratio (sequence)"),
        ("trl:approxkl", "a mean that is none of the four (token): the mean over the padded tensor"),
        ("deepseek:unbiased_kl", "on sequences not settled"),
    ]:
        assert part in " ".join(call("explain", name).out.split()), name


def test_what_switches_a_penalty_on_is_told(call: Call) -> None:
    said = " ".join(call("explain", "trl:grpo").out.split())
    assert "beta, 0.0: the penalty is off unless it is set" in said
    assert "option use_bias_correction_kl=False, the default up to 1.9 (from 1.10 it is True)" in said
    assert "read, not run" in call("explain", "liger-kernel:grpo").out
    assert "verl:k1 (from 0.4.0)" in call("explain", "verl:kl").out


def test_a_straight_through_clamp_stops_nothing(call: Call) -> None:
    said = call("explain", "verl:low_var_kl+").out
    assert "nowhere: what is clamped is not what is differentiated" in said


def test_a_weighted_entry_is_explained_as_what_it_is(call: Call) -> None:
    said = " ".join(call("explain", "ratio * verl:k3").out.split())
    for part in (
        "verl:low_var_kl, an estimator as verl ships it, × ρ",
        "formula ρ · (clamp(r − log r − 1, ±10), log r clamped to ±20 first)",
        "biased the sampler misses part of q's support",
        "verl:low_var_kl's gradient follows",
    ):
        assert part in said, part
    assert "same as cosmos-rl" not in said
    assert "ratio* would weight it twice" in call("explain", "ratio*slime:k3_unbiased").err


@pytest.mark.parametrize("name", ["k1", "k2", "k3", "abs", "forward_kl", "ratio*k3", "k1_cv"])
def test_natives_say_what_their_gradients_follow(call: Call, name: str) -> None:
    said = call("explain", name).out
    assert "gradient follows" in said
    assert "in the loss × ratio" in said


def test_a_table_of_natives_is_the_known_one(call: Call) -> None:
    rows = {line[:24].strip(): line.split("  ")[-1].strip() for line in call("explain", "k1").out.splitlines()}
    assert rows["in the loss"] == "none"
    assert rows["in the loss × ratio"] == "KL(q‖p)"
    assert rows["in the loss × detached"] == "0 on average"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("vrl:k3", ["unknown framework", "did you mean verl?", "module:function"]),
        ("verl:low_var", ["unknown name in verl", "did you mean low_var_kl?"]),
        ("verl@0.4:k3+", ["verl 0.4 has no k3+", "from 0.8"]),
        ("verl@new:k3", ["not a release number"]),
        ("low_var_kl", ["unknown name"]),
    ],
)
def test_a_wrong_name_is_told_what_there_is(call: Call, name: str, parts: list[str]) -> None:
    done = call("explain", name)
    assert (done.status, done.out) == (2, "")
    for part in parts:
        assert part in done.err


def test_the_list_has_every_entry_on_a_line_of_its_own_in_a_pipe(call: Call) -> None:
    done = call("list", "frameworks")
    assert (done.status, done.err) == (0, "")
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.split()}
    for entry in catalogue.entries():
        line = lines[entry.qualified]
        assert entry.versions in line
        assert (entry.placement or "logged") in line
        assert entry.sequences.short in line
    assert lines["nemo-rl@0.6:k1"].split()[-1] == "0"
    assert lines["trl:ppo_k3"].endswith("KL(q‖p) − KL(p‖q)")


@pytest.mark.parametrize("width", [80, 140])
def test_the_list_fits_the_terminal(width: int, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_things: list[RenderableType] = []
    monkeypatch.setattr(shipped.output, "data", drawn_things.append)
    assert call("list", "frameworks").status == 0
    lines = drawn(drawn_things[0], width)
    assert max(map(cell_len, lines)) <= width
    assert "…" not in "".join(lines)
    shown = "\n".join(lines)
    assert all(entry.name in shown for entry in catalogue.entries())
    assert ("on sequences" in shown) == (width > 80)


@pytest.mark.parametrize(
    "arguments",
    [["list", "frameworks"], ["explain", "verl:low_var_kl"], ["explain", "verl:nothing"], ["frameworks"]],
    ids=" ".join,
)
def test_neither_list_nor_explain_nor_the_audit_imports_torch(start: Start, arguments: list[str]) -> None:
    _, err = start(*arguments, code=IMPORTS).communicate(timeout=60)
    imported = err.splitlines()[-1].split()
    assert imported[0] == "imported:"
    assert not {"torch", "pandas", "scipy"} & set(imported)


def named(found: tuple[Practice, ...], name: str) -> Practice:
    return next(each for each in found if name in [entry.qualified for entry in each.entries])


def test_the_audit_has_every_entry_once(found: tuple[Practice, ...]) -> None:
    names = [entry.qualified for practice in found for entry in practice.entries]
    assert sorted(names) == sorted(catalogue.names())
    groups = ordered(found)
    numbers = [each.number for kind in KINDS for each in groups[kind]]
    assert numbers == list(range(1, len(found) + 1))


def test_on_policy_what_follows_the_kl_is_right_and_the_rest_is_not(found: tuple[Practice, ...]) -> None:
    for practice in found:
        reading = practice.readings["on-policy"]
        assert reading.clamp_share == 0
        is_right = abs(reading.length - 1) < 1e-9 and abs(reading.cosine - 1) < 1e-9
        assert is_right == (practice.follows == "KL(q‖p)")
        stale = practice.readings["stale"]
        assert (abs(stale.length - 1) < 1e-9) == (practice.stale_follows == "KL(q‖p)")


def test_a_value_that_is_the_kl_has_no_bias(found: tuple[Practice, ...]) -> None:
    for practice in found:
        unbiased = practice.readings["on-policy"].bias_over_true == 0
        assert unbiased == (practice.identity.value == "KL(q‖p)")


def test_heavy_tails_take_the_variance_of_what_averages_r(found: tuple[Practice, ...]) -> None:
    infinite = {
        entry.qualified for p in found if p.readings["heavy-tailed"].noise == float("inf") for entry in p.entries
    }
    assert {"trl:grpo", "trl:ppo_k3", "cleanrl:approx_kl"} <= infinite
    # k3 × ratio has the gradient of k1 in the reward, sample by sample
    assert not {"verl:kl", "verl:mse", "deepseek:unbiased_kl", "verl:low_var_kl"} & infinite


def test_far_apart_clamps_hold_and_turn_the_gradient(found: tuple[Practice, ...]) -> None:
    clamped = named(found, "verl:low_var_kl").readings["far apart"]
    assert clamped.clamp_share > 0.5
    assert clamped.cosine < 0
    assert named(found, "openrlhf:k2").readings["far apart"].length < 0.01
    assert named(found, "verl:low_var_kl+").readings["far apart"].length == pytest.approx(1)


def test_the_equal_noises_are_found(found: tuple[Practice, ...]) -> None:
    names = ("verl:kl", "verl:mse", "deepseek:unbiased_kl")
    same = [named(found, name).readings["on-policy"].noise for name in names]
    assert same == pytest.approx([same[0]] * 3, rel=1e-9)
    assert named(found, "slime:k1_unbiased").readings["on-policy"].noise > 1.5 * same[0]


def test_verdicts_say_what_matters(found: tuple[Practice, ...]) -> None:
    assert "the clamp is active on 70.5% of the samples, the gradient points away" in verdict(
        named(found, "verl:low_var_kl")
    )
    assert "infinite noise under heavy tails" in verdict(named(found, "trl:grpo"))
    assert "follows KL(q‖p) − KL(p‖q)" in verdict(named(found, "trl:ppo_k3"))
    assert "in float16 infinite or NaN for 70.5%" in verdict(named(found, "trlx:mean_kl"))
    assert verdict(named(found, "slime:k1_unbiased")) == "value unbiased."
    assert named(found, "trl:grpo") in [each.practice for each in ordered(found)[TO_FORWARD]]
    assert named(found, "trinity-rft:corrected_k3") in [each.practice for each in ordered(found)[STALE_TOO]]


def test_the_page_is_whole_in_every_format(found: tuple[Practice, ...]) -> None:
    page, markdown = "\n".join(drawn(to_page(found), 10_000)), to_markdown(found)
    for name in catalogue.names():
        assert name in page
        assert f"`{name}`" in markdown
    for standard in STANDARD:
        assert standard.why in page
        assert standard.q in markdown
    assert to_markdown(found) == markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(line.endswith(" |") or set(line) <= set("|:-") for line in rows)
    assert len(json.loads(to_json(found))["estimators"]) == len(found)


def test_the_page_groups_those_who_ship_it_by_what_they_estimate_on_sequences(found: tuple[Practice, ...]) -> None:
    clamped = named(found, "verl:low_var_kl")
    told = shipped_by(clamped)
    averaged, *others = told.split("; ")
    assert "verl:low_var_kl" in averaged
    assert averaged.startswith("per token: ")
    assert any(part.startswith("mean of means: ") and "skyrl:k3" in part for part in others)
    assert sorted(name for part in told.split("; ") for name in part.partition(": ")[2].split(", ")) == sorted(
        entry.qualified for entry in clamped.entries
    )
    record = next(each for each in json.loads(to_json(found))["estimators"] if "skyrl:k3" in each["names"])
    assert record["on_sequences"]["skyrl:k3"]["aggregation"] == "seq-mean-token-mean"
    assert record["on_sequences"]["verl:low_var_kl"]["estimates"] == "the KL per token: E[sum]/E[length]"
    counted = sum(entry.sequences.short == "not settled" for entry in catalogue.entries())
    assert f"Of {counted} it is not settled." in to_markdown(found)


def test_the_numbers_are_never_cut(found: tuple[Practice, ...]) -> None:
    lines = drawn(to_page(found), 80)
    assert max(map(cell_len, lines)) <= 80
    assert "…" not in "".join(lines)


def test_rows_that_say_the_same_are_one(found: tuple[Practice, ...]) -> None:
    everything = [each for group in ordered(found).values() for each in group]
    for standard in STANDARD:
        rows = number_rows(everything, standard.name)
        assert len({row[1:] for row in rows}) == len(rows)


def test_the_command_prints_the_page(call: Call, found: tuple[Practice, ...]) -> None:
    done = call("frameworks", "--format", "json")
    assert (done.status, done.err) == (0, "")
    assert done.out == to_json(found)
    assert call("frameworks", "-f", "yaml").status == 2


def test_names_choose_what_is_audited_and_listed(call: Call, found: tuple[Practice, ...]) -> None:
    everything = {name for each in json.loads(to_json(found))["estimators"] for name in each["names"]}
    done = call("frameworks", "verl", "trl:ppo", "-f", "json")
    named = {name for each in json.loads(done.out)["estimators"] for name in each["names"]}
    assert named == {name for name in everything if name.startswith("verl")} | {"trl:ppo_k1"}
    assert f"1 of the {len(catalogue.entries())} estimators that frameworks ship" in call("frameworks", "trl:grpo").out
    listed = call("list", "frameworks", "skyrl", "trl:grpo").out
    lines = [line.split()[0] for line in listed.splitlines() if ":" in line.split(" ")[0][:-1]]
    assert lines == ["framework:name", "skyrl:k1", "skyrl:abs", "skyrl:k2", "skyrl:k3", "trl:grpo"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-1e-9, "0"), (float("inf"), "∞"), (float("nan"), "–"), (0.12345, "0.123"), (2.4e6, "2.40e6")],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


def test_one_of_a_kind_is_one_in_the_summary_too() -> None:
    assert TO_FORWARD.of(1) == "1 descends the forward KL."
    assert TO_FORWARD.of(2) == "2 descend the forward KL."
    assert [each.title for each in KINDS][-1] == "Is only logged"
    assert KINDS[-1].of(3) == "3 are only logged."


def test_a_share_is_told_of_the_pair_it_is_of(found: tuple[Practice, ...]) -> None:
    practice = named(found, "trlx:mean_kl")
    broken = practice.readings["far apart"]
    moved = {**practice.readings, "stale": broken, "far apart": replace(broken, broken={})}
    told = verdict(replace(practice, readings=moved))
    assert "70.5% of the samples of an older policy" in told


@pytest.mark.parametrize(("name", "kink"), [("trinity-rft:corrected_k3", "q/sampler = 2"), ("verl:abs", "log r = 0")])
def test_a_kink_is_told_where_no_clamp_is_called(call: Call, name: str, kink: str) -> None:
    assert f"at {kink}" in call("explain", name).out
    assert "kink" not in call("explain", "verl:low_var_kl").out
