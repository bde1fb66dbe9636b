"""The resolved spec as YAML: every default written out, every distribution by its long name, floats exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from klbench.spec.data_pair import DataPair
from klbench.spec.numbers import plain_scalar
from klbench.spec.together import KEYS

if TYPE_CHECKING:
    from klbench.spec.model import AnyPairSpec, Spec


class _Dumper(yaml.SafeDumper):
    """Quotes every text that ``plain_scalar`` would read as something else."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(plain_scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(spec: Spec) -> str:
    """The spec as YAML that reads back to an equal one."""
    data = spec.model_dump(exclude={"pairs", *_left_out(spec)}, exclude_none=True)
    data |= {key: data[key][0] for key in ("measure", "dtype", "level", "aggregation") if len(data.get(key, ())) == 1}
    data["pairs"] = [_pair(pair) for pair in spec.pairs]
    if spec.folder is None:
        data.pop("folder", None)
    # Without a width, long expressions stay on the one line that errors can point into.
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=2**31)


def _left_out(spec: Spec) -> set[str]:
    """The keys that cannot be written: an empty description, and what only gradients have."""
    empty = () if spec.description else ("description",)
    return {*empty, *(KEYS if "gradient" not in spec.measure else ())}


def _pair(pair: AnyPairSpec) -> dict[str, object]:
    written: dict[str, object] = {"name": pair.name}
    written |= {role: str(expression) for role, expression in pair.roles.items()}
    if isinstance(pair, DataPair):
        written["data"] = pair.data[0] if len(pair.data) == 1 else list(pair.data)
        written |= {"columns": dict(pair.columns)} if pair.columns else {}
        written |= {"skip_bad": True} if pair.skip_bad else {}
        written |= {"compare": pair.compare} if pair.compare else {}
    elif pair.prompts is not None:
        written |= {"prompts": pair.prompts, "length": pair.length}
    if pair.grid:
        written["grid"] = {name: list(values) for name, values in pair.grid.items()}
    if pair.expect:
        written["expect"] = {
            estimator: {column: published.model_dump(exclude_none=True) for column, published in columns.items()}
            for estimator, columns in pair.expect.items()
        }
    return written
