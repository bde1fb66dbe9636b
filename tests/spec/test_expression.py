"""The distribution expression: what it means, what it refuses and where, and that nothing else ever happens."""

from __future__ import annotations

import ast
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.distributions.expression import Expression, Mixture, Named, Placeholder, Power, Value, placeholders
from klbench.errors import SpecError
from klbench.spec.algebra import substitute
from klbench.spec.expression import from_mapping, parse
from klbench.spec.grammar import Parser
from klbench.spec.refusal import Refusal

NORMAL = Named("Normal", (("loc", 0), ("scale", 1)))

MEANINGS = {
    "N(0, 1)": "Normal(loc=0, scale=1)",
    " Normal( scale=1.0 , loc=-0.0, ) ": "Normal(loc=0, scale=1)",
    "Normal(0,\n  1)": "Normal(loc=0, scale=1)",
    "N(1e-3, 1_000)": "Normal(loc=0.001, scale=1000)",
    "N(-.5, +2.)": "Normal(loc=-0.5, scale=2)",
    "N({mu}, { s })": "Normal(loc={mu}, scale={s})",
    "StudentT(df=5)": "StudentT(df=5)",
    "Categorical(probs=[0.1, 0.45, 0.45])": "Categorical(probs=[0.1, 0.45, 0.45])",
    "MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])": (
        "MultivariateNormal(loc=[0, 0], covariance_matrix=[[1, 0.5], [0.5, 1]])"
    ),
    "0.5*N(-2, 0.5) + 0.5*N(2, 0.5)": "0.5*Normal(loc=-2, scale=0.5) + 0.5*Normal(loc=2, scale=0.5)",
    "0.5*(0.5*N(0, 1) + 0.5*N(1, 1)) + 0.5*N(2, 1)": (
        "0.25*Normal(loc=0, scale=1) + 0.25*Normal(loc=1, scale=1) + 0.5*Normal(loc=2, scale=1)"
    ),
    "1*N(0, 1)": "Normal(loc=0, scale=1)",
    "((N(0, 1)))": "Normal(loc=0, scale=1)",
    "N(0, 1)**10": "Normal(loc=0, scale=1)**10",
    "N(0, 1)**1": "Normal(loc=0, scale=1)",
    "N(0, 1)**1e1": "Normal(loc=0, scale=1)**10",
    "N(0, 1)**{d}": "Normal(loc=0, scale=1)**{d}",
    "(0.5*N(0, 1) + 0.5*N(1, 1))**2": "(0.5*Normal(loc=0, scale=1) + 0.5*Normal(loc=1, scale=1))**2",
    "0.5*N(0, 1)**2 + 0.5*N(1, 1)**2": "0.5*Normal(loc=0, scale=1)**2 + 0.5*Normal(loc=1, scale=1)**2",
    "N(1/2, 2*3 - 1)": "Normal(loc=0.5, scale=5)",
    "N(0.4 - 0.1, (1))": f"Normal(loc={0.4 - 0.1!r}, scale=1)",
    "N(-2**2, 2**-1)": "Normal(loc=-4, scale=0.5)",
    "N(-{mu}, {s}**2)": "Normal(loc=-{mu}, scale={s}**2)",
    "N(-({mu}**2), -(-{s}))": "Normal(loc=-{mu}**2, scale=--{s})",
    "N((-{mu})**2, (2**{s})**2)": "Normal(loc=(-{mu})**2, scale=(2**{s})**2)",
    "N(1 - ({mu} - 2), {s}/(2*{s}))": "Normal(loc=1 - ({mu} - 2), scale={s}/(2*{s}))",
    "N(2*{mu}*-3, 2**-{s})": "Normal(loc=2*{mu}*-3, scale=2**-{s})",
    "N(-{mu}*3, -({s}*3))": "Normal(loc=-{mu}*3, scale=-({s}*3))",
    "Categorical([0.6, 0.4 - {e}, {e}])": "Categorical(probs=[0.6, 0.4 - {e}, {e}])",
    "Categorical(logits=[2, 1, -inf])": "Categorical(logits=[2, 1, -inf])",
    "MultivariateNormal([0, -{m}], [[1, {c}/2], [{c}/2, 1]])": (
        "MultivariateNormal(loc=[0, -{m}], covariance_matrix=[[1, {c}/2], [{c}/2, 1]])"
    ),
    "1/4*N(0, 1) + 3/4*N(1, 1)": "0.25*Normal(loc=0, scale=1) + 0.75*Normal(loc=1, scale=1)",
    "{w}*N(0, 1) + (1 - {w})*N(2, 1)": "{w}*Normal(loc=0, scale=1) + (1 - {w})*Normal(loc=2, scale=1)",
    "{w}/2*N(0, 1) + (1 - {w}/2)*(N(2, 1))": "{w}/2*Normal(loc=0, scale=1) + (1 - {w}/2)*Normal(loc=2, scale=1)",
    "((({w}))*N(0, 1) + (1 - {w})*N(2, 1))**({n} + 1)": (
        "({w}*Normal(loc=0, scale=1) + (1 - {w})*Normal(loc=2, scale=1))**({n} + 1)"
    ),
    "N(0, 1)**(2*5)": "Normal(loc=0, scale=1)**10",
    "{w}*N(0, 1) + {v}*(0.5*N(1, 1) + 0.5*N(2, 1))": (
        "{w}*Normal(loc=0, scale=1) + {v}*(0.5*Normal(loc=1, scale=1) + 0.5*Normal(loc=2, scale=1))"
    ),
}


@pytest.mark.parametrize(("text", "canonical"), MEANINGS.items())
def test_an_expression_has_a_canonical_text_that_means_the_same(text: str, canonical: str) -> None:
    expression = parse(text)
    assert str(expression) == canonical
    assert parse(canonical) == expression


def test_an_expression_is_a_value() -> None:
    assert parse("N(0, 1)") == NORMAL
    assert parse("N(0, 1)**3") == Power(NORMAL, 3)
    assert parse("0.5*N(0, 1) + 0.5*N({m}, 1)") == Mixture(
        (0.5, 0.5), (NORMAL, Named("Normal", (("loc", Placeholder("m")), ("scale", 1))))
    )


REFUSED = [
    # text, column, what the error says
    ("", 1, "expected a distribution"),
    ("5", 2, "expected '*'"),
    ("10M", 3, "expected '*'"),
    ("N", 2, "expected '('"),
    ("N(0, 1", 7, "expected ','"),
    ("N(0, 1))", 8, "unexpected ')'"),
    ("N(0 1)", 5, "expected ','"),
    ("N(,)", 3, "not a number"),
    ("(N(0, 1)", 9, "expected ')'"),
    ("Nrmal(0, 1)", 1, "did you mean Normal?"),
    ("normal(0, 1)", 1, "did you mean Normal?"),
    ("N(loc=0, scal=1)", 10, "did you mean scale?"),
    ("N(0, -1)", 6, "scale must be a number > 0, given -1"),
    ("N(scale=-1, loc=0)", 3, "scale must be"),
    ("N(0)", 1, "needs scale"),
    ("N(0, 1, 2)", 1, "at most 2"),
    ("N(0, loc=1, scale=1)", 6, "loc twice"),
    ("N(loc=0, loc=1, scale=1)", 10, "given twice"),
    ("N(scale=1, 0)", 12, "without a name follows"),
    ("N([0, 1], 1)", 3, "loc must be"),
    ("Categorical(probs=[0.5, 0.4])", 13, "sum to 1"),
    ("Bernoulli(probs=0.5, logits=0)", 1, "exactly one"),
    ("N(0, inf)", 6, "'inf' is not a number"),
    ("N(nan, 1)", 3, "'nan' is not a number"),
    ("N(0, 1e999)", 6, "not a finite number"),
    ("N(" + "9" * 5000 + ", 1)", 3, "not a finite number"),
    ("N(True, 1)", 3, "'True' is not a number"),
    ("N(2%1, 1)", 4, "unexpected '%'"),
    ("N(2^2, 1)", 4, "a power is written **"),
    ("N(−1, 1)", 3, "write the minus sign as -"),
    ("N(-x, 1)", 4, "'x' is not a number"),
    ("N(-, 1)", 4, "not a number"),
    ("N(2*, 1)", 5, "not a number"),
    ("N(2 2, 1)", 5, "expected ','"),
    ("N((1, 2), 1)", 5, "expected ')'"),
    ("N(2*[1], 1)", 5, "not a number"),
    ("N(1/0, 1)", 4, "1/0 is a division by zero"),
    ("N(2*{mu}/0, 1)", 9, "2*{mu}/0 is a division by zero"),
    ("N(1/(2 - 2), 1)", 4, "1/0 is a division by zero"),
    ("N(0**-1, 1)", 4, "0**-1 is a division by zero"),
    ("N((-8)**(1/3), 1)", 7, "(-8)**0.3333333333333333 is not a real number"),
    ("N(9**9**9, 1)", 4, "9**387420489 is too large"),
    ("N(0, 1e308*10)", 11, "1e+308*10 is too large"),
    ("N(" + "-" * 1000 + "1, 1)", 20, "nested too deeply"),
    ("N(" + "2**" * 1000 + "1, 1)", 54, "nested too deeply"),
    ("N(" + "{mu} + " * 101 + "1, 1)", 708, "at most 100"),
    ("N(-inf, 1)", 3, "loc must be a finite number, given -inf"),
    ("N(0, -inf)", 6, "scale must be a number > 0, given -inf"),
    ("N(2 - inf, 1)", 7, "only logits may be -inf"),
    ("Categorical(logits=[0, inf])", 24, "only logits may be -inf"),
    ("Categorical(logits=[0, nan])", 24, "only logits may be -inf"),
    ("Categorical(logits=[0, -inf*2])", 28, "expected ','"),
    ("Categorical(logits=[-inf, -inf])", 13, "not all of them -inf"),
    ("Categorical(probs=[1, -inf])", 13, "numbers >= 0"),
    ("Categorical([0.5, 0.3, 0.15, 0])", 13, "given [0.5, 0.3, 0.15, 0], which sums to 0.95"),
    ("Categorical([0.5, 0.3, 0.15, 0])", 13, "divide each number by the sum, as in 0.5/0.95"),
    ("Categorical([0, 0])", 13, "at least one of them is > 0"),
    ("N({}, 1)", 3, "a grid parameter is a name in braces"),
    ("N('0', 1)", 3, "not a text"),
    ("__import__('os')", 12, "unexpected"),
    ("N(__import__, 1)", 3, "not a number"),
    ("os.system(1)", 3, "unexpected '.'"),
    ("N(x for x in y)", 3, "not a number"),
    ("lambda: 0", 7, "unexpected ':'"),
    ("N(0, 1) + N(1, 1)", 1, "a mixture needs weights"),
    ("0.5*N(0, 1) + N(1, 1)", 15, "a mixture needs weights"),
    ("0.5*N(0, 1) + 0.6*N(1, 1)", 1, "sum to 1.1"),
    ("2*N(0, 1)", 1, "sum to 2"),
    ("0.5*N(0, 1) + 0.50000001*N(1, 1)", 1, "sum to 1.00000001"),
    ("1e-200*(1e-200*N(0, 1) + 1*N(1, 1)) + 1*N(2, 1)", 1, "the weight 0 is not positive"),
    ("1e400*N(0, 1)", 1, "inf is not a finite number"),
    ("0*N(0, 1) + 1*N(1, 1)", 1, "not positive"),
    ("-0.5*N(0, 1)", 1, "the weight -0.5 is not positive"),
    ("0.5 + 0.5*N(0, 1)", 5, "a sum of numbers needs brackets"),
    ("1/0*N(0, 1)", 2, "1/0 is a division by zero"),
    ("0.5*-N(0, 1)", 6, "'N' is not a number"),
    ("N(0, 1)**(1/2)", 10, "a power of 0.5"),
    ("N(0, 1)**({n}", 14, "expected ')'"),
    ("N(0, 1)/2", 8, "unexpected '/'"),
    ("N(0, 1) - N(1, 1)", 9, "cannot be subtracted"),
    ("N(0, 1)*0.5", 8, "a weight comes first"),
    ("N(0, 1)**0", 10, "a power of 0"),
    ("N(0, 1)**1.5", 10, "a power of 1.5"),
    ("N(0, 1)**-1", 10, "a power of '-'"),
    ("N(0, 1)**1e9", 10, "a power of 1000000000"),
    ("N(0, 1)**10001", 10, "a whole number from 1 to 10000"),
    ("N(0, 1)**N(0, 1)", 10, "a power of 'N'"),
    ("N(0, 1)**2**2", 11, "unexpected '**'"),
    ("(N(0, 1)**2)**2", 15, "a power of a power"),
    ("0.5*N(0, 1) + 0.5*Poisson(1)", 1, "one is continuous, the other discrete"),
    ("0.5*N(0, 1) + 0.5*N(0, 1)**2", 1, "dimensions differ"),
    ("(" * 1000, 18, "nested too deeply"),
    ("N(" + "[" * 1000, 20, "nested too deeply"),
    ("A" * 1000 + "(0)", 1, "expected a distribution"),
    (" " * (2**21 + 1), 1, "characters"),
    ("N(" + "1+" * 250_000, 500_001, "at most 500000"),
]


@pytest.mark.parametrize(("text", "column", "says"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED])
def test_a_refusal_says_what_and_where(text: str, column: int, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (1, column)
    assert says in "\n".join([caught.value.message, *caught.value.help])


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"Normal": {"loc": 0, "scale": 1}}, "N(0, 1)"),
        ({"N": [0, 1.0]}, "N(0, 1)"),
        ({"Normal": {"scale": "{s}", "loc": "{ m }"}}, "N({m}, {s})"),
        ({"Categorical": {"probs": [0.5, 0.5]}}, "Categorical(probs=[0.5, 0.5])"),
        ({"Categorical": {"probs": [0.6, "0.4 - {e}", "{e}"]}}, "Categorical([0.6, 0.4 - {e}, {e}])"),
        ({"Normal": {"loc": "0", "scale": "2*{s}"}}, "N(0, 2*{s})"),
        ({"Categorical": {"logits": [0, float("-inf"), "-inf"]}}, "Categorical(logits=[0, -inf, -inf])"),
    ],
)
def test_a_mapping_means_the_same_as_a_text(mapping: dict[str, object], text: str) -> None:
    assert from_mapping(mapping) == parse(text)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({}, "one family"),
        ({"Normal": {"loc": 0, "scale": 1}, "Laplace": {}}, "one family"),
        ({"Normal": 0}, "the arguments of Normal"),
        ({"Normal": {"loc": "zero", "scale": 1}}, "'zero' is not a number"),
        ({"Normal": {"loc": "", "scale": 1}}, "the end is not a number"),
        ({"Normal": {"loc": "1, 2", "scale": 1}}, "unexpected ','"),
        ({"Normal": {"loc": 0, "scale": "1/0"}}, "1/0 is a division by zero"),
        ({"Categorical": {"logits": [0, float("inf")]}}, "inf is not a finite number"),
        ({"Categorical": {"logits": [float("-inf")]}}, "not all of them -inf"),
        ({"Normal": {"loc": float("nan"), "scale": 1}}, "nan is not a finite number"),
        ({"Normal": {"loc": True, "scale": 1}}, "true is not a finite number"),
        ({"Normal": {"loc": 0, "scale": 0}}, "scale must be"),
        ({"Nrmal": {"loc": 0, "scale": 0}}, "unknown distribution"),
    ],
)
def test_a_mapping_is_held_to_the_same_rules(mapping: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        from_mapping(mapping)


def test_placeholders_are_found_and_filled() -> None:
    expression = parse("({w}*N({m}, 1) + {v}*(0.5*N(0, 1) + 0.5*N(1, 1)))**{d}")
    assert placeholders(expression) == {"w", "m", "v", "d"}
    assert placeholders(parse("N(1 - 2*{m}, {s}**{t})**({d})")) == {"m", "s", "t", "d"}
    filled = substitute(expression, {"w": 0.5, "v": 0.5, "m": -1, "d": 2})
    assert filled == parse("(0.5*N(-1, 1) + 0.25*N(0, 1) + 0.25*N(1, 1))**2")


@pytest.mark.parametrize(
    ("text", "parameters", "says"),
    [
        ("N(0, {s})", {"s": -1}, "scale must be a number > 0"),
        ("{w}*N(0, 1) + 0.5*N(1, 1)", {"w": 0.4}, "the weights sum to 0.9"),
        ("{w}*N(0, 1) + 0.5*N(1, 1)", {"w": 0}, "not positive"),
        ("N(0, 1)**{d}", {"d": 0.5}, "a power of 0.5"),
        ("N({m}, 1)", {}, "no parameter m"),
        ("N(2*{m}, 1)", {}, "no parameter m"),
        ("N(1/(1 - {m}), 1)", {"m": 1}, r"1/0 is a division by zero, in 1/\(1 - {m}\)"),
        ("N({m}**0.5, 1)", {"m": -2}, "not a real number"),
        ("{w}*N(0, 1) + (1 - {w})*N(1, 1)", {"w": 1}, "the weight 0 is not positive"),
        ("N(0, 1)**({d}/2)", {"d": 3}, "a power of 1.5"),
        ("Categorical([0.6, {e}])", {"e": 0.3}, "sums to 0.9"),
    ],
)
def test_what_fills_a_placeholder_is_held_to_the_same_rules(text: str, parameters: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        substitute(parse(text), parameters)


GRID = {"mu": -1.0, "e": -1e-3, "n": 3.0}


class _AsFloats(ast.NodeTransformer):
    """Python's own integers grow without end."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(float(node.value))  # type: ignore[arg-type]


def _python(text: str) -> float:
    """What Python makes of it in float64."""
    tree = _AsFloats().visit(ast.parse(text.replace("{", "(").replace("}", ")"), mode="eval"))
    found = eval(compile(ast.fix_missing_locations(tree), "test", "eval"), {"__builtins__": {}}, dict(GRID))
    if isinstance(found, complex):
        raise ValueError(text)
    return float(found)


@pytest.mark.parametrize(
    "text",
    [
        *("-{mu}**2", "2*{mu}", "1 - {e}", "1--{e}", "{mu}-1", "2**-{n}", "2**3**2", "-2**2", "(-2)**{n}"),
        *("1 - 2 - 3", "8/2/2", "8/2*2", "2*3 + 4*5", "-{mu}*-{n}", "- - -1", "+1 - +{e}", "7 - (2 - {n})"),
        *("(1 + {n})/(2 - {mu})", "0.1 + 0.2", "1_000/3", "{n}**0.5", "1e-3*1e3", "((({n})))"),
    ],
)
def test_arithmetic_is_pythons(text: str) -> None:
    named = substitute(parse(f"N({text}, 1)"), GRID)
    assert isinstance(named, Named)
    assert dict(named.arguments)["loc"] == _python(text)


ATOMS = st.sampled_from(["2", "0.5", "3", "1e-2", "{mu}", "{e}", "{n}"])
ARITHMETIC = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{}{}{}".format, inner, st.sampled_from(["+", " - ", "*", "/", "**"]), inner),
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=6,
)


@given(ARITHMETIC)
def test_any_arithmetic_is_pythons_or_refused_where_python_fails(text: str) -> None:
    try:
        right = _python(text)
        assert abs(right) < float("inf")
    except (ArithmeticError, ValueError, AssertionError):
        with pytest.raises((SpecError, Refusal)):
            substitute(parse(f"N({text}, 1)"), GRID)
        return
    parsed = parse(f"N({text}, 1)")
    assert parse(str(parsed)) == parsed
    assert substitute(parsed, GRID) == substitute(parse(str(parsed)), GRID)
    named = substitute(parsed, GRID)
    assert isinstance(named, Named)
    assert dict(named.arguments)["loc"] == right


def test_a_long_sum_of_numbers_is_no_deep_one() -> None:
    assert parse(f"N({' + '.join(['1'] * 50_000)}, 1)") == parse("N(50000, 1)")


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
HOLES = st.builds(Placeholder, NAMES)
FORMULAS = ARITHMETIC.filter(lambda text: "{" in text).map(lambda text: _value(text))
REALS: st.SearchStrategy[Value] = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**20), 10**20), HOLES, FORMULAS
)
POSITIVES: st.SearchStrategy[Value] = st.one_of(st.floats(1e-300, 1e300), st.integers(1, 10**20), HOLES, FORMULAS)
FAMILIES: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda a, b: Named("Normal", (("loc", a), ("scale", b))), REALS, POSITIVES),
    st.builds(lambda a, b: Named("Gamma", (("concentration", a), ("rate", b))), POSITIVES, POSITIVES),
)


def _value(text: str) -> Value:
    """Arithmetic with a parameter, alone where its numbers cannot be computed."""
    try:
        return Parser(text).whole_argument()
    except Refusal:
        return Placeholder("mu")


def _mixture(parts: list[Expression], weights: list[int]) -> Expression:
    shares = [weight / sum(weights[: len(parts)]) for weight in weights]
    return parse(" + ".join(f"{share!r}*({part})" for share, part in zip(shares, parts, strict=False)))


MIXTURES = st.builds(_mixture, st.lists(FAMILIES, min_size=1, max_size=4), st.lists(st.integers(1, 9), min_size=4))
NESTED = st.builds(_mixture, st.lists(MIXTURES, min_size=1, max_size=3), st.lists(st.integers(1, 9), min_size=3))
COPIES: st.SearchStrategy[Value] = st.one_of(st.integers(2, 10_000), HOLES)
EXPRESSIONS = st.one_of(FAMILIES, NESTED, st.builds(Power, NESTED, COPIES))


@given(EXPRESSIONS)
def test_the_text_of_an_expression_reads_back(expression: Expression) -> None:
    assert parse(str(expression)) == expression


def _parses_or_refuses(text: str) -> None:
    try:
        expression = parse(text)
    except SpecError as error:
        column = error.location.column if error.location else 0
    else:
        column = 1
        assert parse(str(expression)) == expression
    assert 1 <= column <= len(text) + 1


@given(st.one_of(st.text(), st.text(alphabet="N(01,)*+-/.e{}[]= Poisson"), st.text(alphabet=string.printable)))
def test_any_text_parses_or_is_refused(text: str) -> None:
    _parses_or_refuses(text)


@given(st.data())
def test_a_damaged_expression_parses_or_is_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(list(MEANINGS)))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    middle = data.draw(st.one_of(st.text(max_size=5), st.sampled_from(["(", ")", "**", "+", "{mu}", "nan", text])))
    _parses_or_refuses(text[:start] + middle + text[end:])
