"""The command line: each command in a file of its own, thin; errors and exit statuses in ``entry``."""

from __future__ import annotations

from collections.abc import Sequence

from klbench.cli.interrupts import leaving_at_once


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments`` (the process's own by default) and exit with its status."""
    with leaving_at_once():  # before anything else is imported, which takes a tenth of a second
        from klbench.cli.entry import run_and_exit

        run_and_exit(arguments)


__all__ = ["main"]
