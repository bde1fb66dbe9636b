"""Where a spec is written: an error that only a run finds is placed in the text too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from klbench.errors import Location
from klbench.spec.nodes import Node, ScalarNode, SequenceNode, find
from klbench.spec.refusal import Step


@dataclass(frozen=True)
class Written:
    """The tree a spec was read from, if it was. What a spec is does not depend on it: any two are equal."""

    tree: Node | None = field(default=None, compare=False, repr=False)

    def place_at(self, path: Iterable[Step]) -> Location | None:
        """Where the value at the end of a path of keys and indices starts; the last before it that is there."""
        return None if self.tree is None else find(self.tree, path).location()

    def place_of(self, estimator: str) -> Location | None:
        """Where the list of estimators names this one, plain or weighted."""
        from klbench.estimators.catalogue import unweighted

        listed = None if self.tree is None else find(self.tree, ("estimators",))
        items = listed.items if isinstance(listed, SequenceNode) else ()
        named = [item for item in items if isinstance(item, ScalarNode) and unweighted(item.text) == estimator]
        return named[0].location() if named else None
