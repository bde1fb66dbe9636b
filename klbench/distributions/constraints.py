"""The constraints of arguments, as data: a sentence for the user, and a check without torch.

A value is a number, or a tuple of values. Whatever else stands in one (a placeholder of a grid) is not yet known:
``known`` tells, and nothing is checked until it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import fsum, inf, isfinite
from typing import Any

from klbench.distributions.expression import Operation, Part, Placeholder, Rows, Text
from klbench.tolerances import SIMPLEX_SUM, SYMMETRY


@dataclass(frozen=True)
class Constraint:
    """``text`` completes "must be ..."; ``check`` says whether a known value is that; ``rank`` counts its axes.

    ``fault`` says of a known value that is not, where there is more to say, what is wrong, and what to do. ``kinds``
    are what a value that is not of numbers is an instance of; ``words`` are all that a text may be, where they are few.
    """

    text: str
    check: Callable[[Any], bool]
    rank: int = 0
    fault: Callable[[Any], tuple[str, str] | None] = lambda _: None
    kinds: tuple[type, ...] = ()
    words: tuple[str, ...] = ()

    def is_for(self, value: object) -> bool:
        """Whether a value, known or not, is of the kind: numbers, or what is to be given instead."""
        return isinstance(value, self.kinds) if self.kinds else not isinstance(value, Part | Rows | Text)


def known(value: object) -> bool:
    """Whether a value holds numbers only, so that it can be checked."""
    if isinstance(value, tuple):
        return all(known(item) for item in value)
    if isinstance(value, Rows):
        return all(known(row) for _, row in value.rows)
    return isinstance(value, int | float | Part | Text)


def is_number(value: object) -> bool:
    """Whether a value is one finite number. A truth value is not a number; an integer beyond float64 is infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(float(value))
    except OverflowError:
        return False


def _number(holds: Callable[[float], bool]) -> Callable[[Any], bool]:
    return lambda value: is_number(value) and holds(value)


def _vector(holds: Callable[[float], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and len(value) > 0 and all(map(_number(holds), value))


def _any(_: float) -> bool:
    return True


def _is_simplex(value: Any) -> bool:
    return _vector(lambda x: x >= 0)(value) and abs(sum(value) - 1) <= SIMPLEX_SUM


def _wrong_sum(value: Any) -> tuple[str, str] | None:
    if not _vector(lambda x: x >= 0)(value) or not isfinite(fsum(value)):
        return None
    # fsum rounds once: the sum that is told is that of the numbers, in whatever order they stand
    total = f"{fsum(value):.12g}"
    renormalised = f"divide each number by the sum, as in {value[0]!r}/{total}; logits need no sum"
    return f"sums to {total}", renormalised if fsum(value) else "at least one of them is > 0"


def _is_logit(value: Any) -> bool:
    return is_number(value) or value == -inf


def _is_logits(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_logit, value)) and any(map(is_number, value))


def _is_matrix(value: Any) -> bool:
    if not isinstance(value, tuple) or not value or not all(map(_vector(_any), value)):
        return False
    return all(len(row) == len(value[0]) for row in value)


def _is_square(value: Any) -> bool:
    return _is_matrix(value) and len(value) == len(value[0])


def _is_positive_definite(value: Any) -> bool:
    import numpy as np

    if not _is_square(value):
        return False
    matrix = np.array(value, dtype=float)
    # atol=0: in small units every matrix would pass NumPy's absolute tolerance of 1e-8
    if not np.allclose(matrix, matrix.T, rtol=SYMMETRY, atol=0):
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _is_lower_cholesky(value: Any) -> bool:
    if not _is_square(value):
        return False
    rows = range(len(value))
    return all(value[i][i] > 0 for i in rows) and all(value[i][j] == 0 for i in rows for j in rows if j > i)


def _wrong_row(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, tuple):
        return None
    return next((fault for i, row in enumerate(value) if (fault := _row_fault(f"row {i}", row))), None)


def _row_fault(name: str, row: Any) -> tuple[str, str] | None:
    """What is wrong with the probabilities of one row, by the row's name."""
    if _is_simplex(row):
        return None
    if not isinstance(row, tuple) or not row:
        return f"has no probabilities in {name}", "a list of numbers >= 0 that sum to 1"
    wrong = next((x for x in row if not is_number(x) or x < 0), None)
    if wrong is not None:
        return f"has {wrong} in {name}", "probabilities are numbers >= 0"
    total = fsum(row)
    return f"sums to {total:.12g} in {name}, {total - 1:+.3g} off", "each row sums to 1"


def _is_rows(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(map(_is_simplex, value))


_REVISION = re.compile(r"[\w][\w./-]{0,199}", re.ASCII)
_PREFIX = re.compile(r"(\d{1,9}(\s*,\s*\d{1,9})*)?", re.ASCII)


def is_prefix(text: str) -> bool:
    """Whether a text is the tokens of a prefix, joined by commas; the empty one is the start."""
    return _PREFIX.fullmatch(text.strip()) is not None


def tokens_of(prefix: str) -> tuple[int, ...]:
    """The tokens of a prefix."""
    return tuple(map(int, prefix.split(","))) if prefix.strip() else ()


def _tree_fault(value: Any) -> tuple[str, str] | None:
    """What is wrong with a tree: its prefixes, then its rows."""
    if not isinstance(value, Rows):
        return None
    wrong = next((prefix for prefix, _ in value.rows if not is_prefix(prefix)), None)
    if wrong is not None:
        return f'has the prefix "{wrong}"', 'a prefix is its tokens joined by commas, as in "0,1"; "" is the start'
    rows = [(tokens_of(prefix), row) for prefix, row in value.rows]
    prefixes = {prefix for prefix, _ in rows}
    if () not in prefixes:
        return 'has no row for the start, ""', 'the first token\'s probabilities: {"": [0.5, 0.5], ...}'
    if len(prefixes) < len(rows):
        return "has a prefix twice", "a row for each prefix"
    if len(rows) > MOST_ROWS:
        return f"has {len(rows)} prefixes", f"at most {MOST_ROWS:,}"
    vocabulary = next(len(row) for prefix, row in rows if not prefix)
    for prefix, row in rows:
        name = f'"{",".join(map(str, prefix))}"'
        if prefix and (prefix[:-1] not in prefixes or prefix[-1] >= vocabulary):
            parent = f'"{",".join(map(str, prefix[:-1]))}"'
            why = f"{parent} has no row" if prefix[:-1] not in prefixes else f"{parent} has {vocabulary} tokens, from 0"
            return f"has a row for {name}, which no sequence reaches: {why}", "a row for each of its beginnings"
        if len(row) != vocabulary:
            return f'has {len(row)} numbers for {name} and {vocabulary} for ""', "all rows are of one vocabulary"
        if fault := _row_fault(name, row):
            return fault
    return None


def _corpus_fault(name: Text) -> tuple[str, str] | None:
    from klbench.distributions.corpus import corpus_fault  # files are read by those who name one

    return corpus_fault(name)


def _array_fault(name: Text) -> tuple[str, str] | None:
    from klbench.distributions.arrays import array_fault

    return array_fault(name)


def _checkpoint_fault(name: Text) -> tuple[str, str] | None:
    from klbench.distributions.checkpoints import checkpoint_fault

    return checkpoint_fault(name)


MOST_TOKENS = 2**20
"""Tokens of a vocabulary: as many as can be listed for the exact roads."""
MOST_ROWS = 100_000
"""Prefixes of a tree."""
UNITS = ("char", "word")
"""What the tokens of a text are."""
MODEL_DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")
"""The precisions of a checkpoint; auto is the one that its files have."""
WORDS = (*UNITS, *MODEL_DTYPES)
"""The words that an expression has without quotes."""
REAL = Constraint("a finite number", _number(_any))
POSITIVE = Constraint("a number > 0", _number(lambda x: x > 0))
NON_NEGATIVE = Constraint("a number >= 0", _number(lambda x: x >= 0))
PROBABILITY = Constraint("a number in [0, 1]", _number(lambda x: 0 <= x <= 1))
PROBABILITY_ABOVE_0 = Constraint("a number in (0, 1]", _number(lambda x: 0 < x <= 1))
PROBABILITY_BELOW_1 = Constraint("a number in [0, 1)", _number(lambda x: 0 <= x < 1))
PROBABILITY_INSIDE = Constraint("a number in (0, 1)", _number(lambda x: 0 < x < 1))
COUNT = Constraint("a whole number >= 0, at most 2^53", _number(lambda x: 0 <= x <= 2**53 and x == int(x)))
COUNT_ABOVE_1 = Constraint("a whole number >= 2, at most 2^53", _number(lambda x: 2 <= x <= 2**53 and x == int(x)))
SIZE = Constraint(f"a whole number from 1 to {MOST_TOKENS:,}", _number(lambda x: 1 <= x <= MOST_TOKENS and x == int(x)))
POLICY = Constraint("a policy over tokens, such as q or Zipf(vocab=100)", lambda _: True, kinds=(Part,))
VOCABULARY = Constraint("a whole number from 1 to 2,000", _number(lambda x: 1 <= x <= 2000 and x == int(x)))
SEQUENCE_LENGTH = Constraint("a whole number from 1 to 10,000", _number(lambda x: 1 <= x <= 10_000 and x == int(x)))
TOKEN = Constraint("a token, a whole number >= 0", _number(lambda x: 0 <= x < MOST_TOKENS and x == int(x)))
SIMPLEX_ROWS = Constraint("a list of rows of numbers >= 0, each of which sums to 1", _is_rows, rank=2, fault=_wrong_row)
TREE = Constraint(
    'probabilities for every prefix: {"": [0.5, 0.5], "0": [0.9, 0.1]}',
    lambda value: _tree_fault(value) is None,
    fault=_tree_fault,
    kinds=(Rows,),
)
CORPUS = Constraint(
    "a text in UTF-8, the name of its file in quotes",
    lambda value: _corpus_fault(value) is None,
    fault=_corpus_fault,
    kinds=(Text,),
)
ARRAY = Constraint(
    "a file of logits [vocab], a one-dimensional .npy array of numbers",
    lambda value: _array_fault(value) is None,
    fault=_array_fault,
    kinds=(Text,),
)
ORDER = Constraint("a whole number from 1 to 16", _number(lambda x: 1 <= x <= 16 and x == int(x)))
UNIT = Constraint(
    "char or word", lambda value: isinstance(value, Text) and value.text in UNITS, kinds=(Text,), words=UNITS
)
CHECKPOINT = Constraint(
    "a checkpoint, its folder or its name on a hub in quotes",
    lambda value: _checkpoint_fault(value) is None,
    fault=_checkpoint_fault,
    kinds=(Text,),
)
MODEL_DTYPE = Constraint(
    "auto, float32, bfloat16, float16 or float64",
    lambda value: isinstance(value, Text) and value.text in MODEL_DTYPES,
    kinds=(Text,),
    words=MODEL_DTYPES,
)
REVISION = Constraint(
    "the name of a branch, a tag or a commit in quotes",
    lambda value: isinstance(value, Text) and bool(_REVISION.fullmatch(value.text)),
    kinds=(Text,),
)
TOKEN_OR_TEXT = Constraint(
    "a token, its number or its text in quotes",
    lambda value: isinstance(value, Text) or TOKEN.check(value),
    kinds=(Text, int, float, Placeholder, Operation),
)
REAL_VECTOR = Constraint("a list of finite numbers", _vector(_any), rank=1)
POSITIVE_VECTOR = Constraint("a list of numbers > 0", _vector(lambda x: x > 0), rank=1)
SIMPLEX = Constraint("a list of numbers >= 0 that sum to 1", _is_simplex, rank=1, fault=_wrong_sum)
LOGIT = Constraint("a finite number or -inf", _is_logit)
LOGITS = Constraint("a list of finite numbers and -inf, not all of them -inf", _is_logits, rank=1)
REAL_MATRIX = Constraint("a list of rows of finite numbers, all of one length", _is_matrix, rank=2)
POSITIVE_DEFINITE = Constraint("a symmetric positive definite matrix, a list of rows", _is_positive_definite, rank=2)
LOWER_CHOLESKY = Constraint("a lower triangular matrix with a positive diagonal", _is_lower_cholesky, rank=2)
