"""Whatever a file holds, it is a spec or a SpecError: no other exception, no warning, no hang."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from klbench.errors import SpecError
from klbench.spec.document import decode
from klbench.spec.read import read_text
from klbench.spec.starter import STARTER

PIECES = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "- ",
        "\n",
        "  ",
        "\t",
        "'",
        '"',
        "|",
        ">",
        "?",
        "&a ",
        "*a",
        "!!int ",
        "%",
        "---\n",
    ),
    *("null", "~", "1e999", "-1", ".nan", ".inf", "{mu}", "N(0, 1)", "**2", "<<: ", "\\", "\x00", "\ufeff", "\u2028"),
    *("grid: ", "expect: ", "logspace", "name: ", "k1", "true", "{Normal: {loc: 0, scale: 1}}", "0x1F", "9" * 400),
]
KEYS = [
    "samples",
    "seed",
    "pairs",
    "pairs.0",
    "pairs.0.p",
    "pairs.shift.grid.mu",
    "pairs.0.expect.k1",
    "estimators.0",
    "x",
]
GRADIENT = """\
name: x
measure: gradient
estimators: [k1, k3]
placements: [loss, reward]
weightings: [none, ratio]
parameters: [loc]
baseline: mean
batch: 64
dtype: [float64, float16]
pairs: [{q: "N(0, 1)", p: "N(1, 1)"}]
"""
GRADIENT_KEYS = ["measure", "estimators", "placements", "weightings.0", "parameters", "baseline", "batch", "dtype"]
GRADIENT_PIECES = [
    "gradient",
    "none",
    "loss",
    "reward",
    "ratio",
    "mean",
    "loc",
    "verl:k1",
    "a.b:c",
    "@",
    "2",
    "[",
    "]",
    ", ",
]


def _reads_or_refuses(text: str, *overrides: str) -> None:
    try:
        spec = read_text(text, "fuzz.yaml", overrides)
    except SpecError as error:
        placed = error.message and (error.location is None or error.location.column >= 1)
    else:
        placed = read_text(spec.to_yaml(), "resolved") == spec
    assert placed


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    try:
        text = decode(data, "fuzz.yaml")
    except SpecError:
        return
    _reads_or_refuses(text)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    _reads_or_refuses(text)


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_heap_of_yaml(text: str) -> None:
    _reads_or_refuses(text)


@given(st.data())
def test_a_damaged_spec(data: st.DataObject) -> None:
    text = STARTER
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=3))) + text[end:]
    _reads_or_refuses(text)


@given(
    st.sampled_from(KEYS), st.one_of(st.text(max_size=20), st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
)
def test_any_override(key: str, value: str) -> None:
    _reads_or_refuses(STARTER, f"{key}={value}")


@given(
    st.lists(
        st.tuples(st.sampled_from(GRADIENT_KEYS), st.lists(st.sampled_from(GRADIENT_PIECES), max_size=5).map("".join)),
        max_size=3,
    )
)
def test_any_overrides_of_a_gradient_spec(overrides: list[tuple[str, str]]) -> None:
    _reads_or_refuses(GRADIENT, *(f"{key}={value}" for key, value in overrides))


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.sampled_from(PIECES))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=10,
)


@given(st.sampled_from(KEYS), TREES)
def test_any_value_anywhere(key: str, value: object) -> None:
    import yaml

    flow = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True).removesuffix("\n...\n")
    _reads_or_refuses(STARTER, f"{key}={flow}")


@given(st.sampled_from(GRADIENT_KEYS), TREES)
def test_any_value_anywhere_in_a_gradient_spec(key: str, value: object) -> None:
    import yaml

    flow = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True).removesuffix("\n...\n")
    _reads_or_refuses(GRADIENT, f"{key}={flow}")
