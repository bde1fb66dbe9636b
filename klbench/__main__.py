"""``python -m klbench``: the command line."""

from klbench.cli import main

main()
