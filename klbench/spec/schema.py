"""The JSON Schema of a spec, as users write it; klbench.schema.json is this."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from klbench.estimators import catalogue as estimators
from klbench.estimators.estimator import WEIGHT
from klbench.frameworks import catalogue as frameworks
from klbench.spec.fields import ESTIMATOR, LISTED
from klbench.spec.model import Spec
from klbench.versions import __version__

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = "klbench.schema.json"
"""What the file is called that ``klbench schema`` is meant to be written to."""
_RATIO = rf"({WEIGHT}\s*\*\s*)?"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec, with a description of every key and the names of the estimators."""
    schema = _linked(Spec.model_json_schema())
    defined = {**schema.pop("$defs"), "Estimator": _estimator(), "Listed": _listed()}
    return {"$schema": DIALECT, "$id": _name(), "$defs": defined, **schema, "title": "klbench spec"}


def text() -> str:
    """The text of klbench.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _linked(schema: Any) -> Any:
    """The schema with a reference wherever an estimator is named."""
    for mark, name in ((ESTIMATOR, "Estimator"), (LISTED, "Listed")):
        if schema == mark:
            return {"$ref": f"#/$defs/{name}"}
    if isinstance(schema, dict):
        return {key: _linked(value) for key, value in schema.items()}
    return [_linked(item) for item in schema] if isinstance(schema, list) else schema


def _name() -> str:
    """A name and no address, of the format as this release has it: ``urn:klbench:spec:0.1``."""
    return f"urn:klbench:spec:{'.'.join(__version__.split('.')[:2])}"


def _estimator() -> dict[str, Any]:
    """Any name of an estimator: those that an editor can offer, and the patterns of those that are too many to list."""
    plain = (entry.name for entry in (*estimators.estimators(), *estimators.unlisted()))
    families = (entry.name for entry in estimators.every_family())
    return {
        "description": "An estimator; klbench list estimators and klbench list frameworks show them all.",
        "type": "string",
        "anyOf": [
            {"enum": [*estimators.every_name(), *frameworks.names()]},
            {"description": "Weighted by q/sampler.", "pattern": rf"^\s*{_RATIO}({_either(plain)})\s*$"},
            {
                "description": "A family with its number.",
                "pattern": rf"^\s*{_RATIO}({_either(families)})\s*\([^()]*\)\s*$",
            },
            {
                "description": "A framework's, framework:name or framework@version:name, or your own, module:function.",
                "pattern": rf"^\s*{_RATIO}[^:]*[^:\s]\s*:\s*[^:\s][^:]*$",
            },
        ],
    }


def _listed() -> dict[str, Any]:
    """An estimator, or all that a framework ships."""
    every = [f"{name}:*" for name in frameworks.frameworks()]
    about = "All that the framework ships and that can be put where the spec asks."
    return {"anyOf": [{"$ref": "#/$defs/Estimator"}, {"description": about, "enum": every}]}


def _either(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names))
