"""Reading along a batch of sequences with one model: logits of the next token, and what it has read kept in a cache.

Prompts of several lengths are padded on the left, so that the newest tokens of all stand in one column; padding is
masked and has no position.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from klbench.models.loading import Loaded


def padded(prompts: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Prompts as one array [B, P], padded on the left with their own first token, and its mask [B, P]."""
    longest = max(map(len, prompts))
    rows = [[prompt[0]] * (longest - len(prompt)) + prompt for prompt in prompts]
    masks = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(rows, device=device), torch.tensor(masks, device=device)


class Reader:
    """One model along B sequences.

    Args:
        loaded: the model.
        prompts: what the sequences begin with.
    """

    def __init__(self, loaded: Loaded, prompts: list[list[int]]) -> None:
        self._loaded = loaded
        self._tokens, self._mask = padded(prompts, loaded.device)
        self._cache: Any = None
        self._read = 0

    def read(self, tokens: Tensor, keep: int) -> Tensor:
        """Read on, after all that was read before.

        Args:
            tokens: the next ones [B, n]; none [B, 0] where only the prompts are to be read.
            keep: of how many of the last tokens the logits are wanted, each of what follows it.

        Returns:
            Logits [B, keep, V], in the precision of the model.
        """
        tokens = tokens.to(self._tokens.device)
        self._tokens = torch.cat([self._tokens, tokens], 1)
        self._mask = torch.cat([self._mask, torch.ones_like(tokens)], 1)
        with torch.no_grad():
            output = self._loaded.model(**self._asked(keep))
        named = self._loaded.cache
        self._cache = getattr(output, named, None) if named else None
        self._read = self._tokens.shape[1]
        logits: Tensor = output.logits[:, -keep:]
        return logits

    def _asked(self, keep: int) -> dict[str, Any]:
        takes = self._loaded.takes
        first = self._read if self._cache is not None else 0
        asked: dict[str, Any] = {"input_ids": self._tokens[:, first:], "attention_mask": self._mask}
        if "position_ids" in takes:
            asked["position_ids"] = (self._mask.cumsum(1) - 1).clamp_(min=0)[:, first:]
        if "logits_to_keep" in takes:
            asked["logits_to_keep"] = keep
        if self._loaded.cache is not None:
            asked |= {"use_cache": True, **({self._loaded.cache: self._cache} if self._cache is not None else {})}
        return asked
