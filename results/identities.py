"""Writes what was measured of everything klbench ships to where ``klbench explain`` and ``klbench frameworks`` read it.

What depends on nothing that changed is kept; with ``--all`` everything is computed anew, as after a change of the code
that measures.
"""

from __future__ import annotations

import sys
from pathlib import Path

from klbench.identity import audit, computed, ground
from klbench.identity.identity import Identity
from klbench.runner import one_torch_thread


def texts(*, anew: bool) -> dict[str, str]:
    """The text of each file: what estimators are, and the audit that is read from it."""
    identities = computed.compute({} if anew else computed.lines(computed.FILE))
    read = {name: Identity.from_json(written) for name, written in identities.items()}
    readings = ground.compute({} if anew else computed.lines(audit.FILE), read)
    return {computed.FILE: computed.text(identities), audit.FILE: computed.text(readings)}


if __name__ == "__main__":
    with one_torch_thread():
        written = texts(anew="--all" in sys.argv[1:])
    for name, text in written.items():
        (Path(computed.__file__).parent / name).write_text(text, encoding="utf-8")
