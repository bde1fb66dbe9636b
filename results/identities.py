"""Writes the identity of everything klbench ships, computed anew, to where ``klbench explain`` reads it from."""

from __future__ import annotations

from pathlib import Path

from klbench.files import write_together
from klbench.identity import computed

if __name__ == "__main__":
    write_together(Path(computed.__file__).parent, {computed.FILE: computed.compute()})
