"""The names a shell offers while one is typed, each with a few words of help. This imports no torch.

``klbench --install-completion`` sets it up; the shell then calls klbench with what is typed so far. Only names that a
shell takes as they are, without quotes, are offered.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import chain
from pathlib import Path

Offer = tuple[str, str]
"""A name and its help."""

VARIABLE = "_KLBENCH_COMPLETE"
_PLAIN = re.compile(r"[\w@:./=+-]+")
_SEPARATORS = frozenset(":=")
_ROUND = str.maketrans("[]", "()")
_LONGEST_HELP = 72
"""typer breaks help after 80 letters, and a shell would take the second line for another name."""


def specs(incomplete: str) -> list[Offer]:
    """The built-in specs, and the YAML files of the folder that is being typed."""
    from klbench.spec import builtin

    folder = Path(incomplete).parent
    files = sorted(file for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern))
    return _offers([*((name, builtin.title(name)) for name in builtin.names()), *((str(f), "a file") for f in files)])


def results(incomplete: str) -> list[Offer]:
    """The results folders below the folder that is being typed, and those below results/; CSV files."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    found = sorted({file.parent for at in (folder, Path("results")) for file in at.glob("*/results.csv")})
    return _offers([*((str(each), "results") for each in found), *((str(f), "a file") for f in folder.glob("*.csv"))])


def overrides(incomplete: str) -> list[Offer]:
    """The keys of a spec, ``seed=``, and the values of those that have few, ``measure=gradient``."""
    from klbench.spec.schema import json_schema

    keys: Mapping[str, Mapping[str, str]] = json_schema()["properties"]
    key, equals, _ = incomplete.partition("=")
    if equals:
        return _offers((f"{key}={value}", "") for value in _values(keys.get(key, {})))
    return _offers((f"{key}=", described["description"]) for key, described in keys.items())


def identified() -> list[Offer]:
    """What can be identified: estimators, and what frameworks ship."""
    return _offers([*_estimators(), *_shipped()])


def shipped() -> list[Offer]:
    """The frameworks and what they ship."""
    return _offers([*_frameworks(), *_shipped()])


def explained() -> list[Offer]:
    """Everything that can be explained."""
    kinds = (_estimators(), _families(), _frameworks(), _shipped(), _distributions(), _columns(), _words())
    first: dict[str, str] = {}
    for name, help in chain.from_iterable(kinds):
        first.setdefault(name, help)
    return _offers(first.items())


def devices() -> list[Offer]:
    """The devices a run may be asked to use."""
    return [("auto", "the best there is"), ("cpu", "the processor"), ("cuda", "the first CUDA device")]


@contextmanager
def whole_words() -> Iterator[None]:
    """Let bash complete names with a colon or an equals sign in them.

    It takes these for the ends of words, so that it hands over ``verl:low`` in three pieces and replaces the last one
    only. The pieces are joined before they are looked at, and what is already typed is cut off the answers.
    """
    if os.environ.get(VARIABLE) != "complete_bash":
        yield
        return
    text, number = os.environ["COMP_WORDS"], int(os.environ["COMP_CWORD"])
    words, at, typed = joined(text.split("\n" if "\n" in text else " "), number)
    os.environ.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(at))
    answers = StringIO()
    try:
        with redirect_stdout(answers):
            yield
    finally:
        sys.stdout.write("".join(line.removeprefix(typed) for line in answers.getvalue().splitlines(keepends=True)))


def joined(pieces: list[str], number: int) -> tuple[list[str], int, str]:
    """Bash's pieces as whole words, which of them piece ``number`` is in, and what is before that piece in it."""
    words: list[str] = []
    at, typed, goes_on = number, "", False
    for index, piece in enumerate(pieces):
        separates = bool(piece) and _SEPARATORS.issuperset(piece)
        if words and piece and (separates or goes_on):
            words[-1] += piece
        else:
            words.append(piece)
        if index == number:
            at, typed = len(words) - 1, words[-1] if separates else words[-1].removesuffix(piece)
        goes_on = separates
    return words, at, typed


def _offers(offers: Iterable[Offer]) -> list[Offer]:
    """The offers that need no quotes, each with its help in a short line."""
    return [(name, _short(help)) for name, help in offers if _PLAIN.fullmatch(name)]


def _short(help: str) -> str:
    """A line of it, without the brackets that would be read as markup."""
    line = " ".join(help.split()).translate(_ROUND)
    return (line if len(line) <= _LONGEST_HELP else f"{line[:_LONGEST_HELP].rpartition(' ')[0]} ...").rstrip(",")


def _values(described: Mapping[str, object]) -> Iterator[str]:
    """The values a key may have, where its schema lists them."""
    allowed = described.get("anyOf", [described])
    assert isinstance(allowed, list)
    yield from (value for schema in allowed for value in schema.get("enum", []))


def _estimators() -> Iterator[Offer]:
    from klbench.estimators.catalogue import estimators

    yield from ((estimator.name, f"{estimator.formula}, for the {estimator.target.name}") for estimator in estimators())


def _families() -> Iterator[Offer]:
    from klbench.estimators.catalogue import families

    yield from ((family.name, f"{family.name}({family.example:g}): {family.parameter}") for family in families())


def _frameworks() -> Iterator[Offer]:
    from klbench.frameworks.catalogue import frameworks

    yield from ((name, "a framework: what it ships") for name in frameworks())


def _shipped() -> Iterator[Offer]:
    from klbench.frameworks.catalogue import entries

    for entry in entries():
        about = " · ".join(filter(None, [entry.versions, entry.placement or "logged"]))
        yield entry.qualified, f"{entry.arithmetic.formula}, {about}"


def _distributions() -> Iterator[Offer]:
    from klbench.distributions.catalogue import ALIASES, EVERY

    yield from ((family.name, f"{family.signature}, on {family.support_text}") for family in EVERY.values())
    yield from ((alias, f"short for {name}") for alias, name in ALIASES.items())


def _columns() -> Iterator[Offer]:
    from klbench.report.columns import COLUMNS

    yield from ((column.name, column.about.description) for column in COLUMNS)


def _words() -> Iterator[Offer]:
    from klbench.cli import glossary, words

    for name in (*words.known(), *_keys()):
        meaning = next(iter((*words.meanings(name), *words.keys(name))))
        yield name, meaning.meaning
    for name in glossary.known():
        yield name, next(glossary.meanings(name)).meaning


def _keys() -> Iterator[str]:
    from klbench.spec.model import PairSpec, Spec

    yield from (*Spec.model_fields, *PairSpec.model_fields)
