"""The JSON Schema of a spec, as users write it; klbench.schema.json is this."""

from __future__ import annotations

from typing import Any

from klbench.spec.model import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec, with a description of every key."""
    return {"$schema": DIALECT, **Spec.model_json_schema(), "title": "klbench spec"}
