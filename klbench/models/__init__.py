"""Checkpoints of language models as policies: loaded, drawn from and scored with transformers."""
