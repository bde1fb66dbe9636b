"""The notebook of docs/: its cells run as Jupyter runs them, and what they show.

    python -m tests.docs.notebook

runs it and writes its outputs into it.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "docs" / "first_steps.ipynb"
_SHOWN = (("_repr_html_", "text/html"), ("_repr_svg_", "image/svg+xml"))


def read() -> dict[str, Any]:
    return dict(json.loads(NOTEBOOK.read_text(encoding="utf-8")))


def run(cells: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The outputs of each cell of code, run in one namespace."""
    names: dict[str, Any] = {}
    for number, cell in enumerate(each for each in cells if each["cell_type"] == "code"):
        yield list(_outputs("".join(cell["source"]), names, number + 1))


def _outputs(source: str, names: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    if printed.getvalue():
        yield {"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())}
    if value is not None:
        data = {kind: _lines(getattr(value, method)()) for method, kind in _SHOWN if hasattr(value, method)}
        data["text/plain"] = _lines(repr(value))
        yield {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the outputs."""
    notebook = read()
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, outputs) in enumerate(zip(code, run(notebook["cells"]), strict=True)):
        cell.update(outputs=outputs, execution_count=number + 1)
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
