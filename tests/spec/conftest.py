"""How the fuzz tests of this folder run: every example has a generous limit, so that a hang is a failure."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings

settings.register_profile("klbench", deadline=timedelta(seconds=5))
settings.load_profile("klbench")
