"""``klbench schema``: the JSON Schema of a spec."""

from __future__ import annotations

import json

from klbench.cli import output


def schema() -> None:
    """Print the JSON Schema of a spec.

    For editors: klbench schema > klbench.schema.json
    """
    from klbench.spec.schema import json_schema

    output.document(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
