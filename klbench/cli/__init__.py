"""The command line: each command in a file of its own, thin; errors and exit statuses in ``main``."""

from klbench.cli.main import main

__all__ = ["main"]
