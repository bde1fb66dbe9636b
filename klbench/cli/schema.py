"""``klbench schema``: the JSON Schema of a spec."""

from __future__ import annotations

from klbench.cli import output


def schema() -> None:
    """Print the JSON Schema of a spec.

    For editors: klbench schema > klbench.schema.json
    """
    from klbench.spec.schema import text

    output.document(text())
